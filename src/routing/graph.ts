import type { NodeId } from '../network/network.ts';
import { checkChannel, checkPolicy, type EdgePolicy, type Direction, type GraphChannel } from './channel.ts';
import { RoutingError } from './errors.ts';
import { POLICY_CONTRADICTORY, POLICY_DISABLED, POLICY_KNOWN, type GraphArrays, type GraphListener } from './graph-arrays.ts';
import { clampMsat, toMsat } from './msat.ts';
import { grown } from './typed-arrays.ts';

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
  #channelSlots = 0;

  #shortChannelId = new BigUint64Array(0);
  #ends = new Uint32Array(0);
  #capacity = new Float64Array(0);
  #channelUsable = new Uint8Array(0);
  #policyFlags = new Uint8Array(0);
  #timestamp = new Uint32Array(0);
  #cltvExpiryDelta = new Uint16Array(0);
  #htlcMinimum = new Float64Array(0);
  #htlcMaximum = new Float64Array(0);
  #feeBase = new Uint32Array(0);
  #feePpm = new Uint32Array(0);
  #nextInto = new Int32Array(0);
  #previousInto = new Int32Array(0);
  #firstInto = new Int32Array(0);
  #nodeUsable = new Uint8Array(0);
  #channelsOfNode = new Uint32Array(0);

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
    return {
      shortChannelId: this.#shortChannelId,
      ends: this.#ends,
      capacity: this.#capacity,
      channelUsable: this.#channelUsable,
      policyFlags: this.#policyFlags,
      timestamp: this.#timestamp,
      cltvExpiryDelta: this.#cltvExpiryDelta,
      htlcMinimum: this.#htlcMinimum,
      htlcMaximum: this.#htlcMaximum,
      feeBase: this.#feeBase,
      feePpm: this.#feePpm,
      nextInto: this.#nextInto,
      firstInto: this.#firstInto,
      nodeUsable: this.#nodeUsable,
    };
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
      nodeId1: this.nodeId(at(this.#ends, 2 * c)),
      nodeId2: this.nodeId(at(this.#ends, 2 * c + 1)),
      capacityMsat: toMsat(at(this.#capacity, c)),
      usable: at(this.#channelUsable, c) === 1,
    };
  }

  /** The policy of one direction, or undefined if the channel or its update is not known. */
  policy(shortChannelId: bigint, direction: Direction): EdgePolicy | undefined {
    const c = this.#channels.get(shortChannelId);
    if (c === undefined) return undefined;
    const e = 2 * c + direction;
    const flags = at(this.#policyFlags, e);
    if ((flags & POLICY_KNOWN) === 0) return undefined;
    return {
      timestamp: at(this.#timestamp, e),
      disabled: (flags & POLICY_DISABLED) !== 0,
      cltvExpiryDelta: at(this.#cltvExpiryDelta, e),
      htlcMinimumMsat: toMsat(at(this.#htlcMinimum, e)),
      htlcMaximumMsat: toMsat(at(this.#htlcMaximum, e)),
      feeBaseMsat: at(this.#feeBase, e),
      feeProportionalMillionths: at(this.#feePpm, e),
    };
  }

  /** When the policy of one direction was made, in seconds since 1970; 0 if it is not known. */
  timestamp(shortChannelId: bigint, direction: Direction): number {
    const c = this.#channels.get(shortChannelId);
    return c === undefined ? 0 : at(this.#timestamp, 2 * c + direction);
  }

  /** All channels, in no particular order. */
  shortChannelIds(): IterableIterator<bigint> {
    return this.#channels.keys();
  }

  nodeIds(): IterableIterator<NodeId> {
    return this.#nodes.keys();
  }

  /** The channels of a node; empty for an unknown one. */
  channelsOf(nodeId: NodeId): bigint[] {
    const node = this.#nodes.get(nodeId);
    const found: bigint[] = [];
    if (node === undefined) return found;
    for (let e = at(this.#firstInto, node); e !== -1; e = at(this.#nextInto, e)) {
      found.push(this.#shortChannelId[e >> 1] ?? 0n);
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
    this.#shortChannelId[c] = shortChannelId;
    this.#capacity[c] = clampMsat(capacityMsat);
    this.#channelUsable[c] = usable ? 1 : 0;
    this.#ends[2 * c] = node1;
    this.#ends[2 * c + 1] = node2;
    for (const e of [2 * c, 2 * c + 1]) {
      this.#policyFlags[e] = 0;
      this.#timestamp[e] = 0;
      this.#link(e);
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
    if ((at(this.#policyFlags, e) & POLICY_KNOWN) !== 0 && policy.timestamp <= at(this.#timestamp, e)) return 'stale';
    const htlcMinimum = clampMsat(policy.htlcMinimumMsat);
    const htlcMaximum = clampMsat(policy.htlcMaximumMsat);
    // BOLT 7, "The channel_update Message": ignored for routes are a maximum below the minimum, and one above the
    // capacity.
    const contradictory = policy.htlcMaximumMsat < policy.htlcMinimumMsat || htlcMaximum > at(this.#capacity, c);
    this.#policyFlags[e] =
      POLICY_KNOWN | (policy.disabled ? POLICY_DISABLED : 0) | (contradictory ? POLICY_CONTRADICTORY : 0);
    this.#timestamp[e] = policy.timestamp;
    this.#cltvExpiryDelta[e] = policy.cltvExpiryDelta;
    this.#htlcMinimum[e] = htlcMinimum;
    this.#htlcMaximum[e] = htlcMaximum;
    this.#feeBase[e] = policy.feeBaseMsat;
    this.#feePpm[e] = policy.feeProportionalMillionths;
    this.#tell(e);
    return 'applied';
  }

  /** Removes a channel, and the nodes that have no other; false if it is not there. */
  removeChannel(shortChannelId: bigint): boolean {
    const c = this.#channels.get(shortChannelId);
    if (c === undefined) return false;
    this.#unlink(2 * c);
    this.#unlink(2 * c + 1);
    this.#channels.delete(shortChannelId);
    this.#freeChannels.push(c);
    this.#tell(2 * c);
    return true;
  }

  /** See `GraphChannel.usable`; false if the channel is not there. */
  setChannelUsable(shortChannelId: bigint, usable: boolean): boolean {
    const c = this.#channels.get(shortChannelId);
    if (c === undefined) return false;
    this.#channelUsable[c] = usable ? 1 : 0;
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
    this.#nodeUsable[node] = usable ? 1 : 0;
    return true;
  }

  #tell(edge: number): void {
    for (const listener of this.#listeners) listener.edgeChanged(edge);
  }

  #ensureNode(nodeId: NodeId): number {
    const known = this.#nodes.get(nodeId);
    if (known !== undefined) return known;
    const node = this.#freeNodes.pop() ?? this.#nodeIds.length;
    if (node >= this.#firstInto.length) {
      const size = Math.max(64, 2 * this.#firstInto.length);
      this.#firstInto = grown(this.#firstInto, size);
      this.#nodeUsable = grown(this.#nodeUsable, size);
      this.#channelsOfNode = grown(this.#channelsOfNode, size);
    }
    this.#nodes.set(nodeId, node);
    this.#nodeIds[node] = nodeId;
    this.#firstInto[node] = -1;
    this.#nodeUsable[node] = 1;
    this.#channelsOfNode[node] = 0;
    return node;
  }

  #takeChannelSlot(): number {
    const free = this.#freeChannels.pop();
    if (free !== undefined) return free;
    const c = this.#channelSlots++;
    if (c >= this.#capacity.length) {
      const size = Math.max(64, 2 * this.#capacity.length);
      this.#shortChannelId = grown(this.#shortChannelId, size);
      this.#capacity = grown(this.#capacity, size);
      this.#channelUsable = grown(this.#channelUsable, size);
      this.#ends = grown(this.#ends, 2 * size);
      this.#policyFlags = grown(this.#policyFlags, 2 * size);
      this.#timestamp = grown(this.#timestamp, 2 * size);
      this.#cltvExpiryDelta = grown(this.#cltvExpiryDelta, 2 * size);
      this.#htlcMinimum = grown(this.#htlcMinimum, 2 * size);
      this.#htlcMaximum = grown(this.#htlcMaximum, 2 * size);
      this.#feeBase = grown(this.#feeBase, 2 * size);
      this.#feePpm = grown(this.#feePpm, 2 * size);
      this.#nextInto = grown(this.#nextInto, 2 * size);
      this.#previousInto = grown(this.#previousInto, 2 * size);
    }
    return c;
  }

  /** Puts an edge at the head of the list of the node that it leads into. */
  #link(e: number): void {
    const node = at(this.#ends, e ^ 1);
    const first = at(this.#firstInto, node);
    this.#nextInto[e] = first;
    this.#previousInto[e] = -1;
    if (first !== -1) this.#previousInto[first] = e;
    this.#firstInto[node] = e;
    this.#channelsOfNode[node] = at(this.#channelsOfNode, node) + 1;
  }

  #unlink(e: number): void {
    const node = at(this.#ends, e ^ 1);
    const next = at(this.#nextInto, e);
    const previous = at(this.#previousInto, e);
    if (previous === -1) this.#firstInto[node] = next;
    else this.#nextInto[previous] = next;
    if (next !== -1) this.#previousInto[next] = previous;
    const left = at(this.#channelsOfNode, node) - 1;
    this.#channelsOfNode[node] = left;
    if (left === 0) {
      this.#nodes.delete(this.nodeId(node));
      this.#freeNodes.push(node);
    }
  }
}

/** A read inside the array's bounds: every index here comes from the graph itself. */
function at(array: { readonly [index: number]: number }, index: number): number {
  return array[index] ?? 0;
}
