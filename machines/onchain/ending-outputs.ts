import { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays';
import { FORMAT } from '../channel/balances.ts';
import type { NegotiatedChannel } from '../channel/data.ts';
import type { BuiltCommitment, CommitmentOutput, HtlcOutput } from '../commitment/commitment-transaction.ts';
import { deriveCommitmentKeys } from '../commitment/keys.ts';
import { anchorScript, htlcScripts, p2wsh, toLocalScript, toRemoteAnchorsScript } from '../commitment/scripts.ts';
import type { CommitmentHtlc } from '../commitment/spec.ts';
import type { HtlcDetails } from '../htlc/htlc.machine.ts';
import type { HtlcRow, HtlcTable } from '../htlc/htlc-table.ts';
import type { Side } from '../htlc/htlc-states.ts';
import type { OutputHtlc, OutputKind, OutputRow } from './output.ts';

/** BOLT 3: with anchors, all but the anchors themselves rest for one block. */
const ONE_BLOCK = 1;

interface Place {
  readonly txid: Uint8Array;
  readonly blockHeight: number;
}

/**
 * What is to be watched of a commitment that both know, ours or the peer's (BOLT 5, "Unilateral Close Handling"): our
 * balance, our anchor, each HTLC that has an output, and each that has none in it.
 */
export function outputsOfCommitment(built: BuiltCommitment, owner: Side, htlcs: HtlcTable, blockHeight: number): OutputRow[] {
  const place = { txid: built.txid, blockHeight };
  const ours = built.outputs.flatMap((output) => ownOutput(output, owner, built, htlcs, place));
  const isAbsent = ({ details: { direction, id } }: HtlcRow): boolean =>
    ours.every(({ htlc }) => htlc?.direction !== direction || htlc.id !== id);
  const trimmed = built.trimmedHtlcs.map((htlc) => seenFromUs(htlc, owner));
  return [...ours, ...withoutOutputs([...htlcs.rows()].filter(isAbsent), blockHeight, trimmed)];
}

/** `trimmed` are those that stood in the commitment and were too small for an output: their worth went to the miners. */
function withoutOutputs(rows: Iterable<HtlcRow>, blockHeight: number, trimmed: readonly OutputHtlc[] = []): OutputRow[] {
  const isTrimmed = ({ details: { direction, id } }: HtlcRow): boolean =>
    trimmed.some((htlc) => htlc.direction === direction && htlc.id === id);
  return [...rows].map((row) => withoutOutput(row, blockHeight, isTrimmed(row) ? row.details.amountMsat / 1000n : 0n));
}

function ownOutput(
  output: CommitmentOutput,
  owner: Side,
  { parameters }: BuiltCommitment,
  htlcs: HtlcTable,
  place: Place,
): OutputRow[] {
  if (output.kind === 'htlc') return [htlcRow(output, owner, htlcs, place)];
  if (output.witnessScript === undefined) return [];
  const kinds: Partial<Record<CommitmentOutput['kind'], readonly [OutputKind, number]>> =
    owner === 'local'
      ? { to_local: ['to_local', parameters.toSelfDelay], local_anchor: ['anchor', 0] }
      : { to_remote: ['to_remote', ONE_BLOCK], remote_anchor: ['anchor', 0] };
  const found = kinds[output.kind];
  if (found === undefined) return [];
  const [kind, csvDelay] = found;
  return [row(kind, output.index, output.amountSatoshis, output.witnessScript, csvDelay, place)];
}

function htlcRow(output: HtlcOutput, owner: Side, htlcs: HtlcTable, place: Place): OutputRow {
  const htlc = seenFromUs(output.htlc, owner);
  const removal = htlcs.get(htlc.direction, htlc.id)?.removal;
  const preimage = removal?.kind === 'fulfilled' ? removal.paymentPreimage : undefined;
  return {
    ...row('htlc', output.index, output.amountSatoshis, output.witnessScript, ONE_BLOCK, place),
    htlc,
    paymentPreimage: preimage,
  };
}

function withoutOutput({ details, removal }: HtlcRow, blockHeight: number, amountSat: bigint): OutputRow {
  return {
    kind: 'no_output',
    state: 'waiting',
    outpoint: undefined,
    amountSat,
    witnessScript: new Uint8Array(),
    csvDelay: 0,
    blockHeight,
    htlc: detailsOf(details),
    paymentPreimage: removal?.kind === 'fulfilled' ? removal.paymentPreimage : undefined,
    parent: undefined,
    spend: undefined,
  };
}

/**
 * What is ours of a commitment that the peer revoked (BOLT 5, "Revoked Transaction Close Handling"): everything. The HTLCs
 * of that time are found by their scripts among those that stand now and those that are over. What stands now ends with
 * the commitment, whoever gets the outputs.
 */
export function outputsOfRevoked(
  channel: NegotiatedChannel,
  transaction: Transaction,
  perCommitmentPoint: Uint8Array,
  htlcs: HtlcTable,
  pastHtlcs: readonly OutputHtlc[],
  blockHeight: number,
): OutputRow[] {
  const candidates = [...[...htlcs.rows()].map(({ details }) => detailsOf(details)), ...pastHtlcs];
  const place = { txid: transaction.getHash(), blockHeight };
  const keys = deriveCommitmentKeys(FORMAT, perCommitmentPoint, channel.remote, channel.local);
  const toLocal = toLocalScript(keys, channel.local.toSelfDelay);
  const scriptOf = htlcScripts(FORMAT, keys);
  const htlcOutputs = candidates.map((htlc) => {
    const witnessScript = scriptOf({ ...htlc, direction: htlc.direction === 'offered' ? 'received' : 'offered' });
    return { htlc, witnessScript, script: p2wsh(witnessScript) };
  });
  const outputs = transaction.outs.flatMap(({ script, value }, index): OutputRow[] => {
    if (equals(script, p2wsh(toLocal))) return [row('revoked_to_local', index, value, toLocal, 0, place)];
    const found = htlcOutputs.find(
      (candidate) => equals(candidate.script, script) && candidate.htlc.amountMsat / 1000n === value,
    );
    if (found !== undefined) {
      return [{ ...row('revoked_htlc', index, value, found.witnessScript, 0, place), htlc: found.htlc }];
    }
    return outputsToRemote(channel, script, value, index, place);
  });
  return [...outputs, ...withoutOutputs(htlcs.rows(), blockHeight)];
}

/**
 * What is ours of a commitment of the peer's that this node cannot rebuild, since it lost state: what the static remote key
 * pays (BOLT 2, "Message Retransmission").
 */
export function outputsOfUnknown(
  channel: NegotiatedChannel,
  transaction: Transaction,
  htlcs: HtlcTable,
  blockHeight: number,
): OutputRow[] {
  const place = { txid: transaction.getHash(), blockHeight };
  const ours = transaction.outs.flatMap(({ script, value }, index) => outputsToRemote(channel, script, value, index, place));
  return [...ours, ...withoutOutputs(htlcs.rows(), blockHeight)];
}

/**
 * What is ours of a commitment of our own that this node cannot rebuild, since it lost state after it had closed the channel:
 * what is paid to us after the delay. Its HTLCs are lost with the peer's signatures for them.
 */
export function outputsOfLostOwn(
  channel: NegotiatedChannel,
  transaction: Transaction,
  perCommitmentPoint: Uint8Array,
  htlcs: HtlcTable,
  blockHeight: number,
): OutputRow[] {
  const place = { txid: transaction.getHash(), blockHeight };
  const { toSelfDelay } = channel.remote;
  const toLocal = ownToLocal(channel, perCommitmentPoint);
  const anchor = anchorScript(channel.local.fundingPubkey);
  const ours = transaction.outs.flatMap(({ script, value }, index): OutputRow[] => {
    if (equals(script, p2wsh(toLocal))) return [row('to_local', index, value, toLocal, toSelfDelay, place)];
    return equals(script, p2wsh(anchor)) ? [row('anchor', index, value, anchor, 0, place)] : [];
  });
  return [...ours, ...withoutOutputs(htlcs.rows(), blockHeight)];
}

/** Whether a commitment pays us after a delay, as only our own does. One that pays us nothing looks like the peer's. */
export function isLostOwn(channel: NegotiatedChannel, { outs }: Transaction, perCommitmentPoint: Uint8Array): boolean {
  const toLocal = p2wsh(ownToLocal(channel, perCommitmentPoint));
  return outs.some(({ script }) => equals(script, toLocal));
}

const ownToLocal = ({ local, remote }: NegotiatedChannel, perCommitmentPoint: Uint8Array): Uint8Array =>
  toLocalScript(deriveCommitmentKeys(FORMAT, perCommitmentPoint, local, remote), remote.toSelfDelay);

function outputsToRemote({ local }: NegotiatedChannel, script: Uint8Array, value: bigint, index: number, place: Place): OutputRow[] {
  const toRemote = toRemoteAnchorsScript(local.paymentBasepoint);
  if (equals(script, p2wsh(toRemote))) return [row('to_remote', index, value, toRemote, ONE_BLOCK, place)];
  const anchor = anchorScript(local.fundingPubkey);
  return equals(script, p2wsh(anchor)) ? [row('anchor', index, value, anchor, 0, place)] : [];
}

/** The output of an HTLC transaction: the SIGHASH_SINGLE of its signature puts it at the index of its input (BOLT 3). */
export function secondStage(
  parent: OutputRow,
  transaction: Transaction,
  inputIndex: number,
  witnessScript: Uint8Array,
  csvDelay: number,
  blockHeight: number,
): OutputRow | undefined {
  const output = transaction.outs[inputIndex];
  if (output === undefined || !equals(output.script, p2wsh(witnessScript))) return undefined;
  const kind = parent.kind === 'revoked_htlc' ? 'revoked_second_stage' : 'second_stage';
  const place = { txid: transaction.getHash(), blockHeight };
  return {
    ...row(kind, inputIndex, output.value, witnessScript, csvDelay, place),
    htlc: parent.htlc,
    parent: parent.outpoint,
  };
}

const detailsOf = ({ direction, id, amountMsat, paymentHash, cltvExpiry }: HtlcDetails): OutputHtlc => ({
  direction,
  id,
  amountMsat,
  paymentHash,
  cltvExpiry,
});

function seenFromUs({ id, amountMsat, paymentHash, cltvExpiry, direction }: CommitmentHtlc, owner: Side): OutputHtlc {
  const offered = (direction === 'offered') === (owner === 'local');
  return { id, amountMsat, paymentHash, cltvExpiry, direction: offered ? 'offered' : 'received' };
}

function row(
  kind: OutputKind,
  outputIndex: number,
  amountSat: bigint,
  witnessScript: Uint8Array,
  csvDelay: number,
  { txid, blockHeight }: Place,
): OutputRow {
  return {
    kind,
    state: 'waiting',
    outpoint: { txid, outputIndex },
    amountSat,
    witnessScript,
    csvDelay,
    blockHeight,
    htlc: undefined,
    paymentPreimage: undefined,
    parent: undefined,
    spend: undefined,
  };
}
