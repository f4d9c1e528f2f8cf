import { toString } from 'uint8arrays/to-string';
import { isGossip, type Gossip, type GossipOf } from '../../../protocols/gossip/gossip-message.ts';
import { BoundedMap } from '../../runtime/bounded-map.ts';
import type { Clock } from '../../runtime/clock.ts';
import { NetworkError } from '../errors.ts';
import type { Liars } from '../liars.ts';
import type { NetworkLimits } from '../limits.ts';
import type { NetworkHandlers, NodeId } from '../network.ts';
import type { PeerLink } from '../peer-link.ts';
import { GossipPartner } from './gossip-partner.ts';
import { Turns } from './turns.ts';

export interface LightningGossipOptions {
  readonly self: NodeId;
  readonly chainHash: Uint8Array;
  readonly clock: Clock;
  readonly limits: NetworkLimits;
  readonly liars: Liars;
  readonly handlers: Pick<NetworkHandlers, 'onSyncRequest'>;
}

/** Announcements of channels that no update was heard of yet. */
const MAX_UNUPDATED = 10_000;

interface Waiting {
  readonly announcement: GossipOf<'channel_announcement'>;
  /** It is a channel of this node. */
  readonly isOurs: boolean;
  /** Of its two nodes: they must not be told of before it. */
  readonly nodes: Map<string, { readonly gossip: GossipOf<'node_announcement'>; readonly from: NodeId }>;
}

/** Gossip over Lightning's links, by BOLT 7: filters and queries both ways, and what is passed on in flushes. */
export class LightningGossip {
  readonly #options: LightningGossipOptions;
  readonly #partners = new Map<NodeId, GossipPartner>();
  readonly #waiting = new BoundedMap<bigint, Waiting>(MAX_UNUPDATED);
  /** Of each node at the end of a channel that waits, the last such channel. */
  readonly #waitingOf = new BoundedMap<string, bigint>(2 * MAX_UNUPDATED);
  readonly #turns: Turns;
  #cancelFlush: (() => void) | undefined;

  constructor(options: LightningGossipOptions) {
    this.#options = options;
    this.#turns = new Turns(options.clock);
  }

  /** Both `init`s are exchanged over the link. `sinceSeconds`: from when on the peer is to tell what it hears, if it is to. */
  start(nodeId: NodeId, link: PeerLink, sinceSeconds: number | undefined): void {
    const { clock, limits, chainHash, handlers, liars } = this.#options;
    const partner = new GossipPartner({
      link,
      clock,
      limits,
      chainHash,
      isHeard: () => !liars.isDistrusted(nodeId),
      turn: () => this.#turns.next(),
      answer: (request) => handlers.onSyncRequest(nodeId, request),
    });
    this.#partners.set(nodeId, partner);
    if (sinceSeconds !== undefined) partner.follow(sinceSeconds);
    this.#scheduleFlush();
  }

  /** The link to a peer has ended. */
  end(nodeId: NodeId): void {
    this.#partners.get(nodeId)?.end();
    this.#partners.delete(nodeId);
  }

  stop(): void {
    this.#cancelFlush?.();
    for (const nodeId of this.#partners.keys()) this.end(nodeId);
  }

  /** Takes what is gossip's of the messages that a link brings; false for what is not, or is to be judged. */
  take(nodeId: NodeId, message: Uint8Array): boolean {
    return this.#partners.get(nodeId)?.take(message) ?? false;
  }

  /** Passes on what is true, or is our own (`from` ourselves), in the order in which it became so. */
  tell(gossip: Gossip, from: NodeId): void {
    // BOLT 7: an announcement goes with the first update of its channel, counts as being as old, and comes before its nodes'.
    if (isGossip(gossip, 'channel_announcement')) {
      const { shortChannelId, nodeId1, nodeId2 } = gossip.message;
      const nodeIds = [nodeId1, nodeId2].map((nodeId) => toString(nodeId, 'hex'));
      this.#waiting.set(shortChannelId, { announcement: gossip, isOurs: nodeIds.includes(this.#options.self), nodes: new Map() });
      for (const nodeId of nodeIds) this.#waitingOf.set(nodeId, shortChannelId);
    } else if (isGossip(gossip, 'channel_update')) {
      const { announcement, nodes } = this.#waitsFor(gossip.message.shortChannelId, from) ?? {};
      this.#pass(announcement === undefined ? [gossip] : [announcement, gossip], gossip.message.timestamp, from);
      for (const node of nodes?.values() ?? []) this.#pass([node.gossip], node.gossip.message.timestamp, node.from);
    } else if (isGossip(gossip, 'node_announcement')) {
      const nodeId = toString(gossip.message.nodeId, 'hex');
      const waiting = this.#waiting.get(this.#waitingOf.get(nodeId) ?? -1n);
      if (waiting !== undefined) waiting.nodes.set(nodeId, { gossip, from });
      else this.#pass([gossip], gossip.message.timestamp, from);
    }
  }

  /** @throws NetworkError `not_connected`, `stream_failed` */
  ask(nodeId: NodeId, query: Uint8Array, isAnswer?: (message: Uint8Array) => boolean): AsyncIterable<Uint8Array> {
    const partner = this.#partners.get(nodeId);
    if (partner === undefined) throw new NetworkError('not_connected', `no gossip with ${nodeId}`, { nodeId });
    return partner.ask(query, isAnswer);
  }

  /** A peer told what it must know to be false. */
  distrust(nodeId: NodeId): void {
    this.#options.liars.lied(nodeId);
  }

  #pass(messages: readonly Gossip[], timestamp: number, from: NodeId): void {
    for (const [nodeId, partner] of this.#partners) {
      if (from === this.#options.self) partner.tellNow(messages);
      else if (nodeId !== from) partner.tellLater(messages, timestamp);
    }
  }

  /** What waits for an update of that channel by that node: the first, but of our own channels ours, which all are told. */
  #waitsFor(shortChannelId: bigint, from: NodeId): Waiting | undefined {
    const waiting = this.#waiting.get(shortChannelId);
    if (waiting?.isOurs !== true || from === this.#options.self) this.#waiting.delete(shortChannelId);
    return waiting;
  }

  /** BOLT 7, "Rebroadcasting": at regular times, whenever it arrived. */
  #scheduleFlush(): void {
    this.#cancelFlush ??= this.#options.clock.setTimer(this.#options.limits.gossipFlushMs, () => {
      this.#cancelFlush = undefined;
      for (const partner of this.#partners.values()) partner.flush();
      if (this.#partners.size > 0) this.#scheduleFlush();
    });
  }
}
