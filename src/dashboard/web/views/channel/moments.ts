/** Moments of a channel as the slider passes them: only the last that is asked for is loaded, and some are kept. */
import { signal, type ReadonlySignal } from '@preact/signals';
import type { NodeClient } from '../../api/types.ts';
import { ApiFailure } from '../../api/failure.ts';
import type { Moment } from './shown.ts';

const MOST_KEPT = 60;
/** A slider that is dragged passes many moments that nobody wants to see. */
const SETTLE_MS = 90;

export class Moments {
  readonly #client: NodeClient;
  readonly #channelId: string;
  readonly #kept = new Map<number, Moment>();
  readonly #shown = signal<Moment | undefined>(undefined);
  readonly #failure = signal<ApiFailure | undefined>(undefined);
  #abort: AbortController | undefined;

  constructor(client: NodeClient, channelId: string) {
    this.#client = client;
    this.#channelId = channelId;
  }

  /** The last that was loaded; it stays until the next has come. */
  get shown(): ReadonlySignal<Moment | undefined> {
    return this.#shown;
  }

  get failure(): ReadonlySignal<ApiFailure | undefined> {
    return this.#failure;
  }

  show(sequence: number): void {
    this.#abort?.abort();
    const kept = this.#kept.get(sequence);
    if (kept !== undefined) {
      this.#shown.value = kept;
      this.#failure.value = undefined;
      return;
    }
    this.#abort = new AbortController();
    void this.#load(sequence, this.#abort.signal);
  }

  leave(): void {
    this.#abort?.abort();
    this.#failure.value = undefined;
    this.#shown.value = undefined;
  }

  async #load(sequence: number, abort: AbortSignal): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    if (abort.aborted) return;
    try {
      const moment = await this.#client.call('moment', { channel: this.#channelId, sequence }, abort);
      this.#kept.set(sequence, moment);
      const [oldest] = this.#kept.keys();
      if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest);
      if (abort.aborted) return;
      this.#shown.value = moment;
      this.#failure.value = undefined;
    } catch (error) {
      if (abort.aborted) return;
      this.#failure.value = error instanceof ApiFailure ? error : new ApiFailure('page_error', String(error));
    }
  }
}
