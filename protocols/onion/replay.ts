import { sha256 } from '../crypto/hash.ts';

/**
 * What to remember an onion by, so that it is accepted once: 32 bytes that tell nothing of the shared secret.
 *
 * BOLT 4, "Onion Decryption": a node that has seen an onion before must refuse it, or whoever replays it could watch
 * where it goes. An onion is the same if its shared secret is, since that is drawn from the sender's one-time key. The
 * store belongs to the node: it keeps the key with the HTLC that brought it (the channel and the id: the same HTLC
 * processed again after a restart is no replay), writes it in the turn that accepts the HTLC, and may drop it once the
 * chain is past that HTLC's `cltv_expiry`. Later than that a replay is no use: the payload fixes an
 * `outgoing_cltv_value` no later than the expiry, and an HTLC with so old a value is failed for it.
 */
export function onionReplayKey(sharedSecret: Uint8Array): Uint8Array {
  return sha256(sharedSecret);
}
