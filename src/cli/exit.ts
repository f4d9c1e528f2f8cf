/** The CLI's exit statuses, and what it says when it fails. */
import { ApiAccessError } from '../api/access.ts';
import { ApiError, ConnectionError, type ErrorKind } from '../api/errors.ts';
import { harmless, json } from './text.ts';
import { UsageError } from './verbs.ts';

export const exitStatus = {
  done: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  unauthorized: 4,
  inFlight: 5,
  internal: 6,
} as const;
export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];

/** The end of `runnel --help`. */
export const exitStatusHelp = `
Exit status:
  0  done
  1  not done: the payment failed, or would not arrive, there is no such channel, the funds do not suffice, …
  2  wrong arguments
  3  no node answers
  4  the node does not let you: the token is missing, wrong or not readable
  5  not known yet: the payment or the probe is still in flight
  6  the node answered with an internal error, or not as a Runnel node would`;

const statusOfKind: Readonly<Record<ErrorKind, ExitStatus>> = {
  invalid: exitStatus.usage,
  unauthorized: exitStatus.unauthorized,
  forbidden: exitStatus.unauthorized,
  notFound: exitStatus.failed,
  conflict: exitStatus.failed,
  tooLarge: exitStatus.usage,
  upgradeRequired: exitStatus.usage,
  refused: exitStatus.failed,
  internal: exitStatus.internal,
  unavailable: exitStatus.failed,
};

/** What was asked for did not come about, though every call went well: a payment failed, a channel closed. */
export class NotDoneError extends Error {
  readonly status: ExitStatus;
  readonly code: string;
  readonly hint: string | undefined;

  constructor(status: ExitStatus, code: string, message: string, hint?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

interface Failure {
  readonly status: ExitStatus;
  readonly code: string;
  readonly message: string;
  readonly details?: unknown;
  readonly hint?: string | undefined;
}

function failureOf(error: unknown, dataDir: string): Failure {
  if (error instanceof NotDoneError) return error;
  if (error instanceof UsageError) {
    return { status: exitStatus.usage, code: 'usage', message: error.message, hint: `for example: ${error.usage}` };
  }
  if (error instanceof ApiAccessError) return { ...pick(error), status: exitStatus.unauthorized };
  if (error instanceof ConnectionError) {
    const status = error.code === 'bad_answer' ? exitStatus.internal : exitStatus.unreachable;
    return { ...pick(error), status, hint: error.hint ?? unreachableHint(dataDir) };
  }
  if (error instanceof ApiError) {
    return { ...pick(error), status: statusOfKind[error.kind], hint: error.hint ?? hintOf(error) };
  }
  throw error;
}

const pick = ({ code, message, details }: ApiError | ApiAccessError) => ({ code, message, details });

export function unreachableHint(dataDir: string): string {
  return `start a node with \`runneld --datadir ${dataDir}\`, or name another data folder with --datadir or RUNNEL_DIR`;
}

function hintOf(error: ApiError): string | undefined {
  if (error.kind === 'internal') return "look into the daemon's log";
  if (error.kind === 'unauthorized') {
    return "the data folder's token is not that of the node which answers: is another node on this port?";
  }
  return undefined;
}

/** Says on stderr what went wrong and what to do next; returns the exit status. Throws again what it does not know. */
export function reportFailure(
  error: unknown,
  settings: { readonly json: boolean; readonly dataDir: string; readonly surroundings: { err(text: string): void } },
): ExitStatus {
  const { status, code, message, details, hint } = failureOf(error, settings.dataDir);
  const lines = [...message.split('\n'), ...(hint === undefined ? [] : [hint])].map(harmless);
  settings.surroundings.err(
    `${settings.json ? json({ code, message, details, hint }) : `runnel: ${lines.join('\n        ')}`}\n`,
  );
  return status;
}
