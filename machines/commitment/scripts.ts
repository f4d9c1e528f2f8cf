import { opcodes, script } from 'bitcoinjs-lib';
import { compare } from 'uint8arrays/compare';
import { concat } from 'uint8arrays/concat';
import { hash160, ripemd160, sha256 } from '../../protocols/crypto/hash.ts';
import type { CommitmentKeys } from './keys.ts';
import type { CommitmentFormat, CommitmentHtlc } from './spec.ts';

/**
 * `1 OP_CHECKSEQUENCEVERIFY OP_DROP`: with anchors nothing but an anchor can be spent in the commitment's own block.
 */
const ONE_BLOCK_DELAY = [opcodes.OP_1, opcodes.OP_CHECKSEQUENCEVERIFY, opcodes.OP_DROP];
const PREIMAGE_LENGTH = Uint8Array.of(32);
const PUSH_32_BYTES = 32;
const PUSH_20_BYTES = 20;

/** The 2-of-2 that locks a channel's funds, the keys in lexical order (BOLT 3, "Funding Transaction Output"). */
export function fundingScript(fundingPubkeyA: Uint8Array, fundingPubkeyB: Uint8Array): Uint8Array {
  const [lesser, greater] =
    compare(fundingPubkeyA, fundingPubkeyB) < 0 ? [fundingPubkeyA, fundingPubkeyB] : [fundingPubkeyB, fundingPubkeyA];
  return script.compile([opcodes.OP_2, lesser, greater, opcodes.OP_2, opcodes.OP_CHECKMULTISIG]);
}

/**
 * BOLT 3's `to_local` script, which is also that of the output of an HTLC transaction: the owner after `toSelfDelay`
 * blocks, the other node at once with the revocation key.
 */
export function toLocalScript(keys: CommitmentKeys, toSelfDelay: number): Uint8Array {
  return script.compile([
    opcodes.OP_IF,
    keys.revocationPubkey,
    opcodes.OP_ELSE,
    script.number.encode(toSelfDelay),
    opcodes.OP_CHECKSEQUENCEVERIFY,
    opcodes.OP_DROP,
    keys.localDelayedPubkey,
    opcodes.OP_ENDIF,
    opcodes.OP_CHECKSIG,
  ]);
}

/** The witness script of `to_remote` with anchors; without them the output is the P2WPKH of `remotePubkey`. */
export function toRemoteAnchorsScript(remotePubkey: Uint8Array): Uint8Array {
  return script.compile([
    remotePubkey,
    opcodes.OP_CHECKSIGVERIFY,
    opcodes.OP_1,
    opcodes.OP_CHECKSEQUENCEVERIFY,
  ]);
}

/** The witness script of an anchor: its node at once, anyone after 16 blocks. */
export function anchorScript(fundingPubkey: Uint8Array): Uint8Array {
  return script.compile([
    fundingPubkey,
    opcodes.OP_CHECKSIG,
    opcodes.OP_IFDUP,
    opcodes.OP_NOTIF,
    opcodes.OP_16,
    opcodes.OP_CHECKSEQUENCEVERIFY,
    opcodes.OP_ENDIF,
  ]);
}

/** The witness script of an HTLC output. */
export type HtlcScript = (htlc: Pick<CommitmentHtlc, 'direction' | 'paymentHash' | 'cltvExpiry'>) => Uint8Array;

/**
 * The witness scripts of all HTLC outputs of one commitment transaction (BOLT 3, "Offered HTLC Outputs" and "Received
 * HTLC Outputs"). What they share is compiled once: only payment hash and expiry differ between hundreds of them.
 */
export function htlcScripts(format: CommitmentFormat, keys: CommitmentKeys): HtlcScript {
  const start = script.compile([
    opcodes.OP_DUP,
    opcodes.OP_HASH160,
    hash160(keys.revocationPubkey),
    opcodes.OP_EQUAL,
    opcodes.OP_IF,
    opcodes.OP_CHECKSIG,
    opcodes.OP_ELSE,
    keys.remoteHtlcPubkey,
    opcodes.OP_SWAP,
    opcodes.OP_SIZE,
    PREIMAGE_LENGTH,
    opcodes.OP_EQUAL,
  ]);
  const multisig = script.compile([
    opcodes.OP_2,
    opcodes.OP_SWAP,
    keys.localHtlcPubkey,
    opcodes.OP_2,
    opcodes.OP_CHECKMULTISIG,
  ]);
  const delay = format === 'anchors' ? ONE_BLOCK_DELAY : [];
  const end = script.compile([opcodes.OP_CHECKSIG, opcodes.OP_ENDIF, ...delay, opcodes.OP_ENDIF]);

  const beforeOfferedHash = concat([
    start,
    Uint8Array.of(opcodes.OP_NOTIF, opcodes.OP_DROP),
    multisig,
    Uint8Array.of(opcodes.OP_ELSE, opcodes.OP_HASH160, PUSH_20_BYTES),
  ]);
  const afterOfferedHash = concat([Uint8Array.of(opcodes.OP_EQUALVERIFY), end]);

  const beforeReceivedHash = concat([start, Uint8Array.of(opcodes.OP_IF, opcodes.OP_HASH160, PUSH_20_BYTES)]);
  const beforeExpiry = concat([
    Uint8Array.of(opcodes.OP_EQUALVERIFY),
    multisig,
    Uint8Array.of(opcodes.OP_ELSE, opcodes.OP_DROP),
  ]);
  const afterExpiry = concat([Uint8Array.of(opcodes.OP_CHECKLOCKTIMEVERIFY, opcodes.OP_DROP), end]);

  return ({ direction, paymentHash, cltvExpiry }) => {
    const hash = ripemd160(paymentHash);
    if (direction === 'offered') return concat([beforeOfferedHash, hash, afterOfferedHash]);
    const expiry = script.compile([script.number.encode(cltvExpiry)]);
    return concat([beforeReceivedHash, hash, beforeExpiry, expiry, afterExpiry]);
  };
}

/** The version 0 P2WSH `scriptpubkey` of a witness script. */
export function p2wsh(witnessScript: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(opcodes.OP_0, PUSH_32_BYTES), sha256(witnessScript)]);
}

/** The version 0 P2WPKH `scriptpubkey` of a 33-byte public key. */
export function p2wpkh(publicKey: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(opcodes.OP_0, PUSH_20_BYTES), hash160(publicKey)]);
}
