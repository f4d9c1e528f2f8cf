import type { ChannelData } from '../../machines/channel/data.ts';
import { ANCHOR_SATOSHIS, commitmentFee } from '../../machines/commitment/fees.ts';
import type { BuiltCommitment } from '../../machines/commitment/commitment-transaction.ts';
import type { CommitmentSpec } from '../../machines/commitment/spec.ts';
import { AuditError } from './errors.ts';

/** The balances of a channel add up to its capacity, as soon as there are any. Throws `AuditError`. */
export function expectWhole({ toLocalMsat, toRemoteMsat, fundingSatoshis, localSignatures, isRecovered }: ChannelData): void {
  if ((isRecovered || localSignatures === undefined) && toLocalMsat === 0n && toRemoteMsat === 0n) return;
  if (isRecovered) throw unbalanced(`expected no balances of a channel that came back from a backup, got ${toLocalMsat} and ${toRemoteMsat}`);
  const capacityMsat = fundingSatoshis * 1000n;
  if (toLocalMsat >= 0n && toRemoteMsat >= 0n && toLocalMsat + toRemoteMsat === capacityMsat) return;
  throw unbalanced(`expected balances that add up to ${capacityMsat} msat, got ${toLocalMsat} and ${toRemoteMsat}`);
}

/**
 * A commitment loses nothing: its balances and HTLCs are the capacity; and what its outputs leave to the miners is the fee, the anchors that it
 * does not have, and what is too small for an output, to the millisatoshi. Counted anew, not as the commitment was built. Throws `AuditError`.
 */
export function expectConserved(spec: CommitmentSpec, built: BuiltCommitment): void {
  const { parameters, commitmentNumber, outputs, htlcs, trimmedHtlcs } = built;
  const capacityMsat = parameters.fundingSatoshis * 1000n;
  const name = `commitment ${commitmentNumber}`;
  const heldMsat = spec.htlcs.reduce((sum, { amountMsat }) => sum + amountMsat, spec.toLocalMsat + spec.toRemoteMsat);
  if (heldMsat !== capacityMsat) throw unbalanced(`${name}: expected balances and HTLCs of ${capacityMsat} msat, got ${heldMsat}`);
  if (htlcs.length + trimmedHtlcs.length !== spec.htlcs.length) {
    throw unbalanced(`${name}: expected ${spec.htlcs.length} HTLCs, got ${htlcs.length} with an output and ${trimmedHtlcs.length} without`);
  }
  const paidMsat = outputs.reduce((sum, { amountSatoshis }) => sum + amountSatoshis * 1000n, 0n);
  const leftMsat = capacityMsat - paidMsat;
  const owedMsat = feeMsat(spec, built) + tooSmallMsat(spec, built);
  if (leftMsat !== owedMsat || built.feeSatoshis * 1000n !== leftMsat) {
    throw unbalanced(`${name}: expected ${owedMsat} msat to be left to the miners (fee, trimmed dust, fractions), got ${leftMsat}`);
  }
}

/** The fee and both anchors are the opener's to pay; what an anchor holds is not left to anybody. */
const costMsat = ({ feeratePerKw }: CommitmentSpec, { parameters: { format }, htlcs }: BuiltCommitment): bigint =>
  (commitmentFee(format, feeratePerKw, htlcs.length) + 2n * ANCHOR_SATOSHIS) * 1000n;

function feeMsat(spec: CommitmentSpec, built: BuiltCommitment): bigint {
  const anchors = built.outputs.filter(({ kind }) => kind === 'local_anchor' || kind === 'remote_anchor').length;
  return costMsat(spec, built) - BigInt(anchors) * ANCHOR_SATOSHIS * 1000n;
}

/** Trimmed HTLCs, the fractions of the others, and what has no output of the balances, or their fractions. */
function tooSmallMsat(spec: CommitmentSpec, built: BuiltCommitment): bigint {
  const { parameters: { localIsOpener }, outputs, htlcs, trimmedHtlcs } = built;
  const left = (ownMsat: bigint, paysCost: boolean, kind: 'to_local' | 'to_remote'): bigint => {
    const output = outputs.find((candidate) => candidate.kind === kind);
    return ownMsat - (paysCost ? costMsat(spec, built) : 0n) - (output?.amountSatoshis ?? 0n) * 1000n;
  };
  const trimmed = trimmedHtlcs.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  const fractions = htlcs.reduce((sum, { htlc }) => sum + (htlc.amountMsat % 1000n), 0n);
  return trimmed + fractions + left(spec.toLocalMsat, localIsOpener, 'to_local') + left(spec.toRemoteMsat, !localIsOpener, 'to_remote');
}

const unbalanced = (message: string): AuditError => new AuditError('audit_balance', message);
