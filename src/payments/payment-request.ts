import { fromString, toString } from 'uint8arrays';
import type { PaymentPurpose } from '../../machines/payment/payment.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { decodeInvoice } from '../../protocols/invoice/decode.ts';
import type { Invoice, RouteHint } from '../../protocols/invoice/invoice.ts';
import type { Currency } from '../../protocols/invoice/prefix.ts';
import { hasFeature } from '../../protocols/wire/features.ts';
import type { NodeId } from '../network/network.ts';
import { checkNodeId } from '../routing/channel.ts';
import { MAX_HTLC_CLTV, type RouteHintHop, type RouteRequest } from '../routing/request.ts';
import { finalPayloadExtraBytes, type PayeeDetails } from '../routing/route.ts';
import type { RandomBytes } from '../runtime/clock.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { RoutingError } from '../routing/errors.ts';
import type { Weights } from '../routing/weights.ts';
import { PaymentError } from './errors.ts';
import { checkAmount } from './invoice-maker.ts';
import type { PaymentSearch } from './payment-store.ts';

/** How far a payment may go. */
export interface PaymentLimits {
  /** Default 1 % of the amount, and 5 sat at least. */
  readonly maxFeeMsat?: bigint;
  /** Locks funds for no more blocks (default 2016: BOLT 4's limit). */
  readonly maxCltvExpiryDelta?: number;
  /** Begins no attempt later (default 60). */
  readonly timeoutSeconds?: number;
  /** HTLCs that are tried in all, parts counted one by one. */
  readonly maxAttempts?: number;
  /** HTLCs that are out at once (default 16); 1 where the payee does not take several. */
  readonly maxParts?: number;
}

export interface PayRequest extends PaymentLimits {
  readonly invoice: string;
  /** For an invoice without an amount. */
  readonly amountMsat?: bigint;
}

export interface KeysendRequest extends PaymentLimits {
  readonly nodeId: NodeId;
  readonly amountMsat: bigint;
}

/** A way that is only looked for. */
export interface FindRouteRequest extends Pick<PaymentLimits, 'maxFeeMsat' | 'maxCltvExpiryDelta'> {
  readonly nodeId: NodeId;
  readonly amountMsat: bigint;
  /** What is left out is the node's own. */
  readonly weights?: Weights;
}

/** A payment as it is to be made, or a probe. */
export interface PaymentPlan {
  readonly purpose: PaymentPurpose;
  readonly paymentHash: Uint8Array;
  readonly amountMsat: bigint;
  readonly payee: NodeId;
  readonly isKeysend: boolean;
  readonly invoice: string | undefined;
  readonly description: string | undefined;
  readonly deadlineMs: number;
  readonly maxAttempts: number;
  readonly search: PaymentSearch;
}

/** When a payment is begun. */
export interface Moment {
  readonly nowMs: number;
  readonly blockHeight: number;
}

const DEFAULT_TIMEOUT_SECONDS = 60;
const DEFAULT_MAX_ATTEMPTS = 100;
const DEFAULT_MAX_PARTS = 16;
const MIN_DEFAULT_FEE_MSAT = 5_000n;
/** Of a payee whom nobody has asked: a little more than BOLT 2's 18 blocks, as Core Lightning has it. */
const KEYSEND_FINAL_CLTV_DELTA = 22;

const defaultMaxFeeMsat = (amountMsat: bigint): bigint => {
  const percent = amountMsat / 100n;
  return percent > MIN_DEFAULT_FEE_MSAT ? percent : MIN_DEFAULT_FEE_MSAT;
};

const limitsOf = (amountMsat: bigint, { maxFeeMsat, maxCltvExpiryDelta = MAX_HTLC_CLTV }: PaymentLimits) => ({
  maxFeeMsat: maxFeeMsat ?? defaultMaxFeeMsat(amountMsat),
  // BOLT 4, "`max_htlc_cltv` Selection": beyond it nodes refuse.
  maxTotalCltvDelta: Math.min(maxCltvExpiryDelta, MAX_HTLC_CLTV),
});

/**
 * BOLT 11, "Payer / Payee Requirements". Throws `InvoiceError` for a text that is none, `PaymentError` for one that
 * cannot be paid.
 */
