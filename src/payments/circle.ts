import type { NodeId } from '../network/network.ts';
import { directionOf } from '../routing/channel.ts';
import type { LocalChannel, RouteRequest } from '../routing/request.ts';
import { PaymentError } from './errors.ts';
import type { PaymentLimits, PaymentPlan } from './payment-request.ts';

/** Money that is to go out over one of our channels and come back over another. */
export interface CircleRequest extends Omit<PaymentLimits, 'maxParts'> {
  readonly amountMsat: bigint;
  readonly from?: bigint;
  readonly to?: bigint;
}

/** This node and its channels, between which money goes round. */
export interface OwnEnd {
  readonly self: NodeId;
  readonly channels: readonly LocalChannel[];
}

/** Throws `PaymentError` `circle_invalid` for what is no circle. */
export function checkCircle({ from, to }: CircleRequest, { channels }: OwnEnd): void {
  if (from === undefined && to === undefined) throw invalid('expected the channel that it leaves by, the one that it comes back by, or both');
  if (from === to) throw invalid('expected two channels, got one');
  if (channels.length < 2) throw invalid(`a circle takes two channels, and this node has ${channels.length}`);
}

/** The plan for an invoice of our own as one for a circle: it leaves by one channel and comes back by another, in one part. */
export function planCircle(plan: PaymentPlan, { from, to }: CircleRequest, { self, channels }: OwnEnd): PaymentPlan {
  const { request } = plan.search;
  const directions = channels.flatMap(({ shortChannelId, peer }) => {
    const out = { shortChannelId, direction: directionOf(self, peer) };
    const back = { shortChannelId, direction: directionOf(peer, self) };
    const mayLeave = from === undefined ? shortChannelId !== to : shortChannelId === from;
    const mayReturn = to === undefined ? shortChannelId !== from : shortChannelId === to;
    return [...(mayLeave ? [] : [out]), ...(mayReturn ? [] : [back])];
  });
  const circle: RouteRequest = { ...request, circular: true, exclude: { directions } };
  return { ...plan, search: { ...plan.search, maxParts: 1, request: circle } };
}

const invalid = (message: string): PaymentError => new PaymentError('circle_invalid', message);
