import type { Clock } from '../../runtime/clock.ts';
import { NetworkError } from '../errors.ts';
import type { Liars } from '../liars.ts';
import type { NetworkLimits } from '../limits.ts';
import type { GossipNews, NetworkHandlers, NodeId } from '../network.ts';
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

/** Gossip over Lightning's links, by BOLT 7: filters and queries both ways, and what is passed on in flushes. */
export class LightningGossip {
  readonly #options: LightningGossipOptions;
  readonly #partners = new Map<NodeId, GossipPartner>();
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
  tell(news: GossipNews): void {
    for (const [nodeId, partner] of this.#partners) {
      if (news.from === this.#options.self) partner.tellNow(news);
      else if (nodeId !== news.from) partner.tellLater(news);
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

  /** BOLT 7, "Rebroadcasting": at regular times, whenever it arrived. */
  #scheduleFlush(): void {
    this.#cancelFlush ??= this.#options.clock.setTimer(this.#options.limits.gossipFlushMs, () => {
      this.#cancelFlush = undefined;
      for (const partner of this.#partners.values()) partner.flush();
      if (this.#partners.size > 0) this.#scheduleFlush();
    });
  }
}
