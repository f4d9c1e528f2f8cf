import type { MessageOf } from '../../protocols/wire/messages.ts';
import type { HtlcDetails, HtlcRemoval } from '../htlc/htlc.machine.ts';
import type { HtlcRow } from '../htlc/htlc-table.ts';
import { channelIdOf, negotiated, type ChannelContext, type Step } from './context.ts';
import type { ChannelData } from './data.ts';
import type { AddHtlcCommand } from './events.ts';
import { offerViolation } from './update-rules.ts';
import type { ChannelEffect } from './effects.ts';

type Removal = MessageOf<'update_fulfill_htlc' | 'update_fail_htlc' | 'update_fail_malformed_htlc'>;

/** BOLT 2, "Adding an HTLC": we offer one. The caller checked `offerViolation`. */
export function offerHtlc({ data, htlcs }: ChannelContext, add: AddHtlcCommand): Step {
  const { reference, amountMsat, paymentHash, cltvExpiry, onionRoutingPacket } = add;
  const htlc: HtlcDetails = {
    direction: 'offered',
    id: data.nextLocalHtlcId,
    amountMsat,
    paymentHash,
    cltvExpiry,
    onionRoutingPacket,
  };
  htlcs.add(htlc);
  return {
    data: { nextLocalHtlcId: data.nextLocalHtlcId + 1n },
    effects: [addMessage(data, htlc), { type: 'htlcOffered', reference, htlc }],
  };
}

/** Answers a request for an HTLC that cannot be offered, with the rule that forbids it. */
export function refuseHtlc({ data, htlcs, environment }: ChannelContext, add: AddHtlcCommand, whyNot?: string): Step {
  const { reference } = add;
  if (whyNot !== undefined) return { effects: [{ type: 'htlcRefused', reference, code: 'channel_not_usable', reason: whyNot }] };
  const violation = offerViolation(negotiated(data), environment.policy, htlcs, add);
  const code = violation?.code ?? 'channel_not_usable';
  return { effects: [{ type: 'htlcRefused', reference, code, reason: violation?.message ?? 'the channel takes no HTLC now' }] };
}

/** BOLT 2, "Adding an HTLC": the peer offers one. The caller checked `addViolation`. */
export function receiveAdd({ data, htlcs }: ChannelContext, message: MessageOf<'update_add_htlc'>): Step {
  const { id, amountMsat, paymentHash, cltvExpiry, onionRoutingPacket } = message;
  htlcs.add({ direction: 'received', id, amountMsat, paymentHash, cltvExpiry, onionRoutingPacket });
  return { data: { nextRemoteHtlcId: data.nextRemoteHtlcId + 1n } };
}

/**
 * BOLT 2, "Removing an HTLC": the peer removes one of ours. A preimage counts at once, and once, though the message may
 * come again on the next connection; a failure counts when it is irrevocable.
 */
export function receiveRemoval({ htlcs }: ChannelContext, message: Removal): Step {
  const htlc = htlcs.get('offered', message.id);
  htlcs.remove('offered', message.id, removalOf(message));
  if (htlc === undefined || htlc.removal !== undefined || message.type !== 'update_fulfill_htlc') return {};
  return { effects: [{ type: 'htlcFulfilled', htlc: htlc.details, paymentPreimage: message.paymentPreimage }] };
}

/**
 * We decide the end of a received HTLC, which may be asked for more than once and while the peer is away: the chart of the HTLC takes the first, and
 * `resume` sends what was decided offline.
 */
export function decideRemoval({ data, htlcs }: ChannelContext, id: bigint, removal: HtlcRemoval, online: boolean): Step {
  if (htlcs.get('received', id)?.state !== 'RCVD_ADD_ACK_REVOCATION') return {};
  htlcs.remove('received', id, removal);
  return online ? { effects: [removalMessage(data, id, removal)] } : {};
}

/** BOLT 2, "Updating Fees": we, the opener, propose another feerate. */
export function proposeFeerate({ data }: ChannelContext, feeratePerKw: number): Step {
  return {
    data: { feeUpdates: [...data.feeUpdates, { feeratePerKw, state: 'SENT_ADD_HTLC' }] },
    effects: [feeMessage(data, feeratePerKw)],
  };
}

