import type { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays/equals';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import {
  SIGHASH_ALL,
  SIGHASH_SINGLE_ANYONECANPAY,
  toWitnessSignature,
} from '../../protocols/crypto/witness-signature.ts';
import { type BuiltCommitment, commitmentFundingScript, type HtlcOutput } from './commitment-transaction.ts';
import { CommitmentError } from './errors.ts';
import { fundingWitness } from './funding.ts';
import type { CommitmentFormat } from './spec.ts';
import { witnessSighash } from './transaction-hash.ts';

/** The hash that both funding keys sign for a commitment transaction. */
export function commitmentSighash(built: BuiltCommitment): Uint8Array {
  const { parameters, transaction } = built;
  return witnessSighash(transaction, commitmentFundingScript(parameters), parameters.fundingSatoshis, SIGHASH_ALL);
}

/**
 * The hash that one of the two HTLC keys signs for the HTLC transaction of `built.htlcs[index]`: `remote` for the
 * `htlc_signature`s of `commitment_signed`, `local` for the owner's own when it broadcasts the transaction as it is
 * built.
 */
export function htlcSighash(built: BuiltCommitment, index: number, signer: 'local' | 'remote'): Uint8Array {
  const { transaction, witnessScript, amountSatoshis } = htlcAt(built, index);
  const sighashType = signer === 'local' ? SIGHASH_ALL : remoteHtlcSighashType(built.parameters.format);
  return witnessSighash(transaction, witnessScript, amountSatoshis, sighashType);
}

/** The type of the `htlc_signature`s: with anchors the owner may add inputs and outputs to pay the fee. */
export function remoteHtlcSighashType(format: CommitmentFormat): number {
  return format === 'anchors' ? SIGHASH_SINGLE_ANYONECANPAY : SIGHASH_ALL;
}

/**
 * Checks the signatures of a `commitment_signed` (BOLT 2, "Committing Updates So Far") against the commitment of the
 * node that received them: that of the commitment with the remote funding key, those of its HTLC transactions, in the
 * order of `built.htlcs`, with the remote HTLC key. Answers undefined if all are right, otherwise the error to fail the
 * channel with: `wrong_htlc_signature_count`, `invalid_commitment_signature` or `invalid_htlc_signature` (its details
 * name which).
 */
export function verifyCommitmentSignatures(
  built: BuiltCommitment,
  signature: Uint8Array,
  htlcSignatures: readonly Uint8Array[],
): CommitmentError | undefined {
  const { commitmentNumber, htlcs, parameters, keys } = built;
  if (htlcSignatures.length !== htlcs.length) {
    return new CommitmentError(
      'wrong_htlc_signature_count',
      `expected ${htlcs.length} HTLC signatures for commitment ${commitmentNumber}, got ${htlcSignatures.length}`,
      { commitmentNumber, expected: htlcs.length, received: htlcSignatures.length },
    );
  }
  if (!secp256k1.verify(signature, commitmentSighash(built), parameters.remoteFundingPubkey)) {
    return new CommitmentError(
      'invalid_commitment_signature',
      `the signature of commitment ${commitmentNumber} is not valid`,
      { commitmentNumber },
    );
  }
  for (const [index, htlcSignature] of htlcSignatures.entries()) {
    if (secp256k1.verify(htlcSignature, htlcSighash(built, index, 'remote'), keys.remoteHtlcPubkey)) continue;
    const { direction, id } = htlcAt(built, index).htlc;
    return new CommitmentError(
      'invalid_htlc_signature',
      `HTLC signature ${index} of commitment ${commitmentNumber} is not valid: that of the ${direction} HTLC ${id}`,
      { commitmentNumber, index, direction, id },
    );
  }
  return undefined;
}

/** The commitment transaction with its witness, ready to broadcast. The signatures are 64 bytes, compact. */
export function completeCommitment(
  built: BuiltCommitment,
  localSignature: Uint8Array,
  remoteSignature: Uint8Array,
): Transaction {
  const { localFundingPubkey, remoteFundingPubkey } = built.parameters;
  return withWitness(
    built.transaction,
    fundingWitness(
      { fundingPubkey: localFundingPubkey, signature: localSignature },
      { fundingPubkey: remoteFundingPubkey, signature: remoteSignature },
    ),
  );
}

/**
 * The HTLC transaction of `built.htlcs[index]` with its witness. HTLC-success (a received HTLC) needs the preimage;
 * throws `CommitmentError` with the code `wrong_preimage` when that is missing, does not hash to the payment hash, or
 * was given for an offered HTLC.
 */
export function completeHtlcTransaction(
  built: BuiltCommitment,
  index: number,
  localSignature: Uint8Array,
  remoteSignature: Uint8Array,
  paymentPreimage?: Uint8Array,
): Transaction {
  const output = htlcAt(built, index);
  return withWitness(
    output.transaction,
    htlcWitness(built.parameters.format, output, localSignature, remoteSignature, paymentPreimage),
  );
}

/**
 * The witness of an HTLC transaction's input, for whoever adds other inputs to it first; arguments and errors as in
 * `completeHtlcTransaction`. The local signature must be one of SIGHASH_ALL over the final transaction.
 */
export function htlcWitness(
  format: CommitmentFormat,
  { htlc, witnessScript }: HtlcOutput,
  localSignature: Uint8Array,
  remoteSignature: Uint8Array,
  paymentPreimage?: Uint8Array,
): Uint8Array[] {
  const fits =
    htlc.direction === 'offered'
      ? paymentPreimage === undefined
      : paymentPreimage?.length === 32 && equals(sha256(paymentPreimage), htlc.paymentHash);
  if (!fits) {
    throw new CommitmentError(
      'wrong_preimage',
      htlc.direction === 'offered'
        ? `expected no preimage for the HTLC-timeout transaction of HTLC ${htlc.id}`
        : `expected the 32-byte preimage of the payment hash of HTLC ${htlc.id}`,
      { direction: htlc.direction, id: htlc.id },
    );
  }
  const empty = new Uint8Array();
  return [
    empty,
    toWitnessSignature(remoteSignature, remoteHtlcSighashType(format)),
    toWitnessSignature(localSignature, SIGHASH_ALL),
    paymentPreimage ?? empty,
    witnessScript,
  ];
}

function withWitness(unsigned: Transaction, witness: Uint8Array[]): Transaction {
  const transaction = unsigned.clone();
  transaction.setWitness(0, witness);
  return transaction;
}

function htlcAt({ htlcs }: BuiltCommitment, index: number): HtlcOutput {
  const output = htlcs[index];
  if (output === undefined) throw new RangeError(`expected an HTLC index below ${htlcs.length}, got ${index}`);
  return output;
}
