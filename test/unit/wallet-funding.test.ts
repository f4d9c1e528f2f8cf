import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Transaction } from 'bitcoinjs-lib';
import { toString } from 'uint8arrays/to-string';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/storage/database.ts';
import { dustLimit, feeFor, transactionWeight } from '../../src/wallet/coin-selection.ts';
import { WalletError, type FundedTransaction, type Wallet } from '../../src/wallet/wallet.ts';
import { foreignScript, foreignTransaction, newWallet, scriptOf, TestChain } from './wallet-fixtures.ts';

const fundingScript = Uint8Array.of(0, 32, ...new Uint8Array(32).fill(9)); // P2WSH, as a channel's funding output

function funded(
  amounts: readonly bigint[],
  wallet: Wallet = newWallet(),
): { wallet: Wallet; chain: TestChain; deposits: Map<string, bigint> } {
  const chain = new TestChain();
  const transactions = amounts.map((amountSat, index) =>
    foreignTransaction([{ script: scriptOf(0, index % 3), amountSat }]),
  );
  wallet.handleChainEvent(chain.mine(transactions));
  return {
    wallet,
    chain,
    deposits: new Map(transactions.map((transaction, index) => [transaction.getId(), amounts[index] ?? 0n])),
  };
}

function failure(work: () => unknown): WalletError {
  try {
    work();
  } catch (error) {
    if (error instanceof WalletError) return error;
    throw error;
  }
  throw new Error('a WalletError was expected');
}

const fund = (wallet: Wallet, amountSat: bigint, reference = 'channel 1', feeratePerKw = 1_000): FundedTransaction =>
  wallet.fundTransaction({ outputs: [{ script: fundingScript, amountSat }], feeratePerKw, reference });
const spentBy = (transaction: Transaction): string[] =>
  transaction.ins.map(({ hash }) => toString(Uint8Array.from(hash).reverse(), 'base16'));
const sum = (amounts: Iterable<bigint>): bigint => [...amounts].reduce((total, amount) => total + amount, 0n);

