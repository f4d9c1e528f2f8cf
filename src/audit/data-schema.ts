/** What an audit file may hold of a channel's data: nothing of it is taken for anything before it has the right form. */
import { z } from 'zod';
import type { ChannelSnapshot } from '../../machines/channel/channel.ts';
import type {
  AgreedClosing, AnnouncementSignatures, ChannelData, ChannelFailure, ClosingNegotiation, CommitmentSignatures, Confirmation, EndingCommitment,
  FeeUpdate, Funding, FundingSpend, SideParameters,
} from '../../machines/channel/data.ts';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import { MAX_COMMITMENT_NUMBER } from '../../machines/commitment/commitment-number.ts';
import type { StoredSecret } from '../../machines/commitment/secrets.ts';
import type { HtlcDetails, HtlcRemoval } from '../../machines/htlc/htlc.machine.ts';
import { htlcStates } from '../../machines/htlc/htlc-states.ts';
import type { HtlcRow } from '../../machines/htlc/htlc-table.ts';
import type { Outpoint } from '../../machines/onchain/claim.ts';
import type { OutputHtlc, OutputKind, OutputRow, OutputSpend, OutputState } from '../../machines/onchain/output.ts';

/** An object with these fields and no others, each of which the type has. */
export const object = <T extends object>(shape: { readonly [K in keyof T]-?: z.ZodType<T[K]> }): z.ZodType<T> =>
  z.strictObject(shape) as unknown as z.ZodType<T>;

export const bytes = (length: number): z.ZodType<Uint8Array> =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === length, { error: `expected ${length} bytes` });

/** What is hashed again with every line must not be long, or a small file would keep its reader busy for days. */
export const bytesUpTo = (most: number): z.ZodType<Uint8Array> =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= most, { error: `expected at most ${most} bytes` });

/** BOLT 1: a message is of at most 65535 bytes after its type. */
export const message = bytesUpTo(65_537);
/** Bitcoin's own limit, which a peer with a miner may go to; what this node makes itself is no larger than what Bitcoin Core relays. */
export const transaction = bytesUpTo(4_000_000);
const ownTransaction = bytesUpTo(400_000);
/** A reason may quote what the peer wrote. */
export const text = z.string().max(70_000);

/** A field that an earlier version did not write. */
const added = <T>(schema: z.ZodType<T>): z.ZodType<T> => schema.optional() as unknown as z.ZodType<T>;

/** A number as it is on the wire: of at most 64 bits, and never negative. */
export const amount = z.bigint().min(0n).max(0xffff_ffff_ffff_ffffn);
export const count = z.int().min(0);
/** Milliseconds since the Unix epoch, as far as dates go. */
export const timeMs = z.int().min(0).max(8_640_000_000_000_000);
/** BOLT 2, max_accepted_htlcs: 483 of either side. */
const MAX_HTLCS = 966;
/** Each with the output of an HTLC transaction upon it, and what else a commitment has. */
const MAX_OUTPUTS = 2 * MAX_HTLCS + 4;
/** One waits, and each that is signed is a step further in the dance. */
const MAX_FEE_UPDATES = 20;
const commitmentNumber = z.int().min(0).max(MAX_COMMITMENT_NUMBER);
const hash = bytes(32);
const point = bytes(33);
const signature = bytes(64);
/** Bitcoin's own limit. */
export const script = bytesUpTo(10_000);

export const sideParameters = object<SideParameters>({
  dustLimitSatoshis: amount,
  maxHtlcValueInFlightMsat: amount,
  channelReserveSatoshis: amount,
  htlcMinimumMsat: amount,
  toSelfDelay: count,
  maxAcceptedHtlcs: count,
  fundingPubkey: point,
  revocationBasepoint: point,
  paymentBasepoint: point,
  delayedPaymentBasepoint: point,
  htlcBasepoint: point,
  upfrontShutdownScript: script,
});

/** As BOLT 2's funding_created has it: 16 bits. */
export const funding = object<Funding>({ txid: hash, outputIndex: z.int().min(0).max(0xffff) });

export const policy = object<ChannelPolicy>({
  dustLimitSatoshis: amount,
  htlcMinimumMsat: amount,
  maxHtlcValueInFlightPpm: amount,
  reservePpm: amount,
  maxAcceptedHtlcs: count,
  toSelfDelay: count,
  minimumDepth: count,
  maxDustLimitSatoshis: amount,
  maxToSelfDelay: count,
  maxMinimumDepth: count,
  minFundingSatoshis: amount,
  maxFundingSatoshis: amount,
  minFeeratePerKw: count,
  maxFeeratePerKw: count,
  maxDustHtlcExposureMsat: amount,
  reasonableDepth: added(count),
  irrevocableDepth: added(count),
});

const htlcState = z.enum(htlcStates as [HtlcRow['state'], ...HtlcRow['state'][]]);
const direction = z.enum(['offered', 'received']);
const side = z.enum(['local', 'remote']);

const htlcDetails = object<HtlcDetails>({
  direction,
  id: amount,
  amountMsat: amount,
  paymentHash: hash,
  cltvExpiry: count,
  onionRoutingPacket: bytes(1366),
});

