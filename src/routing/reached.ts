/** By a node that was not reached. */
export const UNREACHED = -1;
const AT_END = -2;

/** What a search by hops has reached from one end, and what it is to look at next. */
export class Reached {
  /** By node, how it was reached: by what number is for the search to say. */
  via = new Int32Array(0);
  #queue = new Int32Array(0);
  #first = 0;
  #last = 0;

  begin(end: number, nodeSlots: number): void {
    if (this.via.length < nodeSlots) {
      this.via = new Int32Array(nodeSlots);
      this.#queue = new Int32Array(nodeSlots);
    }
    this.via.fill(UNREACHED, 0, nodeSlots);
    this.via[end] = AT_END;
    this.#queue[0] = end;
    this.#first = 0;
    this.#last = 1;
  }

  /** How many nodes are still to be looked at. */
  get waiting(): number {
    return this.#last - this.#first;
  }

  next(): number {
    return this.#queue[this.#first++] as number;
  }

  add(node: number, via: number): void {
    this.via[node] = via;
    this.#queue[this.#last++] = node;
  }
}
