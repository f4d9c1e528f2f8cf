import type { ChainRpc } from '../chain.ts';
import type { EmbeddedChain } from './embedded-chain.ts';
import { callEmbedded } from './rpc/call.ts';

/**
 * An embedded chain in the same process as a `ChainRpc`. It stands apart from the HTTP client so that a node that talks
 * to a real bitcoind does not load a chain.
 */
export function embeddedRpc(chain: EmbeddedChain): ChainRpc {
  return {
    async call(method, params = []) {
      return callEmbedded(chain, method, params);
    },
  };
}
