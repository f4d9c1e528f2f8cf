import { fromString } from 'uint8arrays';
import type { MessageOf } from '../../protocols/wire/messages.ts';
import { acceptableFees, answerClosing, closingRequest, idealClosingFee } from './closing.ts';
import { channelIdOf, negotiated, type ChannelContext, type Step } from './context.ts';
import type { ChannelFailure } from './data.ts';
import type { FundingSpent } from './events.ts';
import { localCommitment } from './requests.ts';
import { kindOfSpend } from './spending.ts';
import type { ChannelViolation } from './violation.ts';

/** BOLT 2, "Closing Initiation: shutdown". */
export function sendShutdown({ data }: ChannelContext): Step {
  return { effects: [{ type: 'send', message: { type: 'shutdown', channelId: channelIdOf(data), scriptpubkey: data.localShutdownScript } }] };
}

export function receiveShutdown(_context: ChannelContext, message: MessageOf<'shutdown'>): Step {
  return { data: { remoteShutdownScript: message.scriptpubkey } };
}

/** BOLT 2, "Legacy Closing Negotiation": the opener begins, with the fee that it thinks right and the range that it would take. */
export function openNegotiation({ data }: ChannelContext): Step {
  return data.isOpener ? proposeFee(data, idealClosingFee(negotiated(data))) : {};
}

/** We answer with a fee of our own. */
export function counterFee({ data }: ChannelContext, message: MessageOf<'closing_signed'>): Step {
  const noted = { ...data, closing: { ...data.closing, remoteFeeSatoshis: message.feeSatoshis } };
  const answer = answerClosing(negotiated(data), message);
  return answer.kind === 'refuse' ? {} : proposeFee(noted, answer.feeSatoshis);
}

/** Both have signed the same fee: the mutual close may go out. */
export function agreeOnFee({ data }: ChannelContext, message: MessageOf<'closing_signed'>): Step {
  const channel = negotiated(data);
  const { feeSatoshis, signature: remoteSignature } = message;
  const answer = answerClosing(channel, message);
  const reply = answer.kind === 'agree' && answer.reply ? (proposeFee(data, feeSatoshis).effects ?? []) : [];
  return {
    data: { agreedClosing: { feeSatoshis, remoteSignature } },
    effects: [
      ...reply,
      { type: 'broadcastClosing', closing: closingRequest(channel, feeSatoshis, 'remote'), remoteSignature },
    ],
  };
}

/** After a restart or a reconnection: the peer may not have our last signature, nor the chain the transaction. */
export function repeatClosing({ data }: ChannelContext, to: 'peer' | 'chain'): Step {
  if (data.agreedClosing === undefined) return {};
  const { feeSatoshis, remoteSignature } = data.agreedClosing;
  if (to === 'peer') return { effects: proposeFee(data, feeSatoshis).effects ?? [] };
  return {
    effects: [
      { type: 'broadcastClosing', closing: closingRequest(negotiated(data), feeSatoshis, 'remote'), remoteSignature },
    ],
  };
}

function proposeFee(data: ChannelContext['data'], feeSatoshis: bigint): Step {
  const channel = negotiated(data);
  return {
    data: { closing: { ...data.closing, localFeeSatoshis: feeSatoshis } },
    effects: [
      {
        type: 'sendClosingSigned',
        closing: closingRequest(channel, feeSatoshis, 'local'),
        feeRange: acceptableFees(channel),
      },
    ],
  };
}

/** BOLT 1: an `error` names the channel and says, in printable text, what was wrong. */
export function errorMessage({ data }: ChannelContext, failure: ChannelFailure): Step {
  return { effects: [{ type: 'send', message: { type: 'error', channelId: channelIdOf(data), data: text(failure.reason) } }] };
}

/** BOLT 1: a `warning`, after which we close the connection. */
export function warn({ data }: ChannelContext, violation: ChannelViolation): Step {
  return {
    effects: [
      { type: 'send', message: { type: 'warning', channelId: channelIdOf(data), data: text(violation.message) } },
      { type: 'disconnect', reason: violation.message },
    ],
  };
}

/** BOLT 5, "Failing a Channel": our latest commitment goes to the chain, if the peer ever signed one. */
export function broadcastCommitment({ data, htlcs, environment }: ChannelContext): Step {
  if (data.localSignatures === undefined) return {};
  const commitment = localCommitment(negotiated(data), htlcs, environment.localPoint, 'latest');
  return { effects: [{ type: 'broadcastCommitment', commitment, remoteSignature: data.localSignatures.signature }] };
}

/** BOLT 5: the channel ends on chain without an agreement; the peer is told, and whatever else it sends is ignored. */
export function noteUnilateralClose(context: ChannelContext, event: FundingSpent): Step {
  if (context.data.failure !== undefined) return {};
  const by = kindOfSpend(context, event) === 'local' ? 'local' : 'remote';
  const failure: ChannelFailure = {
    code: 'funding_spent',
    reason: 'the funding output was spent without a mutual close',
    by,
  };
  return {
    data: { failure },
    effects: [{ type: 'channelFailed', failure }, ...(errorMessage(context, failure).effects ?? [])],
  };
}

const MAX_TEXT_BYTES = 1_000;

/** Printable ASCII, bounded: what BOLT 1 wants of the data of errors and warnings. */
function text(reason: string): Uint8Array {
  return fromString(reason.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_TEXT_BYTES), 'ascii');
}
