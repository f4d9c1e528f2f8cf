/** What is under way, line by line, with the seconds since the start. */
export class Progress {
  readonly #write: (text: string) => void;
  readonly #started = performance.now();

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  get seconds(): string {
    return ((performance.now() - this.#started) / 1_000).toFixed(1);
  }

  say(text: string): void {
    this.#write(`${this.seconds.padStart(6)} s  ${text}\n`);
  }
}
