import { grown } from './typed-arrays.ts';

/** Where the fields of an edge stand in `EdgeLists.edges`, from the first of its `EDGE_FIELDS` on. */
export const EDGE_FIELDS = 8;
/** The node at the other end. */
export const OTHER = 0;
/** The largest amount that the edge can carry by its policy and capacity. */
export const MOST = 1;
export const LEAST = 2;
export const FEE_BASE = 3;
export const FEE_PPM = 4;
export const CLTV = 5;
export const CAPACITY = 6;
export const EDGE = 7;

/** What else `EdgeLists.only` may hold. */
export const NOWHERE = -1;
const SEVERAL = -2;

/**
 * For each node the usable edges on one side of it, side by side in one flat array, 64 bytes each, those that carry most
 * first: a search reads memory in order, and stops at the first edge that is too small. A list that outgrows its place
 * moves to the end of the array with room to spare.
 */
export class EdgeLists {
  /** `EDGE_FIELDS` numbers an edge; the list of node `n` are the `count[n]` edges from place `begin[n]` on. */
  edges = new Float64Array(0);
  begin = new Uint32Array(0);
  count = new Uint32Array(0);
  /** By node: the one node that all its edges lead to, `NOWHERE`, or another negative number for several. */
  only = new Int32Array(0);
  #room = new Uint32Array(0);
  #places = 0;

  resize(nodes: number): void {
    if (nodes <= this.begin.length) return;
    const size = Math.max(64, 2 * this.begin.length, nodes);
    this.begin = grown(this.begin, size);
    this.count = grown(this.count, size);
    this.only = grown(this.only, size);
    this.#room = grown(this.#room, size);
  }

  /** Empties a node's list and makes room for so many edges in it. */
  clear(node: number, expected: number): void {
    this.count[node] = 0;
    this.only[node] = NOWHERE;
    if (expected <= (this.#room[node] as number)) return;
    const room = expected <= 4 ? expected : Math.ceil(expected * 1.25);
    if ((this.#places + room) * EDGE_FIELDS > this.edges.length) {
      this.edges = grown(this.edges, Math.max(1024, Math.ceil(1.5 * (this.#places + room))) * EDGE_FIELDS);
    }
    this.begin[node] = this.#places;
    this.#room[node] = room;
    this.#places += room;
  }

  /** Adds an edge to a list with room for it; returns where its fields are to be written. */
  append(node: number, other: number): number {
    const count = this.count[node] as number;
    const place = (this.begin[node] as number) + count;
    this.count[node] = count + 1;
    const before = this.only[node] as number;
    this.only[node] = before === NOWHERE || before === other ? other : SEVERAL;
    return place * EDGE_FIELDS;
  }
}
