import { RunnelError } from '../../protocols/errors.ts';
import type { Block, BlockRef, Chain } from '../chain/chain.ts';
import type { GossipVerdict, Network, NodeId } from '../network/network.ts';
import type { GraphChange } from '../routing/graph-change.ts';
import type { ChannelGraph } from '../routing/graph.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Database } from '../storage/database.ts';
import { ChannelWatch } from './channel-watch.ts';
import { Disputes } from './disputes.ts';
import { DirectGossip } from './direct-gossip.ts';
import { asProblem, GossipStoppedError, GossipSyncError } from './errors.ts';
import { FundingCheck } from './funding-check.ts';
import { defaultGossipLimits, type GossipLimits } from './limits.ts';
import type { GossipOutcome } from './outcome.ts';
import { newsOf } from './news.ts';
import { GossipStore } from './store.ts';
import { SyncScheduler } from './sync-scheduler.ts';
import { SyncResponder } from './sync-responder.ts';
import { updatedChannel } from './sync-messages.ts';
import { GossipSync, type SyncReport } from './sync.ts';
import { GossipTally } from './tally.ts';
import { RateLimiter } from '../runtime/rate-limiter.ts';
import type { SignatureChecker } from './signature-checker.ts';
import { GossipValidator, type Provenance } from './validator.ts';

export interface GossipServiceOptions {
  readonly self: NodeId;
  readonly chainHash: Uint8Array;
  readonly chain: Pick<Chain, 'outputAt' | 'tip'>;
  readonly database: Database;
  readonly network: Pick<Network, 'startGossip' | 'publishGossip' | 'tellGossip' | 'requestSync' | 'distrustGossip'>;
  /** Read by this service; what changes goes through `apply` (`Router.applyGossip`). */
  readonly graph: ChannelGraph;
  readonly apply: (change: GraphChange) => void;
  readonly clock: Clock;
  readonly knownFeatures: Uint8Array;
  readonly signatures: SignatureChecker;
  readonly limits?: Partial<GossipLimits>;
  /** Each message judged, after those that had waited for it. `from` is ourselves for our own. */
  readonly onOutcome?: (outcome: GossipOutcome, from: NodeId) => void;
  /** What went wrong without a caller who could be told: a full disk, a message that could not be published. */
  readonly onProblem: (error: RunnelError) => void;
}

const RETRY_MS = 5_000;
/** A peer is to tell what is as new as that; what is older comes with a sync. */
const HEARD_SINCE_SECONDS = 3_600;
/** What waited for an announcement is passed on a moment after it, so that it does not arrive before it elsewhere. */
const PASS_ON_DELAY_MS = 20;

/**
 * All of BOLT 7 behind one door: what comes in is judged and kept, what goes out is published, and a late joiner
 * catches up.
 */
