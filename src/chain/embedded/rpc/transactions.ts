import { satToBtc } from '../../amounts.ts';
import { ChainRpcError } from '../../errors.ts';
import { WITNESS_SCALE_FACTOR } from '../consensus/params.ts';
import {
  type ChainTransaction,
  TransactionDecodeError,
  decodeTransaction,
  outpointKey,
} from '../consensus/transaction.ts';
import type { EmbeddedChain } from '../embedded-chain.ts';
import { feeAtRateSat } from '../mempool/feerate.ts';
import { MAX_PACKAGE_COUNT, type PackageOutcome, isChildWithParents } from '../mempool/package.ts';
import { type MempoolEntry, entryFeerate, inHashOrder } from '../mempool/pool.ts';
import { RejectedError } from '../rejection.ts';
import { hasValidOps, isUnspendable } from '../script/parse.ts';
import { findBlock } from './blockchain.ts';
import { type Json, hex, transactionJson } from './json.ts';
import type { Methods } from './methods.ts';
import { type Arguments, RpcCode, expectString, optional, parseHex, required } from './params.ts';

/** 0.10 BTC per 1,000 vbytes: what pays more is taken for a mistake unless the caller allows it. */
const DEFAULT_MAX_FEERATE_SAT_PER_KVB = 10_000_000n;
const TOO_HIGH_FEERATE_SAT_PER_KVB = 100_000_000n;

/** The calls about transactions: fetch, send, test. */
export const transactionMethods: Methods = {
  getrawtransaction: {
    parameters: [
      required('txid', 'string'),
      optional('verbosity', 'number', 'bool'),
      optional('blockhash', 'string'),
    ],
    run: rawTransaction,
  },
  sendrawtransaction: {
    parameters: [
      required('hexstring', 'string'),
      optional('maxfeerate', 'number', 'string'),
      optional('maxburnamount', 'number', 'string'),
    ],
    run: sendRawTransaction,
  },
  testmempoolaccept: {
    parameters: [required('rawtxs', 'array'), optional('maxfeerate', 'number', 'string')],
    run: testMempoolAccept,
  },
  submitpackage: {
    parameters: [
      required('package', 'array'),
      optional('maxfeerate', 'number', 'string'),
      optional('maxburnamount', 'number', 'string'),
    ],
    run: submitPackage,
  },
};

/** Parses a transaction in hex, or throws -22 with `failure`. */
export function parseTransaction(text: string, failure: string): ChainTransaction {
  try {
    const transaction = decodeTransaction(parseHex(text, failure));
    if (transaction.transaction.ins.length === 0) throw new ChainRpcError(RpcCode.deserialization, failure);
    return transaction;
  } catch (error) {
    if (error instanceof TransactionDecodeError) throw new ChainRpcError(RpcCode.deserialization, failure);
    throw error;
  }
}

function rawTransaction(chain: EmbeddedChain, given: Arguments): unknown {
  const txid = given.hash(0, 'parameter 1');
  const { state, mempool } = chain;
  if (txid === state.genesis.block.merkleRoot) {
    const message = 'The genesis block coinbase is not considered an ordinary transaction and cannot be retrieved';
    throw new ChainRpcError(RpcCode.invalidAddressOrKey, message);
  }
  const verbosity = given.verbosity(1, 0);
  const inBlock = given.has(2) ? findBlock(chain, given.hash(2, 'parameter 3'), 'Block hash not found') : undefined;
  const unconfirmed = inBlock === undefined ? mempool.get(txid)?.transaction : undefined;
  const located = inBlock === undefined ? state.locate(txid) : undefined;
  const node = inBlock ?? located?.node;
  const index = inBlock?.block.transactions.findIndex((each) => each.txid === txid) ?? located?.index ?? -1;
  const transaction = unconfirmed ?? node?.block.transactions[index];
  if (transaction === undefined) {
    const where =
      inBlock === undefined
        ? 'No such mempool or blockchain transaction'
        : 'No such transaction found in the provided block';
    throw new ChainRpcError(RpcCode.invalidAddressOrKey, `${where}. Use gettransaction for wallet transactions.`);
  }
  if (verbosity <= 0) return hex(transaction.raw);
  const spent = verbosity >= 2 ? node?.spent?.[index - 1] : undefined;
  const active = node !== undefined && state.isActive(node);
  return {
    ...(inBlock === undefined ? {} : { in_active_chain: active }),
    ...transactionJson(transaction, spent, verbosity >= 2),
    hex: hex(transaction.raw),
    ...(node === undefined ? {} : { blockhash: node.hash }),
    ...(node === undefined ? {} : { confirmations: active ? state.tip.height - node.height + 1 : 0 }),
    ...(active ? { time: node.block.header.timestamp, blocktime: node.block.header.timestamp } : {}),
  };
}

