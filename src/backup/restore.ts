import { equals } from 'uint8arrays';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ChannelSigner } from '../keys/signer-api.ts';
import { channelIdIn } from './backup-writer.ts';
import type { BackupChannel, BackupContent } from './backup-content.ts';
import { BackupError } from './errors.ts';

/**
 * Indexes that are passed over above those of a backup: channels that it knew nothing of may have had them, and keys must
 * never be used twice (a peer that learnt revocation secrets of the one could punish the other).
 */
const PASSED_OVER_INDEXES = 100_000;
/** BIP 32: hardened steps have 31 bits. */
const MAX_NEXT_INDEX = 0x7fff_ffff;

/** What a restore would do on this node. */
export interface RestorePlan {
  readonly restored: readonly BackupChannel[];
  /** Channels that the node knows already, which stay as they are. */
  readonly refused: readonly BackupChannel[];
  readonly scanFromHeight: number;
  readonly nextChannelIndex: number;
}

/** What the node has on disk, live or ended. */
export type KnownChannels = readonly Pick<ChannelData, 'channelIndex' | 'funding'>[];

/** As much of a signer as tells whose a channel is. */
export interface PublicKeys {
  channel(channelIndex: number): Pick<ChannelSigner, 'publicKeys'>;
}

/** Throws `BackupError` `backup_damaged` for channels whose keys this seed does not make. */
export function planRestore(content: BackupContent, known: KnownChannels, signer: PublicKeys): RestorePlan {
  for (const channel of content.channels) requireOwnKeys(channel, signer);
  const isNew = (channel: BackupChannel): boolean => !known.some((other) => isSame(channel, other));
  return {
    restored: content.channels.filter(isNew),
    refused: content.channels.filter((channel) => !isNew(channel)),
    scanFromHeight: content.scanFromHeight,
    nextChannelIndex: Math.min(content.nextChannelIndex + PASSED_OVER_INDEXES, MAX_NEXT_INDEX),
  };
}

/** The same keys or the same funding output. */
export function isSame(channel: BackupChannel, { channelIndex, funding }: KnownChannels[number]): boolean {
  if (channel.channelIndex === channelIndex) return true;
  return (
    funding !== undefined &&
    funding.outputIndex === channel.funding.outputIndex &&
    equals(funding.txid, channel.funding.txid)
  );
}

function requireOwnKeys(channel: BackupChannel, signer: PublicKeys): void {
  const { channelIndex, local } = channel;
  const { publicKeys } = signer.channel(channelIndex);
  const names = ['fundingPubkey', 'revocationBasepoint', 'paymentBasepoint', 'delayedPaymentBasepoint', 'htlcBasepoint'] as const;
  if (names.every((name) => equals(publicKeys[name], local[name]))) return;
  throw new BackupError(
    'backup_damaged',
    `the channel backup is damaged: channel ${channelIdIn(channel)} has other keys than this seed makes at index ${channelIndex}`,
    { channelIndex },
  );
}
