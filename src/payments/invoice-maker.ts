import { fromString } from 'uint8arrays';
import { MIN_BLOCKS_TO_TAKE } from '../../machines/invoice/rules.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { encodeInvoice } from '../../protocols/invoice/encode.ts';
import type { RouteHint } from '../../protocols/invoice/invoice.ts';
import type { Currency } from '../../protocols/invoice/prefix.ts';
import { encodeFeatures } from '../../protocols/wire/features.ts';
import { MAX_MSAT } from '../../protocols/wire/types.ts';
import type { NodeSigner } from '../keys/signer-api.ts';
import type { RandomBytes } from '../runtime/clock.ts';
import type { ChannelDirectory, OwnChannel } from './directory.ts';
import { PaymentError } from './errors.ts';

/** What an invoice is to ask for. */
export interface InvoiceRequest {
  /** Left out, the payer chooses. */
  readonly amountMsat?: bigint;
  readonly description?: string;
  /** SHA-256 of a description that the payer has by other means, instead of one. */
  readonly descriptionHash?: Uint8Array;
  /** Default one hour. */
  readonly expirySeconds?: number;
}

export interface InvoiceMakerOptions {
  readonly currency: Currency;
  readonly signer: Pick<NodeSigner, 'signInvoice'>;
  readonly randomBytes: RandomBytes;
  readonly directory: ChannelDirectory;
}

export interface MadeInvoice {
  readonly text: string;
  readonly preimage: Uint8Array;
  readonly paymentHash: Uint8Array;
  readonly paymentSecret: Uint8Array;
  readonly expiresAtMs: number;
}

/** Enough ways to us that one of them works, in an invoice that a QR code still holds. */
const MAX_ROUTE_HINTS = 4;
export const DEFAULT_EXPIRY_SECONDS = 3_600;
/**
 * BOLT 2, "`cltv_expiry_delta` Selection": what the last hop must leave us. It is more than BOLT 11's default, at which
 * the channel would go to the chain for it, and more than what is left when a part is given up, since blocks come while
 * others are on their way.
 */
export const MIN_FINAL_CLTV_EXPIRY_DELTA = MIN_BLOCKS_TO_TAKE + 3;

/** BOLT 11, "Feature Bits": several parts are welcome. */
const FEATURES = encodeFeatures({ var_onion_optin: 'required', payment_secret: 'required', basic_mpp: 'optional' });

/** Makes an invoice with a new preimage. Throws `PaymentError` or `InvoiceError` for what cannot be asked for. */
export function makeInvoice(options: InvoiceMakerOptions, request: InvoiceRequest, nowMs: number): MadeInvoice {
  const { currency, signer, randomBytes, directory } = options;
  const { amountMsat, description, descriptionHash, expirySeconds = DEFAULT_EXPIRY_SECONDS } = request;
  if (amountMsat !== undefined) checkAmount(amountMsat);
  const preimage = randomBytes(32);
  const paymentHash = sha256(preimage);
  const paymentSecret = randomBytes(32);
  const timestamp = Math.floor(nowMs / 1_000);
  const text = encodeInvoice(
    {
      currency,
      timestamp,
      paymentHash,
      paymentSecret,
      expirySeconds,
      minFinalCltvExpiryDelta: MIN_FINAL_CLTV_EXPIRY_DELTA,
      routeHints: routeHints(directory).map((hint) => [hint]),
      features: FEATURES,
      ...(amountMsat === undefined ? {} : { amountMsat }),
      ...(descriptionHash === undefined ? { description: description ?? '' } : { descriptionHash }),
      ...(descriptionHash !== undefined && description !== undefined ? { description } : {}),
    },
    (hash) => signer.signInvoice(hash),
  );
  return { text, preimage, paymentHash, paymentSecret, expiresAtMs: (timestamp + expirySeconds) * 1_000 };
}

/** Throws `PaymentError` unless it is an amount that can be paid. */
export function checkAmount(amountMsat: bigint): void {
  if (amountMsat >= 1n && amountMsat <= MAX_MSAT) return;
  throw new PaymentError('amount_invalid', `expected an amount of 1 to ${MAX_MSAT} msat, got ${amountMsat}`, {
    amountMsat,
  });
}

/** BOLT 11, tagged field `r`: the channels that no gossip tells of, those that can bring most first. */
function routeHints(directory: ChannelDirectory): RouteHint[] {
  return [...directory.channels()]
    .filter(({ isAnnounced, isUsable, receivableMsat }) => !isAnnounced && isUsable && receivableMsat > 0n)
    .sort((a, b) => compare(b.receivableMsat, a.receivableMsat))
    .flatMap(hintOf)
    .slice(0, MAX_ROUTE_HINTS);
}

const hintOf = ({ peer, inbound }: OwnChannel): RouteHint[] =>
  inbound === undefined ? [] : [{ nodeId: fromString(peer, 'hex'), ...inbound }];

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
