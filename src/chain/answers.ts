import { Block as RawBlock } from 'bitcoinjs-lib';
import { fromString, toString } from 'uint8arrays';
import { z } from 'zod';
import type { Block, ChainRpc } from './chain.ts';
import { BlockPrunedError, ChainAnswerError, ChainRpcError } from './errors.ts';

/** bitcoind's code for what has no code of its own. */
const MISC_ERROR = -1;

const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);
const heightSchema = z.number().int().min(0).max(0x7fffffff);

/** What this node reads of bitcoind's answers; other fields are let through unread. */
export const answers = {
  hash: hashSchema,
  hex: z.string().regex(/^([0-9a-f]{2})*$/),
  blockchainInfo: z.object({ chain: z.string(), blocks: heightSchema, bestblockhash: hashSchema }),
  /** The same call, by whoever asks how far the backend has come. */
  progress: z.object({
    chain: z.string(),
    blocks: heightSchema,
    headers: heightSchema,
    initialblockdownload: z.boolean(),
  }),
  networkInfo: z.object({ version: z.number().int() }),
  zmqNotifications: z.array(z.object({ type: z.string(), address: z.string() })),
  header: z.object({
    hash: hashSchema,
    height: heightSchema,
    confirmations: z.number().int(),
    previousblockhash: hashSchema.optional(),
    nextblockhash: hashSchema.optional(),
  }),
  blockTxids: z.object({ tx: z.array(hashSchema).min(1) }),
  txOut: z
    .object({
      confirmations: z.number().int().min(0),
      value: z.number(),
      scriptPubKey: z.object({ hex: z.string().regex(/^([0-9a-f]{2})*$/) }),
    })
    .nullable(),
  smartFee: z.object({ feerate: z.number().optional() }),
  mempoolInfo: z.object({ mempoolminfee: z.number() }),
  package: z.object({
    package_msg: z.string(),
    'tx-results': z.record(hashSchema, z.object({ txid: hashSchema, error: z.string().optional() })),
  }),
  transaction: z.object({ confirmations: z.number().int().optional() }),
} as const;

/**
 * Calls and checks the answer's shape. Rejects as `ChainRpc` does, and with `ChainAnswerError` for an answer of another
 * shape.
 */
export async function ask<T>(
  rpc: ChainRpc,
  schema: z.ZodType<T>,
  method: string,
  params: readonly unknown[] = [],
): Promise<T> {
  const result = schema.safeParse(await rpc.call(method, params));
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.') || 'answer'}: ${message}`);
  const message = `the chain backend's answer to ${method} is not bitcoind's: ${problems.join('; ')}`;
  throw new ChainAnswerError(message, { method });
}

/**
 * Fetches a block with its transactions, and checks that they are the ones that its hash stands for. Throws
 * `BlockPrunedError` where the backend has deleted it.
 */
export async function fetchBlock(rpc: ChainRpc, hash: string, height: number): Promise<Block> {
  const hex = await blockHex(rpc, hash, height);
  let block: RawBlock;
  try {
    block = RawBlock.fromBuffer(fromString(hex, 'base16'));
  } catch (cause) {
    throw new ChainAnswerError(`the chain backend's bytes of block ${hash} are no block`, { hash }, { cause });
  }
  const { transactions, prevHash } = block;
  if (transactions === undefined || prevHash === undefined || block.getId() !== hash || !block.checkTxRoots()) {
    throw new ChainAnswerError(`the chain backend's bytes of block ${hash} are not that block`, { hash });
  }
  return { height, hash, previousHash: toString(Uint8Array.from(prevHash).reverse(), 'base16'), transactions };
}

async function blockHex(rpc: ChainRpc, hash: string, height: number): Promise<string> {
  try {
    return await ask(rpc, answers.hex, 'getblock', [hash, 0]);
  } catch (error) {
    const isPruned = error instanceof ChainRpcError && error.rpcCode === MISC_ERROR && error.message.includes('pruned');
    throw isPruned ? new BlockPrunedError(hash, height) : error;
  }
}
