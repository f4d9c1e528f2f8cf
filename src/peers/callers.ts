import type { Clock } from '../runtime/clock.ts';

interface Caller {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Callers who wait for the same thing, each for so long. */
export class Callers {
  readonly #clock: Clock;
  readonly #callers = new Set<Caller>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#callers.size;
  }

  /** One more: `done` settles with `resolveAll`, with `rejectAll`, or with this error in time; never after `giveUp`. */
  wait(timeoutMs: number, onTimeout: () => Error): { readonly done: Promise<void>; readonly giveUp: () => void } {
    let giveUp = (): void => {};
    const done = new Promise<void>((resolve, reject) => {
      const cancel = this.#clock.setTimer(timeoutMs, () => caller.reject(onTimeout()));
      const caller: Caller = { resolve: () => (giveUp(), resolve()), reject: (error) => (giveUp(), reject(error)) };
      this.#callers.add(caller);
      giveUp = () => {
        cancel();
        this.#callers.delete(caller);
      };
    });
    return { done, giveUp };
  }

  resolveAll(): void {
    for (const { resolve } of this.#callers) resolve();
  }

  rejectAll(error: Error): void {
    for (const { reject } of this.#callers) reject(error);
  }
}
