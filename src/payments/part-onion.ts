import { fromString } from 'uint8arrays';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { encodePayload } from '../../protocols/onion/payload.ts';
import { createOnion } from '../../protocols/onion/sphinx.ts';
import type { PaymentRoute } from '../../machines/payment/payment.ts';
import { hopPayloads, type PayeeDetails } from '../routing/route.ts';
import type { RandomBytes } from '../runtime/clock.ts';
import type { PartSecrets } from './payment-store.ts';

/**
 * The onion of one part, under a session key of its own, and what is to be remembered of it. Throws `OnionRouteError`
 * for a route that does not fit, `RoutingError` or `CryptoError` for one that is none.
 */
export function makePartOnion(
  route: PaymentRoute,
  details: PayeeDetails,
  paymentHash: Uint8Array,
  randomBytes: RandomBytes,
): Omit<PartSecrets, 'channelIndex'> & { readonly packet: Uint8Array } {
  const hops = hopPayloads(route, details).map(({ nodeId, payload }) => ({
    nodeId: fromString(nodeId, 'hex'),
    payload: encodePayload(payload),
  }));
  const { packet, sharedSecrets } = createOnion({
    sessionKey: sessionKey(randomBytes),
    hops,
    associatedData: paymentHash,
  });
  return { packet, sharedSecrets, onionHash: sha256(packet) };
}

/** BOLT 4, "Packet Construction": a random secret key; all but one in 2^128 of 32 bytes are one. */
function sessionKey(randomBytes: RandomBytes): Uint8Array {
  for (;;) {
    const bytes = randomBytes(32);
    if (secp256k1.isSecretKey(bytes)) return bytes;
  }
}
