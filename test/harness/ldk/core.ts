/** One life of an LDK node: the library's objects from a start to a stop. */
import { randomBytes } from 'node:crypto';
import { Block, Transaction } from 'bitcoinjs-lib';
import * as ldk from 'lightningdevkit';
import { fromString } from 'uint8arrays';
import type { BlockRef } from '../../../src/chain/chain.ts';
import type { LdkChain, RawBlock } from './chain-sync.ts';
import { unwrap } from './library.ts';
import type { LdkLog } from './log.ts';
import type { LdkStore } from './store.ts';
import type { LdkWallet } from './wallet.ts';

const FLOOR_PER_KW = 253;
const Target = ldk.ConfirmationTarget;

/** What outlives a start and a stop. */
export interface LdkWorld {
  readonly seed: number;
  readonly config: ldk.UserConfig;
  readonly chain: LdkChain;
  readonly wallet: LdkWallet;
  readonly store: LdkStore;
  readonly log: LdkLog;
  readonly fees: { feeratePerKw: number };
}

/**
 * Nothing of the library's is ever freed: its parts hold one another by plain pointers, and the garbage collector would
 * take them in any order.
 */
const everBuilt: LdkCore[] = [];

export class LdkCore {
  readonly keys: ldk.KeysManager;
  readonly monitors: ldk.ChainMonitor;
  readonly graph: ldk.NetworkGraph;
  readonly manager: ldk.ChannelManager;
  readonly peers: ldk.PeerManager;
  readonly bumper: ldk.BumpTransactionEventHandler;
  readonly #world: LdkWorld;
  readonly #fees: ldk.FeeEstimator;
  readonly #broadcaster: ldk.BroadcasterInterface;
  readonly #events: ldk.Event[] = [];
  readonly #handler: ldk.EventHandler;
  readonly #sources: readonly ldk.EventsProvider[];
  readonly #listeners: readonly ldk.Listen[];
  readonly #restored: readonly ldk.ChannelMonitor[];
  /** What the library holds weakly, or by a pointer. */
  readonly #held: unknown[] = [];

