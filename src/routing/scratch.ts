import type { Measure } from './frontier.ts';
import { TypedHeap } from './heap.ts';
import { Labels } from './labels.ts';
import { Reach } from './reach.ts';
import { Reached } from './reached.ts';
import { grown } from './typed-arrays.ts';

/** What one request at a time marks by node and by edge, and searches in: kept, so that no search makes arrays of the graph's size. */
export class Scratch {
  readonly reach: Readonly<Record<Measure, Reach>> = {
    cost: new Reach(), fee: new Reach(), blocks: new Reach(), hops: new Reach(), mixed: new Reach(), narrowness: new Reach(),
  };
  readonly flow = { fromSource: new Reached(), fromPayee: new Reached() };
  /** Of the exact search. */
  readonly labels = new Labels();
  readonly heap = new TypedHeap();
  edgeMask = new Uint8Array(0);
  nodeMask = new Uint8Array(0);
  readonly #edges: number[] = [];
  readonly #nodes: number[] = [];

  /** Nothing is marked, and there is room for so many nodes, those that the request brings among them, and edges of the graph. */
  begin(nodes: number, edges: number): void {
    this.clear();
    if (this.edgeMask.length < edges) this.edgeMask = grown(this.edgeMask, Math.max(edges, 2 * this.edgeMask.length));
    if (this.nodeMask.length < nodes) this.nodeMask = grown(this.nodeMask, Math.max(nodes, 2 * this.nodeMask.length));
  }

  markEdge(edge: number, mark: number): void {
    this.edgeMask[edge] = mark;
    this.#edges.push(edge);
  }

  /** Adds bits to a node's marks. */
  markNode(node: number, bits: number): void {
    const before = this.nodeMask[node] as number;
    if (before === 0) this.#nodes.push(node);
    this.nodeMask[node] = before | bits;
  }

  clear(): void {
    for (const edge of this.#edges) this.edgeMask[edge] = 0;
    for (const node of this.#nodes) this.nodeMask[node] = 0;
    this.#edges.length = 0;
    this.#nodes.length = 0;
  }
}
