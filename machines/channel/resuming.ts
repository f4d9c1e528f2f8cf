import type { MessageOf } from '../../protocols/wire/messages.ts';
import { channelIdOf, negotiated, type ChannelContext, type Step } from './context.ts';
import type { ChannelData } from './data.ts';
import type { ChannelEffect } from './effects.ts';
import { missesCommitment, missesRevocation, reestablishMessage } from './reestablish.ts';
import { remoteCommitment } from './requests.ts';
import { signedUpdates, waitingRemovals } from './updates.ts';

type Reestablish = MessageOf<'channel_reestablish'>;

/** BOLT 2, "Message Retransmission": the first message for a channel on a new connection. */
export function sendReestablish({ data, environment }: ChannelContext): Step {
  const message = reestablishMessage(data, channelIdOf(data), environment.localPoint);
  return { effects: [{ type: 'sendReestablish', message }] };
}

/**
 * What the peer says that it misses, sent again, derived from the channel's state: channel_ready before anything that
 * needs it, our last revocation and our last commitment in the order in which they first went out (BOLT 2), then the
 * removals that are not yet signed.
 */
export function resume(context: ChannelContext, message: Reestablish, order: 'revocationFirst' | 'commitmentFirst'): Step {
  const { data, htlcs } = context;
  const ready: ChannelEffect[] = data.localReady && startsFromZero(data, message) ? [{ type: 'sendReady' }] : [];
  const revocation: ChannelEffect[] = missesRevocation(data, message)
    ? [{ type: 'sendRevocation', revokedCommitmentNumber: data.localCommitmentNumber - 1 }]
    : [];
  const commitment: ChannelEffect[] = missesCommitment(data, message)
    ? [
        ...signedUpdates(context),
        { type: 'sendSigned', message: 'commitment_signed', commitment: remoteCommitment(negotiated(data), htlcs) },
      ]
    : [];
  const again = order === 'revocationFirst' ? [...revocation, ...commitment] : [...commitment, ...revocation];
  return { effects: [...ready, ...again, ...waitingRemovals(context)] };
}

/** BOLT 2: channel_ready is sent again while neither side has received a second commitment. */
const startsFromZero = (data: ChannelData, message: Reestablish): boolean =>
  data.localCommitmentNumber === 0 && message.nextCommitmentNumber === 1;

/**
 * After a restart: what was decided and may not have reached the actors that forward and get paid is told again. They take it
 * idempotently.
 */
export function repeatNotices({ htlcs }: ChannelContext): Step {
  const received = htlcs.inState('RCVD_ADD_ACK_REVOCATION').map(({ details }): ChannelEffect => ({ type: 'htlcReceived', htlc: details }));
  const fulfilled = [...htlcs.rows()].flatMap(({ details, removal }): ChannelEffect[] =>
    details.direction === 'offered' && removal?.kind === 'fulfilled'
      ? [{ type: 'htlcFulfilled', htlc: details, paymentPreimage: removal.paymentPreimage }]
      : [],
  );
  return { effects: [...received, ...fulfilled] };
}
