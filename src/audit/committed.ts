import { negotiated } from '../../machines/channel/context.ts';
import { localCommitment, type CommitmentRequest } from '../../machines/channel/requests.ts';
import { buildCommitment, type BuiltCommitment } from '../../machines/commitment/commitment-transaction.ts';
import type { Side } from '../../machines/htlc/htlc-states.ts';
import type { ChannelReplay, ReplayStep } from '../channels/replay.ts';
import { AuditError } from './errors.ts';

/** A commitment as a journal has it: what it pays, and the signatures of the one who does not own it, which were checked. */
export interface Committed {
  readonly owner: Side;
  readonly sequence: number;
  readonly request: CommitmentRequest;
  readonly built: BuiltCommitment;
  readonly signature: Uint8Array;
  readonly htlcSignatures: readonly Uint8Array[];
}

/** The commitments that an entry made: ours that the peer signed, the peer's that we signed. One that is only signed again is none. */
export function committedIn(step: ReplayStep, replay: ChannelReplay): Committed[] {
  return [...localIn(step, replay), ...remoteIn(step, replay)];
}

function localIn({ entry, before }: ReplayStep, replay: ChannelReplay): Committed[] {
  const { data, htlcs } = replay;
  const { localSignatures, localCommitmentNumber } = data;
  const isNew = before?.localSignatures === undefined || before.localCommitmentNumber !== localCommitmentNumber;
  if (localSignatures === undefined || !isNew) return [];
  const point = (number: number): Uint8Array => {
    const known = replay.localPoint(number);
    if (known === undefined) throw new AuditError('audit_replay', `the point of commitment ${number} is not known`);
    return known;
  };
  return [committed('local', entry.sequence, localCommitment(negotiated(data), htlcs, point, 'latest'), localSignatures)];
}

function remoteIn({ entry, before, effects, sent }: ReplayStep, { data }: ChannelReplay): Committed[] {
  const effect = effects.find((candidate) => candidate.type === 'sendSigned');
  const isNew = before?.funding === undefined || before.remoteCommitmentNumber !== data.remoteCommitmentNumber;
  if (effect === undefined || !isNew) return [];
  for (const message of sent) {
    if (message.type === 'commitment_signed') return [committed('remote', entry.sequence, effect.commitment, message)];
    if (message.type === 'funding_created' || message.type === 'funding_signed') {
      return [committed('remote', entry.sequence, effect.commitment, { signature: message.signature, htlcSignatures: [] })];
    }
  }
  return [];
}

function committed(
  owner: Side,
  sequence: number,
  request: CommitmentRequest,
  { signature, htlcSignatures }: { readonly signature: Uint8Array; readonly htlcSignatures: readonly Uint8Array[] },
): Committed {
  const { parameters, commitmentNumber, keys, spec } = request;
  return { owner, sequence, request, built: buildCommitment(parameters, commitmentNumber, keys, spec), signature, htlcSignatures };
}
