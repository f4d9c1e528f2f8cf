import { Block, type TxOutput } from 'bitcoinjs-lib';
import { equals, fromString } from 'uint8arrays';
import { RunnelError } from '../../../../protocols/errors.ts';
import { RejectedError } from '../rejection.ts';
import { type LockContext, isFinal } from './locks.ts';
import {
  MAX_BLOCK_SIGOPS_COST,
  MAX_BLOCK_WEIGHT,
  MAX_FUTURE_BLOCK_TIME_S,
  REGTEST_BITS,
  REGTEST_TARGET,
  WITNESS_SCALE_FACTOR,
} from './params.ts';
import { legacySigopsCost } from './sigops.ts';
import { type ChainTransaction, checkTransaction, describeTransaction, displayHex } from './transaction.ts';

/** A block with its transactions described. `hash`, `previousHash` and `merkleRoot` are hex in display order. */
export interface ChainBlock {
  readonly header: Block;
  readonly hash: string;
  readonly previousHash: string;
  readonly merkleRoot: string;
  readonly transactions: readonly ChainTransaction[];
  readonly raw: Uint8Array;
  readonly weight: number;
}

/** The bytes are not a block as Bitcoin serializes it. */
export class BlockDecodeError extends RunnelError {
  constructor(reason: string, options?: ErrorOptions) {
    super('block_decode', `expected a serialized Bitcoin block: ${reason}`, {}, options);
  }
}

/** The output script prefix that marks a witness commitment (BIP 141): OP_RETURN, 36 bytes, and four magic ones. */
export const WITNESS_COMMITMENT_PREFIX = fromString('6a24aa21a9ed', 'base16');

/**
 * Parses a block; throws `BlockDecodeError` for anything that Bitcoin would not serialize the same. What comes after
 * the block is not looked at, as in bitcoind.
 */
export function decodeBlock(raw: Uint8Array): ChainBlock {
  let header: Block;
  try {
    header = Block.fromBuffer(raw);
  } catch (cause) {
    throw new BlockDecodeError(cause instanceof Error ? cause.message : 'unreadable', { cause });
  }
  if (header.transactions === undefined) throw new BlockDecodeError('there is only a header');
  const block = describeBlock(header);
  if (!equals(block.raw, raw.subarray(0, block.raw.length))) {
    throw new BlockDecodeError('it is not what the same block is serialized to');
  }
  return block;
}

/** The same of a block that is put together already. */
export function describeBlock(header: Block): ChainBlock {
  return {
    header,
    hash: header.getId(),
    previousHash: displayHex(header.prevHash ?? new Uint8Array(32)),
    merkleRoot: displayHex(header.merkleRoot ?? new Uint8Array(32)),
    transactions: (header.transactions ?? []).map((transaction) => describeTransaction(transaction)),
    raw: header.toBuffer(),
    weight: header.weight(),
  };
}

/** The checks of a block that need nothing but the block. Throws `RejectedError`. */
export function checkBlock({ header, transactions, merkleRoot }: ChainBlock): void {
  if (!hasProofOfWork(header)) throw new RejectedError('consensus', 'high-hash', 'proof of work failed');
  const [coinbase] = transactions;
  const mutated = { value: false };
  const root =
    coinbase === undefined
      ? displayHex(new Uint8Array(32))
      : displayHex(Block.calculateMerkleRoot(header.transactions ?? [], false, mutated));
  if (root !== merkleRoot) throw new RejectedError('mutated', 'bad-txnmrklroot', 'hashMerkleRoot mismatch');
  if (mutated.value) throw new RejectedError('mutated', 'bad-txns-duplicate', 'duplicate transaction');
  if (coinbase === undefined || strippedSize(header) * WITNESS_SCALE_FACTOR > MAX_BLOCK_WEIGHT) {
    throw new RejectedError('consensus', 'bad-blk-length', 'size limits failed');
  }
  if (!coinbase.isCoinbase) throw new RejectedError('consensus', 'bad-cb-missing', 'first tx is not coinbase');
  if (transactions.slice(1).some(({ isCoinbase }) => isCoinbase)) {
    throw new RejectedError('consensus', 'bad-cb-multiple', 'more than one coinbase');
  }
  for (const transaction of transactions) checkOwn(transaction);
  const sigops = transactions.reduce((sum, transaction) => sum + legacySigopsCost(transaction), 0);
  if (sigops > MAX_BLOCK_SIGOPS_COST) {
    throw new RejectedError('consensus', 'bad-blk-sigops', 'out-of-bounds SigOpCount');
  }
}

