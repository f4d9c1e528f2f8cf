import type { NodeId } from '../network/network.ts';
import { checkChannel, checkPolicy, type EdgePolicy, type Direction, type GraphChannel } from './channel.ts';
import { RoutingError } from './errors.ts';
import {
  NO_CHANNEL, POLICY_CONTRADICTORY, POLICY_DISABLED, POLICY_KNOWN, type GraphArrays, type GraphColumns, type GraphListener,
} from './graph-arrays.ts';
import { GraphTables } from './graph-tables.ts';
import { clampMsat, toMsat } from './msat.ts';

const NODE_ID_DIGITS = 66;

/**
 * The channels and policies known from gossip, in flat typed arrays, updated in place: about 100 bytes a channel,
 * nothing for the garbage collector to walk. It holds what it is given; whether a message may be believed is for
 * `src/gossip/` to say.
 */
export class ChannelGraph {
  readonly #channels = new Map<bigint, number>();
  readonly #nodes = new Map<NodeId, number>();
  readonly #nodeIds: NodeId[] = [];
  readonly #freeChannels: number[] = [];
  readonly #freeNodes: number[] = [];
  readonly #listeners = new Set<GraphListener>();
  readonly #tables = new GraphTables();
  #channelSlots = 0;

  get channelCount(): number {
    return this.#channels.size;
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  /** One more than the largest node index in use now or before: what a search sizes its own arrays by. */
  get nodeSlots(): number {
    return this.#nodeIds.length;
  }

  /** Likewise for channels; edges are twice as many. */
  get channelSlots(): number {
    return this.#channelSlots;
  }

  listen(listener: GraphListener): void {
    this.#listeners.add(listener);
  }

  arrays(): GraphArrays {
    return this.#tables;
  }

  /** All that it holds. The arrays are its own: what is to stand after the next change must be copied. */
  columns(): GraphColumns {
    const nodeId = Buffer.from(this.#nodeIds.join(''), 'hex');
    return { ...this.#tables.columns(this.#channelSlots, this.#nodeIds.length), nodeId };
  }

  /** Becomes the graph that had these columns, which are its own from now on; it must be empty. */
  restore(columns: GraphColumns): void {
    if (this.#nodeIds.length > 0) throw new TypeError('only an empty graph can be restored');
    const { shortChannelId, channelUsable, nodeId } = columns;
    const tables = this.#tables;
    tables.adopt(columns);
    this.#channelSlots = shortChannelId.length;
    for (let c = 0; c < shortChannelId.length; c++) {
      if (channelUsable[c] === NO_CHANNEL) {
        this.#freeChannels.push(c);
        continue;
      }
      this.#channels.set(shortChannelId[c] as bigint, c);
      tables.link(2 * c);
      tables.link(2 * c + 1);
    }
    const digits = Buffer.from(nodeId.buffer, nodeId.byteOffset, nodeId.length).toString('hex');
    for (let node = 0; node < tables.firstInto.length; node++) {
      const id = digits.slice(node * NODE_ID_DIGITS, (node + 1) * NODE_ID_DIGITS);
      this.#nodeIds.push(id);
      if (tables.firstInto[node] === -1) this.#freeNodes.push(node);
      else this.#nodes.set(id, node);
    }
    for (const c of this.#channels.values()) this.#tell(2 * c);
  }

  /** The node's index, or undefined if it has no channel. */
  nodeIndex(nodeId: NodeId): number | undefined {
    return this.#nodes.get(nodeId);
  }

  /** The id of the node at an index taken from this graph. */
  nodeId(index: number): NodeId {
    const nodeId = this.#nodeIds[index];
    if (nodeId === undefined) throw new RoutingError('invalid_node_id', `no node stands at index ${index}`);
    return nodeId;
  }

  channelIndex(shortChannelId: bigint): number | undefined {
    return this.#channels.get(shortChannelId);
  }

  hasNode(nodeId: NodeId): boolean {
    return this.#nodes.has(nodeId);
  }

  channel(shortChannelId: bigint): GraphChannel | undefined {
    const c = this.#channels.get(shortChannelId);
    if (c === undefined) return undefined;
    return {
      shortChannelId,
      nodeId1: this.nodeId(at(this.#tables.ends, 2 * c)),
      nodeId2: this.nodeId(at(this.#tables.ends, 2 * c + 1)),
      capacityMsat: toMsat(at(this.#tables.capacity, c)),
      usable: at(this.#tables.channelUsable, c) === 1,
    };
  }

  /** The policy of one direction, or undefined if the channel or its update is not known. */
  policy(shortChannelId: bigint, direction: Direction): EdgePolicy | undefined {
    const c = this.#channels.get(shortChannelId);
    if (c === undefined) return undefined;
    const e = 2 * c + direction;
    const flags = at(this.#tables.policyFlags, e);
    if ((flags & POLICY_KNOWN) === 0) return undefined;
    return {
      timestamp: at(this.#tables.timestamp, e),
      disabled: (flags & POLICY_DISABLED) !== 0,
      cltvExpiryDelta: at(this.#tables.cltvExpiryDelta, e),
      htlcMinimumMsat: toMsat(at(this.#tables.htlcMinimum, e)),
      htlcMaximumMsat: toMsat(at(this.#tables.htlcMaximum, e)),
      feeBaseMsat: at(this.#tables.feeBase, e),
      feeProportionalMillionths: at(this.#tables.feePpm, e),
    };
  }

  /** When the policy of one direction was made, in seconds since 1970; 0 if it is not known. */
  timestamp(shortChannelId: bigint, direction: Direction): number {
    const c = this.#channels.get(shortChannelId);
    return c === undefined ? 0 : at(this.#tables.timestamp, 2 * c + direction);
  }

  /** All channels, in no particular order. */
  shortChannelIds(): IterableIterator<bigint> {
    return this.#channels.keys();
  }

  /** Where they stand in the arrays. */
  channelIndices(): IterableIterator<number> {
    return this.#channels.values();
  }

  nodeIds(): IterableIterator<NodeId> {
    return this.#nodes.keys();
  }

  /** The channels of a node; empty for an unknown one. */
  channelsOf(nodeId: NodeId): bigint[] {
    const node = this.#nodes.get(nodeId);
    const found: bigint[] = [];
    if (node === undefined) return found;
    for (let e = at(this.#tables.firstInto, node); e !== -1; e = at(this.#tables.nextInto, e)) {
      found.push(this.#tables.shortChannelId[e >> 1] ?? 0n);
    }
    return found;
  }

  /**
   * Adds a channel without policies; false if its short channel id is already there. Throws `RoutingError` on values
   * that cannot be.
   */
  addChannel(channel: GraphChannel): boolean {
    const { shortChannelId, nodeId1, nodeId2, capacityMsat, usable } = channel;
    checkChannel(channel, (nodeId) => this.#nodes.has(nodeId));
    if (this.#channels.has(shortChannelId)) return false;

    const node1 = this.#ensureNode(nodeId1);
    const node2 = this.#ensureNode(nodeId2);
    const c = this.#takeChannelSlot();
    this.#channels.set(shortChannelId, c);
    this.#tables.shortChannelId[c] = shortChannelId;
    this.#tables.capacity[c] = clampMsat(capacityMsat);
    this.#tables.channelUsable[c] = usable ? 1 : 0;
    this.#tables.ends[2 * c] = node1;
    this.#tables.ends[2 * c + 1] = node2;
    for (const e of [2 * c, 2 * c + 1]) {
      this.#tables.policyFlags[e] = 0;
      this.#tables.timestamp[e] = 0;
      this.#tables.link(e);
    }
    this.#tell(2 * c);
    return true;
  }

  /**
   * Sets the policy of one direction. 'stale': its timestamp is not above the one that stands (BOLT 7 keeps the first
   * of equals). Throws `RoutingError` on values that a `channel_update` cannot carry.
   */
  applyUpdate(
    shortChannelId: bigint, direction: Direction, policy: EdgePolicy,
  ): 'applied' | 'stale' | 'unknown_channel' {
    checkPolicy(policy);
    const c = this.#channels.get(shortChannelId);
    if (c === undefined) return 'unknown_channel';
    const e = 2 * c + direction;
    if ((at(this.#tables.policyFlags, e) & POLICY_KNOWN) !== 0 && policy.timestamp <= at(this.#tables.timestamp, e)) return 'stale';
    const htlcMinimum = clampMsat(policy.htlcMinimumMsat);
    const htlcMaximum = clampMsat(policy.htlcMaximumMsat);
    // BOLT 7, "The channel_update Message": ignored for routes are a maximum below the minimum, and one above the
    // capacity.
    const contradictory = policy.htlcMaximumMsat < policy.htlcMinimumMsat || htlcMaximum > at(this.#tables.capacity, c);
    this.#tables.policyFlags[e] =
      POLICY_KNOWN | (policy.disabled ? POLICY_DISABLED : 0) | (contradictory ? POLICY_CONTRADICTORY : 0);
    this.#tables.timestamp[e] = policy.timestamp;
    this.#tables.cltvExpiryDelta[e] = policy.cltvExpiryDelta;
    this.#tables.htlcMinimum[e] = htlcMinimum;
    this.#tables.htlcMaximum[e] = htlcMaximum;
    this.#tables.feeBase[e] = policy.feeBaseMsat;
    this.#tables.feePpm[e] = policy.feeProportionalMillionths;
    this.#tell(e);
    return 'applied';
  }

  /** Removes a channel, and the nodes that have no other; false if it is not there. */
  removeChannel(shortChannelId: bigint): boolean {
    const c = this.#channels.get(shortChannelId);
    if (c === undefined) return false;
    const tables = this.#tables;
    for (const e of [2 * c, 2 * c + 1]) {
      tables.unlink(e);
      this.#forgetLonely(at(tables.ends, e ^ 1));
    }
    tables.channelUsable[c] = NO_CHANNEL;
    this.#channels.delete(shortChannelId);
    this.#freeChannels.push(c);
    this.#tell(2 * c);
    return true;
  }

  /** See `GraphChannel.usable`; false if the channel is not there. */
  setChannelUsable(shortChannelId: bigint, usable: boolean): boolean {
    const c = this.#channels.get(shortChannelId);
    if (c === undefined) return false;
    this.#tables.channelUsable[c] = usable ? 1 : 0;
    this.#tell(2 * c);
    return true;
  }

  /**
   * BOLT 7: no payment is routed through a node whose features hold an unknown even bit. False if the node is not
   * there.
   */
  setNodeUsable(nodeId: NodeId, usable: boolean): boolean {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return false;
    this.#tables.nodeUsable[node] = usable ? 1 : 0;
    return true;
  }

  #tell(edge: number): void {
    for (const listener of this.#listeners) listener.edgeChanged(edge);
  }

  #ensureNode(nodeId: NodeId): number {
    const known = this.#nodes.get(nodeId);
    if (known !== undefined) return known;
    const node = this.#freeNodes.pop() ?? this.#nodeIds.length;
    this.#tables.reserveNode(node);
    this.#nodes.set(nodeId, node);
    this.#nodeIds[node] = nodeId;
    this.#tables.firstInto[node] = -1;
    this.#tables.nodeUsable[node] = 1;
    return node;
  }

  #takeChannelSlot(): number {
    const c = this.#freeChannels.pop() ?? this.#channelSlots++;
    this.#tables.reserveChannel(c);
    return c;
  }

  #forgetLonely(node: number): void {
    if (this.#tables.firstInto[node] !== -1) return;
    this.#nodes.delete(this.nodeId(node));
    this.#freeNodes.push(node);
  }
}

/** A read inside the array's bounds: every index here comes from the graph itself. */
function at(array: { readonly [index: number]: number }, index: number): number {
  return array[index] ?? 0;
}