export function planInvoice(request: PayRequest, currency: Currency, { nowMs, blockHeight }: Moment): PaymentPlan {
  const invoice = decodeInvoice(request.invoice);
  if (invoice.currency !== currency) {
    const message = `expected an invoice for this node's network, ln${currency}…, got ln${invoice.currency}…`;
    throw new PaymentError('invoice_wrong_network', message, { expected: currency, got: invoice.currency });
  }
  const expiresAtMs = expiryMs(invoice);
  if (nowMs >= expiresAtMs) {
    throw new PaymentError('invoice_expired', `the invoice expired at ${new Date(expiresAtMs).toISOString()}`, {
      expiresAtMs,
    });
  }
  const amountMsat = amountOf(invoice, request.amountMsat);
  const { timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, maxAttempts = DEFAULT_MAX_ATTEMPTS } = request;
  const { paymentSecret, paymentMetadata, payeeNodeId, minFinalCltvExpiryDelta, routeHints, paymentHash } = invoice;
  const details: PayeeDetails = { paymentSecret, ...(paymentMetadata === undefined ? {} : { paymentMetadata }) };
  return {
    purpose: 'payment',
    paymentHash,
    amountMsat,
    payee: toString(payeeNodeId, 'hex'),
    isKeysend: false,
    invoice: request.invoice,
    description: invoice.description,
    deadlineMs: Math.min(nowMs + timeoutSeconds * 1_000, expiresAtMs),
    maxAttempts,
    search: {
      details,
      // BOLT 9, `basic_mpp`: who does not offer it takes one part alone.
      maxParts: hasFeature(invoice.features, 'basic_mpp') ? (request.maxParts ?? DEFAULT_MAX_PARTS) : 1,
      request: {
        payee: toString(payeeNodeId, 'hex'),
        amountMsat,
        blockHeight,
        ...limitsOf(amountMsat, request),
        finalCltvDelta: minFinalCltvExpiryDelta,
        finalPayloadExtraBytes: finalPayloadExtraBytes(details, amountMsat),
        routeHints: routeHints.map((hint) => hint.map(hintHop)),
        invoiced: true,
      },
    },
  };
}

/** bLIP 3: the preimage is ours, and travels in the onion. Throws `PaymentError` or `RoutingError`. */
export function planKeysend(
  request: KeysendRequest,
  randomBytes: RandomBytes,
  { nowMs, blockHeight }: Moment,
): PaymentPlan {
  const keysendPreimage = randomBytes(32);
  const unasked = planUnasked(request, sha256(keysendPreimage), { keysendPreimage }, { nowMs, blockHeight });
  return { ...unasked, purpose: 'payment', isKeysend: true };
}

/** To a payee who did not ask for anything, in one part. Throws `PaymentError` or `RoutingError`. */
export function planUnasked(
  request: KeysendRequest,
  paymentHash: Uint8Array,
  details: PayeeDetails,
  { nowMs, blockHeight }: Moment,
): Omit<PaymentPlan, 'purpose' | 'isKeysend'> {
  const { nodeId, amountMsat, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, maxAttempts = DEFAULT_MAX_ATTEMPTS } = request;
  return {
    paymentHash,
    amountMsat,
    payee: nodeId,
    invoice: undefined,
    description: undefined,
    deadlineMs: nowMs + timeoutSeconds * 1_000,
    maxAttempts,
    search: {
      details,
      // There is no secret by which the payee could tell parts of one payment from others.
      maxParts: 1,
      request: {
        ...routeQuestion(request, blockHeight),
        finalPayloadExtraBytes: finalPayloadExtraBytes(details, amountMsat),
      },
    },
  };
}

/** What is asked of the router for a payee who did not ask for anything. Throws `PaymentError` or `RoutingError`. */
export function routeQuestion(request: FindRouteRequest, blockHeight: number): RouteRequest {
  const { nodeId, amountMsat } = request;
  checkAmount(amountMsat);
  checkNodeId(nodeId);
  if (!secp256k1.isPublicKey(fromString(nodeId, 'hex'))) {
    throw new RoutingError('invalid_node_id', `expected a node id that is a public key, got ${nodeId}`);
  }
  return {
    payee: nodeId,
    amountMsat,
    blockHeight,
    ...limitsOf(amountMsat, request),
    finalCltvDelta: KEYSEND_FINAL_CLTV_DELTA,
    ...('weights' in request && request.weights !== undefined && { weights: request.weights }),
  };
}

/** When an invoice can be paid no more, in milliseconds since 1970. */
export const expiryMs = ({ timestamp, expirySeconds }: Pick<Invoice, 'timestamp' | 'expirySeconds'>): number =>
  (timestamp + expirySeconds) * 1_000;

function amountOf({ amountMsat: asked }: Invoice, given: bigint | undefined): bigint {
  if (asked !== undefined) {
    if (given === undefined || given === asked) return asked;
    throw new PaymentError('amount_not_asked', `the invoice asks for ${asked} msat, got ${given}`, { asked, given });
  }
  if (given === undefined)
    throw new PaymentError('amount_missing', 'the invoice leaves the amount to the payer: expected one');
  checkAmount(given);
  return given;
}

const hintHop = ({ nodeId, ...hop }: RouteHint): RouteHintHop => ({ nodeId: toString(nodeId, 'hex'), ...hop });
