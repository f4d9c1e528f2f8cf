import type { EventHub } from '../api/events.ts';
import { decodeBackup, type BackupOwner } from '../backup/backup-codec.ts';
import type { BackupChannel, BackupContent } from '../backup/backup-content.ts';
import type { BackupFile } from '../backup/backup-file.ts';
import { BackupWriter, channelIdIn } from '../backup/backup-writer.ts';
import { BackupError } from '../backup/errors.ts';
import { isSame, planRestore, type RestorePlan } from '../backup/restore.ts';
import type { Chain } from '../chain/chain.ts';
import { hexOf } from '../channels/channel-store.ts';
import type { ChannelManager } from '../channels/channel-manager.ts';
import type { LiveChannel } from '../channels/live-channel.ts';
import { announcedAddresses } from '../gossip/announced-addresses.ts';
import type { GossipService } from '../gossip/gossip-service.ts';
import type { Signer } from '../keys/signer-api.ts';
import type { Logger } from '../logging.ts';
import type { NodeId } from '../network/network.ts';
import type { PeerManager } from '../peers/peer-manager.ts';
import type { Clock, RandomBytes } from '../runtime/clock.ts';
import type { Dispatcher } from '../runtime/dispatcher.ts';
import type { Wallet } from '../wallet/wallet.ts';
import type { Alarms } from './alarms.ts';
import type { ChainFeed } from './chain-feed.ts';

/** What a start is to bring back. */
export interface Recovery {
  /** The text of a channel backup. */
  readonly backup?: string;
  /** From where on to look for the wallet's coins, where there is no backup that says it. */
  readonly scanFromHeight?: number;
  /**
   * Where the seed is not made by this start: it lay in the data folder, or its words were brought back. At a first start
   * it may have had coins and channels that this database has never heard of.
   */
  readonly seed?: 'found' | 'restored';
}

export interface BackupsOptions {
  /** None: no file is kept, as in a simulation. */
  readonly file: BackupFile | undefined;
  readonly signer: Signer;
  readonly chain: Chain;
  readonly chainName: string;
  readonly chainHash: Uint8Array;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly logger: Logger;
  readonly events: EventHub;
  readonly channels: ChannelManager;
  readonly wallet: Wallet;
  readonly feed: ChainFeed;
  readonly peers: () => PeerManager;
  readonly gossip: GossipService;
  readonly dispatcher: () => Dispatcher;
  readonly alarms: () => Pick<Alarms, 'raise' | 'clear'>;
}

/** Where the indexes of an old seed go on that no backup tells of: in the upper half, at random, so that none is used twice. */
const UNKNOWN_PAST_BASE = 2 ** 30;
const UNKNOWN_PAST_RANGE = 2 ** 29;
/** There is one backup. */
const ALARM_KEY = 'backup';

/** The node's channel backup: kept, given out, looked into, and brought back. */
export class Backups {
  readonly #options: BackupsOptions;
  readonly #owner: BackupOwner;
  readonly #writer: BackupWriter;
  /** The height at a first start: the wallet has nothing below. */
  #firstHeight = 0;
  /** Those that this process brought back, whose peers are still to be found. */
  #restored: readonly BackupChannel[] = [];

