import type { AlarmCode, Alarms } from '../node/alarms.ts';

/** The alarms that one round of the sweeper finds reason for: those of the round before that it does not, are over. */
export class SweepAlarms {
  readonly #alarms: Pick<Alarms, 'raise' | 'clear'>;
  #standing = new Map<string, { readonly code: AlarmCode; readonly key: string }>();
  #found = new Map<string, { readonly code: AlarmCode; readonly key: string }>();

  constructor(alarms: Pick<Alarms, 'raise' | 'clear'>) {
    this.#alarms = alarms;
  }

  /** One alarm of a code stands for a channel at a time; of several in a round the first one says why. */
  raise(code: AlarmCode, channelIndex: number, message: string): void {
    const key = `channel-${channelIndex}`;
    const id = `${code} ${key}`;
    if (this.#found.has(id)) return;
    this.#found.set(id, { code, key });
    this.#alarms.raise(code, key, { message, channelIndex });
  }

  /** Ends a round. */
  settle(): void {
    for (const [id, { code, key }] of this.#standing) if (!this.#found.has(id)) this.#alarms.clear(code, key);
    this.#standing = this.#found;
    this.#found = new Map();
  }
}
