import { equals } from 'uint8arrays';
import { negotiated } from '../../machines/channel/context.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import { derivePublicKey } from '../../machines/commitment/keys.ts';
import { EMPTY_SECRET_STORE, insertSecret, lookupSecret, nextSecretIndex, secretIndex, type SecretStore } from '../../machines/commitment/secrets.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { RunnelError } from '../../protocols/errors.ts';
import { decodeMessage, type Message, type MessageOf } from '../../protocols/wire/messages.ts';
import type { RemoteCommitmentToSign } from '../keys/signer-api.ts';
import type { WireKeys } from '../runtime/channel-wire.ts';

/** The journal contradicts what follows from it. */
export class ReplayError extends RunnelError {
  constructor(message: string) {
    super('replay_mismatch', message);
  }
}

/**
 * Stands for the signer in a replay: its answers are those of the journal's messages, each checked against the public
 * keys before it is given, so that a message which only resembles what the channel had to send does not pass.
 */
export class JournalKeys {
  /** The channel as it is when the message is made. */
  readonly #data: () => ChannelData;
  /** Those of commitments that are not revoked: the others follow from their secrets. */
  readonly #points = new Map<number, Uint8Array>();
  #revoked: SecretStore;
  #message: Message | undefined;

  constructor(data: () => ChannelData, revoked: SecretStore = EMPTY_SECRET_STORE) {
    this.#data = data;
    this.#revoked = revoked;
  }

  /** The secrets with which our commitments were revoked, all from one seed (BOLT 3). */
  get revokedSecrets(): SecretStore {
    return this.#revoked;
  }

  /**
   * Our own commitment's point, as the journal has it wherever it speaks of it. Throws `ReplayError` if that is not one
   * and the same.
   */
  notePoint(commitmentNumber: number, point: Uint8Array): void {
    const known = this.pointOf(commitmentNumber);
    if (known === undefined) this.#points.set(commitmentNumber, point);
    else if (!equals(known, point)) throw new ReplayError(`the journal has two points for commitment ${commitmentNumber}`);
  }

  /** The point of our own commitment, if the journal has spoken of it. */
  pointOf(commitmentNumber: number): Uint8Array | undefined {
    const noted = this.#points.get(commitmentNumber);
    if (noted !== undefined) return noted;
    const secret = lookupSecret(this.#revoked, secretIndex(commitmentNumber));
    return secret && secp256k1.publicKey(secret);
  }

  /** The keys with which the channel's next message comes out as `bytes`, if it is the one that was due. */
  forMessage(bytes: Uint8Array): WireKeys {
    this.#message = decodeMessage(bytes);
    const announcement = () => this.#sent('announcement_signatures');
    return {
      node: { signGossip: (hash) => this.#signed(announcement().nodeSignature, hash, this.#data().localNodeId) },
      channel: {
        perCommitmentPoint: (number) => this.#pointSent(number),
        perCommitmentSecret: (number) => this.#secretSent(number),
        signRemoteCommitment: (commitment) => this.#commitmentSigned(commitment),
        signMutualClose: (hash) => this.#signed(this.#sent('closing_signed').signature, hash, this.#fundingPubkey),
        signChannelAnnouncement: (hash) => this.#signed(announcement().bitcoinSignature, hash, this.#fundingPubkey),
      },
    };
  }

  get #fundingPubkey(): Uint8Array {
    return this.#data().local.fundingPubkey;
  }

  #pointSent(number: number): Uint8Array {
    const sent = this.#sent('revoke_and_ack', 'channel_ready');
    const point = sent.type === 'channel_ready' ? sent.secondPerCommitmentPoint : sent.nextPerCommitmentPoint;
    this.notePoint(number, point);
    return point;
  }

  #secretSent(number: number): Uint8Array {
    const secret = this.#sent('revoke_and_ack').perCommitmentSecret;
    this.notePoint(number, secp256k1.publicKey(secret));
    // One that is sent again after a reconnection has its place already.
    if (secretIndex(number) <= nextSecretIndex(this.#revoked)) this.#revoked = insertSecret(this.#revoked, secretIndex(number), secret);
    this.#points.delete(number);
    return secret;
  }

  #commitmentSigned({ sighash, perCommitmentPoint, htlcSighashes }: RemoteCommitmentToSign) {
    const sent = this.#sent('funding_created', 'funding_signed', 'commitment_signed');
    const htlcSignatures = sent.type === 'commitment_signed' ? sent.htlcSignatures : [];
    if (htlcSignatures.length !== htlcSighashes.length) {
      throw new ReplayError(`expected ${htlcSighashes.length} HTLC signatures, got ${htlcSignatures.length}`);
    }
    const { htlcBasepoint } = negotiated(this.#data()).local;
    const htlcPubkey = htlcSighashes.length > 0 ? derivePublicKey(htlcBasepoint, perCommitmentPoint) : undefined;
    return {
      signature: this.#signed(sent.signature, sighash, this.#fundingPubkey),
      htlcSignatures: htlcSighashes.map((hash, index) => this.#signed(htlcSignatures[index], hash, htlcPubkey)),
    };
  }

  #signed(signature: Uint8Array | undefined, hash: Uint8Array, publicKey: Uint8Array | undefined): Uint8Array {
    const isRight = signature !== undefined && publicKey !== undefined && secp256k1.verify(signature, hash, publicKey);
    if (isRight) return signature;
    throw new ReplayError(`${this.#message?.type} does not carry our signature for what was to be signed`);
  }

  #sent<T extends Message['type']>(...types: readonly T[]): MessageOf<T> {
    const message = this.#message;
    const isOne = (candidate: Message | undefined): candidate is MessageOf<T> =>
      candidate !== undefined && (types as readonly string[]).includes(candidate.type);
    if (isOne(message)) return message;
    throw new ReplayError(`expected that ${types.join(' or ')} was sent, got ${message?.type ?? 'nothing'}`);
  }
}
