/** Runs a verb against the node of a data folder and prints what it answers. */
import { z } from 'zod';
import { createClient, findApi, type Client, type Input, type MethodName, type Output } from '../api/client.ts';
import { contract } from '../api/contract.ts';
import { ApiError } from '../api/errors.ts';
import type { MethodSpec } from '../api/method.ts';
import { exitStatus, NotDoneError, unreachableHint } from './exit.ts';
import { readNamedFile, writeNamedFile } from './files.ts';
import { createProgress, followChannel, followPayment, showing, type Progress } from './follow.ts';
import { render } from './render.ts';
import { harmless, json } from './text.ts';
import type { Surroundings } from './main.ts';
import type { VerbCall, Waiting } from './verbs.ts';

interface Settings {
  readonly json: boolean;
  readonly dataDir: string;
  readonly surroundings: Surroundings;
}

/**
 * Prints the answer on standard output, as JSON or for people. Throws `ApiError` where the node refuses, `NotDoneError`
 * where what was asked for did not come about (the answer is printed all the same).
 */
export async function runVerb(call: VerbCall, settings: Settings): Promise<void> {
  const api = findApi(settings.dataDir);
  if (api === undefined) {
    const hint = unreachableHint(settings.dataDir);
    throw new NotDoneError(
      exitStatus.unreachable,
      'unreachable',
      `no node runs in the data folder ${settings.dataDir}`,
      hint,
    );
  }
  const client = createClient(api);
  const progress = createProgress(settings.json ? undefined : settings.surroundings.terminal);
  const print = (name: MethodName, output: unknown): void => {
    settings.surroundings.out(
      `${settings.json ? json(z.encode(contract[name].output as z.ZodType, output)) : render(name, output)}\n`,
    );
  };

  if (call.name === 'probe') {
    const probe = await showing(progress, 'probing …', () => client.probe(call.input as Input<'probe'>));
    print('probe', probe);
    checkProbe(probe);
  } else if (call.name === 'pay' || call.name === 'keysend' || call.name === 'rebalance') {
    const startedMs = Date.now();
    const payment = await runPayment(client, progress, call.name, call.input);
    print(call.name, payment);
    checkPayment(payment);
    if (call.name === 'pay' && !settings.json && isRepeated(payment, startedMs)) settings.surroundings.err('It was paid already: nothing was sent.\n');
  } else if (call.waiting !== undefined && call.name === 'open') {
    print('channel', await openAndWait(client, progress, call.input as Input<'open'>));
  } else if (call.waiting !== undefined && call.name === 'close') {
    print('channel', await closeAndWait(client, progress, call.input as Input<'close'>, call.waiting));
  } else if (call.name === 'audit') {
    const { exportLines, exportToFile } = await import('./audit-export.ts');
    const input = call.input as Input<'audit'>;
    if (call.out === undefined) await exportLines(client, input, progress, (text) => settings.surroundings.out(text));
    else print('audit', await exportToFile(client, input, progress, call.out));
  } else {
    const spec: MethodSpec = contract[call.name];
    const output = await (client[call.name] as (input: unknown) => Promise<unknown>)(withFile(spec, call.input));
    const { writesFile } = spec.cli;
    if (call.out !== undefined && writesFile !== undefined) {
      const { [writesFile]: text, ...rest } = z.encode(spec.output, output) as Record<string, unknown>;
      writeNamedFile(call.out, String(text));
      if (settings.json) settings.surroundings.out(`${json({ ...rest, out: call.out })}\n`);
      else settings.surroundings.err(`written to ${harmless(call.out)}\n`);
    } else print(call.name, output);
  }
}

/** The input with the text of the file that stands where the text should. */
function withFile({ cli: { readsFile } }: MethodSpec, input: unknown): unknown {
  if (readsFile === undefined) return input;
  const fields = input as Record<string, unknown>;
  return { ...fields, [readsFile]: readNamedFile(String(fields[readsFile])) };
}

async function runPayment(
  client: Client,
  progress: Progress,
  name: 'pay' | 'keysend' | 'rebalance',
  input: unknown,
): Promise<Output<'payment'>> {
  if (name === 'rebalance') {
    return followPayment(client, progress, undefined, () => client.rebalance(input as Input<'rebalance'>));
  }
  if (name === 'keysend') {
    return followPayment(client, progress, undefined, () => client.keysend(input as Input<'keysend'>));
  }
  const request = input as Input<'pay'>;
  const { paymentHash } = await client.decode({ invoice: request.invoice });
  return followPayment(client, progress, paymentHash, () => client.pay(request));
}

