import type { PaymentData, PaymentPart, PaymentRoute } from '../../machines/payment/payment.ts';
import { directionOf } from '../routing/channel.ts';
import type { ReservedLiquidity, RouteRequest } from '../routing/request.ts';
import { htlcsOf } from '../routing/route.ts';

/** The parts that are out, or asked for. */
export const outstanding = ({ parts }: PaymentData): readonly PaymentPart[] => parts.filter(({ outcome }) => outcome === undefined);

/** What is asked of the router for all of a payment that is not out. */
export function requestForRest(request: RouteRequest, data: PaymentData): RouteRequest {
  return requestBeside({ ...request, amountMsat: data.amountMsat }, outstanding(data).map(({ route }) => route));
}

/** A payment's request for what these ways of it do not carry: the rest of the amount and of what fees may come to, beside what they hold. */
export function requestBeside(request: RouteRequest, routes: readonly PaymentRoute[]): RouteRequest {
  if (routes.length === 0) return request;
  const sum = (of: (route: PaymentRoute) => bigint): bigint => routes.reduce((total, route) => total + of(route), 0n);
  const feeMsat = request.maxFeeMsat - sum(({ totalFeeMsat }) => totalFeeMsat);
  return {
    ...request,
    amountMsat: request.amountMsat - sum(({ amountMsat }) => amountMsat),
    maxFeeMsat: feeMsat > 0n ? feeMsat : 0n,
    reserved: routes.flatMap(reservedBy),
  };
}

/** What a way holds in the channels of others; in ours it is known. */
function reservedBy(route: PaymentRoute): ReservedLiquidity[] {
  const htlcs = htlcsOf(route);
  return route.hops.slice(1).map(({ nodeId, shortChannelId }, index) => ({
    shortChannelId,
    direction: directionOf(route.hops[index]?.nodeId ?? '', nodeId),
    amountMsat: htlcs[index + 1]?.amountMsat ?? 0n,
  }));
}
