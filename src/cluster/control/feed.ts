/** The events of one node, heard whenever it is up. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeEvent } from '../../api/events.ts';
import type { ControlledNode } from './controlled-node.ts';

const RECONNECT_MS = 200;

export interface Feed {
  readonly onEvent: (event: NodeEvent) => void;
  /** From here on nothing is missed. */
  readonly onOpen: () => void;
  readonly onBreak: (error: unknown) => void;
}

/** Resolves when `signal` is aborted; a stream that breaks off before is opened again. */
export async function followEvents({ client }: Pick<ControlledNode, 'client'>, signal: AbortSignal, feed: Feed): Promise<void> {
  while (!signal.aborted) {
    try {
      const events = await client.events();
      const close = (): void => events.close();
      signal.addEventListener('abort', close);
      if (signal.aborted) close();
      else feed.onOpen();
      for await (const event of events) feed.onEvent(event);
      signal.removeEventListener('abort', close);
    } catch (error) {
      if (!signal.aborted) feed.onBreak(error);
    }
    // Aborted meanwhile, it ends the loop.
    await sleep(RECONNECT_MS, undefined, { signal }).catch(() => {});
  }
}