export const htlcRemoval: z.ZodType<HtlcRemoval> = z.union([
  object<Extract<HtlcRemoval, { kind: 'fulfilled' }>>({ kind: z.literal('fulfilled'), paymentPreimage: hash }),
  object<Extract<HtlcRemoval, { kind: 'failed' }>>({ kind: z.literal('failed'), reason: message }),
  object<Extract<HtlcRemoval, { kind: 'malformed' }>>({ kind: z.literal('malformed'), sha256OfOnion: hash, failureCode: count }),
]);

const htlcRow = object<HtlcRow>({ details: htlcDetails, state: htlcState, removal: htlcRemoval.optional() });

const outpoint = object<Outpoint>({ txid: hash, outputIndex: count });
export const outputHtlc = object<OutputHtlc>({ direction, id: amount, amountMsat: amount, paymentHash: hash, cltvExpiry: count });

const outputKinds: readonly OutputKind[] = [
  'to_local', 'second_stage', 'to_remote', 'anchor', 'htlc', 'no_output', 'revoked_to_local', 'revoked_htlc', 'revoked_second_stage',
];
const outputStates: readonly OutputState[] = [
  'unconfirmed', 'waiting', 'claimable', 'expired', 'claimed', 'claimBuried', 'taken', 'takeBuried', 'buried', 'resolved',
];

const outputRow = object<OutputRow>({
  kind: z.enum(outputKinds as [OutputKind, ...OutputKind[]]),
  state: z.enum(outputStates as [OutputState, ...OutputState[]]),
  outpoint: outpoint.optional(),
  amountSat: amount,
  witnessScript: script,
  csvDelay: count,
  blockHeight: count,
  htlc: outputHtlc.optional(),
  paymentPreimage: hash.optional(),
  parent: outpoint.optional(),
  spend: object<OutputSpend>({ txid: hash, blockHeight: count, by: z.enum(['us', 'peer']) }).optional(),
});

/** BOLT 3, "Efficient Per-commitment Secret Storage": 49 at most. */
export const secretStore = z.array(object<StoredSecret>({ index: commitmentNumber, secret: hash })).max(49);

export const channelData = object<ChannelData>({
  channelIndex: count,
  isOpener: z.boolean(),
  isRecovered: added(z.boolean()),
  openedAtHeight: count,
  localNodeId: point,
  remoteNodeId: point,
  chainHash: hash,
  temporaryChannelId: hash,
  channelId: hash.optional(),
  announce: z.boolean(),
  fundingSatoshis: amount,
  openingFeeratePerKw: count,
  local: sideParameters,
  remote: sideParameters.optional(),
  minimumDepth: count,
  funding: funding.optional(),
  fundingTransaction: ownTransaction.optional(),
  confirmation: object<Confirmation>({ depth: count, blockHeight: count, transactionIndex: count, amountSat: amount, script }).optional(),
  localReady: z.boolean(),
  shortChannelId: amount.optional(),
  remoteAlias: amount.optional(),
  toLocalMsat: amount,
  toRemoteMsat: amount,
  feeratePerKw: count,
  feeUpdates: z.array(object<FeeUpdate>({ feeratePerKw: count, state: htlcState })).max(MAX_FEE_UPDATES),
  nextLocalHtlcId: amount,
  nextRemoteHtlcId: amount,
  localCommitmentNumber: commitmentNumber,
  remoteCommitmentNumber: commitmentNumber,
  remoteRevocations: commitmentNumber,
  remoteCurrentPoint: point.optional(),
  remoteNextPoint: point.optional(),
  remoteSecrets: secretStore,
  localSignatures: object<CommitmentSignatures>({ signature, htlcSignatures: z.array(signature).max(MAX_HTLCS) }).optional(),
  remoteAnnouncement: object<AnnouncementSignatures>({ shortChannelId: amount, nodeSignature: signature, bitcoinSignature: signature }).optional(),
  saidAnnouncement: z.boolean(),
  localShutdownScript: script,
  remoteShutdownScript: script.optional(),
  closing: object<ClosingNegotiation>({ feeratePerKw: count, localFeeSatoshis: amount.optional(), remoteFeeSatoshis: amount.optional() }),
  agreedClosing: object<AgreedClosing>({ feeSatoshis: amount, remoteSignature: signature }).optional(),
  fundingSpend: object<FundingSpend>({ transaction, blockHeight: count }).optional(),
  ending: object<EndingCommitment>({
    txid: hash,
    owner: side,
    commitmentNumber,
    perCommitmentPoint: point.optional(),
    perCommitmentSecret: hash.optional(),
  }).optional(),
  outputs: added(z.array(outputRow).max(MAX_OUTPUTS)),
  failure: object<ChannelFailure>({ code: text, reason: text, by: side }).optional(),
});

/** The chart's state is the chart's to judge. */
const stateValue = z.record(z.string(), z.unknown()) as unknown as z.ZodType<ChannelSnapshot['value']>;

export const channelSnapshot = object<ChannelSnapshot>({ value: stateValue, data: channelData, htlcs: z.array(htlcRow).max(2 * MAX_HTLCS) });
