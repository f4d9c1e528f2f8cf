import type { Transaction } from 'bitcoinjs-lib';
import { negotiated, type ChannelContext } from '../channel/context.ts';
import type { EndingCommitment } from '../channel/data.ts';
import { GRACE_BLOCKS } from '../channel/deadlines.ts';
import { localCommitment } from '../channel/requests.ts';
import { buildCommitment, type BuiltCommitment } from '../commitment/commitment-transaction.ts';
import { deriveRevocationPublicKey } from '../commitment/keys.ts';
import type { Claim, ClaimWitness, CommitmentBump } from './claim.ts';
import type { OutputRow } from './output.ts';

/** BIP 125: the transaction may be replaced by one that pays more. */
const REPLACEABLE = 0xfffffffd;
/**
 * BOLT 2, "`cltv_expiry_delta` Selection": the blocks that a transaction may take to confirm. An HTLC that we offered is to
 * be ours that soon after its expiry, before the one upstream expires.
 */
const BLOCKS_TO_CONFIRM = 12;

/** What this node may take now of an ended channel: every output that its chart calls claimable. */
export function claimsOf(context: ChannelContext): Claim[] {
  const { ending, outputs } = context.data;
  if (ending === undefined) return [];
  const own = once(() => ownCommitment(context));
  return outputs.flatMap((row) => (row.state === 'claimable' ? (claimOf(context, ending, row, own) ?? []) : []));
}

/**
 * Our own latest commitment while it waits for a block, so that its fee can be raised through the anchor. `commitment` is
 * the signed transaction.
 */
export function bumpOf(context: ChannelContext, commitment: Transaction): CommitmentBump {
  const built = ownCommitment(context);
  const htlcs = built.htlcs.map(({ htlc }) => htlc);
  const toLocal = built.outputs.find(({ kind }) => kind === 'to_local');
  const anchor = built.outputs.find(({ kind }) => kind === 'local_anchor');
  // Of what we received, nothing is lost by time where we have no preimage.
  const pressing = htlcs.filter(
    ({ direction, id }) => direction === 'offered' || context.htlcs.get(direction, id)?.removal?.kind === 'fulfilled',
  );
  const deadlines = pressing.map(({ direction, cltvExpiry }) => cltvExpiry + (direction === 'offered' ? GRACE_BLOCKS + BLOCKS_TO_CONFIRM : 0));
  return {
    commitment,
    feeSat: built.feeSatoshis,
    anchor: anchor?.witnessScript && {
      outpoint: { txid: built.txid, outputIndex: anchor.index },
      amountSat: anchor.amountSatoshis,
      witnessScript: anchor.witnessScript,
      sequence: REPLACEABLE,
      lockTime: 0,
      witness: { kind: 'anchor' },
      pairedOutput: undefined,
      isContested: false,
      deadline: undefined,
    },
    ownSat: sumOf(htlcs) + (toLocal?.amountSatoshis ?? 0n),
    valueAtStakeSat: sumOf(pressing),
    deadline: deadlines.length === 0 ? undefined : Math.min(...deadlines),
  };
}

const sumOf = (htlcs: readonly { readonly amountMsat: bigint }[]): bigint =>
  htlcs.reduce((sum, { amountMsat }) => sum + amountMsat / 1000n, 0n);

type OwnCommitment = () => BuiltCommitment;

function claimOf(context: ChannelContext, ending: EndingCommitment, row: OutputRow, own: OwnCommitment): Claim | undefined {
  const { outpoint, amountSat, witnessScript, csvDelay } = row;
  const witness = witnessFor(context, ending, row, own);
  if (outpoint === undefined || witness === undefined) return undefined;
  const isTimeout = row.kind === 'htlc' && row.htlc?.direction === 'offered';
  return {
    outpoint,
    amountSat,
    witnessScript,
    sequence: csvDelay > 0 ? csvDelay : REPLACEABLE,
    lockTime: isTimeout ? (row.htlc?.cltvExpiry ?? 0) : 0,
    witness,
    pairedOutput: witness.kind === 'htlc_transaction' ? pairedOutputOf(row, own()) : undefined,
    // With the preimage the peer can still take what has expired; of what it revoked, the HTLCs go on by their transactions.
    isContested: isTimeout || row.kind === 'revoked_htlc',
    deadline: deadlineOf(context, row),
  };
}

