import type { Basepoints } from '../../machines/commitment/keys.ts';

/**
 * What the rest of the node sees of its keys: public keys, and signatures over what it asks for. Hashes are 32 bytes,
 * signatures 64 bytes compact, public keys 33 bytes. Malformed bytes throw `CryptoError`.
 */
export interface Signer {
  readonly node: NodeSigner;
  readonly onchain: OnchainSigner;
  readonly backup: BackupCipher;
  /**
   * Derives a channel's keys (some milliseconds: keep it). `channelIndex` is an integer from 0 to 2^31-1, never used
   * twice.
   */
  channel(channelIndex: number): ChannelSigner & OutputSigner;
}

/** The node key. */
export interface NodeSigner {
  readonly nodeId: Uint8Array;
  /** `hash`: double SHA-256 of a BOLT 7 message's signed part. */
  signGossip(hash: Uint8Array): Uint8Array;
  /** `hash`: that of an audit file's header (see `headerHash`), which no message of the Lightning protocol has. */
  signAudit(hash: Uint8Array): Uint8Array;
  /** 65 bytes, the recovery id last (BOLT 11, "Data Part"). */
  signInvoice(hash: Uint8Array): Uint8Array;
  /** SHA-256 of the shared point with the onion's ephemeral key: BOLT 4's shared secret, 32 bytes. */
  ecdh(publicKey: Uint8Array): Uint8Array;
  /**
   * The node's secret key, 32 bytes: the one secret that leaves the signer, since libp2p's noise handshake signs with
   * it itself.
   */
  libp2pPrivateKey(): Uint8Array;
}

/** Seals backups of the channels (XChaCha20-Poly1305) with a key of its own, which derives from the seed. */
export interface BackupCipher {
  /** 8 bytes: the same for the same seed (and coin), and otherwise meaningless. */
  readonly fingerprint: Uint8Array;
  /** `nonce`: 24 bytes, never used twice. The header is not encrypted, but cannot be altered unseen. */
  seal(plaintext: Uint8Array, nonce: Uint8Array, header: Uint8Array): Uint8Array;
  /** Undefined for what this seed did not seal, or what was altered since. */
  open(sealed: Uint8Array, nonce: Uint8Array, header: Uint8Array): Uint8Array | undefined;
}

/** A channel's public keys, by their names in `open_channel` and `accept_channel` (BOLT 2). */
export interface ChannelPublicKeys extends Basepoints {
  readonly fundingPubkey: Uint8Array;
}

/** What is signed for the peer's commitment transaction. */
export interface RemoteCommitmentToSign {
  readonly sighash: Uint8Array;
  /** The peer's, of that commitment. */
  readonly perCommitmentPoint: Uint8Array;
  /** Of its HTLC transactions, in the order of its outputs. */
  readonly htlcSighashes: readonly Uint8Array[];
}

/**
 * One channel's keys.
 *
 * The signer keeps no channel state: it signs and reveals within a turn that may yet be discarded, and a memory of its
 * own would then forbid a force close that is still safe, or survive no restart. So the caller passes the numbers on
 * disk, and the signer refuses what would be fatal with them.
 */
export interface ChannelSigner {
  readonly channelIndex: number;
  readonly publicKeys: ChannelPublicKeys;
  /** The point of our own commitment `commitmentNumber` (0 to 2^48-1). */
  perCommitmentPoint(commitmentNumber: number): Uint8Array;
  /**
   * The secret that revokes our own commitment `commitmentNumber`. `latestLocalCommitment` is the highest number for
   * which the peer's valid signatures are on disk (or are being written in this turn): unless it is higher, throws
   * `KeysError` `commitment_not_superseded`, since we would be left without a commitment to close with.
   */
  perCommitmentSecret(commitmentNumber: number, latestLocalCommitment: number): Uint8Array;
  /**
   * The signatures of `commitment_signed`: for the commitment, and with the HTLC key of its point for each HTLC
   * transaction.
   */
  signRemoteCommitment(commitment: RemoteCommitmentToSign): {
    readonly signature: Uint8Array;
    readonly htlcSignatures: Uint8Array[];
  };
  /**
   * Our signature on our own commitment, to broadcast it. `lowestUnrevoked` is the lowest number whose secret was not
   * released (the count of `revoke_and_ack` sent): below it throws `KeysError` `commitment_revoked`, since the peer
   * could take everything.
   */
  signLocalCommitment(sighash: Uint8Array, commitmentNumber: number, lowestUnrevoked: number): Uint8Array;
  signMutualClose(sighash: Uint8Array): Uint8Array;
  /** `hash`: as of the node's `signAudit`. Signed with the funding key. */
  signAudit(hash: Uint8Array): Uint8Array;
  /** The bitcoin_signature of BOLT 7's announcement_signatures. */
  signChannelAnnouncement(hash: Uint8Array): Uint8Array;
}

/** One channel's keys for the outputs of commitment transactions (BOLT 5): a method for each kind of claim. */
export interface OutputSigner {
  /**
   * `to_local` of our commitment, or the output of our HTLC transaction on it: the delayed payment key at the point.
   */
  signDelayedOutput(sighash: Uint8Array, perCommitmentPoint: Uint8Array): Uint8Array;
  /** `to_remote` of the peer's commitment: the payment basepoint's own key (option_static_remotekey). */
  signToRemote(sighash: Uint8Array): Uint8Array;
  /** An HTLC's output on the peer's commitment: the HTLC key at that commitment's point. */
  signRemoteCommitmentHtlc(sighash: Uint8Array, perCommitmentPoint: Uint8Array): Uint8Array;
  /**
   * Our HTLC transaction upon our own commitment: the HTLC key at its point. Refuses revoked ones as
   * `signLocalCommitment` does.
   */
  signLocalHtlcTransaction(sighash: Uint8Array, commitmentNumber: number, lowestUnrevoked: number): Uint8Array;
  /** An output of a revoked commitment, or of an HTLC transaction upon it: with the secret that the peer revealed. */
  signRevokedOutput(sighash: Uint8Array, perCommitmentSecret: Uint8Array): Uint8Array;
  /** Our anchor on either commitment: the funding key. */
  signAnchor(sighash: Uint8Array): Uint8Array;
}

/** Which key of BIP84's account 0: chain 0 for receiving, 1 for change. */
export interface AddressPath {
  readonly chain: 0 | 1;
  readonly index: number;
}

/** The on-chain wallet's keys. */
export interface OnchainSigner {
  publicKey(path: AddressPath): Uint8Array;
  /** Signs the BIP 143 hash of an input (SIGHASH_ALL) with the key at `path`. */
  signInput(sighash: Uint8Array, path: AddressPath): { readonly signature: Uint8Array; readonly publicKey: Uint8Array };
}
