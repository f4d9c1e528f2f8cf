import type { MessageOf } from '../../protocols/wire/messages.ts';
import { insertSecret, secretIndex } from '../commitment/secrets.ts';
import { isUncommitted, isUnsigned, stateAfter, type DanceStep } from '../htlc/htlc-states.ts';
import type { HtlcRow } from '../htlc/htlc-table.ts';
import { negotiated, type ChannelContext, type Step } from './context.ts';
import type { ChannelData } from './data.ts';
import type { ChannelEffect } from './effects.ts';
import { remoteCommitment } from './requests.ts';

/** An update waits for our next commitment_signed. */
export const hasUpdatesToSign = ({ data, htlcs }: ChannelContext): boolean =>
  htlcs.hasUnsigned || data.feeUpdates.some(({ state }) => isUnsigned(state));

/** An update waits for the peer's next commitment_signed. */
export const hasUpdatesToReceive = ({ data, htlcs }: ChannelContext): boolean =>
  htlcs.hasUncommitted || data.feeUpdates.some(({ state }) => isUncommitted(state));

/** No HTLC in any state and no feerate on its way: nothing is left that either commitment could change by. */
export const isDrained = ({ data, htlcs }: ChannelContext): boolean => htlcs.size === 0 && data.feeUpdates.length === 0;

/** BOLT 2, "Committing Updates So Far": we sign the peer's next commitment. */
export function signCommitment({ data, htlcs }: ChannelContext): Step {
  htlcs.dance('commitSent');
  const next = { ...data, remoteCommitmentNumber: data.remoteCommitmentNumber + 1, feeUpdates: danceFees(data, 'commitSent').feeUpdates };
  return {
    data: next,
    effects: [{ type: 'sendSigned', message: 'commitment_signed', commitment: remoteCommitment(negotiated(next), htlcs) }],
  };
}

/** BOLT 2, "Committing Updates So Far": the peer signed our next commitment (checked by the guard); we revoke the one before it. */
export function receiveCommitment({ data, htlcs }: ChannelContext, message: MessageOf<'commitment_signed'>): Step {
  htlcs.dance('commitReceived');
  htlcs.dance('revocationSent');
  const settled = settle(danceFees(danceFees(data, 'commitReceived'), 'revocationSent'), htlcs.releaseSettled());
  return {
    data: {
      ...settled.data,
      localCommitmentNumber: data.localCommitmentNumber + 1,
      localSignatures: { signature: message.signature, htlcSignatures: message.htlcSignatures },
    },
    effects: [{ type: 'sendRevocation', revokedCommitmentNumber: data.localCommitmentNumber }, ...settled.effects],
  };
}

/** BOLT 2, "Completing the Transition": the peer revoked its old commitment (checked by the guard). */
export function receiveRevocation({ data, htlcs }: ChannelContext, message: MessageOf<'revoke_and_ack'>): Step {
  const received = htlcs.inState('SENT_ADD_ACK_COMMIT');
  htlcs.dance('revocationReceived');
  const settled = settle(danceFees(data, 'revocationReceived'), htlcs.releaseSettled());
  return {
    data: {
      ...settled.data,
      remoteRevocations: data.remoteRevocations + 1,
      remoteSecrets: insertSecret(data.remoteSecrets, secretIndex(data.remoteRevocations), message.perCommitmentSecret),
      remoteCurrentPoint: data.remoteNextPoint,
      remoteNextPoint: message.nextPerCommitmentPoint,
    },
    effects: [...settled.effects, ...received.map(({ details }): ChannelEffect => ({ type: 'htlcReceived', htlc: details }))],
  };
}

/** Takes the feerates on their way one step further; one that is irrevocably committed becomes the channel's. */
function danceFees(data: ChannelData, step: DanceStep): ChannelData {
  if (data.feeUpdates.length === 0) return data;
  const moved = data.feeUpdates.map((update) => ({ ...update, state: stateAfter(update.state, step) }));
  const done = moved.findLastIndex(({ state }) => state === 'SENT_ADD_ACK_REVOCATION' || state === 'RCVD_ADD_ACK_REVOCATION');
  return { ...data, feeratePerKw: moved[done]?.feeratePerKw ?? data.feeratePerKw, feeUpdates: moved.slice(done + 1) };
}

/** Moves what HTLCs moved into the balances, now that it is irrevocable, and tells whom it concerns. */
function settle(data: ChannelData, ended: readonly HtlcRow[]): { data: ChannelData; effects: ChannelEffect[] } {
  let { toLocalMsat, toRemoteMsat } = data;
  const effects: ChannelEffect[] = [];
  for (const { details: htlc, removal } of ended) {
    if (removal === undefined) continue;
    if (removal.kind === 'fulfilled') {
      const gainMsat = htlc.direction === 'offered' ? -htlc.amountMsat : htlc.amountMsat;
      toLocalMsat += gainMsat;
      toRemoteMsat -= gainMsat;
    }
    if (htlc.direction === 'received') effects.push({ type: 'htlcEnded', htlc, removal });
    else if (removal.kind !== 'fulfilled') effects.push({ type: 'htlcFailed', htlc, removal });
  }
  return { data: { ...data, toLocalMsat, toRemoteMsat }, effects };
}
