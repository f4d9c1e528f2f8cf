import { ChainRpcError } from '../../errors.ts';
import { ChainBrokenError, type EmbeddedChain } from '../embedded-chain.ts';
import { blockchainMethods } from './blockchain.ts';
import { controlMethods } from './control.ts';
import { mempoolMethods } from './mempool.ts';
import type { Method } from './methods.ts';
import { miningMethods } from './mining.ts';
import { Arguments, RpcCode } from './params.ts';
import { transactionMethods } from './transactions.ts';

const METHODS: ReadonlyMap<string, Method> = new Map(
  Object.entries({
    ...blockchainMethods,
    ...transactionMethods,
    ...mempoolMethods,
    ...miningMethods,
    ...controlMethods,
  }),
);

/**
 * Answers one of bitcoind's JSON-RPC calls from an embedded chain: the name, an array of parameters or an object of
 * named ones, and the answer as bitcoind 29 shapes it. Throws `ChainRpcError` with bitcoind's code and message.
 */
export function callEmbedded(chain: EmbeddedChain, method: string, params: unknown): unknown {
  const found = METHODS.get(method);
  if (found === undefined) throw new ChainRpcError(RpcCode.methodNotFound, 'Method not found');
  const given = new Arguments(method, found.parameters, params);
  try {
    chain.assertUsable();
    return found.run(chain, given);
  } catch (error) {
    if (error instanceof ChainBrokenError) throw new ChainRpcError(RpcCode.database, error.message);
    throw error;
  }
}
