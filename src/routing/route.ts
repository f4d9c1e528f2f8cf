import { encodePayload, type FinalPayload, type ForwardPayload } from '../../protocols/onion/payload.ts';
import type { NodeId } from '../network/network.ts';
import { RoutingError } from './errors.ts';

/** A node of a route and the channel that leads to it from the one before. */
export interface RouteHop {
  readonly nodeId: NodeId;
  /** The channel over which the node receives; of the first hop our own. */
  readonly shortChannelId: bigint;
  /** The `amt_to_forward` of the node's payload: what it sends on, or for the payee what it is to receive. */
  readonly amountToForwardMsat: bigint;
  /**
   * The `outgoing_cltv_value` of the node's payload: the expiry (a block height) of the HTLC that it sends on, or for
   * the payee of its own.
   */
  readonly outgoingCltvExpiry: number;
  /** What the node keeps: what it receives less what it forwards; 0 for the payee. */
  readonly feeMsat: bigint;
}

/** One path for one HTLC, from us (not among the hops) to the payee (the last hop). */
export interface Route {
  readonly hops: readonly RouteHop[];
  /** What the payee receives. */
  readonly amountMsat: bigint;
  /** `amount_msat` of the HTLC to send to the first hop. */
  readonly totalAmountMsat: bigint;
  readonly totalFeeMsat: bigint;
  /** `cltv_expiry` of that HTLC: the height the route was made at, and `totalCltvDelta`. */
  readonly cltvExpiry: number;
  readonly totalCltvDelta: number;
}

/** The HTLC that a hop of the route receives: its amount, and the height at which it expires. */
export interface HopHtlc {
  readonly amountMsat: bigint;
  readonly cltvExpiry: number;
}

/** What the payee is told beside amount and expiry. */
export interface PayeeDetails {
  /**
   * From the invoice. `totalMsat` is what all parts come to; default is this route's amount (BOLT 4: equal unless it is
   * one of several parts).
   */
  readonly paymentSecret?: Uint8Array;
  readonly totalMsat?: bigint;
  readonly paymentMetadata?: Uint8Array;
  /** For a payment without an invoice. */
  readonly keysendPreimage?: Uint8Array;
}

/** A hop as the onion is made of it: `encodePayload(payload)` goes to the node. */
export interface HopPayload {
  readonly nodeId: NodeId;
  readonly payload: ForwardPayload | FinalPayload;
}

/** BOLT 4, "Packet Structure": after each payload stands an HMAC. */
const HMAC_BYTES = 32;

/** The HTLCs of a route, one a hop: the first is the one that we offer. */
export function htlcsOf(route: Route): HopHtlc[] {
  return route.hops.map((_, index) => {
    const before = route.hops[index - 1];
    return before === undefined
      ? { amountMsat: route.totalAmountMsat, cltvExpiry: route.cltvExpiry }
      : { amountMsat: before.amountToForwardMsat, cltvExpiry: before.outgoingCltvExpiry };
  });
}

/**
 * The payload of each hop, in the order of the route. BOLT 4, "`payload` format": each node but the last is told the
 * next channel, and the last what the payee asked for. Throws `RoutingError` for a route without hops, or a total that
 * the spec forbids.
 */
export function hopPayloads(route: Route, payee: PayeeDetails): HopPayload[] {
  const { totalMsat = route.amountMsat } = payee;
  if (totalMsat < route.amountMsat) {
    throw new RoutingError(
      'invalid_route', `expected a total of at least this part's ${route.amountMsat} msat, got ${totalMsat}`,
    );
  }
  if (totalMsat !== route.amountMsat && payee.paymentSecret === undefined) {
    throw new RoutingError(
      'invalid_route', 'a payment in several parts needs a payment secret (BOLT 4, "Basic Multi-Part Payments")',
    );
  }
  if (route.hops.length === 0) {
    throw new RoutingError('invalid_route', 'expected a route of at least one hop, got none');
  }
  return route.hops.map(({ nodeId, amountToForwardMsat, outgoingCltvExpiry }, index) => {
    const common = { amtToForwardMsat: amountToForwardMsat, outgoingCltvValue: outgoingCltvExpiry };
    const next = route.hops[index + 1];
    if (next !== undefined) return { nodeId, payload: { ...common, shortChannelId: next.shortChannelId } };
    return { nodeId, payload: { ...common, ...payeeRecords(payee, totalMsat) } };
  });
}

/** The bytes that the payee's payload takes beside amount and expiry: for `RouteRequest.finalPayloadExtraBytes`. */
export function finalPayloadExtraBytes(payee: PayeeDetails, totalMsat: bigint): number {
  const bare = { amtToForwardMsat: 0n, outgoingCltvValue: 0 };
  return encodePayload({ ...bare, ...payeeRecords(payee, totalMsat) }).length - encodePayload(bare).length;
}

/**
 * How many hops fit into an onion of 1,300 bytes, when no hop forwards more than `maxAmountMsat` or later than
 * `maxExpiry`.
 *
 * A payload's integers are written without leading zeros, so the longest ones are those of the first hop; taking them
 * for all hops turns the limit on bytes into one on hops, and errs by a few bytes only where an amount along the route
 * crosses a power of 256.
 */
export function maxHopsInOnion(maxAmountMsat: bigint, maxExpiry: number, finalExtraBytes: number): number {
  const common = { amtToForwardMsat: maxAmountMsat, outgoingCltvValue: maxExpiry };
  const final = framed(encodePayload(common).length + finalExtraBytes);
  const forward = framed(encodePayload({ ...common, shortChannelId: 0n }).length);
  return final > PAYLOADS_BYTES ? 0 : 1 + Math.floor((PAYLOADS_BYTES - final) / forward);
}

const PAYLOADS_BYTES = 1300;

/** A payload with its length (a BigSize, never above three bytes here) and its HMAC. */
function framed(payloadBytes: number): number {
  return (payloadBytes < 0xfd ? 1 : 3) + payloadBytes + HMAC_BYTES;
}

function payeeRecords(
  { paymentSecret, paymentMetadata, keysendPreimage }: PayeeDetails, totalMsat: bigint,
): Partial<FinalPayload> {
  return {
    ...(paymentSecret === undefined ? {} : { paymentData: { paymentSecret, totalMsat } }),
    ...(paymentMetadata === undefined ? {} : { paymentMetadata }),
    ...(keysendPreimage === undefined ? {} : { keysendPreimage }),
  };
}
