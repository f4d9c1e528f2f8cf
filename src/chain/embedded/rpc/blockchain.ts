import { satToBtc } from '../../amounts.ts';
import { ChainRpcError } from '../../errors.ts';
import type { BlockNode } from '../block-node.ts';
import { outpointKey } from '../consensus/transaction.ts';
import type { EmbeddedChain } from '../embedded-chain.ts';
import { type Json, blockJson, headerJson, hex, scriptJson, workJson } from './json.ts';
import type { Methods } from './methods.ts';
import { type Arguments, RpcCode, optional, required } from './params.ts';

/** The calls about blocks and the unspent outputs on the chain. */
export const blockchainMethods: Methods = {
  getblockchaininfo: { parameters: [], run: blockchainInfo },
  getblockcount: { parameters: [], run: (chain) => chain.state.tip.height },
  getbestblockhash: { parameters: [], run: (chain) => chain.state.tip.hash },
  getblockhash: {
    parameters: [required('height', 'number')],
    run(chain, given) {
      const node = chain.state.at(given.integer(0));
      if (node === undefined) throw new ChainRpcError(RpcCode.invalidParameter, 'Block height out of range');
      return node.hash;
    },
  },
  getblock: {
    parameters: [required('blockhash', 'string'), optional('verbosity', 'number', 'bool')],
    run(chain, given) {
      const node = findBlock(chain, given.hash(0));
      const verbosity = given.verbosity(1, 1);
      return verbosity <= 0 ? hex(node.block.raw) : blockJson(chain, node, verbosity);
    },
  },
  getblockheader: {
    parameters: [required('blockhash', 'string'), optional('verbose', 'bool')],
    run(chain, given) {
      const node = findBlock(chain, given.hash(0, 'hash'));
      return given.boolean(1, true) ? headerJson(chain, node) : hex(node.block.header.toBuffer(true));
    },
  },
  gettxout: {
    parameters: [required('txid', 'string'), required('n', 'number'), optional('include_mempool', 'bool')],
    run: transactionOutput,
  },
  invalidateblock: {
    parameters: [required('blockhash', 'string')],
    run(chain, given) {
      chain.invalidate(findBlock(chain, given.hash(0)));
      return null;
    },
  },
  reconsiderblock: {
    parameters: [required('blockhash', 'string')],
    run(chain, given) {
      chain.reconsider(findBlock(chain, given.hash(0)));
      return null;
    },
  },
};

/** The block with this hash on any branch, or -5. */
export function findBlock(chain: EmbeddedChain, hash: string, message = 'Block not found'): BlockNode {
  const node = chain.state.find(hash);
  if (node === undefined) throw new ChainRpcError(RpcCode.invalidAddressOrKey, message);
  return node;
}

function blockchainInfo(chain: EmbeddedChain): Json {
  const { tip } = chain.state;
  const { bits, target, difficulty, chainwork } = workJson(tip.height);
  return {
    chain: 'regtest',
    blocks: tip.height,
    headers: tip.height,
    bestblockhash: tip.hash,
    bits,
    target,
    difficulty,
    time: tip.block.header.timestamp,
    mediantime: tip.medianTimeS,
    verificationprogress: 1,
    initialblockdownload: false,
    chainwork,
    size_on_disk: chain.state.sizeBytes,
    pruned: false,
    warnings: [],
  };
}

function transactionOutput(chain: EmbeddedChain, given: Arguments): Json | null {
  const txid = given.hash(0);
  const index = given.integer(1);
  if (index < 0) throw new ChainRpcError(RpcCode.misc, 'JSON integer out of range');
  const key = outpointKey(txid, index);
  const { state, mempool } = chain;
  const withMempool = given.boolean(2, true);
  if (withMempool && mempool.spender(key) !== undefined) return null;
  const coin = (withMempool ? mempool.coins(state.coins, state.nextBlock.height) : state.coins).get(key);
  if (coin === undefined) return null;
  return {
    bestblock: state.tip.hash,
    confirmations: state.tip.height - coin.height + 1,
    value: satToBtc(coin.amountSat),
    scriptPubKey: scriptJson(coin.script),
    coinbase: coin.isCoinbase,
  };
}
