import { z } from 'zod';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { SideParameters } from '../../machines/channel/data.ts';
import type { StaticChannel } from '../../machines/channel/recovering.ts';
import { isPeerAddress } from '../api/fields.ts';

/** One channel of a backup: what never changes about it, and where its peer may be found. */
export interface BackupChannel extends StaticChannel {
  /** Multiaddrs, the likeliest first. */
  readonly addresses: readonly string[];
}

/** What a backup holds. No secret is in it: all keys derive from the seed by the channels' indexes. */
export interface BackupContent {
  readonly createdAtMs: number;
  readonly nodeId: Uint8Array;
  /** No block below it concerns the wallet or one of these channels. */
  readonly scanFromHeight: number;
  /** No channel had it or a higher one. */
  readonly nextChannelIndex: number;
  readonly channels: readonly BackupChannel[];
}

/** Addresses kept of one peer. */
export const MAX_ADDRESSES = 8;
const MAX_CHANNELS = 100_000;
const MAX_SAT = 2_100_000_000_000_000n;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;
/** Consensus: a longer script can be spent by nobody. */
const MAX_SCRIPT_BYTES = 10_000;

const bytes = (min: number, max = min) =>
  z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length >= min && value.length <= max,
    { error: `expected ${min === max ? min : `${min} to ${max}`} bytes` },
  );
const point = z.custom<Uint8Array>((value) => value instanceof Uint8Array && secp256k1.isPublicKey(value), {
  error: 'expected a public key',
});
const amount = (max: bigint) => z.bigint().min(0n).max(max);
const integer = (max: number) => z.int().min(0).max(max);
const height = integer(499_999_999);
/** BIP 32: hardened steps have 31 bits. */
const channelIndex = integer(0x7fff_fffe);

const address = z.string().refine(isPeerAddress, { error: 'expected a multiaddr' });

const side: z.ZodType<SideParameters> = z.strictObject({
  dustLimitSatoshis: amount(MAX_U64),
  maxHtlcValueInFlightMsat: amount(MAX_U64),
  channelReserveSatoshis: amount(MAX_U64),
  htlcMinimumMsat: amount(MAX_U64),
  toSelfDelay: integer(0xffff),
  maxAcceptedHtlcs: integer(0xffff),
  fundingPubkey: point,
  revocationBasepoint: point,
  paymentBasepoint: point,
  delayedPaymentBasepoint: point,
  htlcBasepoint: point,
  upfrontShutdownScript: bytes(0, MAX_SCRIPT_BYTES),
});

const channel = z.strictObject({
  channelIndex,
  isOpener: z.boolean(),
  openedAtHeight: height,
  remoteNodeId: point,
  addresses: z.array(address).max(MAX_ADDRESSES),
  announce: z.boolean(),
  fundingSatoshis: amount(MAX_SAT),
  funding: z.strictObject({ txid: bytes(32), outputIndex: integer(0xffff) }),
  // Left out while no block holds the funding.
  shortChannelId: amount(MAX_U64).optional(),
  local: side,
  remote: side,
  localShutdownScript: bytes(0, MAX_SCRIPT_BYTES),
});

/** What was read from anybody's file, checked. */
export const backupContent: z.ZodType<BackupContent> = z
  .strictObject({
    createdAtMs: z.int().min(0),
    nodeId: point,
    scanFromHeight: height,
    nextChannelIndex: integer(0x7fff_ffff),
    channels: z.array(channel).max(MAX_CHANNELS),
  })
  .refine(({ channels }) => new Set(channels.map((each) => each.channelIndex)).size === channels.length, {
    error: 'expected no channel index twice',
  })
  .refine(({ channels, nextChannelIndex }) => channels.every((each) => each.channelIndex < nextChannelIndex), {
    error: 'expected no channel index above the next one',
  }) as z.ZodType<BackupContent>;