/** BOLT 2, "Updating Fees": a later update that is not yet signed replaces an earlier one. */
export function receiveFeerate({ data }: ChannelContext, message: MessageOf<'update_fee'>): Step {
  const kept = data.feeUpdates.filter((update) => update.state !== 'RCVD_ADD_HTLC');
  return { data: { feeUpdates: [...kept, { feeratePerKw: message.feeratePerKw, state: 'RCVD_ADD_HTLC' }] } };
}

/**
 * BOLT 2, "Message Retransmission": updates that nobody signed are gone when the connection is lost. What the peer sent
 * and did not sign is reversed. What we added and did not sign the peer has forgotten, and it may be too late for it by
 * the time that the peer is back: an HTLC is withdrawn, its number is used again, and whoever asked for it is told; a
 * feerate is proposed anew. What we removed stays removed: it is decided.
 */
export function rollBackUnsigned({ data, htlcs }: ChannelContext): Step {
  const undone = htlcs.disconnect().map(({ details }) => details);
  const withdrawn = undone.filter(({ direction }) => direction === 'offered');
  return {
    data: {
      nextLocalHtlcId: data.nextLocalHtlcId - BigInt(withdrawn.length),
      nextRemoteHtlcId: data.nextRemoteHtlcId - BigInt(undone.length - withdrawn.length),
      feeUpdates: data.feeUpdates.filter(({ state }) => state !== 'RCVD_ADD_HTLC' && state !== 'SENT_ADD_HTLC'),
      closing: { ...data.closing, localFeeSatoshis: undefined, remoteFeeSatoshis: undefined },
      saidAnnouncement: false,
    },
    effects: withdrawn.map((htlc) => ({ type: 'htlcReturned', htlc, code: 'temporary_channel_failure' })),
  };
}

/** The update messages of ours that our latest commitment_signed carried, for a peer that it did not reach. */
export function signedUpdates({ data, htlcs }: ChannelContext): ChannelEffect[] {
  // Removals first: they free what an addition may need.
  return [
    ...removalMessages(data, htlcs.inState('SENT_REMOVE_COMMIT')),
    ...data.feeUpdates
      .filter(({ state }) => state === 'SENT_ADD_COMMIT')
      .map(({ feeratePerKw }) => feeMessage(data, feeratePerKw)),
    ...htlcs.inState('SENT_ADD_COMMIT').map(({ details }) => addMessage(data, details)),
  ];
}

/** The removals that wait for our next commitment_signed, decided on this connection or before it. */
export const waitingRemovals = ({ data, htlcs }: ChannelContext): ChannelEffect[] =>
  removalMessages(data, htlcs.inState('SENT_REMOVE_HTLC'));

const removalMessages = (data: ChannelData, rows: readonly HtlcRow[]): ChannelEffect[] =>
  rows.flatMap(({ details, removal }) => (removal ? [removalMessage(data, details.id, removal)] : []));

function addMessage(data: ChannelData, htlc: HtlcDetails): ChannelEffect {
  const { id, amountMsat, paymentHash, cltvExpiry, onionRoutingPacket } = htlc;
  const channelId = channelIdOf(data);
  return { type: 'send', message: { type: 'update_add_htlc', channelId, id, amountMsat, paymentHash, cltvExpiry, onionRoutingPacket } };
}

function removalMessage(data: ChannelData, id: bigint, removal: HtlcRemoval): ChannelEffect {
  const channelId = channelIdOf(data);
  switch (removal.kind) {
    case 'fulfilled':
      return { type: 'send', message: { type: 'update_fulfill_htlc', channelId, id, paymentPreimage: removal.paymentPreimage } };
    case 'failed':
      return { type: 'send', message: { type: 'update_fail_htlc', channelId, id, reason: removal.reason } };
    case 'malformed': {
      const { sha256OfOnion, failureCode } = removal;
      return { type: 'send', message: { type: 'update_fail_malformed_htlc', channelId, id, sha256OfOnion, failureCode } };
    }
  }
}

function feeMessage(data: ChannelData, feeratePerKw: number): ChannelEffect {
  return { type: 'send', message: { type: 'update_fee', channelId: channelIdOf(data), feeratePerKw } };
}

function removalOf(message: Removal): HtlcRemoval {
  switch (message.type) {
    case 'update_fulfill_htlc':
      return { kind: 'fulfilled', paymentPreimage: message.paymentPreimage };
    case 'update_fail_htlc':
      return { kind: 'failed', reason: message.reason };
    case 'update_fail_malformed_htlc':
      return { kind: 'malformed', sha256OfOnion: message.sha256OfOnion, failureCode: message.failureCode };
  }
}
