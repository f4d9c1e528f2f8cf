/** Bits of `GraphArrays.policyFlags`. */
export const POLICY_KNOWN = 1;
export const POLICY_DISABLED = 2;
/**
 * BOLT 7: a channel whose `htlc_maximum_msat` is below its minimum or above its capacity is not considered for routes.
 */
export const POLICY_CONTRADICTORY = 4;
/** In `GraphArrays.channelUsable`: no channel has this index now. */
export const NO_CHANNEL = 2;

/**
 * The graph as a search reads it. A channel has an index `c`; its two directed edges are `2c` (direction 0) and `2c +
 * 1`. An edge belongs to the list of the node that it leads *into*, since the search runs backwards: `firstInto[node]`,
 * then `nextInto[edge]`, until -1. Indices are reused after removals and the arrays are replaced when they grow: read
 * them afresh for each search.
 */
export interface GraphArrays {
  readonly shortChannelId: BigUint64Array;
  /** The nodes at the two ends, at `2c` and `2c + 1`: edge `e` starts at `ends[e]` and leads into `ends[e ^ 1]`. */
  readonly ends: Uint32Array;
  readonly capacity: Float64Array;
  /** 1 or 0: see `GraphChannel.usable`. */
  readonly channelUsable: Uint8Array;
  readonly policyFlags: Uint8Array;
  readonly timestamp: Uint32Array;
  readonly cltvExpiryDelta: Uint16Array;
  readonly htlcMinimum: Float64Array;
  readonly htlcMaximum: Float64Array;
  readonly feeBase: Uint32Array;
  readonly feePpm: Uint32Array;
  readonly nextInto: Int32Array;
  readonly firstInto: Int32Array;
  readonly nodeUsable: Uint8Array;
}

/** All that a graph holds, in arrays that end with its last channel and node: the lists of edges follow from them. */
export interface GraphColumns extends Omit<GraphArrays, 'nextInto' | 'firstInto'> {
  /** 33 bytes for each node. */
  readonly nodeId: Uint8Array;
}

/** Hears of what changes in a graph, to keep up what is derived from it. */
export interface GraphListener {
  /** Its policy, whether it may be used, or whether it is there: its channel came or went. */
  edgeChanged(edge: number): void;
}
