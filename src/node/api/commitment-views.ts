import { localCommitment, remoteCommitment, type CommitmentRequest } from '../../../machines/channel/requests.ts';
import { negotiated } from '../../../machines/channel/context.ts';
import type { ChannelData } from '../../../machines/channel/data.ts';
import type { PerCommitmentPoint } from '../../../machines/channel/reestablish.ts';
import {
  buildCommitment, type CommitmentOutput, type CommitmentParameters,
} from '../../../machines/commitment/commitment-transaction.ts';
import type { CommitmentHtlc } from '../../../machines/commitment/spec.ts';
import type { HtlcRows } from '../../../machines/htlc/htlc-table.ts';
import type { Side } from '../../../machines/htlc/htlc-states.ts';
import type { Output } from '../../api/contract.ts';
import { hexOf } from '../../channels/channel-store.ts';
import { displayTxid } from '../../sweep/sweep.ts';
import { blocks } from './pending-view.ts';

type Commitments = NonNullable<Output<'channel'>['commitments']>;
type CommitmentView = Commitments['local'];
type OutputView = CommitmentView['outputs'][number];

/** Both sides' latest commitments, as they would go to the chain; undefined until both first ones are signed. */
export function commitmentsOf(data: ChannelData, htlcs: HtlcRows, localPoint: PerCommitmentPoint): Commitments | undefined {
  if (data.localSignatures === undefined || data.remoteCurrentPoint === undefined) return undefined;
  const channel = negotiated(data);
  return {
    local: commitmentView(localCommitment(channel, htlcs, localPoint, 'latest'), 'local'),
    remote: commitmentView(remoteCommitment(channel, htlcs), 'remote'),
  };
}

function commitmentView({ parameters, commitmentNumber, keys, spec }: CommitmentRequest, owner: Side): CommitmentView {
  const built = buildCommitment(parameters, commitmentNumber, keys, spec);
  return {
    commitmentNumber,
    feeratePerKw: spec.feeratePerKw,
    toLocalMsat: spec.toLocalMsat,
    toRemoteMsat: spec.toRemoteMsat,
    numOfferedHtlcs: spec.htlcs.filter(({ direction }) => direction === 'offered').length,
    numReceivedHtlcs: spec.htlcs.filter(({ direction }) => direction === 'received').length,
    txid: displayTxid(built.txid),
    feeSat: built.feeSatoshis,
    numTrimmed: built.trimmedHtlcs.length,
    outputs: built.outputs.map((output) => outputView(output, owner, parameters)),
  };
}

function outputView(output: CommitmentOutput, owner: Side, parameters: CommitmentParameters): OutputView {
  const { index, amountSatoshis: amountSat } = output;
  const words = wordsOf(output, owner, parameters);
  if (output.kind !== 'htlc') return { index, kind: output.kind, amountSat, words };
  const { direction, id, paymentHash, cltvExpiry } = output.htlc;
  const kind = direction === 'offered' ? 'offered_htlc' : 'received_htlc';
  return { index, kind, amountSat, words, htlcId: id, paymentHash: hexOf(paymentHash), cltvExpiry };
}

interface Party {
  readonly name: string;
  readonly whose: string;
  readonly its: string;
}

const parties: Readonly<Record<Side, Party>> = {
  local: { name: 'we', whose: 'ours', its: 'our' },
  remote: { name: 'the peer', whose: "the peer's", its: 'its' },
};

/** BOLT 3, "Commitment Transaction Outputs": the script in words, as this node sees it. */
function wordsOf(output: CommitmentOutput, side: Side, { toSelfDelay }: CommitmentParameters): string {
  const owner = parties[side];
  const other = parties[side === 'local' ? 'remote' : 'local'];
  const byRevocation = `with the revocation secret ${other.name} can at once`;
  switch (output.kind) {
    case 'to_local':
      return `${owner.whose}: ${owner.name} can spend it after ${blocks(toSelfDelay)}; ${byRevocation}`;
    case 'to_remote':
      return `${other.whose}: ${other.name} can spend it after 1 block`;
    case 'local_anchor':
      return `${owner.whose}, to raise the fee with: ${owner.name} can spend it at once, anybody after 16 blocks`;
    case 'remote_anchor':
      return `${other.whose}, to raise the fee with: ${other.name} can spend it at once, anybody after 16 blocks`;
    case 'htlc':
      return `${htlcWords(output.htlc, owner, other, toSelfDelay)}; ${byRevocation}`;
  }
}

/** The owner's way goes through a transaction that both have signed, whose output waits for the owner's delay. */
function htlcWords({ direction, cltvExpiry }: CommitmentHtlc, owner: Party, other: Party, delay: number): string {
  const rests = `whose output rests ${blocks(delay)}`;
  return direction === 'offered'
    ? `${other.name} can take it with the preimage; from height ${cltvExpiry} on ${owner.name} can, by ${owner.its} HTLC-timeout transaction, ${rests}`
    : `${owner.name} can take it with the preimage, by ${owner.its} HTLC-success transaction, ${rests}; from height ${cltvExpiry} on ${other.name} can`;
}