/** An invoice is paid once: what came back is the payment of then. */
const isRepeated = ({ finishedAt }: Output<'payment'>, startedMs: number): boolean => finishedAt !== undefined && finishedAt * 1_000 < startedMs - CLOCKS_APART_MS;

/** The node may be on another machine, whose clock is another. */
const CLOCKS_APART_MS = 5_000;

function checkPayment({ status, failure, paymentHash }: Output<'payment'>): void {
  if (status === 'failed') {
    throw new NotDoneError(
      exitStatus.failed,
      failure?.code ?? 'payment_failed',
      `the payment failed: ${failure?.message ?? 'no reason is known'}`,
    );
  }
  if (status === 'inFlight') {
    const hint = `it goes on; see how it ends with \`runnel payment ${paymentHash}\`, and do not pay again before`;
    throw new NotDoneError(exitStatus.inFlight, 'payment_in_flight', 'the payment is still in flight', hint);
  }
}

/** As for a payment: 0 if it would arrive, else the status that says that it would not, or that nobody knows yet. */
function checkProbe({ status, failure, held, paymentHash }: Output<'probe'>): void {
  if (status === 'failed') {
    const reason = failure?.message ?? 'no reason is known';
    throw new NotDoneError(exitStatus.failed, failure?.code ?? 'probe_failed', `a payment would not arrive: ${reason}`);
  }
  if (status === 'inFlight') {
    const where = held?.text ?? 'it has not been answered yet';
    const hint = `nothing is paid, whatever becomes of it; see how it ends with \`runnel probes ${paymentHash}\``;
    throw new NotDoneError(exitStatus.inFlight, 'probe_in_flight', `whether a payment would arrive is not known yet: ${where}`, hint);
  }
}

/** The states that a channel may pass on the way to what is waited for. */
const OPENING: ReadonlySet<string> = new Set(['opening', 'confirming']);
const CLOSING_TOGETHER: ReadonlySet<string> = new Set([
  'normal',
  'shuttingDown',
  'negotiatingClose',
  'closing',
  'closed',
]);

function openAndWait(client: Client, progress: Progress, input: Input<'open'>): Promise<Output<'channel'>> {
  return followChannel(
    client,
    progress,
    async () => (await client.open(input)).channelId,
    ({ state }) => state === 'normal',
    ({ state, error }) =>
      OPENING.has(state) && error === undefined ? undefined : `the channel did not open: ${error ?? `it is ${state}`}`,
  );
}

/**
 * Until the closing transaction is in a block, or all is final. A forced close ends with whichever commitment comes
 * first, and so does one that was under way before; one together with the peer fails where it comes to that.
 */
function closeAndWait(
  client: Client,
  progress: Progress,
  input: Input<'close'>,
  waiting: Waiting,
): Promise<Output<'channel'>> {
  let isTakenUp = false;
  const begin = async (): Promise<string> => {
    try {
      return (await client.close(input)).channelId;
    } catch (error) {
      // It closes already: what is left to do is to wait.
      if (!(error instanceof ApiError) || error.code !== 'channel_closing') throw error;
      isTakenUp = true;
      return (await client.channel({ channel: input.channel })).channelId;
    }
  };
  const isAsAsked = ({ state, closing, error }: Output<'channel'>): boolean =>
    input.force === true ||
    isTakenUp ||
    (CLOSING_TOGETHER.has(state) && error === undefined && (closing === undefined || closing.kind === 'mutual'));
  const hasCome = ({ state, closing }: Output<'channel'>): boolean =>
    state === 'closed' || (waiting === 'reached' && (closing?.confirmations ?? 0) > 0);
  return followChannel(
    client,
    progress,
    begin,
    (channel) => isAsAsked(channel) && hasCome(channel),
    (channel) => {
      const { state, error } = channel;
      if (state === 'fallenBehind') return `the channel cannot be closed by this node: ${error ?? 'it lost state'}`;
      return isAsAsked(channel) ? undefined : `the channel did not close together: ${error ?? `it is ${state}`}`;
    },
  );
}
