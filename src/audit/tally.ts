import type { ReplayStep } from '../channels/replay.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { Committed } from './committed.ts';

/** What was checked of a journal, and held. */
export interface Checked {
  readonly entries: number;
  readonly turns: number;
  readonly checkpoints: number;
  /** Commitments by who signed them: the peer's of ours, ours of the peer's. Each with the signatures of its HTLC transactions. */
  readonly commitmentsSignedByUs: number;
  readonly commitmentsSignedByPeer: number;
  readonly htlcSignaturesByUs: number;
  readonly htlcSignaturesByPeer: number;
  readonly revocationSecretsOfOurs: number;
  readonly revocationSecretsOfPeers: number;
  readonly closingSignaturesByUs: number;
  readonly closingSignaturesByPeer: number;
  readonly gossipSignatures: number;
  /** Messages of the peer's that the node answered with a warning or an error: its word alone stands for what they were. */
  readonly refusedMessages: number;
  readonly htlcsOffered: number;
  readonly htlcsReceived: number;
}

/** Counts what each entry proves, once the replay has taken it. */
export class Tally {
  readonly counts: { -readonly [K in keyof Checked]: number } = {
    entries: 0,
    turns: 0,
    checkpoints: 0,
    commitmentsSignedByUs: 0,
    commitmentsSignedByPeer: 0,
    htlcSignaturesByUs: 0,
    htlcSignaturesByPeer: 0,
    revocationSecretsOfOurs: 0,
    revocationSecretsOfPeers: 0,
    closingSignaturesByUs: 0,
    closingSignaturesByPeer: 0,
    gossipSignatures: 0,
    refusedMessages: 0,
    htlcsOffered: 0,
    htlcsReceived: 0,
  };
  #first: Pick<ChannelData, 'nextLocalHtlcId' | 'nextRemoteHtlcId'> | undefined;

  take({ entry, before, effects, sent }: ReplayStep, data: ChannelData, commitments: readonly Committed[]): void {
    const { counts } = this;
    this.#first ??= data;
    counts.entries += 1;
    if (entry.event.type === 'checkpoint') counts.checkpoints += 1;
    else if (entry.stateHash !== undefined) counts.turns += 1;
    for (const { owner, htlcSignatures } of commitments) {
      if (owner === 'remote') {
        counts.commitmentsSignedByUs += 1;
        counts.htlcSignaturesByUs += htlcSignatures.length;
      } else {
        counts.commitmentsSignedByPeer += 1;
        counts.htlcSignaturesByPeer += htlcSignatures.length;
      }
    }
    // An id that was taken back with an HTLC that nobody had signed is given again.
    counts.htlcsOffered = Number(data.nextLocalHtlcId - this.#first.nextLocalHtlcId);
    counts.htlcsReceived = Number(data.nextRemoteHtlcId - this.#first.nextRemoteHtlcId);
    for (const { type } of sent) {
      if (type === 'closing_signed') counts.closingSignaturesByUs += 1;
      if (type === 'announcement_signatures') counts.gossipSignatures += 2;
    }
    if (effects.some(({ type }) => type === 'announceChannel')) counts.gossipSignatures += 2;
    if (entry.event.type === 'message' && sent.some(({ type }) => type === 'warning' || type === 'error')) counts.refusedMessages += 1;
    if (before === undefined) return;
    if (data.localCommitmentNumber !== before.localCommitmentNumber) counts.revocationSecretsOfOurs += 1;
    counts.revocationSecretsOfPeers += data.remoteRevocations - before.remoteRevocations;
    const hasPeerSigned =
      data.agreedClosing !== before.agreedClosing || (data.closing.remoteFeeSatoshis ?? before.closing.remoteFeeSatoshis) !== before.closing.remoteFeeSatoshis;
    if (hasPeerSigned) counts.closingSignaturesByPeer += 1;
  }
}
