import { Transaction } from 'bitcoinjs-lib';
import { describe, expect, it } from 'vitest';
import { encodeCoinbaseHeight } from '../../src/chain/embedded/consensus/block.ts';
import { type Coin, checkSpend } from '../../src/chain/embedded/consensus/coins.ts';
import { isFinal, sequenceLocksMet } from '../../src/chain/embedded/consensus/locks.ts';
import { MAX_MONEY_SAT, blockSubsidySat } from '../../src/chain/embedded/consensus/params.ts';
import { countSigops } from '../../src/chain/embedded/consensus/sigops.ts';
import {
  checkTransaction,
  decodeTransaction,
  describeTransaction,
} from '../../src/chain/embedded/consensus/transaction.ts';
import { parseAsm } from '../vectors/bitcoin-vectors.ts';

function transaction(change: (transaction: Transaction) => void = () => {}): Transaction {
  const made = new Transaction();
  made.version = 2;
  made.addInput(new Uint8Array(32).fill(1), 0, 0xfffffffd);
  made.addOutput(Uint8Array.of(0x51), 1_000n);
  change(made);
  return made;
}

describe('a transaction by itself', () => {
  const check = (change: (made: Transaction) => void) => () =>
    checkTransaction(describeTransaction(transaction(change)));

  it('has inputs and outputs, and fits into a block', () => {
    expect(check(() => {})).not.toThrow();
    expect(check((made) => (made.ins = []))).toThrow('bad-txns-vin-empty');
    expect(check((made) => (made.outs = []))).toThrow('bad-txns-vout-empty');
    expect(check((made) => (made.outs[0]!.script = new Uint8Array(1_000_000)))).toThrow('bad-txns-oversize');
  });

  it('spends nothing that does not exist, unless it is a coinbase', () => {
    const nothing = (made: Transaction) => made.addInput(new Uint8Array(32), 0xffffffff);
    expect(check(nothing)).toThrow('bad-txns-prevout-null');
    const coinbase = (length: number) => (made: Transaction) => {
      made.ins = [];
      made.addInput(new Uint8Array(32), 0xffffffff, 0xffffffff, new Uint8Array(length));
    };
    expect([1, 2, 100, 101].map((length) => attempt(check(coinbase(length))))).toEqual([
      'bad-cb-length',
      'fine',
      'fine',
      'bad-cb-length',
    ]);
    // An output of index 0 of a transaction with the id 0 is no coinbase's input.
    expect(describeTransaction(transaction((made) => (made.ins[0]!.hash = new Uint8Array(32)))).isCoinbase).toBe(false);
  });

  it('is read from exactly its own bytes', () => {
    const raw = transaction().toBuffer();
    expect(decodeTransaction(raw).txid).toBe(transaction().getId());
    expect(() => decodeTransaction(raw.subarray(0, -1))).toThrow(/expected a serialized Bitcoin transaction/);
    expect(() => decodeTransaction(Uint8Array.of(...raw, 0))).toThrow(/expected a serialized Bitcoin transaction/);
    expect(() => decodeTransaction(new Uint8Array(0))).toThrow(/expected a serialized Bitcoin transaction/);
  });
});

describe('a spend', () => {
  const coin = (amountSat: bigint): Coin => ({ amountSat, script: new Uint8Array(0), height: 1, isCoinbase: false });

  it('cannot take in more than there is', () => {
    const made = describeTransaction(transaction());
    expect(checkSpend(made, [coin(5_000n)], 10)).toBe(4_000n);
    expect(() => checkSpend(made, [coin(MAX_MONEY_SAT), coin(1n)], 10)).toThrow('bad-txns-inputvalues-outofrange');
  });
});

describe('lock times', () => {
  const context = { height: 200, previousMedianTimeS: 1_700_000_000 };
  const final = (locktime: number, sequence = 0) =>
    isFinal(transaction((made) => Object.assign(made, { locktime }) && (made.ins[0]!.sequence = sequence)), context);

  it('are heights below 500,000,000 and times from there on', () => {
    expect([0, 199, 200, 499_999_999].map((locktime) => final(locktime))).toEqual([true, true, false, false]);
    expect([500_000_000, 1_699_999_999, 1_700_000_000].map((locktime) => final(locktime))).toEqual([true, true, false]);
    expect(final(300, 0xffffffff)).toBe(true);
  });

  it('that are relative count in blocks or in 512 seconds', () => {
    const met = (sequence: number, coinHeight: number, version = 2) =>
      sequenceLocksMet(
        transaction((made) => Object.assign(made, { version }) && (made.ins[0]!.sequence = sequence)),
        [coinHeight],
        context,
        (height) => 1_700_000_000 - (200 - height) * 600,
      );
    expect([99, 100, 101].map((blocks) => met(blocks, 100))).toEqual([true, true, false]);
    expect(met(101, 100, 1)).toBe(true);
    expect(met(0x80000000 + 101, 100)).toBe(true);
    // Bits besides the delay and the two flags mean nothing.
    expect(met(0x7fbf0000 + 100, 100)).toBe(true);
    expect(met(0x7fbf0000 + 101, 100)).toBe(false);
    // The block before the coin's was at 1,700,000,000 - 101 x 600.
    expect([118, 119].map((units) => met(0x00400000 + units, 100))).toEqual([true, false]);
    expect(met(0x00400000, 0)).toBe(true);
  });
});

describe('numbers of consensus', () => {
  it('write a height as the shortest push', () => {
    const heights: [number, number[]][] = [
      [0, [0]],
      [1, [0x51]],
      [16, [0x60]],
      [17, [1, 17]],
      [127, [1, 127]],
      [128, [2, 128, 0]],
      [255, [2, 255, 0]],
      [256, [2, 0, 1]],
      [32_768, [3, 0, 128, 0]],
    ];
    for (const [height, bytes] of heights) expect([...encodeCoinbaseHeight(height)], String(height)).toEqual(bytes);
  });

  it('halve the subsidy until nothing is left', () => {
    expect([0, 149, 150, 300, 150 * 33].map(blockSubsidySat)).toEqual([
      5_000_000_000n,
      5_000_000_000n,
      2_500_000_000n,
      1_250_000_000n,
      0n,
    ]);
  });

  it('count signature checks, a multisig by its keys where they are known', () => {
    const multisig = parseAsm(`2 0x21 0x02${'00'.repeat(32)} 2 CHECKMULTISIG`);
    expect(countSigops(multisig, true)).toBe(2);
    expect(countSigops(multisig, false)).toBe(20);
    expect(countSigops(parseAsm('CHECKSIG CHECKSIGVERIFY CHECKMULTISIGVERIFY'), true)).toBe(22);
    expect(countSigops(parseAsm('DUP HASH160 EQUALVERIFY CHECKSIG'), false)).toBe(1);
    // A push that runs past the end ends the count.
    expect(countSigops(parseAsm('CHECKSIG 0x05 0xac'), true)).toBe(1);
  });
});

function attempt(run: () => void): string {
  try {
    run();
    return 'fine';
  } catch (error) {
    return (error as Error).message;
  }
}
