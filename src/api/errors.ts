import { z } from 'zod';
import { RunnelError } from '../../protocols/errors.ts';

/**
 * What an error means to whoever called, whatever its exact code: it decides the HTTP status and the CLI's exit status.
 */
export const errorKinds = {
  /** The request itself is wrong. */
  invalid: 400,
  /** No token, or a wrong one. */
  unauthorized: 401,
  /** The request comes from where none is expected: a foreign web page or host name. */
  forbidden: 403,
  /** What the request names does not exist. */
  notFound: 404,
  /** It contradicts what is: done already, being done, in use. */
  conflict: 409,
  tooLarge: 413,
  /** The stream of events, asked for without an upgrade to a WebSocket. */
  upgradeRequired: 426,
  /** Understood, and not possible by the rules or the state of things: no route, not enough funds, the peer refused. */
  refused: 422,
  /** A bug in the node. */
  internal: 500,
  /** Something that the node needs does not answer: the chain, the peer; or the node is starting or stopping. */
  unavailable: 503,
} as const;
export type ErrorKind = keyof typeof errorKinds;

/** An error as the API answers it, with what to do about it where that is known. */
export class ApiError extends RunnelError {
  readonly kind: ErrorKind;
  readonly hint: string | undefined;

  constructor(
    kind: ErrorKind,
    code: string,
    message: string,
    more: {
      readonly details?: Readonly<Record<string, unknown>>;
      readonly hint?: string;
      readonly cause?: unknown;
    } = {},
  ) {
    super(code, message, more.details ?? {}, { cause: more.cause });
    this.kind = kind;
    this.hint = more.hint;
  }

  get status(): number {
    return errorKinds[this.kind];
  }
}

/** An error in an answer's body. */
export const errorBody = z
  .object({
    code: z.string().meta({ description: 'Stable, for programs' }),
    message: z.string().meta({ description: 'What was expected and what came, for people' }),
    details: z.record(z.string(), z.unknown()),
    hint: z.string().optional().meta({ description: 'What to do about it' }),
  })
  .meta({ id: 'Error' });
export type ErrorBody = z.output<typeof errorBody>;

/** Nothing answers, or something that is no Runnel node, or the stream of events was lost. */
export class ConnectionError extends ApiError {
  readonly url: string;

  constructor(
    code: 'unreachable' | 'bad_answer' | 'stream_closed',
    url: string,
    message: string,
    more: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super('unavailable', code, message, { details: { url }, ...more });
    this.url = url;
  }
}

/** The error that an answer other than 200 holds: `ConnectionError` where it is no answer of a Runnel node. */
export function errorOfAnswer(url: string, status: number, json: unknown): ApiError {
  const body = errorBody.safeParse(json);
  if (!body.success) {
    return new ConnectionError(
      'bad_answer',
      url,
      `what answers at ${url} is no Runnel node: HTTP status ${status}`,
    );
  }
  const { code, message, details, hint } = body.data;
  return new ApiError(kindOfStatus(status), code, message, { details, hint });
}

/** Where in an input something is wrong: a field's path, or empty for the whole. */
export interface InputProblem {
  readonly field: string;
  readonly message: string;
}

/** For an input that is wrong, with everything that is. */
export function invalidRequest(problems: readonly InputProblem[]): ApiError {
  const message = problems.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ');
  return new ApiError('invalid', 'invalid_request', message, { details: { problems } });
}

export function problemsOf({ issues }: z.ZodError): InputProblem[] {
  return issues.map(({ path, message }) => ({ field: path.join('.'), message }));
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function kindOfStatus(status: number): ErrorKind {
  const kinds = Object.keys(errorKinds) as ErrorKind[];
  return kinds.find((kind) => errorKinds[kind] === status) ?? (status >= 500 ? 'internal' : 'invalid');
}

/**
 * What the API adds to typed errors of the node's parts, which know nothing of HTTP and of commands: other kinds than
 * `refused`, and hints.
 */
const known: readonly { readonly code: RegExp; readonly kind?: ErrorKind; readonly hint?: string }[] = [
  { code: /^storage_full$/, kind: 'unavailable', hint: "make room on the data folder's disk" },
  { code: /^storage_/, kind: 'unavailable' },
  {
    code: /^(chain_unavailable|chain_answer)$/,
    kind: 'unavailable',
    hint: 'see that bitcoind runs, and that chain.rpc_url and its login are right',
  },
  { code: /^(network_stopped|stream_failed)$/, kind: 'unavailable' },
  {
    code: /^(peer_unreachable|peer_refused|peer_identity_mismatch)$/,
    kind: 'unavailable',
    hint: 'see that the node runs, and that id and address are right',
  },
  {
    code: /^peer_unknown_address$/,
    kind: 'refused',
    hint: 'give the address: `runnel connect <node id>@<host>:<port>`',
  },
  {
    code: /^(not_connected|peer_not_connected)$/,
    kind: 'refused',
    hint: 'connect first: `runnel connect <node id>`, with @<host>:<port> behind it where the node cannot be found by its id',
  },
  {
    code: /^insufficient_funds$/,
    kind: 'refused',
    hint: 'see `runnel balance`; `runnel newaddress` makes an address to fund the wallet at',
  },
  {
    code: /^invoice_(not_bech32|unknown_prefix|bad_amount|truncated|bad_field|missing_field|conflicting_fields|bad_signature)$/,
    kind: 'invalid',
    hint: 'see that the invoice is whole and unchanged',
  },
  { code: /^(amount_invalid|amount_not_asked|circle_invalid)$/, kind: 'invalid' },
  { code: /^amount_missing$/, kind: 'invalid', hint: 'say how much: `pay` takes --amount <sat>, `probe` the amount after the target' },
  {
    code: /^listen_failed$/,
    kind: 'unavailable',
    hint: 'give another port: with --listen for the mesh (such as /ip4/0.0.0.0/tcp/9746), with --lightning-listen for Lightning peers (such as 0.0.0.0:9745)',
  },
  { code: /^fee_estimate_unavailable$/, kind: 'unavailable', hint: 'give a feerate with --feerate' },
  {
    code: /^backup_not_restored$/,
    hint:
      'move runnel.db away and start with `runneld --restore-backup <file>`, or, if it is the backup that is wrong, move ' +
      'channel.backup away',
  },
  { code: /^backup_of_another_network$/, hint: 'start on the network of the backup, with --network' },
  { code: /^invalid_policy$/, kind: 'invalid', hint: 'give both --min-ppm and --max-ppm, the lower and the higher' },
  { code: /^invalid_/, kind: 'invalid' },
];

/**
 * The kind of any typed error: one of which nothing is known is a decision of the node's, which understood and did not
 * do it.
 */
export function kindOf(error: RunnelError): ErrorKind {
  if (error instanceof ApiError) return error.kind;
  return known.find(({ code }) => code.test(error.code))?.kind ?? 'refused';
}

/** What to do about any typed error, where that is known. */
export function hintOf(error: RunnelError): string | undefined {
  if (error instanceof ApiError && error.hint !== undefined) return error.hint;
  return known.find(({ code }) => code.test(error.code))?.hint;
}
