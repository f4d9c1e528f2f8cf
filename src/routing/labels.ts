import { grown } from './typed-arrays.ts';

/**
 * The labels of a search: each is one way from some node to the payee, kept because no other way from there is better
 * in every respect. Flat arrays that grow; a label is its index. Per node there is a list: `firstOf[node]`, then
 * `next[label]`, until -1.
 */
export class Labels {
  firstOf = new Int32Array(0);
  node = new Uint32Array(INITIAL);
  /** What the node must receive. */
  amount = new Float64Array(INITIAL);
  /** The price of locked time and of likely failures on the way, in msat. */
  risk = new Float64Array(INITIAL);
  /** How many blocks from now the HTLC that it receives must expire, at the earliest. */
  cltv = new Uint32Array(INITIAL);
  hops = new Uint32Array(INITIAL);
  /** The edge on which it sends, and the label at that edge's other end; -1 for the payee. */
  edge = new Int32Array(INITIAL);
  parent = new Int32Array(INITIAL);
  next = new Int32Array(INITIAL);
  dead = new Uint8Array(INITIAL);
  count = 0;

  /** Takes all away that a search before has left, which is quicker than to make new ones. */
  begin(nodeSlots: number): void {
    for (let label = 0; label < this.count; label++) this.firstOf[this.node[label] as number] = -1;
    this.count = 0;
    if (this.firstOf.length < nodeSlots) this.firstOf = new Int32Array(nodeSlots).fill(-1);
  }

  /**
   * Adds a label unless one at the same node is at least as good, and drops those that it is at least as good as.
   * Returns it, or -1. What "as good" is:
   *
   * - `limited`: it needs no larger amount, carries no more risk, and has no longer time lock and no more hops. Whatever can
   *   be put before the worse way can be put before the better one, and it stays as good: every limit is an upper one, and
   *   each of fee, amount, lock and price never falls when the amount rises. (A minimum of a channel is no exception, since
   *   smaller amounts are raised to it.)
   * - `exact`: the same without the limits on lock and hops.
   */
  add(
    node: number, amount: number, risk: number, cltv: number, hops: number, edge: number, parent: number, comparison: Comparison,
  ): number {
    const bounded = comparison === 'limited';
    let previous = -1;
    for (let other = this.firstOf[node] as number; other !== -1; ) {
      const next = this.next[other] as number;
      const otherAmount = this.amount[other] as number;
      const otherRisk = this.risk[other] as number;
      const otherCltv = this.cltv[other] as number;
      const otherHops = this.hops[other] as number;
      if (otherAmount <= amount && otherRisk <= risk && (!bounded || (otherCltv <= cltv && otherHops <= hops))) {
        return -1;
      }
      if (amount <= otherAmount && risk <= otherRisk && (!bounded || (cltv <= otherCltv && hops <= otherHops))) {
        this.dead[other] = 1;
        if (previous === -1) this.firstOf[node] = next;
        else this.next[previous] = next;
      } else {
        previous = other;
      }
      other = next;
    }
    const label = this.count++;
    if (label === this.node.length) this.#grow();
    this.node[label] = node;
    this.amount[label] = amount;
    this.risk[label] = risk;
    this.cltv[label] = cltv;
    this.hops[label] = hops;
    this.edge[label] = edge;
    this.parent[label] = parent;
    this.dead[label] = 0;
    this.next[label] = this.firstOf[node] as number;
    this.firstOf[node] = label;
    return label;
  }

  #grow(): void {
    const size = 2 * this.node.length;
    this.node = grown(this.node, size);
    this.amount = grown(this.amount, size);
    this.risk = grown(this.risk, size);
    this.cltv = grown(this.cltv, size);
    this.hops = grown(this.hops, size);
    this.edge = grown(this.edge, size);
    this.parent = grown(this.parent, size);
    this.next = grown(this.next, size);
    this.dead = grown(this.dead, size);
  }
}

export type Comparison = 'limited' | 'exact';

const INITIAL = 256;
