import { decodeGossip, isGossip } from '../../protocols/gossip/gossip-message.ts';
import { GossipError } from '../../protocols/gossip/errors.ts';
import { WireError } from '../../protocols/wire/errors.ts';
import { encodeMessage } from '../../protocols/wire/messages.ts';
import type { RunnelError } from '../../protocols/errors.ts';
import { NetworkError } from '../network/errors.ts';
import type { Network, NodeId } from '../network/network.ts';
import type { Clock } from '../runtime/clock.ts';
import { asProblem, GossipStoppedError, GossipSyncError } from './errors.ts';
import type { GossipLimits } from './limits.ts';
import { RateLimiter } from '../runtime/rate-limiter.ts';
import { isAnnounced } from './rules.ts';
import type { GossipStore } from './store.ts';
import { isEnd, WANT } from './sync-messages.ts';
import type { GossipValidator } from './validator.ts';

export interface DisputesOptions {
  readonly network: Pick<Network, 'requestSync' | 'distrustGossip'>;
  readonly validator: Pick<GossipValidator, 'validate'>;
  readonly store: GossipStore;
  readonly chainHash: Uint8Array;
  readonly clock: Clock;
  readonly limits: GossipLimits;
  readonly onProblem: (error: RunnelError) => void;
}

/**
 * - `forged`: the peer knows the nodes that we know, or cannot answer in order
 * - `double`: the channel was announced twice, and is gone here now
 * - `unknown`: the peer tells nothing, or what it tells cannot be judged now
 */
type Finding = 'forged' | 'double' | 'unknown';

/** How long a peer may take to account for itself, in all. */
const DEADLINE_MS = 15_000;
/** Updates of one peer without a right signature, while it is asked about the first. */
const MAX_WHILE_ASKED = 8;
/** How often a peer may leave a dispute open: it may have forgotten the channel just now, or be too busy. */
const UNSETTLED = { burst: 3, perSecond: 1 / 1200 };

/**
 * An update that is not signed by its channel's node is forged, or its channel was announced twice: to us with one pair of
 * nodes, to the peer with another, by who has the funding keys and wants to set honest nodes against each other. So the peer is
 * asked for the announcement that it knows. Another one, as good as ours, ends the channel for both (BOLT 7: the nodes are blacklisted); whoever
 * has the same one made the update up.
 */
export class Disputes {
  readonly #options: DisputesOptions;
  readonly #unsettled: RateLimiter;
  /** Peers that are being asked, and how many more such updates came of them meanwhile. */
  readonly #open = new Map<NodeId, number>();

  constructor(options: DisputesOptions) {
    this.#options = options;
    this.#unsettled = new RateLimiter(options.clock, UNSETTLED, options.limits.maxRateKeys);
  }

  /** Asks the peer, once at a time, and counts a forgery against it. False where it has sent too many such updates meanwhile. */
  open(peer: NodeId, scid: bigint): boolean {
    const meanwhile = this.#open.get(peer);
    if (meanwhile === undefined) {
      this.#open.set(peer, 0);
      void this.#settle(peer, scid);
      return true;
    }
    this.#open.set(peer, meanwhile + 1);
    return meanwhile < MAX_WHILE_ASKED;
  }

  /** Whether the peer may go on being believed after such an update; never rejects. */
  async isExcused(peer: NodeId, scid: bigint): Promise<boolean> {
    const finding = await this.#ask(peer, scid);
    return finding === 'double' || (finding === 'unknown' && this.#unsettled.take(peer));
  }

  async #settle(peer: NodeId, scid: bigint): Promise<void> {
    try {
      if (!(await this.isExcused(peer, scid))) this.#options.network.distrustGossip(peer);
    } finally {
      this.#open.delete(peer);
    }
  }

  /** Whoever takes too long has told nothing. */
  #ask(peer: NodeId, scid: bigint): Promise<Finding> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.setTimer(DEADLINE_MS, () => resolve('unknown'));
      this.#answer(peer, scid).then(resolve, (error: unknown) => resolve(this.#afterError(error))).finally(cancel);
    });
  }

  #afterError(error: unknown): Finding {
    // What is no message, rather than a connection that was lost.
    if (error instanceof WireError || error instanceof GossipError || error instanceof GossipSyncError) return 'forged';
    if (!(error instanceof NetworkError || error instanceof GossipStoppedError)) this.#options.onProblem(asProblem(error));
    return 'unknown';
  }

  async #answer(peer: NodeId, scid: bigint): Promise<Finding> {
    const { network, chainHash } = this.#options;
    const query = encodeMessage({ type: 'query_short_channel_ids', chainHash, shortChannelIds: [scid], queryFlags: [WANT.announcement] });
    let finding: Finding = 'unknown';
    let received = 0;
    for await (const bytes of network.requestSync(peer, query)) {
      if (isEnd(bytes)) return finding;
      // Nothing but what was asked for, once: an answer must not raise another question.
      if (++received > 1) return 'forged';
      finding = await this.#judge(peer, scid, bytes);
      if (finding === 'forged') return finding;
    }
    return 'unknown';
  }

  async #judge(peer: NodeId, scid: bigint, bytes: Uint8Array): Promise<Finding> {
    const { store, validator } = this.#options;
    const gossip = decodeGossip(bytes);
    if (!isGossip(gossip, 'channel_announcement') || gossip.message.shortChannelId !== scid) return 'forged';
    if (isAnnounced(gossip, store)) return 'forged';
    const { verdict } = await validator.validate(bytes, { from: peer, solicited: true });
    if (verdict === 'reject') return 'forged';
    return store.channel(scid) === undefined ? 'double' : 'unknown';
  }
}
