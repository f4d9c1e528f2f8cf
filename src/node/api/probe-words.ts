import type { PaymentFailure, PaymentRoute } from '../../../machines/payment/payment.ts';
import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import type { ProbeAttemptRecord } from '../../payments/records.ts';
import type { NodeName } from './learnt-view.ts';
import { failedHopOf } from './payment-views.ts';

/** What a node says of the channel that it was to forward over. BOLT 4, "Failure Messages". */
const OF_CHANNEL: Readonly<Record<string, string>> = {
  temporary_channel_failure: 'cannot carry it now',
  permanent_channel_failure: 'cannot be used any more',
  required_channel_feature_missing: 'demands a feature that the probe lacks',
  unknown_next_peer: 'is not known there',
  amount_below_minimum: 'takes only larger amounts',
  fee_insufficient: 'asks for a higher fee',
  incorrect_cltv_expiry: 'asks for a longer time lock',
  expiry_too_soon: 'finds the expiry too close',
  channel_disabled: 'is disabled',
};

/** What a node says of itself, or of the HTLC. */
const OF_NODE: Readonly<Record<string, string>> = {
  temporary_node_failure: 'it does not take it now',
  permanent_node_failure: 'it does not work any more',
  required_node_feature_missing: 'it demands a feature that the probe lacks',
  expiry_too_far: 'it finds the time lock too long',
  invalid_onion_version: 'it could not read the onion',
  invalid_onion_hmac: 'it could not read the onion',
  invalid_onion_key: 'it could not read the onion',
};

/** How far one attempt of a probe came. */
export function attemptText({ status, route, htlc, failure }: ProbeAttemptRecord, nameOf: NodeName): string {
  const { length } = route.hops;
  const payee = nameOf(route.hops.at(-1)?.nodeId ?? '');
  switch (status) {
    case 'inFlight':
      return htlc === undefined ? 'our own channel has not answered yet' : 'has not come back yet';
    case 'arrived':
      return `came to ${payee}, the payee, over ${length} ${length === 1 ? 'hop' : 'hops'}`;
    case 'notSent':
      return `did not leave this node, which says nothing of the route: ${failure?.message ?? 'no reason is known'}`;
    case 'stopped':
      return stoppedText(route, failure, nameOf);
  }
}

function stoppedText(route: PaymentRoute, failure: PaymentFailure | undefined, nameOf: NodeName): string {
  const { hops } = route;
  const hop = failedHopOf(route, failure);
  if (failure === undefined || hop === undefined) return `stopped, nobody knows where: ${failure?.message ?? 'no reason is known'}`;
  const { code, shortChannelId } = failure;
  const next = hops[hop + 1];
  const isPayee = next === undefined;
  const place = `stopped at ${nameOf(failure.nodeId ?? '')}, ${isPayee ? 'the payee' : `hop ${hop + 1} of ${hops.length}`}`;
  const ofChannel = OF_CHANNEL[code];
  if (ofChannel !== undefined && next !== undefined && shortChannelId !== undefined) {
    return `${place}: its channel ${formatScid(shortChannelId)} to ${nameOf(next.nodeId)} ${ofChannel} (${code})`;
  }
  return `${place}: ${OF_NODE[code] ?? 'it says'} (${code})`;
}