  /** New at `tip`, or with what the store has; `catchUp` has to be called before anything else. */
  constructor(world: LdkWorld, tip: BlockRef) {
    everBuilt.push(this);
    this.#world = world;
    const { seed, log: { logger }, store } = world;
    const now = Math.floor(Date.now() / 1_000);
    // The second and third make each start's keys for one-time use its own.
    this.keys = ldk.KeysManager.constructor_new(new Uint8Array(32).fill(seed), BigInt(now), randomBytes(3).readUIntBE(0, 3));
    this.#fees = ldk.FeeEstimator.new_impl({ get_est_sat_per_1000_weight: (target) => feerate(target, world.fees.feeratePerKw) });
    this.#broadcaster = ldk.BroadcasterInterface.new_impl({
      broadcast_transactions: (raws) => world.chain.broadcast(raws.map((raw) => Transaction.fromBuffer(raw))),
    });
    const none = ldk.Option_FilterZ.constructor_none();
    this.monitors = ldk.ChainMonitor.constructor_new(none, this.#broadcaster, logger, this.#fees, store.persist);
    this.graph = store.graph === undefined
      ? ldk.NetworkGraph.constructor_new(ldk.Network.LDKNetwork_Regtest, logger)
      : unwrap('the graph', ldk.NetworkGraph.constructor_read(store.graph, logger));
    this.#restored = store.monitors.map((bytes) => this.#readMonitor(bytes));
    this.manager = store.manager === undefined ? this.#newManager(tip, now) : this.#readManager(store.manager);
    this.peers = this.#newPeers(now);
    const wallet = this.#hold(ldk.Wallet.constructor_new(world.wallet.source, logger));
    const signer = this.keys.as_SignerProvider();
    this.bumper = ldk.BumpTransactionEventHandler.constructor_new(this.#broadcaster, wallet.as_CoinSelectionSource(), signer, logger);
    this.#handler = ldk.EventHandler.new_impl({
      handle_event: (event) => {
        this.#events.push(event);
        return ldk.Result_NoneReplayEventZ.constructor_ok();
      },
    });
    this.#sources = [this.manager.as_EventsProvider(), this.monitors.as_EventsProvider()];
    this.#listeners = [this.monitors.as_Listen(), this.manager.as_Listen()];
  }

  /** Brings what was read from the store up to the block of that height, each part from where it was. */
  async catchUp(height: number): Promise<void> {
    const blocks = new Map<number, Promise<RawBlock>>();
    const blockAt = (at: number): Promise<RawBlock> => {
      const block = blocks.get(at) ?? this.#world.chain.blockAt(at);
      blocks.set(at, block);
      return block;
    };
    for (const monitor of this.#restored) {
      for (let at = monitor.current_best_block().get_height() + 1; at <= height; at++) {
        const { bytes, header } = await blockAt(at);
        const { transactions = [] } = Block.fromBuffer(bytes);
        const indexed = transactions.map((each, i) => ldk.TwoTuple_usizeTransactionZ.constructor_new(i, each.toBuffer()));
        monitor.block_connected(header, indexed, at, this.#broadcaster, this.#fees, this.#world.log.logger);
      }
    }
    for (let at = this.manager.current_best_block().get_height() + 1; at <= height; at++) {
      this.manager.as_Listen().block_connected((await blockAt(at)).bytes, at);
    }
    const watch = this.monitors.as_Watch();
    for (const monitor of this.#restored) {
      unwrap('a monitor', watch.watch_channel(monitor.get_funding_txo().get_a(), monitor));
    }
  }

  /** What has happened, each event once; they are handled by the caller, outside of the library's locks. */
  takeEvents(): ldk.Event[] {
    for (const source of this.#sources) source.process_pending_events(this.#handler);
    return this.#events.splice(0);
  }

  connectBlock({ bytes, height }: RawBlock): void {
    for (const listener of this.#listeners) listener.block_connected(bytes, height);
  }

  disconnectBlock({ header, height }: RawBlock): void {
    for (const listener of this.#listeners) listener.block_disconnected(header, height);
  }

  /** Writes the manager down where it has changed; the monitors have been by the library. */
  save(): void {
    if (this.manager.get_and_clear_needs_persistence()) this.#world.store.manager = this.manager.write();
  }

  /** Writes everything down, at the end. */
  saveAll(): void {
    this.#world.store.manager = this.manager.write();
    this.#world.store.graph = this.graph.write();
  }

  #hold<T>(value: T): T {
    this.#held.push(value);
    return value;
  }

  #router(): [ldk.Router, ldk.MessageRouter] {
    const { logger } = this.#world.log;
    const entropy = this.keys.as_EntropySource();
    const decay = ldk.ProbabilisticScoringDecayParameters.constructor_default();
    const scorer = this.#hold(ldk.ProbabilisticScorer.constructor_new(decay, this.graph, logger));
    const score = this.#hold(ldk.MultiThreadedLockableScore.constructor_new(scorer.as_Score()));
    const fees = ldk.ProbabilisticScoringFeeParameters.constructor_default();
    const router = this.#hold(ldk.DefaultRouter.constructor_new(this.graph, logger, entropy, score.as_LockableScore(), fees));
    const messages = this.#hold(ldk.DefaultMessageRouter.constructor_new(this.graph, entropy));
    return [router.as_Router(), messages.as_MessageRouter()];
  }

  #newManager(tip: BlockRef, now: number): ldk.ChannelManager {
    const best = ldk.BestBlock.constructor_new(fromString(tip.hash, 'hex').reverse(), tip.height);
    const parameters = ldk.ChainParameters.constructor_new(ldk.Network.LDKNetwork_Regtest, best);
    return ldk.ChannelManager.constructor_new(
      this.#fees, this.monitors.as_Watch(), this.#broadcaster, ...this.#router(), this.#world.log.logger,
      this.keys.as_EntropySource(), this.keys.as_NodeSigner(), this.keys.as_SignerProvider(),
      this.#world.config, parameters, now,
    );
  }

  #readManager(bytes: Uint8Array): ldk.ChannelManager {
    const result = ldk.UtilMethods.constructor_C2Tuple_ThirtyTwoBytesChannelManagerZ_read(
      bytes, this.keys.as_EntropySource(), this.keys.as_NodeSigner(), this.keys.as_SignerProvider(), this.#fees,
      this.monitors.as_Watch(), this.#broadcaster, ...this.#router(), this.#world.log.logger, this.#world.config,
      [...this.#restored],
    );
    return this.#hold(unwrap<ldk.TwoTuple_ThirtyTwoBytesChannelManagerZ>('the manager', this.#hold(result))).get_b();
  }

  #readMonitor(bytes: Uint8Array): ldk.ChannelMonitor {
    const result = ldk.UtilMethods.constructor_C2Tuple_ThirtyTwoBytesChannelMonitorZ_read(
      bytes, this.keys.as_EntropySource(), this.keys.as_SignerProvider(),
    );
    return this.#hold(unwrap<ldk.TwoTuple_ThirtyTwoBytesChannelMonitorZ>('a monitor', this.#hold(result))).get_b();
  }

  #newPeers(now: number): ldk.PeerManager {
    const { logger } = this.#world.log;
    const gossip = this.#hold(ldk.P2PGossipSync.constructor_new(this.graph, ldk.Option_UtxoLookupZ.constructor_none(), logger));
    const ignored = this.#hold(ldk.IgnoringMessageHandler.constructor_new());
    return ldk.PeerManager.constructor_new(
      this.manager.as_ChannelMessageHandler(), gossip.as_RoutingMessageHandler(), ignored.as_OnionMessageHandler(),
      ignored.as_CustomMessageHandler(), now, new Uint8Array(randomBytes(32)), logger, this.keys.as_NodeSigner(),
    );
  }
}

/** What the node asks of its peers has room around the feerate that it uses itself. */
function feerate(target: ldk.ConfirmationTarget, perKw: number): number {
  switch (target) {
    case Target.LDKConfirmationTarget_MaximumFeeEstimate:
      return Math.max(perKw, 25_000);
    case Target.LDKConfirmationTarget_MinAllowedAnchorChannelRemoteFee:
    case Target.LDKConfirmationTarget_MinAllowedNonAnchorChannelRemoteFee:
    case Target.LDKConfirmationTarget_ChannelCloseMinimum:
      return FLOOR_PER_KW;
    default:
      return Math.max(perKw, FLOOR_PER_KW);
  }
}
