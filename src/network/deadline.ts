import { setMaxListeners } from 'node:events';
import type { Clock } from '../runtime/clock.ts';

export interface Deadline {
  readonly signal: AbortSignal;
  /** Lets go of the timer and of the parent. To be called when what was waited for has happened. */
  clear(): void;
}

/**
 * A signal that aborts after `delayMs`, or with its parent. Node 20 may collect `AbortSignal.timeout` as garbage while
 * an `AbortSignal.any` of it is waited for, and then neither ever aborts; this one is held by its timer.
 */
export function deadline(clock: Clock, delayMs: number, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const end = (): void => controller.abort(parent?.reason ?? new Error(`not done within ${delayMs} ms`));
  const cancel = clock.setTimer(delayMs, end);
  parent?.addEventListener('abort', end);
  if (parent?.aborted === true) end();
  return {
    signal: controller.signal,
    clear() {
      cancel();
      parent?.removeEventListener('abort', end);
    },
  };
}
