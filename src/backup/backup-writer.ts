import { channelIdOfFunding } from '../../machines/channel/channel-id.ts';
import { staticChannelOf } from '../../machines/channel/recovering.ts';
import { MAX_REORG_DEPTH } from '../chain/follower.ts';
import { hexOf } from '../channels/channel-store.ts';
import type { Lifecycle, LiveChannel } from '../channels/live-channel.ts';
import type { NodeId } from '../network/network.ts';
import type { Clock, RandomBytes } from '../runtime/clock.ts';
import { decodeBackup, encodeBackup, type BackupOwner } from './backup-codec.ts';
import { isPeerAddress } from '../api/fields.ts';
import { MAX_ADDRESSES, type BackupChannel, type BackupContent } from './backup-content.ts';
import type { BackupFile } from './backup-file.ts';
import { BackupError } from './errors.ts';

const NONCE_BYTES = 24;

export interface BackupWriterOptions {
  /** None: nothing is written. */
  readonly file: BackupFile | undefined;
  readonly owner: BackupOwner;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** The channels that are not ended. */
  readonly channels: () => Iterable<LiveChannel>;
  readonly nextChannelIndex: () => number;
  /** Where a peer was reached, or says that it can be, the likeliest first. */
  readonly addressesOf: (nodeId: NodeId) => readonly string[];
  /** No block below it has a transaction of the wallet's. */
  readonly walletHeight: () => number;
  /** A new backup is on disk. It must not throw. */
  readonly onWritten: (numChannels: number) => void;
  /** It could not be written, and will be tried again. */
  readonly onProblem: (error: unknown) => void;
}

/** Before and after these, the peer has no commitment with money of ours. */
const unlisted: ReadonlySet<Lifecycle> = new Set(['opening', 'abandoned', 'closed'] satisfies Lifecycle[]);

/**
 * Keeps the backup file in step with the channels: it is written when one is added, confirmed or over, or its peer is found
 * elsewhere, and never for a payment. That happens after the turn is in the database and before anything of it leaves the
 * node, so that no funding transaction is out of which a backup knows nothing.
 */
export class BackupWriter {
  readonly #options: BackupWriterOptions;
  /** The short channel id (or its absence) of each channel that the backup has, and the addresses of each peer. */
  readonly #listed = new Map<number, bigint | undefined>();
  readonly #addresses = new Map<NodeId, string>();
  #isDue = false;
  #hasFailed = false;

  constructor(options: BackupWriterOptions) {
    this.#options = options;
  }

  /**
   * Brings the file up to date at the node's start. One that this seed did not make is set aside; the answer is its new
   * name. Throws `BackupError` `backup_not_restored` for one of ours with channels that the node has never heard of: they
   * are lost, or its database is an old one, and to write over it would lose them for good.
   */
  start(isKnown: (channel: BackupChannel) => boolean): string | undefined {
    const { file, owner } = this.#options;
    const text = file?.read();
    let aside: string | undefined;
    if (text !== undefined) {
      try {
        const lost = decodeBackup(text, owner).channels.filter((channel) => !isKnown(channel));
        if (lost.length > 0) throw notRestored(lost);
      } catch (error) {
        if (!(error instanceof BackupError) || error.code === 'backup_not_restored') throw error;
        aside = file?.setAside();
      }
    }
    for (const channel of this.#options.channels()) this.note(channel);
    this.#demand();
    this.#write();
    return aside;
  }

  /** A turn that is on disk touched the channel. */
  note({ index, lifecycle, data }: LiveChannel): void {
    if (unlisted.has(lifecycle)) {
      if (this.#listed.delete(index)) this.#demand();
      return;
    }
    if (this.#listed.has(index) && this.#listed.get(index) === data.shortChannelId) return;
    this.#listed.set(index, data.shortChannelId);
    this.#demand();
  }

  /** A peer came: it may have been found at another address than before. */
  notePeer(nodeId: NodeId): void {
    const known = this.#addresses.get(nodeId);
    if (known !== undefined && known !== this.#addressesOf(nodeId).join(' ')) this.#demand();
  }

  /** The turn is on disk, and nothing of it has left yet. */
  committed(): void {
    if (this.#isDue && !this.#hasFailed) this.#write();
  }

  /** From time to time: what failed is tried again. */
  retry(): void {
    if (this.#isDue) this.#write();
  }

  /** The backup as it should be now. */
  current(): { readonly text: string; readonly numChannels: number } {
    const { owner, randomBytes } = this.#options;
    const content = this.#content();
    const text = encodeBackup(content, owner, randomBytes(NONCE_BYTES));
    // What could not be read back would be found out when it is too late.
    decodeBackup(text, owner);
    return { text, numChannels: content.channels.length };
  }

  #demand(): void {
    this.#isDue = true;
    this.#hasFailed = false;
  }

  #write(): void {
    const { file, onWritten, onProblem } = this.#options;
    if (file === undefined) return;
    let numChannels: number;
    try {
      const current = this.current();
      file.write(current.text);
      numChannels = current.numChannels;
    } catch (error) {
      // Not again in each turn: the disk may stay as it is for long.
      this.#hasFailed = true;
      onProblem(error);
      return;
    }
    this.#isDue = false;
    onWritten(numChannels);
  }

  #content(): BackupContent {
    const { owner, clock, channels, walletHeight, nextChannelIndex } = this.#options;
    const listed = [...channels()].flatMap((channel): BackupChannel[] => {
      const known = unlisted.has(channel.lifecycle) ? undefined : staticChannelOf(channel.data);
      return known === undefined ? [] : [{ ...known, addresses: this.#addressesOf(channel.nodeId) }];
    });
    this.#addresses.clear();
    for (const { remoteNodeId, addresses } of listed) this.#addresses.set(hexOf(remoteNodeId), addresses.join(' '));
    return {
      createdAtMs: clock.now(),
      nodeId: owner.nodeId,
      scanFromHeight: Math.max(0, Math.min(walletHeight(), ...listed.map(({ openedAtHeight }) => openedAtHeight)) - MAX_REORG_DEPTH),
      nextChannelIndex: nextChannelIndex(),
      channels: listed,
    };
  }

  #addressesOf(nodeId: NodeId): string[] {
    return [...new Set(this.#options.addressesOf(nodeId))].filter(isPeerAddress).slice(0, MAX_ADDRESSES);
  }
}

/** The id of a channel that a backup names, in hex. */
export const channelIdIn = ({ funding }: BackupChannel): string => hexOf(channelIdOfFunding(funding.txid, funding.outputIndex));

function notRestored(lost: readonly BackupChannel[]): BackupError {
  const channelIds = lost.map(channelIdIn);
  return new BackupError(
    'backup_not_restored',
    `the backup in the data folder has channels that its database has not (${channelIds.slice(0, 3).join(', ')}` +
      `${lost.length > 3 ? ', …' : ''}): the database is lost or an old one. Nothing was done`,
    { channelIds },
  );
}
