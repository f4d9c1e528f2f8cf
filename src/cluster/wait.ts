import { setTimeout as sleep } from 'node:timers/promises';
import { RunnelError } from '../../protocols/errors.ts';

const POLL_MS = 50;

/** What was waited for did not come in time. */
export class WaitTimeoutError extends RunnelError {
  constructor(what: string, timeoutMs: number, missing: string) {
    super('timeout', `waited ${timeoutMs / 1_000} s in vain until ${what}: ${missing}`, { what, timeoutMs, missing });
  }
}

/** What all nodes must come to may take this long: they share one machine. */
export function patienceMs(nodes: readonly unknown[]): number {
  return 60_000 + 3_000 * nodes.length;
}

/**
 * Asks again and again until `probe` has nothing left to complain about. It answers with what is still missing, or
 * with undefined when all is there. Throws `WaitTimeoutError` with the last complaint, and what the probe throws.
 */
export async function waitUntil(
  what: string,
  timeoutMs: number,
  probe: () => string | undefined | Promise<string | undefined>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const missing = await probe();
    if (missing === undefined) return;
    if (performance.now() > deadline) throw new WaitTimeoutError(what, timeoutMs, missing);
    await sleep(POLL_MS);
  }
}

/**
 * Runs `task` on each item, at most `limit` at the same time. The first failure is thrown once those that run have
 * ended.
 */
export async function forEachLimited<Item>(
  items: readonly Item[],
  limit: number,
  task: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      if (failures.length > 0) return;
      try {
        await task(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  if (failures.length > 0) throw failures[0];
}
