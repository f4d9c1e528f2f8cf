import type { GraphArrays, GraphColumns } from './graph-arrays.ts';
import { grown, type TypedArray } from './typed-arrays.ts';

/** How many elements a channel has in each of the arrays that say something of channels. */
const OF_CHANNEL = {
  shortChannelId: 1, ends: 2, capacity: 1, channelUsable: 1, policyFlags: 2, timestamp: 2, cltvExpiryDelta: 2, htlcMinimum: 2, htlcMaximum: 2,
  feeBase: 2, feePpm: 2,
} as const;
const CHANNEL_COLUMNS = Object.keys(OF_CHANNEL) as (keyof typeof OF_CHANNEL)[];

/** The arrays of one graph, which alone writes them: how they grow, and the lists of edges in them. */
export class GraphTables implements GraphArrays {
  shortChannelId: BigUint64Array = new BigUint64Array(0);
  ends: Uint32Array = new Uint32Array(0);
  capacity: Float64Array = new Float64Array(0);
  channelUsable: Uint8Array = new Uint8Array(0);
  policyFlags: Uint8Array = new Uint8Array(0);
  timestamp: Uint32Array = new Uint32Array(0);
  cltvExpiryDelta: Uint16Array = new Uint16Array(0);
  htlcMinimum: Float64Array = new Float64Array(0);
  htlcMaximum: Float64Array = new Float64Array(0);
  feeBase: Uint32Array = new Uint32Array(0);
  feePpm: Uint32Array = new Uint32Array(0);
  nextInto: Int32Array = new Int32Array(0);
  firstInto: Int32Array = new Int32Array(0);
  nodeUsable: Uint8Array = new Uint8Array(0);
  #previousInto: Int32Array = new Int32Array(0);

  /** Makes room for a channel at this index. */
  reserveChannel(c: number): void {
    if (c < this.capacity.length) return;
    const size = Math.max(64, 2 * this.capacity.length);
    for (const name of CHANNEL_COLUMNS) this.#put(name, grown<TypedArray>(this[name], OF_CHANNEL[name] * size));
    this.nextInto = grown(this.nextInto, 2 * size);
    this.#previousInto = grown(this.#previousInto, 2 * size);
  }

  /** Likewise for a node. */
  reserveNode(node: number): void {
    if (node < this.firstInto.length) return;
    const size = Math.max(64, 2 * this.firstInto.length);
    this.firstInto = grown(this.firstInto, size);
    this.nodeUsable = grown(this.nodeUsable, size);
  }

  /** The arrays up to so many channels and nodes, not copied. */
  columns(channels: number, nodes: number): Omit<GraphColumns, 'nodeId'> {
    const cut = CHANNEL_COLUMNS.map((name) => [name, this[name].subarray(0, OF_CHANNEL[name] * channels)]);
    return { ...Object.fromEntries(cut), nodeUsable: this.nodeUsable.subarray(0, nodes) };
  }

  /** Takes these arrays over as its own, with no edge in any list yet. */
  adopt(columns: Omit<GraphColumns, 'nodeId'>): void {
    for (const name of CHANNEL_COLUMNS) this.#put(name, columns[name]);
    this.nodeUsable = columns.nodeUsable;
    this.nextInto = new Int32Array(columns.ends.length);
    this.#previousInto = new Int32Array(columns.ends.length);
    this.firstInto = new Int32Array(columns.nodeUsable.length).fill(-1);
  }

  /** Puts an edge at the head of the list of the node that it leads into. */
  link(e: number): void {
    const node = this.ends[e ^ 1] as number;
    const first = this.firstInto[node] as number;
    this.nextInto[e] = first;
    this.#previousInto[e] = -1;
    if (first !== -1) this.#previousInto[first] = e;
    this.firstInto[node] = e;
  }

  unlink(e: number): void {
    const next = this.nextInto[e] as number;
    const previous = this.#previousInto[e] as number;
    if (previous === -1) this.firstInto[this.ends[e ^ 1] as number] = next;
    else this.nextInto[previous] = next;
    if (next !== -1) this.#previousInto[next] = previous;
  }

  #put(name: keyof typeof OF_CHANNEL, column: TypedArray): void {
    Object.assign(this, { [name]: column });
  }
}
