/** Verbs that take a while: what they wait for, and what they show meanwhile. */
import type { Client, NodeEvent, Output } from '../api/client.ts';
import { exitStatus, NotDoneError } from './exit.ts';
import type { Surroundings } from './main.ts';
import { harmless } from './text.ts';

/** One line on a terminal that is written over; nothing where there is no terminal. */
export interface Progress {
  show(text: string): void;
  clear(): void;
}

export function createProgress(terminal: Surroundings['terminal']): Progress {
  if (terminal === undefined) return { show: () => {}, clear: () => {} };
  return {
    show: (text) => terminal.write(`\r\u001b[K${harmless(text).slice(0, terminal.columns - 1)}`),
    clear: () => terminal.write('\r\u001b[K'),
  };
}

/** Shows a text while something is waited for. */
export async function showing<T>(progress: Progress, text: string, wait: () => Promise<T>): Promise<T> {
  progress.show(text);
  try {
    return await wait();
  } finally {
    progress.clear();
  }
}

/**
 * Starts a payment and shows its attempts until the node answers. `paymentHash` is undefined where it is not known
 * beforehand.
 */
export async function followPayment(
  client: Client,
  progress: Progress,
  paymentHash: string | undefined,
  pay: () => Promise<Output<'payment'>>,
): Promise<Output<'payment'>> {
  const events = paymentHash === undefined ? undefined : await client.events(['payment']);
  progress.show('paying …');
  const watch = async (): Promise<void> => {
    for await (const event of events ?? []) {
      if (event.type !== 'payment' || event.paymentHash !== paymentHash) continue;
      progress.show(`paying … attempt ${event.attempt}${event.message === undefined ? '' : `: ${event.message}`}`);
    }
  };
  // A lost stream costs only the progress.
  const watching = watch().catch(() => {});
  try {
    return await pay();
  } finally {
    events?.close();
    await watching;
    progress.clear();
  }
}

type Channel = Output<'channel'>;

/**
 * Waits until `reached` holds for a channel that `start` names, looking again at each of its events and at each block.
 * Throws `NotDoneError` when `failed` tells that it never will.
 */
export async function followChannel(
  client: Client,
  progress: Progress,
  start: () => Promise<string>,
  reached: (channel: Channel) => boolean,
  failed: (channel: Channel) => string | undefined,
): Promise<Channel> {
  const events = await client.events(['channel', 'block']);
  try {
    const channelId = await start();
    const look = async (): Promise<Channel | undefined> => {
      const channel = await client.channel({ channel: channelId });
      if (reached(channel)) return channel;
      const failure = failed(channel);
      if (failure !== undefined) throw new NotDoneError(exitStatus.failed, 'channel_failed', failure);
      progress.show(`${channel.pending?.text ?? channel.state} …`);
      return undefined;
    };
    const concerns = (event: NodeEvent): boolean =>
      event.type === 'block' || (event.type === 'channel' && event.channelId === channelId);
    let channel = await look();
    while (channel === undefined) {
      // The stream never ends by itself: it throws when the node is lost.
      const { value } = await events.next();
      if (value !== undefined && concerns(value)) channel = await look();
    }
    return channel;
  } finally {
    events.close();
    progress.clear();
  }
}