/** The checks of a block's header that need the blocks before it, and the clock. Throws `RejectedError`. */
export function checkHeaderInContext({ header }: ChainBlock, context: LockContext, nowS: number): void {
  const { bits, timestamp, version } = header;
  if (bits !== REGTEST_BITS) throw new RejectedError('consensus', 'bad-diffbits', 'incorrect proof of work');
  if (timestamp <= context.previousMedianTimeS) {
    throw new RejectedError('consensus', 'time-too-old', "block's timestamp is too early");
  }
  if (timestamp > nowS + MAX_FUTURE_BLOCK_TIME_S) {
    throw new RejectedError('premature', 'time-too-new', 'block timestamp too far in the future');
  }
  // BIPs 34, 66 and 65 each raised the lowest version; all are in force from block 1 on regtest.
  if (version < 4) {
    const hex = (version >>> 0).toString(16).padStart(8, '0');
    throw new RejectedError('consensus', `bad-version(0x${hex})`, `rejected nVersion=0x${hex} block`);
  }
}

/** The checks of what stands in a block that need the blocks before it. Throws `RejectedError`. */
export function checkBlockInContext(block: ChainBlock, context: LockContext): void {
  for (const { transaction } of block.transactions) {
    if (!isFinal(transaction, context)) {
      throw new RejectedError('consensus', 'bad-txns-nonfinal', 'non-final transaction');
    }
  }
  const height = encodeCoinbaseHeight(context.height);
  const coinbaseScript = block.transactions[0]?.transaction.ins[0]?.script ?? new Uint8Array(0);
  if (!equals(coinbaseScript.subarray(0, height.length), height)) {
    throw new RejectedError('consensus', 'bad-cb-height', 'block height mismatch in coinbase');
  }
  checkWitnessCommitment(block);
  if (block.weight > MAX_BLOCK_WEIGHT) throw new RejectedError('consensus', 'bad-blk-weight', 'weight limit failed');
}

/**
 * The same block with the witness that its coinbase must have, if it has a witness commitment and lacks only that:
 * bitcoind adds it to the blocks that miners submit.
 */
export function withCoinbaseWitness(block: ChainBlock): ChainBlock {
  const [coinbase] = block.header.transactions ?? [];
  const isWanted = coinbase?.outs.some(isWitnessCommitment) === true && !coinbase.hasWitnesses();
  if (!isWanted || coinbase.ins.length === 0) return block;
  coinbase.setWitness(0, [new Uint8Array(32)]);
  return describeBlock(block.header);
}

/** The height as a coinbase's script must begin with it (BIP 34): the shortest push of the number. */
export function encodeCoinbaseHeight(height: number): Uint8Array {
  if (height === 0) return Uint8Array.of(0);
  if (height <= 16) return Uint8Array.of(0x50 + height);
  const bytes: number[] = [];
  for (let rest = height; rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest & 0xff);
  // The top bit is the sign, so a number that has it set takes another byte.
  if (((bytes.at(-1) ?? 0) & 0x80) !== 0) bytes.push(0);
  return Uint8Array.of(bytes.length, ...bytes);
}

/** `checkTransaction`, with the transaction named in the rejection. */
function checkOwn(transaction: ChainTransaction): void {
  try {
    checkTransaction(transaction);
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    const debug = `Transaction check failed (tx hash ${transaction.txid}) ${error.debug}`;
    throw new RejectedError(error.kind, error.reason, debug);
  }
}

function checkWitnessCommitment({ header, transactions }: ChainBlock): void {
  const coinbase = transactions[0]?.transaction;
  const commitment = coinbase?.outs.findLast(isWitnessCommitment);
  if (commitment === undefined) {
    if (transactions.some(({ transaction }) => transaction.hasWitnesses())) {
      throw new RejectedError('mutated', 'unexpected-witness', 'unexpected witness data found');
    }
    return;
  }
  const witness = coinbase?.ins[0]?.witness ?? [];
  const [reserved] = witness;
  if (witness.length !== 1 || reserved?.length !== 32) {
    throw new RejectedError('mutated', 'bad-witness-nonce-size', 'invalid witness reserved value size');
  }
  const root = Block.calculateMerkleRoot(header.transactions ?? [], true);
  if (!equals(root, commitment.script.subarray(6, 38))) {
    throw new RejectedError('mutated', 'bad-witness-merkle-match', 'witness merkle commitment mismatch');
  }
}

function isWitnessCommitment({ script }: TxOutput): boolean {
  return script.length >= 38 && equals(script.subarray(0, 6), WITNESS_COMMITMENT_PREFIX);
}

/** Whether the hash meets the target that the header names, and that target is no easier than regtest's. */
function hasProofOfWork(header: Block): boolean {
  const { bits } = header;
  const exponent = bits >>> 24;
  const mantissa = BigInt(bits & 0x7fffff);
  const target = exponent <= 3 ? mantissa >> BigInt(8 * (3 - exponent)) : mantissa << BigInt(8 * (exponent - 3));
  // The top bit of the mantissa is its sign.
  if ((bits & 0x800000) !== 0 || target === 0n || target > REGTEST_TARGET) return false;
  return BigInt(`0x${header.getId()}`) <= target;
}

function strippedSize(header: Block): number {
  return header.byteLength(false, false);
}
