/**
 * RUNNEL_CHAIN=bitcoind, for tests whose nodes run in this process. They need virtual time and a chain that answers within
 * the call, which a bitcoind does not give; so they keep the embedded chain, and once a test is over, a bitcoind of its
 * own is led through the same history: each transaction and package that was offered, each block, each reorg, at the same
 * time of day. It must say the same of each. (Tests with processes of their own run on a bitcoind altogether.)
 */
import { afterEach, beforeEach } from 'vitest';
import { EmbeddedChain } from '../../src/chain/embedded/embedded-chain.ts';
import { decodeTransaction } from '../../src/chain/embedded/consensus/transaction.ts';
import { RejectedError } from '../../src/chain/embedded/rejection.ts';
import { ChainRpcError } from '../../src/chain/errors.ts';
import { toString } from 'uint8arrays';
import { Bitcoind, usualPolicy } from './bitcoind.ts';

const TIMEOUT_MS = 600_000;

type Step =
  | { readonly type: 'transaction'; readonly raws: readonly Uint8Array[]; readonly isTaken: boolean }
  | { readonly type: 'package'; readonly raws: readonly Uint8Array[]; readonly isTaken: boolean }
  | { readonly type: 'block'; readonly raw: Uint8Array }
  | { readonly type: 'invalidateblock' | 'reconsiderblock'; readonly hash: string };

/** A step, and where it left the chain. */
type Recorded = Step & { readonly nowS: number; readonly tip: string };

interface History {
  /** The blocks that the chain had when it was first used in this test. */
  readonly base: readonly Uint8Array[];
  readonly steps: Recorded[];
}

const histories = new Map<EmbeddedChain, History>();
const prototype = EmbeddedChain.prototype;
const { accept, submitPackage, generate, generateBlock, submitBlock, invalidate, reconsider } = prototype;

function record(chain: EmbeddedChain, step: Step): void {
  historyOf(chain).steps.push({ ...step, nowS: chain.nowS, tip: chain.state.tip.hash });
}

function historyOf(chain: EmbeddedChain): History {
  const known = histories.get(chain);
  if (known !== undefined) return known;
  const base = Array.from({ length: chain.state.tip.height }, (_, i) => chain.state.at(i + 1)!.block.raw);
  const history: History = { base, steps: [] };
  histories.set(chain, history);
  return history;
}

/** Runs a call, and records it with why it was refused, if it was. */
function tried<T>(call: () => T, note: (refusal: unknown) => void): T {
  let result: T;
  try {
    result = call();
  } catch (error) {
    note(error);
    throw error;
  }
  note(undefined);
  return result;
}

/** A minimum above the floor is one that a test has set, which bitcoind's own large mempool does not have. */
function isOfFullMempool(refusal: unknown): boolean {
  return refusal instanceof RejectedError && refusal.reason === 'mempool min fee not met';
}

prototype.accept = function (transaction, options) {
  // What the chain does by itself after a reorg, bitcoind does too.
  if (options?.mode !== undefined) return accept.call(this, transaction, options);
  historyOf(this);
  return tried(
    () => accept.call(this, transaction, options),
    (refusal) => {
      // One that was only tested and would be taken is not in the mempool.
      if (refusal === undefined ? options?.testOnly === true : isOfFullMempool(refusal)) return;
      record(this, { type: 'transaction', raws: [transaction.raw], isTaken: refusal === undefined });
    },
  );
};

prototype.submitPackage = function (transactions, maxFeerate) {
  historyOf(this);
  const result = submitPackage.call(this, transactions, maxFeerate);
  const outcomes = transactions.map(({ wtxid }) => result.outcomes.get(wtxid));
  if (outcomes.some((outcome) => outcome?.kind === 'rejected' && isOfFullMempool(outcome.error))) return result;
  const isTaken =
    result.packageError === undefined && outcomes.every((outcome) => outcome !== undefined && outcome.kind !== 'rejected');
  record(this, { type: 'package', raws: transactions.map(({ raw }) => raw), isTaken });
  return result;
};

prototype.generate = function (count, script) {
  historyOf(this);
  const blocks = generate.call(this, count, script);
  for (const { raw, hash } of blocks) historyOf(this).steps.push({ type: 'block', raw, nowS: this.nowS, tip: hash });
  return blocks;
};

