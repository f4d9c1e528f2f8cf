import type { PaymentData, PaymentPart } from '../../machines/payment/payment.ts';
import { directionOf } from '../routing/channel.ts';
import type { ReservedLiquidity, RouteRequest } from '../routing/request.ts';
import { htlcsOf } from '../routing/route.ts';

/** The parts that are out, or asked for. */
export const outstanding = ({ parts }: PaymentData): readonly PaymentPart[] => parts.filter(({ outcome }) => outcome === undefined);

/** What is asked of the router for all of a payment that is not out: the rest of the amount and of what fees may come to, beside the parts that are. */
export function requestForRest(request: RouteRequest, data: PaymentData): RouteRequest {
  const parts = outstanding(data);
  if (parts.length === 0) return request;
  const sum = (of: (part: PaymentPart) => bigint): bigint => parts.reduce((total, part) => total + of(part), 0n);
  const feeMsat = request.maxFeeMsat - sum(({ route }) => route.totalFeeMsat);
  return {
    ...request,
    amountMsat: data.amountMsat - sum(({ route }) => route.amountMsat),
    maxFeeMsat: feeMsat > 0n ? feeMsat : 0n,
    reserved: parts.flatMap(reservedBy),
  };
}

/** What a part holds in the channels of others; in ours it is known. */
function reservedBy({ route }: PaymentPart): ReservedLiquidity[] {
  const htlcs = htlcsOf(route);
  return route.hops.slice(1).map(({ nodeId, shortChannelId }, index) => ({
    shortChannelId,
    direction: directionOf(route.hops[index]?.nodeId ?? '', nodeId),
    amountMsat: htlcs[index + 1]?.amountMsat ?? 0n,
  }));
}
