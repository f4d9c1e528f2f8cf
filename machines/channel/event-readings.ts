import { equals } from 'uint8arrays';
import { scidFromParts } from '../../protocols/gossip/short-channel-id.ts';
import { messageTables, type Message } from '../../protocols/wire/messages.ts';
import { printableText } from '../../protocols/wire/text.ts';
import { fundingOutput } from '../commitment/funding.ts';
import { negotiated, type ChannelContext } from './context.ts';
import type { ChannelData, ChannelFailure } from './data.ts';
import { deadlineFailure } from './deadlines.ts';
import type { ChannelEvent } from './events.ts';
import { violationOf } from './rules.ts';
import { kindOfSpend as spendKind, type SpendKind } from './spending.ts';
import type { EventOf } from './stepping.ts';
import { ChannelViolation } from './violation.ts';

/** Whether an event is a message of the peer's. */
export const isPeerMessage = (event: ChannelEvent): event is Message => Object.hasOwn(messageTables, event.type);

export const offline = 'the peer is not connected';

export function violationIn(context: ChannelContext, event: ChannelEvent): ChannelViolation | undefined {
  return isPeerMessage(event) ? violationOf(context, event) : undefined;
}

export function failureOf(event: ChannelEvent): ChannelFailure {
  if (event.type === 'fail' || event.type === 'fallBehind') return event.failure;
  if (event.type === 'error') return { code: 'peer_error', reason: printableText(event.data), by: 'remote' };
  if (event.type === 'fundingUnavailable') return { code: 'funding_unavailable', reason: event.reason, by: 'local' };
  if (event.type === 'openingTimedOut') {
    return { code: 'opening_timed_out', reason: 'the peer did not go on with the opening in time', by: 'local' };
  }
  if (event.type === 'fundingDepth') {
    return { code: 'wrong_funding', reason: 'the funding output does not pay the agreed amount to the agreed script', by: 'local' };
  }
  if (event.type === 'fundingSpent') {
    return { code: 'wrong_funding', reason: 'what was named as the funding output is another one, and it is spent', by: 'local' };
  }
  if (event.type === 'fundingTimedOut') return { code: 'funding_timed_out', reason: 'the funding did not confirm within 2016 blocks', by: 'local' };
  return { code: 'connection_lost', reason: 'the connection was lost before the channel was funded', by: 'remote' };
}

/** Whether the output at the funding outpoint is the one that both agreed on. */
export function paysFunding({ data }: ChannelContext, event: EventOf<'fundingDepth'>): boolean {
  const { scriptPubkey } = fundingOutput(data.local.fundingPubkey, negotiated(data).remote.fundingPubkey);
  return event.amountSat === data.fundingSatoshis && equals(event.script, scriptPubkey);
}

/** BOLT 7: the short channel id is where the funding output stands. */
export function placeOf({ funding }: ChannelData, { blockHeight, transactionIndex }: EventOf<'fundingDepth'>): bigint | undefined {
  return funding && scidFromParts({ blockHeight, transactionIndex, outputIndex: funding.outputIndex });
}

export function unexpected(event: ChannelEvent): ChannelViolation {
  const name = event.type === 'message' ? event.message.type : event.type;
  return new ChannelViolation('unexpected_message', `${name} does not belong to the channel's present state`);
}

export const kindOfSpend = (context: ChannelContext, event: ChannelEvent): SpendKind | undefined =>
  event.type === 'fundingSpent' ? spendKind(context, event) : undefined;

/** BOLT 2, "Message Retransmission": the messages of BOLT 7 are independent of it. */
export const mayPrecedeReestablish: ReadonlySet<Message['type']> = new Set([
  'channel_reestablish',
  'announcement_signatures',
  'error',
  'warning',
]);

export const isBlock = (event: ChannelEvent): event is EventOf<'blockConnected' | 'blockDisconnected'> =>
  event.type === 'blockConnected' || event.type === 'blockDisconnected';

export const deadlineIn = (context: ChannelContext, event: ChannelEvent): ChannelFailure | undefined =>
  event.type === 'blockConnected' && event.wasMissed !== true ? deadlineFailure(context, event.height) : undefined;

export const isUnspent = (event: ChannelEvent): boolean => event.type === 'fundingSpent' && event.depth === 0;

/** No block ever held the funding, and what is spent is nothing that either side signed: the peer has named somebody else's output. */
export function isSpendOfNothing(context: ChannelContext, event: ChannelEvent): boolean {
  const { isRecovered, shortChannelId } = context.data;
  if (isRecovered || shortChannelId !== undefined || isUnspent(event)) return false;
  return ['unknown', 'ahead'].includes(kindOfSpend(context, event) ?? '');
}
