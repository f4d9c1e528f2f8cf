import { satToBtc } from '../../amounts.ts';
import { ChainRpcError } from '../../errors.ts';
import type { EmbeddedChain } from '../embedded-chain.ts';
import { INCREMENTAL_FEERATE_SAT_PER_KVB, MIN_RELAY_FEERATE_SAT_PER_KVB } from '../mempool/floor.ts';
import { totals } from '../mempool/pool.ts';
import { type Json, entryJson } from './json.ts';
import type { Methods } from './methods.ts';
import { type Arguments, RpcCode, optional, required } from './params.ts';

const MAX_CONFIRM_TARGET = 1_008;
const ESTIMATE_MODES = ['unset', 'economical', 'conservative'];

/** The calls about the mempool and fees. */
export const mempoolMethods: Methods = {
  getrawmempool: {
    parameters: [optional('verbose', 'bool'), optional('mempool_sequence', 'bool')],
    run: rawMempool,
  },
  getmempoolentry: {
    parameters: [required('txid', 'string')],
    run(chain, given) {
      const entry = chain.mempool.get(given.hash(0));
      if (entry === undefined) throw new ChainRpcError(RpcCode.invalidAddressOrKey, 'Transaction not in mempool');
      return entryJson(chain, entry);
    },
  },
  getmempoolinfo: { parameters: [], run: mempoolInfo },
  estimatesmartfee: {
    parameters: [required('conf_target', 'number'), optional('estimate_mode', 'string')],
    run: estimateSmartFee,
  },
  setmockfees: {
    parameters: [optional('mempoolminfee', 'number', 'string'), optional('estimate', 'number', 'string')],
    run: setMockFees,
  },
};

function rawMempool(chain: EmbeddedChain, given: Arguments): unknown {
  const verbose = given.boolean(0, false);
  const withSequence = given.boolean(1, false);
  const entries = [...chain.mempool.entries()];
  if (verbose) {
    if (withSequence) {
      throw new ChainRpcError(RpcCode.invalidParameter, 'Verbose results cannot contain mempool sequence values.');
    }
    return Object.fromEntries(entries.map((entry) => [entry.transaction.txid, entryJson(chain, entry)]));
  }
  const txids = entries.map(({ transaction }) => transaction.txid);
  return withSequence ? { txids, mempool_sequence: chain.mempool.sequence } : txids;
}

function mempoolInfo(chain: EmbeddedChain): Json {
  const { mempool, floor, maxMempoolBytes, nowS } = chain;
  const all = totals(mempool.entries());
  const floorFeerate = floor.feerate(nowS);
  const leastFeerate = floorFeerate > MIN_RELAY_FEERATE_SAT_PER_KVB ? floorFeerate : MIN_RELAY_FEERATE_SAT_PER_KVB;
  return {
    loaded: true,
    size: mempool.size,
    bytes: all.vsize,
    usage: mempool.bytes,
    total_fee: satToBtc(all.feeSat),
    maxmempool: maxMempoolBytes,
    mempoolminfee: satToBtc(leastFeerate),
    minrelaytxfee: satToBtc(MIN_RELAY_FEERATE_SAT_PER_KVB),
    incrementalrelayfee: satToBtc(INCREMENTAL_FEERATE_SAT_PER_KVB),
    unbroadcastcount: 0,
    fullrbf: true,
  };
}

/** A regtest node has never seen enough traffic for an estimate, and says so, unless `setmockfees` gave it one. */
function estimateSmartFee(chain: EmbeddedChain, given: Arguments): Json {
  const target = given.integer(0);
  if (target < 1 || target > MAX_CONFIRM_TARGET) {
    const message = `Invalid conf_target, must be between 1 and ${MAX_CONFIRM_TARGET}`;
    throw new ChainRpcError(RpcCode.invalidParameter, message);
  }
  if (given.has(1) && !ESTIMATE_MODES.includes(given.string(1).toLowerCase())) {
    const message = `Invalid estimate_mode parameter, must be one of: "${ESTIMATE_MODES.join('", "')}"`;
    throw new ChainRpcError(RpcCode.invalidParameter, message);
  }
  const blocks = Math.max(target, 2);
  const feerate = chain.feeEstimateSatPerKvb;
  if (feerate !== undefined) return { feerate: satToBtc(feerate), blocks };
  return { errors: ['Insufficient data or no feerate found'], blocks };
}

/**
 * Of this chain alone, for tests of what happens when fees rise: the mempool's floor (what pays less is evicted) and
 * the estimate, in BTC per 1,000 vbytes. What is left out stays; 0 is none.
 */
function setMockFees(chain: EmbeddedChain, given: Arguments): null {
  if (given.has(0)) chain.floor.set(given.amountSat(0, 0n));
  if (given.has(1)) {
    const estimate = given.amountSat(1, 0n);
    chain.feeEstimateSatPerKvb = estimate === 0n ? undefined : estimate;
  }
  return null;
}
