import { ChainRpcError } from '../../errors.ts';
import { BlockDecodeError } from '../consensus/block.ts';
import type { ChainTransaction } from '../consensus/transaction.ts';
import type { EmbeddedChain } from '../embedded-chain.ts';
import { RejectedError } from '../rejection.ts';
import { scriptOfAddress } from '../script/classify.ts';
import { type Json, hex } from './json.ts';
import type { Methods } from './methods.ts';
import { type Arguments, RpcCode, expectString, optional, parseHex, required } from './params.ts';
import { parseTransaction } from './transactions.ts';

/** More at once would keep the chain from answering anyone else for seconds. */
const MAX_BLOCKS_A_CALL = 10_000;

/** The calls that make blocks or take them in. */
export const miningMethods: Methods = {
  generatetoaddress: {
    parameters: [required('nblocks', 'number'), required('address', 'string'), optional('maxtries', 'number')],
    run: generateToAddress,
  },
  generateblock: {
    parameters: [required('output', 'string'), required('transactions', 'array'), optional('submit', 'bool')],
    run: generateBlock,
  },
  submitblock: {
    parameters: [required('hexdata', 'string'), optional('dummy', 'string')],
    run: submitBlock,
  },
};

function generateToAddress(chain: EmbeddedChain, given: Arguments): string[] {
  const count = given.integer(0);
  given.integer(2, 0);
  const script = scriptOfAddress(given.string(1));
  if (script === undefined) throw new ChainRpcError(RpcCode.invalidAddressOrKey, 'Error: Invalid address');
  if (count > MAX_BLOCKS_A_CALL) {
    const message = `nblocks must be at most ${MAX_BLOCKS_A_CALL} for the embedded chain (not ${count})`;
    throw new ChainRpcError(RpcCode.invalidParameter, message);
  }
  return chain.generate(Math.max(0, count), script).map(({ hash }) => hash);
}

function generateBlock(chain: EmbeddedChain, given: Arguments): Json {
  const script = scriptOfAddress(given.string(0));
  if (script === undefined) {
    throw new ChainRpcError(RpcCode.invalidAddressOrKey, 'Error: Invalid address or descriptor');
  }
  const transactions = given.array(1).map((value) => transactionOf(chain, expectString(value)));
  const submit = given.boolean(2, true);
  try {
    const { hash, raw } = chain.generateBlock(transactions, script, submit);
    return submit ? { hash } : { hash, hex: hex(raw) };
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    throw new ChainRpcError(RpcCode.verify, `TestBlockValidity failed: ${error.message}`);
  }
}

/** A transaction of the mempool by its id, or one in hex. */
function transactionOf(chain: EmbeddedChain, text: string): ChainTransaction {
  if (/^[0-9a-fA-F]{64}$/.test(text)) {
    const entry = chain.mempool.get(text.toLowerCase());
    if (entry === undefined) {
      throw new ChainRpcError(RpcCode.invalidAddressOrKey, `Transaction ${text} not in mempool.`);
    }
    return entry.transaction;
  }
  return parseTransaction(text, `Transaction decode failed for ${text}. Make sure the tx has at least one input.`);
}

/** As in bitcoind null is success, and any text says why not. */
function submitBlock(chain: EmbeddedChain, given: Arguments): string | null {
  try {
    const outcome = chain.submitBlock(parseHex(given.string(0), 'Block decode failed'));
    return outcome === 'connected' ? null : outcome;
  } catch (error) {
    if (error instanceof BlockDecodeError) throw new ChainRpcError(RpcCode.deserialization, 'Block decode failed');
    if (error instanceof RejectedError) return error.reason;
    throw error;
  }
}
