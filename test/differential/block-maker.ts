import { Block, Transaction } from 'bitcoinjs-lib';
import { concat, fromString } from 'uint8arrays';
import type { BlockNode } from '../../src/chain/embedded/block-node.ts';
import { WITNESS_COMMITMENT_PREFIX, encodeCoinbaseHeight } from '../../src/chain/embedded/consensus/block.ts';
import { REGTEST_BITS, blockSubsidySat } from '../../src/chain/embedded/consensus/params.ts';
import type { Seeded } from '../harness/seeded.ts';
import { someScript } from './mutations.ts';

/** A block before its hashes are computed and its proof of work is done: everything in it may be wrong. */
export interface BlockDraft {
  version: number;
  previous: Uint8Array;
  timeS: number;
  bits: number;
  coinbase: Transaction;
  transactions: Transaction[];
  hasCommitment: boolean;
  /** Instead of the right ones. */
  commitment?: Uint8Array;
  merkleRoot?: Uint8Array;
  hasWork: boolean;
}

/** A right block on top of `parent`, whose coinbase takes the subsidy and `feesSat`. */
export function draftBlock(
  parent: BlockNode,
  transactions: readonly Transaction[],
  { timeS, script, feesSat, extra }: { timeS: number; script: Uint8Array; feesSat: bigint; extra: number },
): BlockDraft {
  const height = parent.height + 1;
  const coinbase = new Transaction();
  coinbase.version = 2;
  const extraNonce = Uint8Array.of(4, extra & 0xff, (extra >> 8) & 0xff, (extra >> 16) & 0xff, 0);
  const scriptSig = concat([encodeCoinbaseHeight(height), extraNonce]);
  coinbase.addInput(new Uint8Array(32), 0xffffffff, 0xffffffff, scriptSig);
  coinbase.setWitness(0, [new Uint8Array(32)]);
  coinbase.addOutput(script, blockSubsidySat(height) + feesSat);
  return {
    version: 0x20000000,
    previous: fromString(parent.hash, 'base16').reverse(),
    timeS: Math.max(timeS, parent.medianTimeS + 1),
    bits: REGTEST_BITS,
    coinbase,
    transactions: [...transactions],
    hasCommitment: true,
    hasWork: true,
  };
}

/** The block of a draft. */
export function finishBlock(draft: BlockDraft): Block {
  const block = new Block();
  const { coinbase } = draft;
  block.transactions = [coinbase, ...draft.transactions];
  if (draft.hasCommitment) {
    // bitcoinjs-lib wants to see the coinbase's witness, which is not part of the commitment.
    const withWitness = coinbase.clone();
    withWitness.ins[0]!.witness = [new Uint8Array(32)];
    const root = Block.calculateMerkleRoot([withWitness, ...draft.transactions], true);
    const commitment = draft.commitment ?? root;
    coinbase.addOutput(concat([WITNESS_COMMITMENT_PREFIX, commitment]), 0n);
  }
  block.version = draft.version;
  block.prevHash = draft.previous;
  block.merkleRoot = draft.merkleRoot ?? Block.calculateMerkleRoot(block.transactions);
  block.timestamp = draft.timeS;
  block.bits = draft.bits;
  // Half of all nonces do: the wrong bits of a mutation are not worth the work that they may ask for.
  block.bits = REGTEST_BITS;
  while (hasWork(block, draft.bits) !== draft.hasWork) block.nonce++;
  block.bits = draft.bits;
  return block;
}

/** Whether the hash meets regtest's target, with whatever bits stand in the header. */
function hasWork(block: Block, bits: number): boolean {
  block.bits = bits;
  return block.getHash().at(-1)! < 0x7f;
}

type BlockMutation = (draft: BlockDraft, random: Seeded) => void;

/** What makes blocks wrong (or only strange), by name. */
export const blockMutations: Readonly<Record<string, BlockMutation>> = {
  version: (draft, random) => {
    draft.version = random.pick([0, 1, 2, 3, 4, 0x7fffffff]);
  },
  'unknown parent': (draft, random) => {
    draft.previous = random.bytes(32);
  },
  time: (draft, random) => {
    draft.timeS += random.pick([-12 * 600, -6 * 600, -5 * 600, 7_199, 7_200, 7_201, 2 ** 30]);
  },
  bits: (draft, random) => {
    draft.bits = random.pick([0x207ffffe, 0x1d00ffff, 0x2100ffff, 0, 0x20800001]);
  },
  'no work': (draft) => {
    draft.hasWork = false;
  },
  'merkle root': (draft, random) => {
    draft.merkleRoot = random.bytes(32);
  },
  'witness commitment': (draft, random) => {
    draft.commitment = random.bytes(32);
  },
  'no witness commitment': (draft) => {
    draft.hasCommitment = false;
  },
  'a second commitment': (draft, random) => {
    draft.coinbase.addOutput(concat([WITNESS_COMMITMENT_PREFIX, random.bytes(32)]), 0n);
  },
  'coinbase without witness': (draft) => {
    draft.coinbase.ins[0]!.witness = [];
  },
  'coinbase witness': (draft, random) => {
    const zeros = new Uint8Array(32);
    draft.coinbase.ins[0]!.witness = random.pick([[random.bytes(31)], [zeros, zeros], [random.bytes(32)]]);
  },
  reward: (draft, random) => {
    draft.coinbase.outs[0]!.value += random.pick([1n, -1n, 1_000n, -1_000n, 5_000_000_000n]);
  },
  'coinbase output': (draft, random) => {
    draft.coinbase.addOutput(someScript(random), 0n);
  },
  'coinbase script': (draft, random) => {
    const input = draft.coinbase.ins[0]!;
    input.script = random.pick([
      input.script.subarray(0, 2),
      input.script.subarray(0, 1),
      concat([Uint8Array.of(0), input.script]),
      concat([input.script, new Uint8Array(100)]),
      new Uint8Array(0),
      Uint8Array.of(1, 7),
    ]);
  },
  'coinbase spends': (draft, random) => {
    draft.coinbase.ins[0]!.index = random.pick([0, 0xfffffffe]);
  },
  'coinbase locktime': (draft, random) => {
    draft.coinbase.locktime = random.pick([1, 499_999_999, 0xffffffff]);
    draft.coinbase.ins[0]!.sequence = 0;
  },
  'two coinbases': (draft) => {
    draft.transactions.push(draft.coinbase.clone());
  },
  'order reversed': (draft) => {
    draft.transactions.reverse();
  },
  'a transaction twice': (draft) => {
    draft.transactions.push(...draft.transactions.slice(-1));
  },
  'all transactions twice': (draft) => {
    draft.transactions.push(...draft.transactions);
  },
  'coinbase last': (draft) => {
    const [first, ...rest] = draft.transactions;
    if (first === undefined) return;
    draft.transactions = [...rest, draft.coinbase];
    draft.coinbase = first.clone();
  },
  'too many signature checks': (draft, random) => {
    const bytes = random.pick([9_995, 10_000]);
    // 20,000 of them, counted fourfold, are all that a block may hold.
    for (let i = 0; i < 2; i++) draft.coinbase.addOutput(new Uint8Array(bytes).fill(0xac), 0n);
  },
  'too large': (draft, random) => {
    const size = random.pick([990_000, 999_000, 1_000_000]);
    draft.coinbase.addOutput(concat([Uint8Array.of(0x6a), new Uint8Array(size)]), 0n);
  },
  'too heavy': (draft, random) => {
    const size = random.pick([3_990_000, 4_000_000]);
    draft.coinbase.ins[0]!.witness = [new Uint8Array(32), new Uint8Array(size)];
  },
};
