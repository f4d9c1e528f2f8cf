import type { NodeId } from '../network/network.ts';
import { checkNodeId, checkPolicy, type EdgePolicy } from './channel.ts';
import { RoutingError } from './errors.ts';
import type { ChannelDirection } from './liquidity.ts';
import type { Weights } from './weights.ts';

/** One of our own channels as it stands now, announced or not. */
export interface LocalChannel {
  /** What tells our channels apart: the real short channel id or an alias. */
  readonly shortChannelId: bigint;
  readonly peer: NodeId;
  /** What could be sent over it now: our balance less reserve, fees and what is in flight. */
  readonly spendableMsat: bigint;
  /** The bounds of a single HTLC that the peer accepts. */
  readonly htlcMinimumMsat: bigint;
  readonly htlcMaximumMsat: bigint;
  /** The peer is connected and the channel in normal operation. */
  readonly online: boolean;
}

/**
 * BOLT 11, tagged field `r`: one hop of a way to the payee that gossip does not know. `nodeId` is where the channel
 * starts.
 */
export interface RouteHintHop {
  readonly nodeId: NodeId;
  readonly shortChannelId: bigint;
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
  readonly cltvExpiryDelta: number;
}

/**
 * A policy that a failure message brought, for the retries of one payment alone (BOLT 4, "Receiving Failure Codes").
 */
export interface PolicyOverride extends ChannelDirection {
  readonly policy: EdgePolicy;
}

/** What a payment must not use, mostly since it failed there already. */
export interface Exclusions {
  readonly nodes?: readonly NodeId[];
  /** Both directions. */
  readonly channels?: readonly bigint[];
  readonly directions?: readonly ExcludedDirection[];
}

/** One direction of a channel, for any amount or from this one on, which is that of all parts together that are not out yet. */
export interface ExcludedDirection extends ChannelDirection {
  readonly fromMsat?: bigint;
}

/** What other parts of the same payment hold in a channel already. */
export interface ReservedLiquidity extends ChannelDirection {
  readonly amountMsat: bigint;
}

/** Asks for one path that carries one HTLC to the payee. */
export interface RouteRequest {
  readonly payee: NodeId;
  /** What the payee is to receive, exactly. */
  readonly amountMsat: bigint;
  readonly maxFeeMsat: bigint;
  /** The height of the best block: expiries count from it. */
  readonly blockHeight: number;
  /** The payee's `min_final_cltv_expiry_delta`. */
  readonly finalCltvDelta: number;
  /**
   * Blocks added to the payee's delta (default `DEFAULT_EXPIRY_MARGIN`). The payee compares with its own height on
   * arrival, and a block found meanwhile would make the exact delta too small. A shadow route's offset (BOLT 7) is
   * added here too.
   */
  readonly expiryMargin?: number;
  /**
   * The first HTLC expires at most so many blocks from now (default 2016, BOLT 4's `max_htlc_cltv`: beyond it nodes
   * refuse).
   */
  readonly maxTotalCltvDelta?: number;
  /** Channels in the path, the first and the last included (default and at most 20). */
  readonly maxHops?: number;
  /** The bytes that the payee's payload takes beside amount and expiry: see `finalPayloadExtraBytes`. */
  readonly finalPayloadExtraBytes?: number;
  readonly routeHints?: readonly (readonly RouteHintHop[])[];
  readonly exclude?: Exclusions;
  readonly reserved?: readonly ReservedLiquidity[];
  readonly policyOverrides?: readonly PolicyOverride[];
  /**
   * An invoice says which features the payee asks for: those of its `node_announcement` are then not looked at (BOLT
   * 7).
   */
  readonly invoiced?: boolean;
  /** The payee is this node itself: out over one of our channels, and back over another, which the caller sees to. */
  readonly circular?: boolean;
  /** What the route is chosen by beside its fees (default: the node's). */
  readonly weights?: Weights;
}

/** lnd's "block padding": three blocks on the way are as good as never exceeded. */
export const DEFAULT_EXPIRY_MARGIN = 3;
/** BOLT 4, "`max_htlc_cltv` Selection". */
export const MAX_HTLC_CLTV = 2016;
/** BOLT 4, "Initialization of `attribution_data`": the most hops that a route may have. */
export const MAX_HOPS = 20;
/** A `payment_data` record: type, length, 32 bytes of secret, and an amount of up to eight. */
export const DEFAULT_FINAL_EXTRA_BYTES = 42;
/** Of any weight: a million sat for a failed attempt, or a whole amount for a failed attempt or a locked block. */
export const MAX_WEIGHT = 1_000_000_000;
/** More than any invoice carries; a bound against hostile ones. */
const MAX_HINT_HOPS = 400;

/** Throws `RoutingError` `invalid_route_request` for what no payment can mean. Hostile route hints end here. */
export function checkRouteRequest(request: RouteRequest): void {
  checkNodeId(request.payee);
  if (request.amountMsat < 1n) refuse(`expected an amount of at least 1 msat, got ${request.amountMsat}`);
  if (request.maxFeeMsat < 0n) refuse(`expected a fee limit of at least 0 msat, got ${request.maxFeeMsat}`);
  checkCount('blockHeight', request.blockHeight, 0xffff_ffff - 0xffff);
  checkCount('finalCltvDelta', request.finalCltvDelta, 0xffff);
  checkCount('expiryMargin', request.expiryMargin ?? 0, 0xffff);
  checkCount('maxTotalCltvDelta', request.maxTotalCltvDelta ?? 0, 0xffff);
  checkCount('maxHops', request.maxHops ?? 1, MAX_HOPS);
  checkCount('finalPayloadExtraBytes', request.finalPayloadExtraBytes ?? 0, 0xffff);
  const hints = request.routeHints ?? [];
  const hintHops = hints.reduce((sum, hint) => sum + hint.length, 0);
  if (hintHops > MAX_HINT_HOPS) refuse(`expected at most ${MAX_HINT_HOPS} hops in route hints, got ${hintHops}`);
  for (const hop of hints.flat()) {
    checkNodeId(hop.nodeId);
    checkPolicy(policyOfHint(hop));
  }
  for (const { policy } of request.policyOverrides ?? []) checkPolicy(policy);
  for (const [field, value] of Object.entries(request.weights ?? {})) checkCount(field, value as number, MAX_WEIGHT);
}

/** A hint's channel as an edge: any amount, as far as we know. */
export function policyOfHint(hop: RouteHintHop): EdgePolicy {
  return {
    timestamp: 0,
    disabled: false,
    cltvExpiryDelta: hop.cltvExpiryDelta,
    htlcMinimumMsat: 0n,
    htlcMaximumMsat: 2n ** 64n - 1n,
    feeBaseMsat: hop.feeBaseMsat,
    feeProportionalMillionths: hop.feeProportionalMillionths,
  };
}

function checkCount(field: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    refuse(`expected ${field} to be an integer from 0 to ${max}, got ${value}`);
  }
}

function refuse(message: string): never {
  throw new RoutingError('invalid_route_request', message);
}
