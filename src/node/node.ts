import type { Block } from '../chain/chain.ts';
import { ChannelManager } from '../channels/channel-manager.ts';
import { ChannelStore, hexOf } from '../channels/channel-store.ts';
import { type LiveChannel } from '../channels/live-channel.ts';
import type { Announcer } from '../gossip/announcer.ts';
import type { GossipService } from '../gossip/gossip-service.ts';
import type { NodeId } from '../network/network.ts';
import type { PaymentHub } from '../payments/hub.ts';
import type { PeerManager } from '../peers/peer-manager.ts';
import { directionOf } from '../routing/channel.ts';
import { ChannelGraph } from '../routing/graph.ts';
import { Liquidity } from '../routing/liquidity.ts';
import { LiquidityStore } from '../routing/liquidity-store.ts';
import { Router } from '../routing/router.ts';
import { Dispatcher } from '../runtime/dispatcher.ts';
import { StorageError } from '../storage/database.ts';
import { Wallet } from '../wallet/wallet.ts';
import { Sweeper } from '../sweep/sweeper.ts';
import { Alarms, type Alarm } from './alarms.ts';
import { createAnnouncer } from './announcing.ts';
import { Backups } from './backups.ts';
import { BalanceFees } from './balance-fees.ts';
import { ChainFeed } from './chain-feed.ts';
import { ChainFollower } from './chain-follower.ts';
import { alarmEvent, ChannelEvents } from './channel-events.ts';
import { ChannelOpener } from './channel-opener.ts';
import { ChannelUpdates } from './channel-updates.ts';
import { Endings } from './endings.ts';
import { reserveFor, watchReserve } from './fee-reserve.ts';
import { FeeUpdater } from './fee-updater.ts';
import { ForwardingPolicies } from './forwarding-policies.ts';
import { Funding } from './funding.ts';
import { channelWorld } from './channel-world.ts';
import { createGossip, createPeers, networkHandlers } from './node-network.ts';
import type { NodeOptions } from './node-options.ts';
import { createPayments } from './node-payments.ts';
import { OwnChannels } from './own-channels.ts';
import { SpareScript } from './spare-script.ts';

/** After a start: what the peers get to say that our state is an old one, before deadlines that passed meanwhile are acted upon. */
const MEETING_MS = 30_000;

/** A node: its parts, wired. Behaviour lives in the machines, effects in the parts; here is only who knows whom. */
export class Node {
  readonly options: NodeOptions;
  readonly nodeId: NodeId;
  readonly wallet: Wallet;
  readonly channels: ChannelManager;
  readonly peers: PeerManager;
  readonly dispatcher: Dispatcher;
  readonly funding: Funding;
  readonly fees: FeeUpdater;
  readonly feed: ChainFeed;
  readonly follower: ChainFollower;
  readonly opener: ChannelOpener;
  readonly policies: ForwardingPolicies;
  readonly balanceFees: BalanceFees;
  readonly graph = new ChannelGraph();
  readonly router: Router;
  readonly liquidity: Liquidity;
  readonly liquidityStore: LiquidityStore;
  readonly gossip: GossipService;
  readonly announcer: Announcer;
  readonly payments: PaymentHub;
  readonly ownChannels: OwnChannels;
  readonly updates: ChannelUpdates;
  readonly channelStore: ChannelStore;
  readonly backups: Backups;
  readonly alarms: Alarms;
  readonly sweeper: Sweeper;
  readonly endings: Endings;
  readonly channelEvents: ChannelEvents;
  readonly closingScript: SpareScript;
  #cancelDeadlines: () => void = () => {};