describe('a funded transaction', () => {
  it('pays what was asked, the fee for its weight, and the rest back: property', () => {
    const amount = fc.bigInt(300n, 100_000_000n);
    fc.assert(
      fc.property(
        fc.array(amount, { minLength: 1, maxLength: 12 }),
        fc.array(amount, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 253, max: 20_000 }),
        (coins, amounts, feeratePerKw) => {
          const { wallet, deposits } = funded(coins);
          const outputs = amounts.map((amountSat, index) => ({
            script: index % 2 === 0 ? fundingScript : foreignScript,
            amountSat: amountSat < 330n ? 330n : amountSat,
          }));
          const needed = sum(outputs.map(({ amountSat }) => amountSat));
          let result: FundedTransaction;
          try {
            result = wallet.fundTransaction({ outputs, feeratePerKw, reference: 'x' });
          } catch (error) {
            if (!(error instanceof WalletError)) throw error;
            expect(error.code).toBe('insufficient_funds');
            expect(error.details['availableSat']).toBe(sum(coins));
            expect(error.details['neededSat']).toBeGreaterThan(sum(coins));
            expect(wallet.balance()).toMatchObject({ confirmedSat: sum(coins), reservedSat: 0n });
            return;
          }
          const { transaction, feeSat, changeSat } = result;
          const inputSat = sum(spentBy(transaction).map((txid) => deposits.get(txid) ?? -1n));
          const outputSat = sum(transaction.outs.map(({ value }) => value));
          expect(inputSat).toBe(outputSat + feeSat);
          expect(outputSat).toBe(needed + changeSat);
          expect(transaction.outs.length).toBe(outputs.length + (changeSat > 0n ? 1 : 0));
          if (changeSat > 0n) expect(changeSat).toBeGreaterThanOrEqual(294n);
          for (const [index, output] of outputs.entries()) {
            expect(transaction.outs[result.outputIndexes[index] ?? -1]).toMatchObject({
              script: output.script,
              value: output.amountSat,
            });
          }
          expect(new Set(result.outputIndexes).size).toBe(outputs.length);
          // Never below the feerate; above it by what signatures may be shorter, and by change that would be dust.
          const weight = transaction.weight();
          expect(feeSat).toBeGreaterThanOrEqual(feeFor(weight, feeratePerKw));
          const slack = feeFor(transaction.ins.length * 8 + 4 * 31, feeratePerKw) + 294n + 1n;
          expect(feeSat).toBeLessThanOrEqual(feeFor(weight, feeratePerKw) + slack);
          expect(wallet.balance()).toMatchObject({ confirmedSat: sum(coins) - inputSat, reservedSat: inputSat });
          wallet.recordTransaction(transaction);
          expect(wallet.balance()).toMatchObject({
            confirmedSat: sum(coins) - inputSat,
            reservedSat: 0n,
            unconfirmedSat: changeSat,
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is final at the tip, replaceable, version 2, in BIP 69 order, and has low weight', () => {
    const { wallet, chain } = funded([40_000n, 30_000n, 20_000n]);
    for (let i = 0; i < 4; i++) wallet.handleChainEvent(chain.mine());
    const { transaction } = fund(wallet, 60_000n);
    expect(transaction.version).toBe(2);
    expect(transaction.locktime).toBe(4);
    expect(transaction.ins.map(({ sequence }) => sequence)).toEqual(transaction.ins.map(() => 0xfffffffd));
    expect(spentBy(transaction)).toEqual(spentBy(transaction).sort());
    const values = transaction.outs.map(({ value }) => value);
    expect(values).toEqual([...values].sort((a, b) => (a < b ? -1 : 1)));
    expect(transaction.weight()).toBeLessThanOrEqual(
      transactionWeight(
        transaction.ins.length,
        transaction.outs.map(({ script }) => script.length),
      ),
    );
  });

  it('leaves no dust as change: it goes to the fee', () => {
    const { wallet } = funded([50_000n]);
    const feeWithoutChange = feeFor(transactionWeight(1, [34]), 1_000);
    const feeWithChange = feeFor(transactionWeight(1, [34, 22]), 1_000);
    const atLimit = fund(wallet, 50_000n - feeWithChange - 294n);
    expect(atLimit).toMatchObject({ changeSat: 294n, feeSat: feeWithChange });
    wallet.release(atLimit.reference);
    const below = fund(wallet, 50_000n - feeWithChange - 293n);
    expect(below).toMatchObject({ changeSat: 0n, feeSat: feeWithChange + 293n });
    wallet.release(below.reference);
    expect(fund(wallet, 50_000n - feeWithoutChange)).toMatchObject({ changeSat: 0n, feeSat: feeWithoutChange });
    wallet.release('channel 1');
    expect(failure(() => fund(wallet, 50_001n - feeWithoutChange))).toMatchObject({
      code: 'insufficient_funds',
      details: { neededSat: 50_001n, availableSat: 50_000n },
    });
  });

  it('leaves coins alone that cost more than they bring', () => {
    const { wallet } = funded([600n, 600n, 600n, 40_000n]);
    const { transaction } = fund(wallet, 20_000n, 'x', 5_000);
    expect(transaction.ins).toHaveLength(1);
  });

  it('is refused for outputs and feerates that make no sense', () => {
    const { wallet } = funded([1_000_000n]);
    for (const amountSat of [0n, -5n, 329n]) expect(failure(() => fund(wallet, amountSat)).code).toBe('dust_output');
    fund(wallet, 330n);
    for (const feeratePerKw of [0, 252, 1_000.5, Number.NaN, 1e9])
      expect(failure(() => fund(wallet, 10_000n, 'y', feeratePerKw)).code).toBe('invalid_feerate');
    expect(failure(() => fund(wallet, 2n ** 60n, 'y')).code).toBe('invalid_amount');
    expect(failure(() => wallet.fundTransaction({ outputs: [], feeratePerKw: 253, reference: 'y' })).code).toBe(
      'invalid_amount',
    );
    expect(wallet.reservations()).toEqual(['channel 1']);
  });

  it('keeps to what nodes relay', () => {
    const { wallet } = funded(Array.from({ length: 1_500 }, () => 10_000n));
    expect(failure(() => fund(wallet, 14_800_000n, 'x', 253)).code).toBe('transaction_too_large');
    const { transaction } = fund(wallet, 500_000n, 'x', 253);
    expect(transaction.weight()).toBeLessThan(400_000);
  });
});

describe('reservations', () => {
  it('keep transactions apart, survive a restart, and are given back on release', () => {
    const folder = mkdtempSync(join(tmpdir(), 'runnel-wallet-'));
    const path = join(folder, 'node.db');
    const first = openDatabase({ path });
    const { wallet } = funded([50_000n, 60_000n], newWallet(first));
    const a = fund(wallet, 40_000n, 'a');
    first.close();

    const second = openDatabase({ path });
    const again = newWallet(second);
    expect(again.reservations()).toEqual(['a']);
    const b = fund(again, 40_000n, 'b');
    expect(spentBy(b.transaction)).not.toEqual(spentBy(a.transaction));
    expect(again.listUnspent().every((coin) => coin.reserved)).toBe(true);
    expect(failure(() => fund(again, 1_000n, 'c'))).toMatchObject({
      code: 'insufficient_funds',
      details: { availableSat: 0n },
    });
    expect(failure(() => fund(again, 1_000n, 'a')).code).toBe('reservation_exists');
    again.release('a');
    again.release('a');
    expect(again.reservations()).toEqual(['b']);
    expect(spentBy(fund(again, 40_000n, 'c').transaction)).toEqual(spentBy(a.transaction));
    second.close();
    rmSync(folder, { recursive: true });
  });

  it('of transactions that come to nothing leave no gap of change addresses', () => {
    const { wallet } = funded([50_000n, 60_000n]);
    const kept = fund(wallet, 10_000n, 'kept');
    for (let i = 0; i < 10; i++) {
      fund(wallet, 10_000n, 'given up');
      wallet.release('given up');
    }
    const { transaction } = fund(wallet, 10_000n, 'next');
    expect(kept.transaction.outs.some(({ script }) => toString(script) === toString(scriptOf(1, 0)))).toBe(true);
    expect(transaction.outs.some(({ script }) => toString(script) === toString(scriptOf(1, 1)))).toBe(true);
  });

  it('end when the transaction is mined without having been recorded', () => {
    const { wallet, chain } = funded([50_000n]);
    const { transaction, changeSat } = fund(wallet, 20_000n);
    wallet.handleChainEvent(chain.mine([transaction]));
    expect(wallet.reservations()).toEqual([]);
    expect(wallet.balance()).toMatchObject({ confirmedSat: changeSat, reservedSat: 0n });
  });

  it('are undone with the turn that made them', () => {
    const database = openDatabase({ path: ':memory:' });
    const { wallet } = funded([50_000n], newWallet(database));
    expect(() =>
      database.transaction(() => {
        fund(wallet, 20_000n);
        throw new RangeError('the turn failed');
      }),
    ).toThrow(RangeError);
    expect(wallet.reservations()).toEqual([]);
    expect(fund(wallet, 20_000n).changeSat).toBeGreaterThan(0n);
  });
});

describe('unconfirmed change', () => {
  it('is spent where confirmed coins do not suffice, up to the length that nodes relay', () => {
    const { wallet, chain } = funded([10_000_000n, 20_000n]);
    wallet.recordTransaction(fund(wallet, 9_000_000n, 'first').transaction);
    // The confirmed coin is enough for this one.
    const second = fund(wallet, 10_000n, 'second');
    expect(
      wallet
        .listUnspent()
        .filter((coin) => coin.reserved)
        .map((coin) => coin.confirmations),
    ).toEqual([1]);
    wallet.release(second.reference);
    for (let i = 1; i < 25; i++) wallet.recordTransaction(fund(wallet, 22_000n, `more ${i}`).transaction);
    expect(failure(() => fund(wallet, 22_000n, 'too many')).code).toBe('insufficient_funds');
    wallet.handleChainEvent(chain.mine(wallet.unconfirmedTransactions()));
    fund(wallet, 22_000n, 'again');
  });
});

describe('sending', () => {
  const address = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';

  it('pays an address', () => {
    const { wallet } = funded([50_000n]);
    const { transaction, outputIndexes } = wallet.buildSend({
      address,
      amountSat: 12_345n,
      feeratePerKw: 253,
      reference: 'x',
    });
    expect(transaction.outs[outputIndexes[0] ?? -1]?.value).toBe(12_345n);
  });

  it('sends all that is confirmed and free, but for coins not worth their fee', () => {
    const { wallet, chain } = funded([50_000n, 60_000n, 300n, 70_000n]);
    fund(wallet, 65_000n, 'reserved');
    wallet.recordTransaction(foreignTransaction([{ script: scriptOf(0, 0), amountSat: 9_000n }]));
    wallet.handleChainEvent(chain.mine([], scriptOf(0, 1)));
    const { transaction, feeSat, changeSat } = wallet.buildSend({
      address,
      amountSat: 'all',
      feeratePerKw: 2_000,
      reference: 'x',
    });
    expect(changeSat).toBe(0n);
    expect(transaction.outs.map(({ value }) => value)).toEqual([110_000n - feeSat]);
    expect(feeSat).toBeGreaterThanOrEqual(feeFor(transaction.weight(), 2_000));
    expect(
      failure(() => wallet.buildSend({ address, amountSat: 'all', feeratePerKw: 2_000, reference: 'y' })),
    ).toMatchObject({
      code: 'insufficient_funds',
      details: { availableSat: 300n },
    });
  });

  it('takes every kind of address of its network, and no other', () => {
    const { wallet } = funded([1_000_000n]);
    const pay = (to: string): Uint8Array | undefined => {
      const { transaction, outputIndexes, reference } = wallet.buildSend({
        address: to,
        amountSat: 1_000n,
        feeratePerKw: 253,
        reference: 'x',
      });
      wallet.release(reference);
      return transaction.outs[outputIndexes[0] ?? -1]?.script;
    };
    const scripts: Record<string, string> = {
      [address]: '0014751e76e8199196d454941c45d1b3a323f1433bd6',
      [address.toUpperCase()]: '0014751e76e8199196d454941c45d1b3a323f1433bd6',
      '2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc': 'a9144e9f39ca4688ff102128ea4ccda34105324305b087',
      mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn: '76a914243f1394f44554f4ce3fd68649c19adc483ce92488ac',
      bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6:
        '512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
    };
    for (const [to, script] of Object.entries(scripts))
      expect(toString(pay(to) ?? new Uint8Array(), 'base16')).toBe(script);
    for (const wrong of [
      '',
      'nonsense',
      address.slice(0, -1),
      `${address.slice(0, -1)}q`,
      'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu',
      '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2',
      'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx',
      'x'.repeat(10_000),
    ])
      expect(failure(() => pay(wrong)).code).toBe('invalid_address');
  });
});

describe('the dust limit', () => {
  it('is that of BOLT 3 for each kind of script', () => {
    const script = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
    expect(dustLimit(script(`76a914${'00'.repeat(20)}88ac`))).toBe(546n);
    expect(dustLimit(script(`a914${'00'.repeat(20)}87`))).toBe(540n);
    expect(dustLimit(script(`0014${'00'.repeat(20)}`))).toBe(294n);
    expect(dustLimit(script(`0020${'00'.repeat(32)}`))).toBe(330n);
    // "unknown segwit versions": the largest is 354.
    expect(dustLimit(script(`6028${'00'.repeat(40)}`))).toBe(354n);
  });
});
