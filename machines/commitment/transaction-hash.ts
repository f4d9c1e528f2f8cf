import type { Transaction, TxInput, TxOutput } from 'bitcoinjs-lib';
import { concat } from 'uint8arrays/concat';
import { hash256 } from '../../protocols/crypto/hash.ts';
import { SIGHASH_ALL } from '../../protocols/crypto/witness-signature.ts';

/*
 * Hashes of transactions with one input, as all of BOLT 3's are. They equal `Transaction.getHash` and
 * `hashForWitnessV0` of bitcoinjs-lib, which take several times as long: every commitment is hashed twice and every
 * HTLC transaction in it once.
 */

const ZERO_HASH = new Uint8Array(32);

/** The transaction's id in internal byte order (the reverse of how it is displayed). */
export function transactionHash(transaction: Transaction): Uint8Array {
  return hash256(
    concat([
      uint32(transaction.version),
      compactSize(1),
      outpoint(onlyInput(transaction)),
      compactSize(0),
      uint32(onlyInput(transaction).sequence),
      compactSize(transaction.outs.length),
      serializeOutputs(transaction.outs),
      uint32(transaction.locktime),
    ]),
  );
}

/**
 * What a signature over the only input signs (BIP 143), when that spends a P2WSH output of `amountSatoshis`. With
 * `SIGHASH_SINGLE_ANYONECANPAY` it covers the first output alone.
 */
export function witnessSighash(
  transaction: Transaction,
  witnessScript: Uint8Array,
  amountSatoshis: bigint,
  sighashType: number,
): Uint8Array {
  const input = onlyInput(transaction);
  const all = sighashType === SIGHASH_ALL;
  const sequence = uint32(input.sequence);
  return hash256(
    concat([
      uint32(transaction.version),
      all ? hash256(outpoint(input)) : ZERO_HASH,
      all ? hash256(sequence) : ZERO_HASH,
      outpoint(input),
      compactSize(witnessScript.length),
      witnessScript,
      uint64(amountSatoshis),
      sequence,
      hash256(serializeOutputs(all ? transaction.outs : transaction.outs.slice(0, 1))),
      uint32(transaction.locktime),
      uint32(sighashType),
    ]),
  );
}

function onlyInput(transaction: Transaction): TxInput {
  const [input] = transaction.ins;
  if (input === undefined || transaction.ins.length !== 1) {
    throw new RangeError(`expected a transaction with one input, got ${transaction.ins.length}`);
  }
  return input;
}

function outpoint({ hash, index }: TxInput): Uint8Array {
  return concat([hash, uint32(index)]);
}

function serializeOutputs(outputs: readonly TxOutput[]): Uint8Array {
  return concat(outputs.flatMap(({ value, script }) => [uint64(value), compactSize(script.length), script]));
}

function compactSize(value: number): Uint8Array {
  if (value < 0xfd) return Uint8Array.of(value);
  return Uint8Array.of(0xfd, value & 0xff, value >> 8);
}

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

function uint64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}
