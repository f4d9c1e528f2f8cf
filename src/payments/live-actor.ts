/** A started XState actor of one of the payments' charts, as far as its keeper needs it. */
interface Chart<Event, State, Data> {
  send(event: Event): void;
  getSnapshot(): { readonly value: State; readonly context: { readonly data: Data }; hasTag(tag: 'finished'): boolean };
  subscribe(observer: { error(error: unknown): void }): unknown;
}

/** One actor in memory, and what of it is on disk. */
export class LiveActor<Event, Effect, State, Data> {
  readonly #chart: Chart<Event, State, Data>;
  #effects: Effect[] = [];
  #fault: { readonly error: unknown } | undefined;
  #saved: { readonly state: State; readonly data: Data } | undefined;

  constructor(start: (emit: (effect: Effect) => void) => Chart<Event, State, Data>) {
    this.#chart = start((effect) => void this.#effects.push(effect));
    this.#chart.subscribe({ error: (error) => void (this.#fault = { error }) });
  }

  get state(): State {
    return this.#chart.getSnapshot().value;
  }

  get data(): Data {
    return this.#chart.getSnapshot().context.data;
  }

  /** Nothing can happen to it any more: it lives on disk alone. */
  get isFinished(): boolean {
    return this.#chart.getSnapshot().hasTag('finished');
  }

  /**
   * Gives the event to the chart and returns what it wants done. Throws what the chart threw: the turn is then
   * discarded.
   */
  send(event: Event): readonly Effect[] {
    this.#effects = [];
    this.#chart.send(event);
    if (this.#fault !== undefined) throw this.#fault.error;
    return this.#effects;
  }

  get isChanged(): boolean {
    return this.#saved?.state !== this.state || this.#saved.data !== this.data;
  }

  /** What it is now is, or is about to be, on disk. */
  markSaved(): this {
    this.#saved = { state: this.state, data: this.data };
    return this;
  }
}
