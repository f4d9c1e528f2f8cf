/** A call, and who waits for its answer. */
export interface GatheredCall {
  readonly method: string;
  readonly params: readonly unknown[];
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** Calls in one request: bitcoind works on them one after the other. */
const MAX_CALLS = 100;

/**
 * Gathers the calls that are made in one go, and lets equal ones share one answer: a request over HTTP costs many times
 * what a short call does.
 */
export class CallGatherer {
  readonly #send: (calls: readonly GatheredCall[]) => void;
  #calls: GatheredCall[] = [];
  readonly #answers = new Map<string, Promise<unknown>>();

  /** `send` settles each of the calls. */
  constructor(send: (calls: readonly GatheredCall[]) => void) {
    this.#send = send;
  }

  /** Only for calls that change nothing. */
  call(method: string, params: readonly unknown[]): Promise<unknown> {
    const key = JSON.stringify([method, params]);
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#calls.push({ method, params, resolve, reject });
    });
    this.#answers.set(key, answer);
    if (this.#calls.length === 1) queueMicrotask(() => this.#flush());
    return answer;
  }

  #flush(): void {
    const calls = this.#calls;
    this.#calls = [];
    this.#answers.clear();
    for (let i = 0; i < calls.length; i += MAX_CALLS) this.#send(calls.slice(i, i + MAX_CALLS));
  }
}
