import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { StorageError } from '../storage/database.ts';

/** The first byte of what is packed: by which dictionary. */
const FORMAT = 1;

/**
 * What entries are made of, the most frequent last (RFC 1951: what is near costs least). It never changes: with another, nothing that is on disk could
 * be read.
 */
const DICTIONARY = Buffer.from(
  [
    'checkpoint,"previous":{"$x":"","revokedSecrets":[{"index":281474976710655,"secret":{"$x":"","snapshot":{"data":{',
    '{"event":{"feeratePerKw":,"type":"setFeerate"},"htlcs":{},',
    '{"event":{"policy":{"dustLimitSatoshis":{"$n":"354"},"htlcMinimumMsat":{"$n":"1"},"type":"restored"},',
    '{"event":{"type":"disconnected"},{"event":{"type":"connected"},"transitions":{"connection":"reestablishing"}"offline","online"',
    '{"event":{"height":,"transactions":[{"$x":"020000000001"}],"type":"blockConnected"},',
    '{"event":{"name":"channel_reestablish","type":"message"},',
    '{"event":{"name":"update_fail_htlc","type":"message"},"htlcs":{},"points":{},"sequence":,"signed":[],"time":17,"transitions":{}}',
    '{"event":{"name":"update_add_htlc","type":"message"},"htlcs":{},"points":{},"sequence":,"signed":[],"time":17,"transitions":{"localCommitment":"outdated"}}',
    '{"event":{"name":"update_fulfill_htlc","type":"message"},',
    '{"event":{"id":{"$n":""},"removal":{"kind":"failed","reason":{"$x":""}},"type":"removeHtlc"},"htlcs":{},"points":{},',
    '{"event":{"id":{"$n":""},"removal":{"kind":"fulfilled","paymentPreimage":{"$x":""}},"type":"removeHtlc"},"htlcs":{},"points":{},"sequence":,"signed":[],',
    '"time":17,"transitions":{"remoteCommitment":"readyToSign"}}',
    '{"event":{"amountMsat":{"$n":"000"},"cltvExpiry":,"onionRoutingPacket":{"$x":""},"paymentHash":{"$x":""},"reference":"","type":"addHtlc"},',
    '"htlcs":{},"points":{},"sequence":,"signed":[],"time":17,"transitions":{}}',
    '"offered:":"received:":"RCVD_ADD_ACK_REVOCATION","SENT_ADD_ACK_REVOCATION","RCVD_REMOVE_HTLC","SENT_REMOVE_HTLC","SENT_ADD_REVOCATION",',
    '"SENT_ADD_ACK_COMMIT","SENT_REMOVE_ACK_COMMIT","SENT_REMOVE_COMMIT","SENT_ADD_COMMIT","ended"',
    '{"event":{"name":"revoke_and_ack","type":"message"},"htlcs":{"offered:":"SENT_ADD_ACK_COMMIT"},"points":{},"sequence":,"signed":[],"stateHash":{"$x":""},',
    '"time":17,"transitions":{"localCommitment":"outdated","remoteCommitment":"readyToSign"}}',
    '{"event":{"type":"turnEnded"},"htlcs":{"received:":"SENT_ADD_ACK_COMMIT"},"points":{},"sequence":,"signed":[{"$x":"0084"}],"stateHash":{"$x":""},',
    '"time":17,"transitions":{"remoteCommitment":{"awaitingRevocation":"revokedLast","signedLast"}}}',
    '{"event":{"name":"commitment_signed","type":"message"},"htlcs":{"received:"ended"},"points":{"":{"$x":"02"}},"sequence":,"signed":[{"$x":"0085"}],',
    '"time":17,"transitions":{"localCommitment":"current","remoteCommitment":"readyToSign"}}',
  ].join(''),
);

/** Entries are short: a small window is as good as a large one, and quicker to set up. */
const OPTIONS = { level: 6, windowBits: 13, memLevel: 6, dictionary: DICTIONARY } as const;

/** An entry's text as it is kept on disk, in less than half of the room. */
export function packEntry(text: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(FORMAT), deflateRawSync(text, OPTIONS)]);
}

/** The text that was packed; what an earlier version wrote is the text itself. */
export function unpackEntry(packed: Uint8Array | string): string {
  if (typeof packed === 'string') return packed;
  if (packed[0] !== FORMAT) throw new StorageError('storage_damaged', `expected a journal entry packed in format ${FORMAT}, got ${packed[0]}`);
  try {
    return inflateRawSync(packed.subarray(1), OPTIONS).toString('utf8');
  } catch (error) {
    throw new StorageError('storage_damaged', `expected a packed journal entry: ${(error as Error).message}`);
  }
}