prototype.generateBlock = function (transactions, script, submit) {
  historyOf(this);
  const block = generateBlock.call(this, transactions, script, submit);
  if (submit) record(this, { type: 'block', raw: block.raw });
  return block;
};

prototype.submitBlock = function (raw) {
  historyOf(this);
  return tried(
    () => submitBlock.call(this, raw),
    (refusal) => {
      if (refusal === undefined) record(this, { type: 'block', raw });
    },
  );
};

prototype.invalidate = function (node) {
  historyOf(this);
  invalidate.call(this, node);
  record(this, { type: 'invalidateblock', hash: node.hash });
};

prototype.reconsider = function (node) {
  historyOf(this);
  reconsider.call(this, node);
  record(this, { type: 'reconsiderblock', hash: node.hash });
};

beforeEach(() => histories.clear());

afterEach(async () => {
  const differences: string[] = [];
  for (const [chain, history] of histories) {
    if (history.steps.length === 0) continue;
    const difference = await replay(chain, history);
    if (difference !== undefined) differences.push(difference);
  }
  histories.clear();
  if (differences.length > 0) throw new Error(`bitcoind sees it differently:\n${differences.join('\n')}`);
}, TIMEOUT_MS);

/** Leads a new bitcoind through the history; gives the first difference. */
async function replay(chain: EmbeddedChain, { base, steps }: History): Promise<string | undefined> {
  const daemon = await Bitcoind.start({ args: ['-persistmempool=0', ...usualPolicy] });
  // A mempool that is smaller than bitcoind's may be drops what bitcoind keeps.
  const hasUsualMempool = chain.maxMempoolBytes >= 300_000_000;
  try {
    await daemon.rpc.call('setmocktime', [steps[0]?.nowS ?? chain.nowS]);
    for (const raw of base) await daemon.rpc.call('submitblock', [hexOf(raw)]);
    let nowS: number | undefined;
    for (const [index, step] of steps.entries()) {
      if (!hasUsualMempool && (step.type === 'transaction' || step.type === 'package')) continue;
      if (step.nowS !== nowS) await daemon.rpc.call('setmocktime', [(nowS = step.nowS)]);
      const difference = await differenceIn(daemon, step);
      if (difference !== undefined) return `step ${index + 1} of ${steps.length}, ${step.type}: ${difference}`;
      const { hash } = await daemon.tip();
      if (hash !== step.tip) return `after step ${index + 1} of ${steps.length}, ${step.type}: its tip is ${hash}, not ${step.tip}`;
    }
    return undefined;
  } finally {
    await daemon.stop();
  }
}

async function differenceIn(daemon: Bitcoind, step: Step): Promise<string | undefined> {
  switch (step.type) {
    case 'block': {
      const said = await daemon.rpc.call('submitblock', [hexOf(step.raw)]);
      return said === null || said === 'duplicate' || said === 'inconclusive' ? undefined : `it refuses the block: ${String(said)}`;
    }
    case 'transaction':
    case 'package': {
      const refusal = await refusalOf(daemon, step);
      if ((refusal === undefined) === step.isTaken) return undefined;
      const txids = step.raws.map((raw) => `${decodeTransaction(raw).txid} ${hexOf(raw)}`);
      return step.isTaken ? `it refuses ${txids.join(' ')}: ${refusal}` : `it takes ${txids.join(' ')}`;
    }
    case 'invalidateblock':
    case 'reconsiderblock':
      await daemon.rpc.call(step.type, [step.hash]);
      return undefined;
  }
}

async function refusalOf(daemon: Bitcoind, step: Extract<Step, { type: 'transaction' | 'package' }>): Promise<string | undefined> {
  const hex = step.raws.map(hexOf);
  try {
    if (step.type === 'transaction') {
      await daemon.rpc.call('sendrawtransaction', [hex[0], 0, 21_000_000]);
      return undefined;
    }
    const answer = (await daemon.rpc.call('submitpackage', [hex, 0, 21_000_000])) as { package_msg: string };
    return answer.package_msg === 'success' ? undefined : JSON.stringify(answer);
  } catch (error) {
    if (error instanceof ChainRpcError) return error.message;
    throw error;
  }
}

function hexOf(bytes: Uint8Array): string {
  return toString(bytes, 'base16');
}