  constructor(options: NodeOptions) {
    const { database, signer, chain, chainName, chainHash, clock, randomBytes, logger, channelPolicy: policy, journalLimits } = options;
    this.options = options;
    this.nodeId = hexOf(signer.node.nodeId);
    this.wallet = new Wallet({
      database,
      signer: signer.onchain,
      network: chainName,
      gapLimit: options.addressGap ?? 100,
      reserveSat: () => reserveFor(this.channels.all()),
    });
    this.closingScript = new SpareScript(this.wallet, chainName);
    this.channelStore = new ChannelStore(database);
    this.channels = new ChannelManager({
      store: this.channelStore, signer, clock, policy, world: channelWorld(this), ...(journalLimits && { journalLimits }),
    });
    this.channelEvents = new ChannelEvents(this.channels.all());
    this.policies = new ForwardingPolicies(database, options.forwardingPolicy, clock);
    this.balanceFees = new BalanceFees({
      channels: this.channels,
      policies: this.policies,
      clock,
      dispatcher: () => this.dispatcher,
      ...(options.feeUpdateRate && { rate: options.feeUpdateRate }),
      policyChanged: (channel) => this.policyChanged(channel),
    });
    this.updates = new ChannelUpdates({ self: this.nodeId, chainHash, channels: this.channels });
    this.ownChannels = new OwnChannels(this.channels, this.policies);
    this.liquidity = new Liquidity(clock);
    const onStorageError = (error: StorageError): void => logger.warn({ err: error }, 'what was learned of the network is not saved');
    this.liquidityStore = new LiquidityStore({ database, clock, onStorageError });
    this.router = new Router({
      self: this.nodeId,
      chainHash,
      graph: this.graph,
      liquidity: this.liquidity,
      ...(options.weights && { weights: options.weights }),
      localChannels: () => this.ownChannels.forRouting(),
    });
    this.gossip = createGossip(this);
    this.announcer = createAnnouncer({
      ...options,
      self: this.nodeId,
      gossip: this.gossip,
      graph: this.graph,
      updates: this.updates,
      sendToPeer: (peer, message) => this.peers.send(peer, [message]),
    });
    this.payments = createPayments(this);
    this.feed = new ChainFeed({ database, wallet: this.wallet, channels: this.channels });
    this.backups = new Backups({
      ...options,
      file: options.backupFile,
      channels: this.channels,
      wallet: this.wallet,
      feed: this.feed,
      gossip: this.gossip,
      peers: () => this.peers,
      dispatcher: () => this.dispatcher,
      alarms: () => this.alarms,
    });
    this.dispatcher = new Dispatcher({
      database,
      channels: this.channels,
      payments: this.payments,
      others: [this.feed, this.backups],
      schedule: options.schedule,
      onDiscarded: (error) => this.#turnDiscarded(error),
      onReleaseFailed: (error) => this.#releaseFailed(error),
    });
    this.alarms = new Alarms({ logger, clock, onChange: (alarm, isRaised) => this.#alarmChanged(alarm, isRaised) });
    this.sweeper = new Sweeper({ database, chain, wallet: this.wallet, signer, alarms: this.alarms, logger });
    this.endings = new Endings({
      channels: this.channels,
      sweeper: this.sweeper,
      alarms: this.alarms,
      logger,
      blockHeight: () => this.height,
      isCurrent: () => this.follower.isCurrent,
      schedule: options.schedule,
    });
    this.fees = new FeeUpdater({ chain, channels: this.channels, dispatcher: this.dispatcher });
    this.funding = new Funding({
      wallet: this.wallet,
      chain,
      logger,
      submit: (channelIndex, event) => this.dispatcher.submit({ to: 'channel', channelIndex, event }),
    });
    this.follower = new ChainFollower({
      chain,
      dispatcher: this.dispatcher,
      feed: this.feed,
      onBlock: (block) => this.#blockConnected(block),
      onBlockGone: (block) => this.gossip.blockDisconnected(block),
      onCurrent: () => this.#current(),
      onEnd: options.onFatal,
    });
    this.opener = new ChannelOpener({
      channels: this.channels,
      dispatcher: this.dispatcher,
      clock,
      randomBytes,
      chainHash,
      isUp: (nodeId) => this.peers.isUp(nodeId),
      send: (nodeId, messages) => this.peers.send(nodeId, messages),
      newScript: () => this.closingScript.current(),
      blockHeight: () => this.height,
    });
    this.peers = createPeers(this);
  }

  /** The best block that is worked through. */
  get height(): number {
    return this.feed.tip?.height ?? 0;
  }

  /** Brings channels and payments back, joins the mesh and follows the chain from where it was left. */
  async start(): Promise<void> {
    const { network } = this.options;
    this.gossip.start();
    this.liquidityStore.attach(this.liquidity);
    await this.#takeUpFees();
    this.funding.releaseAllBut((index) => this.channels.get(index) !== undefined);
    // Before channels repeat what they told: what they were asked last must be known by then.
    await this.payments.start();
    await this.backups.start(this.options.recovery ?? {});
    this.feed.isCatchingUp = true;
    await this.follower.start();
    this.feed.isCatchingUp = false;
    for (const { index } of this.channels.all()) this.#restored(index);
    await network.start(networkHandlers(this));
    for (const channel of this.channels.all()) this.peers.want(hexOf(channel.data.remoteNodeId));
    for (const channel of this.channels.all()) this.policyChanged(channel);
    void this.backups.reachPeers();
    this.#cancelDeadlines = this.options.clock.setTimer(MEETING_MS, () => this.dispatcher.run((turn) => this.feed.checkDeadlines(turn)));
  }

  /** Everything begun is on disk when it resolves. */
  async stop(): Promise<void> {
    this.follower.stop();
    this.#cancelDeadlines();
    this.endings.stop();
    this.opener.abortAll('the node is stopping');
    this.peers.stop();
    this.announcer.stop();
    this.balanceFees.stop();
    this.payments.stop();
    this.dispatcher.stop();
    await this.sweeper.stop();
    await this.options.network.stop();
    this.gossip.stop();
    this.liquidityStore.stop();
  }

  /** The chain backend stopped answering, for that reason, or answers again. */
  chainAnswers(problem: Error | undefined): void {
    if (problem === undefined) this.alarms.clear('chain_away', 'chain');
    else this.alarms.raise('chain_away', 'chain', { message: `the chain does not answer, and deadlines of HTLCs pass unseen: ${problem.message}` });
  }

  /** A channel's policy changed: gossip and forwarding go by it from now on. */
  policyChanged(channel: LiveChannel): void {
    this.balanceFees.consider(channel);
    this.ownChannels.tell(channel, this.announcer);
  }

  /** Fees that are to follow balances do, before anyone hears of them; what an earlier run told last holds on for a while. */
  async #takeUpFees(): Promise<void> {
    const channels = [...this.channels.all()];
    await this.dispatcher.inTurn(() => {
      for (const channel of channels) {
        const { index, data: { shortChannelId }, nodeId } = channel;
        this.balanceFees.follow(channel);
        const told = shortChannelId === undefined ? undefined : this.graph.policy(shortChannelId, directionOf(this.nodeId, nodeId));
        if (told !== undefined) this.policies.noteOlder(index, told);
      }
    });
  }

  /** All blocks are worked through. */
  #current(): void {
    this.endings.update();
    watchReserve(this.wallet, this.alarms);
    this.fees.update().catch((error: unknown) => this.options.logger.debug({ err: error }, 'no feerate for the commitments'));
  }