  constructor(options: BackupsOptions) {
    const { signer, chainName, clock, randomBytes, events, logger, channels, wallet, feed } = options;
    this.#options = options;
    this.#owner = { network: chainName, nodeId: signer.node.nodeId, cipher: signer.backup };
    this.#writer = new BackupWriter({
      file: options.file,
      owner: this.#owner,
      clock,
      randomBytes,
      channels: () => channels.all(),
      nextChannelIndex: () => channels.nextIndex,
      addressesOf: (nodeId) => this.#addressesOf(nodeId),
      walletHeight: () => wallet.firstHeight() ?? feed.tip?.height ?? this.#firstHeight,
      onWritten: (numChannels) => {
        options.alarms().clear('backup_outdated', ALARM_KEY);
        events.publish({ type: 'backup', timeMs: clock.now(), numChannels });
      },
      onProblem: (error) => {
        const reason = error instanceof Error ? error.message : String(error);
        options.alarms().raise('backup_outdated', ALARM_KEY, { message: `the channel backup is not up to date: ${reason}` });
        logger.error({ err: error }, 'the channel backup could not be written');
      },
    });
  }

  /**
   * Brings back what is asked for and the file up to date. To be called before the chain is followed and the mesh is
   * joined. Throws `BackupError`, before anything has changed.
   */
  async start({ backup, scanFromHeight, seed }: Recovery): Promise<void> {
    const { logger, feed } = this.#options;
    if (backup !== undefined) await this.#restore(decodeBackup(backup, this.#owner));
    else if (scanFromHeight !== undefined) await this.#beginAnew(scanFromHeight);
    // Whoever brings a seed back wants what it has, wherever in the chain that is.
    else if (feed.tip === undefined && seed !== undefined) await this.#beginAnew(seed === 'restored' ? 0 : undefined);
    if (feed.tip === undefined) this.#firstHeight = (await this.#options.chain.tip()).height;
    const aside = this.#writer.start((channel) => this.#isKnown(channel));
    if (aside !== undefined) logger.warn({ file: aside }, 'the channel backup in the data folder is not of this seed: it was set aside');
  }

  /** Looks for the peers of what was restored, wherever the backup says that they may be. */
  async reachPeers(): Promise<void> {
    const peers = this.#options.peers();
    for (const { remoteNodeId, addresses } of this.#restored) {
      for (const address of addresses) {
        try {
          await peers.connect(hexOf(remoteNodeId), address);
          break;
        } catch (error) {
          this.#options.logger.debug({ err: error }, 'a peer is not where the backup says');
        }
      }
    }
  }

  /** The backup as it is now. */
  current(): { readonly text: string; readonly numChannels: number } {
    return this.#writer.current();
  }

  /** What a backup holds, and what restoring it here would do. Throws `BackupError` for one that could not be restored. */
  verify(text: string): { readonly content: BackupContent; readonly plan: RestorePlan } {
    const content = decodeBackup(text, this.#owner);
    return { content, plan: this.#plan(content) };
  }

  changed(channel: LiveChannel): void {
    this.#writer.note(channel);
  }

  peerConnected(nodeId: NodeId): void {
    this.#writer.notePeer(nodeId);
  }

  blockConnected(): void {
    this.#writer.retry();
  }

  // As one who takes part in turns.

  persist(): void {}

  committed(): void {
    this.#writer.committed();
  }

  reset(): void {}

  async #restore(content: BackupContent): Promise<void> {
    const { channels, chainHash, feed, dispatcher, peers, logger } = this.#options;
    const { restored, refused, scanFromHeight, nextChannelIndex } = this.#plan(content);
    for (const channel of refused) logger.warn({ channelId: channelIdIn(channel) }, 'not restored: this node knows the channel');
    if (restored.length === 0 && (content.channels.length > 0 || feed.tip !== undefined)) return;
    this.#requireUnused();
    const from = await this.#blockBefore(scanFromHeight);
    for (const { remoteNodeId, addresses: [address] } of restored) {
      if (address !== undefined) peers().suggestAddress(hexOf(remoteNodeId), address);
    }
    await dispatcher().inTurn((turn) => {
      channels.recover(restored, chainHash, nextChannelIndex, turn);
      feed.rewindTo(from);
    });
    this.#restored = restored;
    logger.info({ numChannels: restored.length, fromHeight: scanFromHeight }, 'restored: going through the chain, then asking the peers to close');
  }

  #plan(content: BackupContent): RestorePlan {
    const { channels, signer } = this.#options;
    // Deriving a channel's keys takes some milliseconds: live channels have theirs.
    const keys = { channel: (index: number) => channels.get(index)?.keys.channel ?? signer.channel(index) };
    return planRestore(content, channels.known(), keys);
  }

  /** Without a backup. */
  async #beginAnew(scanFromHeight: number | undefined): Promise<void> {
    const { channels, chainHash, feed, dispatcher, randomBytes, logger } = this.#options;
    this.#requireUnused();
    const from = scanFromHeight === undefined ? undefined : await this.#blockBefore(scanFromHeight);
    const [a = 0, b = 0, c = 0, d = 0] = randomBytes(4);
    const random = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    await dispatcher().inTurn((turn) => {
      if (channels.nextIndex === 0) channels.recover([], chainHash, UNKNOWN_PAST_BASE + (random % UNKNOWN_PAST_RANGE), turn);
      if (from !== undefined) feed.rewindTo(from);
    });
    if (from === undefined) logger.warn('the seed is not new: what it had before is not looked for (see --rescan-from and --restore-backup)');
    else logger.info({ fromHeight: scanFromHeight }, "going through the chain for the wallet's coins");
  }

  /** Blocks of the past would be news to channels that have long been through them. */
  #requireUnused(): void {
    const own = [...this.#options.channels.all()].filter(({ data }) => !data.isRecovered);
    if (own.length === 0) return;
    throw new BackupError(
      'backup_node_in_use',
      `expected a node without channels of its own, got one with ${own.length}: restore on an empty data folder`,
      { numChannels: own.length },
    );
  }

  async #blockBefore(height: number): Promise<{ readonly height: number; readonly hash: string }> {
    const { chain, feed } = this.#options;
    const tip = await chain.tip();
    const before = Math.max(0, Math.min(height - 1, tip.height, feed.tip?.height ?? tip.height));
    return chain.blockAt(before);
  }

  #isKnown(channel: BackupChannel): boolean {
    const { channels } = this.#options;
    return channels.get(channel.channelIndex) !== undefined || channels.known().some((known) => isSame(channel, known));
  }

  #addressesOf(nodeId: NodeId): string[] {
    const { peers, gossip } = this.#options;
    const [reached, said] = [peers().address(nodeId), peers().saidAddress(nodeId)];
    // Only the first is known to be right.
    return [reached, ...announcedAddresses(gossip.store, nodeId), said].filter((address) => address !== undefined);
  }
}
