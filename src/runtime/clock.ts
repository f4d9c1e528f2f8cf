/** Time as it is injected everywhere: no module reads the system's clock itself, so that a mesh can run on virtual time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `callback` once after `delayMs`; the returned function cancels it and may be called more than once. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

/** The machine's own clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** `size` bytes from a cryptographic source in a node, from a seeded generator in the simulation. */
export type RandomBytes = (size: number) => Uint8Array;