function witnessFor(context: ChannelContext, ending: EndingCommitment, row: OutputRow, own: OwnCommitment): ClaimWitness | undefined {
  const { perCommitmentPoint, perCommitmentSecret } = ending;
  switch (row.kind) {
    case 'to_remote':
      return { kind: 'to_remote' };
    case 'to_local':
    case 'second_stage':
      return perCommitmentPoint && { kind: 'delayed', perCommitmentPoint };
    case 'htlc':
      return ending.owner === 'local' ? htlcTransactionWitness(context, row, own()) : htlcWitness(ending, row);
    case 'revoked_to_local':
    case 'revoked_second_stage':
      return perCommitmentSecret && { kind: 'revoked_delayed', perCommitmentSecret };
    case 'revoked_htlc':
      return revokedHtlcWitness(context, ending);
    default:
      return undefined;
  }
}

/** BOLT 5, "Revoked Transaction Close Handling". */
function revokedHtlcWitness({ data }: ChannelContext, ending: EndingCommitment): ClaimWitness | undefined {
  const { perCommitmentPoint, perCommitmentSecret } = ending;
  if (perCommitmentPoint === undefined || perCommitmentSecret === undefined) return undefined;
  const revocationPubkey = deriveRevocationPublicKey(data.local.revocationBasepoint, perCommitmentPoint);
  return { kind: 'revoked_htlc', perCommitmentSecret, revocationPubkey };
}

/** BOLT 5, "Unilateral Close Handling: Remote Commitment Transaction": HTLCs on the peer's commitment are spent directly. */
function htlcWitness({ perCommitmentPoint }: EndingCommitment, { htlc, paymentPreimage }: OutputRow): ClaimWitness | undefined {
  if (perCommitmentPoint === undefined || htlc === undefined) return undefined;
  if (htlc.direction === 'offered') return { kind: 'htlc_timeout', perCommitmentPoint };
  return paymentPreimage && { kind: 'htlc_success', perCommitmentPoint, paymentPreimage };
}

/** BOLT 5, "Unilateral Close Handling: Local Commitment Transaction": HTLCs on ours go through the transactions that the peer signed. */
function htlcTransactionWitness({ data }: ChannelContext, row: OutputRow, built: BuiltCommitment): ClaimWitness | undefined {
  const index = built.htlcs.findIndex((output) => output.index === row.outpoint?.outputIndex);
  const remoteSignature = data.localSignatures?.htlcSignatures[index];
  if (remoteSignature === undefined) return undefined;
  return {
    kind: 'htlc_transaction',
    commitmentNumber: built.commitmentNumber,
    lowestUnrevoked: data.localCommitmentNumber,
    remoteSignature,
    paymentPreimage: row.htlc?.direction === 'received' ? row.paymentPreimage : undefined,
  };
}

function pairedOutputOf({ outpoint }: OutputRow, built: BuiltCommitment): Claim['pairedOutput'] {
  const output = built.htlcs.find(({ index }) => index === outpoint?.outputIndex);
  const paired = output?.transaction.outs[0];
  return paired && { script: paired.script, amountSat: paired.value };
}

/** When the peer can take it, or when it is too late for the channel upstream. */
function deadlineOf({ data }: ChannelContext, { kind, htlc, blockHeight }: OutputRow): number | undefined {
  if (kind.startsWith('revoked')) return blockHeight + data.local.toSelfDelay;
  if (kind !== 'htlc' || htlc === undefined) return undefined;
  // From when it could be claimed: the commitment may have come into its block late.
  return htlc.direction === 'received' ? htlc.cltvExpiry : Math.max(htlc.cltvExpiry, blockHeight) + BLOCKS_TO_CONFIRM;
}

function ownCommitment({ data, htlcs, environment }: ChannelContext): BuiltCommitment {
  const own = localCommitment(negotiated(data), htlcs, environment.localPoint, 'latest');
  return buildCommitment(own.parameters, own.commitmentNumber, own.keys, own.spec);
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
