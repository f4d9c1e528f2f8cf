/** Loads something once and again, so that what is shown follows the node without asking it more often than it helps. */
import { signal, type ReadonlySignal } from '@preact/signals';
import { ApiFailure } from './failure.ts';

const LEAST_WAIT_MS = 400;

export class Loader<Data> {
  readonly #load: (abort: AbortSignal) => Promise<Data>;
  readonly #data = signal<Data | undefined>(undefined);
  readonly #failure = signal<ApiFailure | undefined>(undefined);
  #abort: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStale = false;
  #ended = false;

  constructor(load: (abort: AbortSignal) => Promise<Data>) {
    this.#load = load;
    this.#start();
  }

  /** The last that came; it stays while it is loaded again. */
  get data(): ReadonlySignal<Data | undefined> {
    return this.#data;
  }

  /** Why the last attempt failed. */
  get failure(): ReadonlySignal<ApiFailure | undefined> {
    return this.#failure;
  }

  /** What is shown may be out of date: loads again, once for all that is said while it loads and shortly after. */
  invalidate(): void {
    this.#isStale = true;
    if (this.#abort === undefined && this.#timer === undefined) this.#start();
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  #start(): void {
    this.#isStale = false;
    this.#timer = undefined;
    const abort = new AbortController();
    this.#abort = abort;
    void this.#attempt(abort.signal).then(() => {
      this.#abort = undefined;
      if (this.#ended) return;
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        if (this.#isStale) this.#start();
      }, LEAST_WAIT_MS);
    });
  }

  async #attempt(abort: AbortSignal): Promise<void> {
    try {
      const data = await this.#load(abort);
      if (this.#ended) return;
      this.#data.value = data;
      this.#failure.value = undefined;
    } catch (error) {
      if (this.#ended) return;
      this.#failure.value = error instanceof ApiFailure ? error : new ApiFailure('page_error', String(error));
    }
  }
}
