/** A stream of bytes that arrives in chunks of any size; holds those that were pushed and not yet read. */
export class Chunks {
  readonly #chunks: Uint8Array[] = [];
  /** How much of the first chunk has been read. */
  #offset = 0;
  #bufferedBytes = 0;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
  }

  /** Bytes pushed and not yet read. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Copies what there is into `target` from `start` on; returns how far it is filled now. */
  fill(target: Uint8Array, start: number): number {
    let filled = start;
    while (filled < target.length) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) break;
      const end = Math.min(chunk.length, this.#offset + target.length - filled);
      target.set(chunk.subarray(this.#offset, end), filled);
      filled += end - this.#offset;
      this.#offset = end;
      if (end === chunk.length) {
        this.#chunks.shift();
        this.#offset = 0;
      }
    }
    this.#bufferedBytes -= filled - start;
    return filled;
  }
}
