import { opcodes, script, Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays/equals';
import { hash160 } from '../../protocols/crypto/hash.ts';
import {
  SIGHASH_ALL,
  SIGHASH_SINGLE_ANYONECANPAY,
  toWitnessSignature,
} from '../../protocols/crypto/witness-signature.ts';
import { CommitmentError } from '../commitment/errors.ts';
import type { Claim, ClaimWitness } from './claim.ts';

/** An output of a claiming transaction. */
export interface ClaimOutput {
  readonly script: Uint8Array;
  readonly amountSat: bigint;
}

/** Outpoint, empty script, sequence. */
const INPUT_WEIGHT = 4 * (32 + 4 + 1 + 4);
/** DER with a low S and the sighash type, at its longest, after its length. */
const SIGNATURE_SIZE = 1 + 72;
const EMPTY_SIZE = 1;
const EMPTY = new Uint8Array();
const ONE = Uint8Array.of(1);

/** What stands in the witness between the element count and the witness script, at its largest. */
const WITNESS_SIZE: Readonly<Record<ClaimWitness['kind'], number>> = {
  delayed: SIGNATURE_SIZE + EMPTY_SIZE,
  to_remote: SIGNATURE_SIZE,
  anchor: SIGNATURE_SIZE,
  htlc_timeout: SIGNATURE_SIZE + EMPTY_SIZE,
  htlc_success: SIGNATURE_SIZE + 1 + 32,
  htlc_transaction: EMPTY_SIZE + 2 * SIGNATURE_SIZE + 1 + 32,
  revoked_delayed: SIGNATURE_SIZE + 1 + 1,
  revoked_htlc: SIGNATURE_SIZE + 1 + 33,
};

/** The weight of a claim's input, with its witness at its largest (BOLT 5, "Appendix A: Expected Weights"). */
export function claimInputWeight({ witness, witnessScript }: Claim): number {
  const withoutPreimage = witness.kind === 'htlc_transaction' && witness.paymentPreimage === undefined;
  const elements = WITNESS_SIZE[witness.kind] - (withoutPreimage ? 32 : 0);
  return INPUT_WEIGHT + 1 + elements + compactSize(witnessScript.length) + witnessScript.length;
}

/** The weight of an output. */
export function outputWeight(outputScript: Uint8Array): number {
  return 4 * (8 + compactSize(outputScript.length) + outputScript.length);
}

/** The weight of a transaction that takes these claims and pays to these scripts, at its largest. */
export function claimTransactionWeight(claims: readonly Claim[], scripts: readonly Uint8Array[]): number {
  // Version and lock time, the two counts; the segwit marker and flag.
  const frame = 4 * (8 + compactSize(claims.length) + compactSize(scripts.length)) + 2;
  const inputs = claims.reduce((sum, claim) => sum + claimInputWeight(claim), 0);
  return frame + inputs + scripts.reduce((sum, outputScript) => sum + outputWeight(outputScript), 0);
}

/** The outputs that HTLC transactions must have, each at its claim's own index: claims with one must come first. */
export function pairedOutputs(claims: readonly Claim[]): ClaimOutput[] {
  const paired = claims.flatMap(({ pairedOutput }) => pairedOutput ?? []);
  if (claims.slice(0, paired.length).some(({ pairedOutput }) => pairedOutput === undefined)) {
    throw new RangeError('expected the claims with a paired output before all others');
  }
  return paired;
}

/**
 * The lock time of a transaction that takes these claims: one that all of them allow. Throws `RangeError` where an HTLC
 * transaction was signed with another one.
 */
export function claimLockTime(claims: readonly Claim[]): number {
  const lockTime = claims.reduce((highest, claim) => Math.max(highest, claim.lockTime), 0);
  const signed = claims.find((claim) => claim.pairedOutput !== undefined && claim.lockTime !== lockTime);
  if (signed === undefined) return lockTime;
  throw new RangeError(`expected HTLC transactions of lock time ${lockTime} alone, got one of ${signed.lockTime}`);
}

/** The unsigned transaction that takes these claims in their order and pays these outputs in theirs. */
export function claimTransaction(claims: readonly Claim[], outputs: readonly ClaimOutput[]): Transaction {
  const transaction = new Transaction();
  transaction.version = 2;
  transaction.locktime = claimLockTime(claims);
  for (const { outpoint, sequence } of claims) transaction.addInput(outpoint.txid, outpoint.outputIndex, sequence);
  for (const { script: outputScript, amountSat } of outputs) transaction.addOutput(outputScript, amountSat);
  return transaction;
}

/**
 * The hash that our signature for the claim signs, once the transaction is complete but for witnesses. Always
 * SIGHASH_ALL (BOLT 5, "Generation of HTLC Transactions": otherwise anyone could add to it).
 *
 * Throws `RangeError` if input `inputIndex` is not the claim's, or is an HTLC transaction's whose output, sequence or
 * lock time is not what the peer signed.
 */
export function claimSighash(transaction: Transaction, inputIndex: number, claim: Claim): Uint8Array {
  expectPlace(transaction, inputIndex, claim);
  return transaction.hashForWitnessV0(inputIndex, claim.witnessScript, claim.amountSat, SIGHASH_ALL);
}

/**
 * The complete witness of a claim with our signature (64 bytes) over `claimSighash` (BOLT 3, "Commitment Transaction
 * Outputs" and "HTLC-Timeout and HTLC-Success Transactions"). Throws `CommitmentError` `wrong_preimage` if the preimage
 * is missing, does not hash to what the script wants, or is not asked for.
 */
export function claimWitness({ witness, witnessScript }: Claim, signature: Uint8Array): Uint8Array[] {
  const ours = toWitnessSignature(signature, SIGHASH_ALL);
  switch (witness.kind) {
    case 'to_remote':
    case 'anchor':
      return [ours, witnessScript];
    case 'delayed':
    case 'htlc_timeout':
      return [ours, EMPTY, witnessScript];
    case 'htlc_success':
      expectPreimage(witnessScript, witness.paymentPreimage);
      return [ours, witness.paymentPreimage, witnessScript];
    case 'htlc_transaction': {
      if (isReceived(witnessScript)) expectPreimage(witnessScript, witness.paymentPreimage);
      else expectNoPreimage(witness.paymentPreimage);
      const theirs = toWitnessSignature(witness.remoteSignature, SIGHASH_SINGLE_ANYONECANPAY);
      return [EMPTY, theirs, ours, witness.paymentPreimage ?? EMPTY, witnessScript];
    }
    case 'revoked_delayed':
      return [ours, ONE, witnessScript];
    case 'revoked_htlc':
      return [ours, witness.revocationPubkey, witnessScript];
  }
}

function expectPlace(transaction: Transaction, inputIndex: number, claim: Claim): void {
  const { outpoint, sequence, pairedOutput, lockTime } = claim;
  const input = transaction.ins[inputIndex];
  const isThere =
    input !== undefined &&
    equals(input.hash, outpoint.txid) &&
    input.index === outpoint.outputIndex &&
    input.sequence === sequence;
  if (!isThere) throw new RangeError(`input ${inputIndex} is not that of the claim`);
  if (pairedOutput === undefined) return;
  const output = transaction.outs[inputIndex];
  const isAsSigned =
    transaction.locktime === lockTime &&
    output !== undefined &&
    output.value === pairedOutput.amountSat &&
    equals(output.script, pairedOutput.script);
  if (!isAsSigned) throw new RangeError(`output ${inputIndex} or the lock time is not what the peer signed`);
}

function expectPreimage(witnessScript: Uint8Array, paymentPreimage: Uint8Array | undefined): void {
  const hash = paymentHash160(witnessScript);
  if (paymentPreimage?.length === 32 && hash !== undefined && equals(hash160(paymentPreimage), hash)) return;
  throw new CommitmentError('wrong_preimage', 'expected the 32-byte preimage of the payment hash in the script');
}

function expectNoPreimage(paymentPreimage: Uint8Array | undefined): void {
  if (paymentPreimage === undefined) return;
  throw new CommitmentError('wrong_preimage', 'expected no preimage for an HTLC-timeout transaction');
}

/** Only the script of an HTLC that its owner received has an expiry in it (BOLT 3, "Received HTLC Outputs"). */
function isReceived(witnessScript: Uint8Array): boolean {
  return script.decompile(witnessScript)?.includes(opcodes.OP_CHECKLOCKTIMEVERIFY) ?? false;
}

/** `OP_HASH160 <RIPEMD160(payment_hash)> OP_EQUALVERIFY`; that of the revocation key ends in OP_EQUAL. */
function paymentHash160(witnessScript: Uint8Array): Uint8Array | undefined {
  const chunks = script.decompile(witnessScript) ?? [];
  const at = chunks.findIndex((chunk, i) => chunk === opcodes.OP_HASH160 && chunks[i + 2] === opcodes.OP_EQUALVERIFY);
  const hash = chunks[at + 1];
  return at < 0 || typeof hash === 'number' ? undefined : hash;
}

/** Bytes of Bitcoin's variable-length count. */
function compactSize(value: number): number {
  return value < 0xfd ? 1 : 3;
}