  #blockConnected(block: Block): void {
    const { events, logger, clock } = this.options;
    events.publish({ type: 'block', timeMs: clock.now(), height: block.height, hash: block.hash });
    this.funding.blockConnected(block);
    this.backups.blockConnected();
    this.gossip.blockConnected(block).catch((error: unknown) => logger.warn({ err: error }, 'gossip'));
  }

  #alarmChanged(alarm: Alarm, isRaised: boolean): void {
    const channel = alarm.channelIndex === undefined ? undefined : this.channels.get(alarm.channelIndex);
    this.options.events.publish(alarmEvent(alarm, isRaised, channel, this.options.clock.now()));
  }

  #restored(channelIndex: number): void {
    this.dispatcher.submit({ to: 'channel', channelIndex, event: { type: 'restored' } });
  }

  #turnDiscarded(error: unknown): void {
    const { logger, onFatal } = this.options;
    logger.error({ err: error }, 'a turn was discarded: nothing of it was written or sent');
    for (const index of this.channels.takeReloaded()) this.#restored(index);
    this.endings.update();
    this.opener.abortLost('the turn was discarded');
    // Without its store the node must not go on; it never closes a channel for that.
    if (error instanceof StorageError && error.endsTransaction) onFatal(error);
  }

  /** What was to leave did not, or in part: a new process goes by what is on disk. */
  #releaseFailed(error: unknown): void {
    const { logger, onFatal } = this.options;
    logger.error({ err: error }, 'what was decided could not be done');
    onFatal(error);
  }
}