export class GossipService {
  readonly store: GossipStore;
  readonly tally = new GossipTally();
  readonly #options: GossipServiceOptions;
  readonly #funding: FundingCheck;
  readonly #validator: GossipValidator;
  readonly #watch: ChannelWatch;
  readonly #responder: SyncResponder;
  readonly #sync: GossipSync;
  readonly #disputes: Disputes;
  readonly #direct: DirectGossip;
  readonly #scheduler: SyncScheduler;
  readonly #unfounded: RateLimiter;
  readonly #timers = new Set<() => void>();
  #lastPublished: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: GossipServiceOptions) {
    const limits = { ...defaultGossipLimits, ...options.limits };
    const { onProblem } = options;
    this.#options = options;
    this.store = new GossipStore({ ...options, limits, onStorageError: onProblem });
    this.#funding = new FundingCheck({ ...options, limits });
    this.#validator = new GossipValidator({
      ...options,
      limits,
      funding: this.#funding,
      store: this.store,
      onAccepted: (gossip, from) => {
        const news = newsOf(gossip, from, this.store);
        if (news !== undefined) options.network.tellGossip(news);
      },
      onOutcome: (outcome, from) => {
        this.tally.judged(outcome.reason);
        options.onOutcome?.(outcome, from);
      },
    });
    this.#watch = new ChannelWatch({ ...options, limits, store: this.store });
    this.#responder = new SyncResponder({ ...options, limits, store: this.store });
    this.#disputes = new Disputes({ ...options, limits, store: this.store, validator: this.#validator });
    this.#sync = new GossipSync({
      ...options, limits, store: this.store, validator: this.#validator, funding: this.#funding, tally: this.tally, disputes: this.#disputes,
    });
    this.#direct = new DirectGossip({
      limits,
      mayForward: (peer) => this.#validator.mayForward(peer),
      judge: (message, peer) => this.#judge(message, { from: peer, solicited: true }),
      onTrue: (message) => void this.#passOn([message]),
      onLie: (peer) => options.network.distrustGossip(peer),
    });
    this.#unfounded = new RateLimiter(options.clock, limits.unfounded, limits.maxRateKeys);
    this.#scheduler = new SyncScheduler({ ...options, limits, syncWith: (peer) => this.#caughtUpWith(peer) });
  }

  /** Fills the graph from the database. */
  start(): void {
    this.store.load();
  }

  /** Writes what waits to be written, and stops trying. */
  stop(): void {
    this.#isStopped = true;
    this.#scheduler.stop();
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.#options.signatures.stop();
    this.store.stop();
  }

  /** For `NetworkHandlers.onGossip`. Never throws. */
  async onGossip(message: Uint8Array, from: NodeId): Promise<GossipVerdict> {
    return this.#judge(message, { from, solicited: false });
  }

  /** What a peer sends over its link: see `DirectGossip.hear`. */
  onDirectGossip(message: Uint8Array, from: NodeId): boolean {
    return this.#direct.hear(message, from);
  }

  /** For `NetworkHandlers.onGossipDistrusted`: nothing more of what a peer has sent over its link is heard. */
  peerDistrusted(peer: NodeId): void {
    this.#direct.forget(peer);
  }

  /** For `NetworkHandlers.onSyncRequest`. Throws `GossipSyncError` for a bad request. */
  async *onSyncRequest(from: NodeId, request: Uint8Array): AsyncIterable<Uint8Array> {
    yield* this.#responder.answer(from, request);
  }

  /** Catches up with what a connected peer knows, now: see `GossipSync.syncWith`. */
  syncWith(peer: NodeId): Promise<SyncReport> {
    return this.#sync.syncWith(peer);
  }

  /**
   * Both `init`s are exchanged with a peer: catches up with it as soon as its turn comes and from time to time, and hears what is new.
   * `hasGossip`: BOLT 9's `gossip_queries`, that it has something to share.
   */
  peerConnected(peer: NodeId, hasGossip: boolean): void {
    const { network, clock } = this.#options;
    network.startGossip(peer, hasGossip ? Math.floor(clock.now() / 1000) - HEARD_SINCE_SECONDS : undefined);
    if (hasGossip) this.#scheduler.peerConnected(peer);
  }

  peerDisconnected(peer: NodeId): void {
    this.#scheduler.peerDisconnected(peer);
  }

  /**
   * Publishes a message of our own, after those before it. It is judged like any other, so that nothing leaves which
   * others must refuse; what only has to wait (for a block, for the chain to answer) is published later.
   */
  publish(message: Uint8Array): void {
    this.#lastPublished = this.#lastPublished.then(() => this.#publish(message));
  }

  /** Resolves when what was given to `publish` so far has left, or waits for better times. */
  published(): Promise<void> {
    return this.#lastPublished;
  }

  /** To be told of every block, in order, those missed while the node was down included. */
  async blockConnected(block: Block): Promise<void> {
    this.#watch.blockConnected(block);
    await this.#passOn(await this.#validator.heightReached(block.height));
  }

  blockDisconnected(block: BlockRef): void {
    this.#funding.forget();
    this.#watch.blockDisconnected(block);
  }

  async #judge(message: Uint8Array, provenance: Provenance): Promise<GossipVerdict> {
    const { onProblem } = this.#options;
    if (this.#isStopped) return 'ignore';
    this.tally.broadcastBytes += message.length;
    try {
      const outcome = await this.#validator.validate(message, provenance);
      const isUnfounded = outcome.reason === 'no_output' || outcome.reason === 'wrong_output';
      if (isUnfounded && !this.#unfounded.take(provenance.from)) return 'reject';
      if (outcome.released.length > 0) this.#after(PASS_ON_DELAY_MS, () => void this.#passOn(outcome.released));
      const disputed = outcome.reason === 'bad_signature' ? updatedChannel(message) : undefined;
      if (disputed === undefined) return outcome.verdict;
      return this.#disputes.open(provenance.from, disputed) ? 'ignore' : 'reject';
    } catch (error) {
      if (!(error instanceof GossipStoppedError)) onProblem(asProblem(error));
      return 'ignore';
    }
  }

  async #publish(message: Uint8Array): Promise<void> {
    const { self, onProblem } = this.#options;
    if (this.#isStopped) return;
    try {
      const outcome = await this.#validator.validate(message, { from: self, solicited: true });
      if (outcome.verdict !== 'accept') {
        if (outcome.verdict === 'later' && !this.#isStopped) this.#after(RETRY_MS, () => this.publish(message));
        return;
      }
      await this.#passOn([message]);
      await this.#passOn(outcome.released);
    } catch (error) {
      onProblem(asProblem(error));
    }
  }

  /** A sync that the scheduler started has no caller: whatever goes wrong is reported. */
  async #caughtUpWith(peer: NodeId): Promise<SyncReport> {
    try {
      return await this.syncWith(peer);
    } catch (error) {
      if (error instanceof GossipSyncError && error.code === 'sync_bad_reply') this.#options.network.distrustGossip(peer);
      const problem = asProblem(error);
      throw new RunnelError(problem.code, `catching up with ${peer}: ${problem.message}`, { ...problem.details, nodeId: peer }, { cause: error });
    }
  }

  #after(delayMs: number, action: () => void): void {
    const cancel = this.#options.clock.setTimer(delayMs, () => {
      this.#timers.delete(cancel);
      action();
    });
    this.#timers.add(cancel);
  }

  async #passOn(messages: readonly Uint8Array[]): Promise<void> {
    for (const message of messages) {
      try {
        await this.#options.network.publishGossip(message);
      } catch (error) {
        this.#options.onProblem(asProblem(error));
      }
    }
  }
}