function sendRawTransaction(chain: EmbeddedChain, given: Arguments): string {
  const transaction = parseTransaction(given.string(0), 'TX decode failed. Make sure the tx has at least one input.');
  checkBurn(transaction, given.amountSat(2, 0n));
  const maxFeerate = maxFeerateOf(given);
  const { txid, weight } = transaction;
  if (transaction.transaction.outs.some((_, index) => chain.state.coins.has(outpointKey(txid, index)))) {
    throw new ChainRpcError(RpcCode.alreadyInUtxoSet, 'Transaction outputs already in utxo set');
  }
  if (chain.mempool.get(txid) !== undefined) return txid;
  try {
    if (maxFeerate > 0n) {
      const { entry } = chain.accept(transaction, { testOnly: true });
      if (entry.feeSat > feeAtRateSat(maxFeerate, Math.ceil(weight / WITNESS_SCALE_FACTOR))) {
        const message = 'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)';
        throw new ChainRpcError(RpcCode.verify, message);
      }
    }
    chain.accept(transaction);
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    throw new ChainRpcError(error.kind === 'missing_inputs' ? RpcCode.verify : RpcCode.rejected, error.message);
  }
  return txid;
}

function testMempoolAccept(chain: EmbeddedChain, given: Arguments): Json[] {
  const transactions = packageOf(given);
  const maxFeerate = maxFeerateOf(given);
  const [first] = transactions;
  const { packageError, outcomes } =
    transactions.length === 1 && first !== undefined ? testAlone(chain, first) : chain.testPackage(transactions);
  let stopped = false;
  return transactions.map(({ txid, wtxid }) => {
    const ids = {
      txid,
      wtxid,
      ...(packageError === undefined ? {} : { 'package-error': packageError.message }),
    };
    const outcome = stopped ? undefined : outcomes.get(wtxid);
    if (outcome?.kind === 'rejected') return { ...ids, allowed: false, ...rejectionJson(outcome.error) };
    if (outcome?.kind !== 'accepted') return ids;
    const { feeSat, vsize } = outcome.entry;
    if (maxFeerate > 0n && feeSat > feeAtRateSat(maxFeerate, vsize)) {
      stopped = true;
      return { ...ids, allowed: false, 'reject-reason': 'max-fee-exceeded' };
    }
    return { ...ids, allowed: true, ...acceptedJson(outcome) };
  });
}

function testAlone(chain: EmbeddedChain, transaction: ChainTransaction): ReturnType<EmbeddedChain['testPackage']> {
  const outcomes = new Map<string, PackageOutcome>();
  try {
    const { entry, replaced } = chain.accept(transaction, { testOnly: true });
    outcomes.set(transaction.wtxid, {
      kind: 'accepted',
      entry,
      replaced,
      feerateSatPerKvb: entryFeerate(entry),
      includes: [transaction.wtxid],
    });
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    outcomes.set(transaction.wtxid, { kind: 'rejected', error });
  }
  return { packageError: undefined, outcomes };
}

