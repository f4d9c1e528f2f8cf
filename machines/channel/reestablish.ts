import { equals } from 'uint8arrays';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { MessageOf } from '../../protocols/wire/messages.ts';
import { lookupSecret, secretIndex } from '../commitment/secrets.ts';
import type { ChannelData } from './data.ts';
import { ChannelViolation, type Verdict } from './violation.ts';

type Reestablish = MessageOf<'channel_reestablish'>;

/** Gives the public point of one of our own commitments. */
export type PerCommitmentPoint = (commitmentNumber: number) => Uint8Array;

/**
 * BOLT 2, "Message Retransmission": what the sending node must set. Who has nothing left to go on from expects commitment 0,
 * which makes the receiver fail the channel and broadcast its commitment.
 */
export function reestablishMessage(data: ChannelData, channelId: Uint8Array, localPoint: PerCommitmentPoint): Reestablish {
  const received = data.remoteRevocations;
  const lastSecret = received === 0 ? undefined : lookupSecret(data.remoteSecrets, secretIndex(received - 1));
  return {
    type: 'channel_reestablish',
    channelId,
    nextCommitmentNumber: data.isRecovered ? 0 : data.localCommitmentNumber + 1,
    nextRevocationNumber: received,
    yourLastPerCommitmentSecret: lastSecret ?? new Uint8Array(32),
    myCurrentPerCommitmentPoint: localPoint(data.localCommitmentNumber),
  };
}

/** We signed a commitment for the peer and hold no revocation of the one before it. */
export const isAwaitingRevocation = (data: ChannelData): boolean => data.remoteCommitmentNumber > data.remoteRevocations;

/** The peer never got our last commitment_signed. */
export const missesCommitment = (data: ChannelData, message: Reestablish): boolean =>
  isAwaitingRevocation(data) && message.nextCommitmentNumber === data.remoteCommitmentNumber;

/** The peer never got our last revoke_and_ack. */
export const missesRevocation = (data: ChannelData, message: Reestablish): boolean =>
  data.localCommitmentNumber > 0 && message.nextRevocationNumber === data.localCommitmentNumber - 1;

/**
 * The peer proves, with a secret that we never gave in the state that we remember, that we have lost state: our commitment is revoked.
 * BOLT 2: it must not be broadcast.
 */
export function hasFallenBehind(data: ChannelData, message: Reestablish, localPoint: PerCommitmentPoint): boolean {
  return (
    message.nextRevocationNumber > data.localCommitmentNumber &&
    opensPoint(message.yourLastPerCommitmentSecret, localPoint(message.nextRevocationNumber - 1))
  );
}

/** BOLT 2, "Message Retransmission": numbers or a secret that fit no state that the channel was ever in. */
export function reestablishViolation(data: ChannelData, message: Reestablish, localPoint: PerCommitmentPoint): Verdict {
  const { nextCommitmentNumber: next, nextRevocationNumber: revocation } = message;
  const number = data.remoteCommitmentNumber;
  const known = next === number + 1 || missesCommitment(data, message);
  if (next === 0 || !known) {
    const expected = isAwaitingRevocation(data) ? `${number} or ${number + 1}` : `${number + 1}`;
    return new ChannelViolation('reestablish_commitment_number', `expected next_commitment_number ${expected}, got ${next}`, 'error');
  }
  const local = data.localCommitmentNumber;
  if (revocation !== local && !missesRevocation(data, message)) {
    const expected = local === 0 ? '0' : `${local - 1} or ${local}`;
    return new ChannelViolation('reestablish_revocation_number', `expected next_revocation_number ${expected}, got ${revocation}`, 'error');
  }
  const secret = message.yourLastPerCommitmentSecret;
  const right = revocation === 0 ? secret.every((byte) => byte === 0) : opensPoint(secret, localPoint(revocation - 1));
  if (right) return undefined;
  return new ChannelViolation('reestablish_secret', `expected the secret of our commitment ${revocation - 1}, got another`, 'error');
}

function opensPoint(secret: Uint8Array, point: Uint8Array): boolean {
  return secp256k1.isSecretKey(secret) && equals(secp256k1.publicKey(secret), point);
}