function submitPackage(chain: EmbeddedChain, given: Arguments): Json {
  const transactions = packageOf(given);
  const maxFeerate = maxFeerateOf(given);
  const maxBurnSat = given.amountSat(2, 0n);
  for (const transaction of transactions) checkBurn(transaction, maxBurnSat);
  if (transactions.length > 1 && !isChildWithParents(transactions)) {
    const message = 'package topology disallowed. not child-with-parents or parents depend on each other.';
    throw new ChainRpcError(RpcCode.verify, message);
  }
  const { packageError, outcomes } = chain.submitPackage(transactions, maxFeerate > 0n ? maxFeerate : undefined);
  const failed = [...outcomes.values()].some(({ kind }) => kind === 'rejected');
  const results: Json = {};
  const replaced = new Set<MempoolEntry>();
  for (const { txid, wtxid } of transactions) {
    const outcome = outcomes.get(wtxid);
    // bitcoind 29 says nothing of transactions that it did not come to.
    if (outcome === undefined) continue;
    results[wtxid] = { txid, ...outcomeJson(outcome) };
    if (outcome.kind === 'accepted') for (const entry of outcome.replaced) replaced.add(entry);
  }
  return {
    package_msg: packageError?.message ?? (failed ? 'transaction failed' : 'success'),
    'tx-results': results,
    'replaced-transactions': inHashOrder(replaced).map(({ transaction }) => transaction.txid),
  };
}

function outcomeJson(outcome: PackageOutcome): Json {
  switch (outcome.kind) {
    case 'rejected':
      return { error: outcome.error.message };
    case 'different_witness':
      return { 'other-wtxid': outcome.wtxid };
    case 'known':
      return { vsize: outcome.entry.vsize, fees: { base: satToBtc(outcome.entry.feeSat) } };
    case 'accepted':
      return acceptedJson(outcome);
  }
}

function acceptedJson({ entry, feerateSatPerKvb, includes }: Extract<PackageOutcome, { kind: 'accepted' }>): Json {
  return {
    vsize: entry.vsize,
    fees: {
      base: satToBtc(entry.feeSat),
      'effective-feerate': satToBtc(feerateSatPerKvb),
      'effective-includes': includes,
    },
  };
}

function rejectionJson({ kind, reason, message }: RejectedError): Json {
  if (kind === 'missing_inputs') return { 'reject-reason': 'missing-inputs' };
  return { 'reject-reason': reason, 'reject-details': message };
}

function packageOf(given: Arguments): ChainTransaction[] {
  const texts = given.array(0);
  if (texts.length < 1 || texts.length > MAX_PACKAGE_COUNT) {
    const message = `Array must contain between 1 and ${MAX_PACKAGE_COUNT} transactions.`;
    throw new ChainRpcError(RpcCode.invalidParameter, message);
  }
  return texts.map((value) => {
    const text = expectString(value);
    return parseTransaction(text, `TX decode failed: ${text} Make sure the tx has at least one input.`);
  });
}

function maxFeerateOf(given: Arguments): bigint {
  const feerate = given.amountSat(1, DEFAULT_MAX_FEERATE_SAT_PER_KVB);
  if (feerate >= TOO_HIGH_FEERATE_SAT_PER_KVB) {
    const message = 'Fee rates larger than or equal to 1BTC/kvB are not accepted';
    throw new ChainRpcError(RpcCode.invalidParameter, message);
  }
  return feerate;
}

function checkBurn({ transaction }: ChainTransaction, maxBurnSat: bigint): void {
  const burns = transaction.outs.some(
    ({ value, script }) => (isUnspendable(script) || !hasValidOps(script)) && value > maxBurnSat,
  );
  if (burns) {
    const message = 'Unspendable output exceeds maximum configured by user (maxburnamount)';
    throw new ChainRpcError(RpcCode.verify, message);
  }
}
