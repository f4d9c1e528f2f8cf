import fc from 'fast-check';
import { payments, script as scripts, Transaction } from 'bitcoinjs-lib';
import { describe, expect, it } from 'vitest';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { ForeignInput, FundsRequest } from '../../src/sweep/sweep-wallet.ts';
import { feeFor } from '../../src/wallet/coin-selection.ts';
import { selectFunds } from '../../src/wallet/funds.ts';
import type { Coin } from '../../src/wallet/records.ts';
import { WalletError } from '../../src/wallet/wallet.ts';
import { Key, toHex, type Spendable } from './chain-kit.ts';
import { WalletChain } from './wallet-chain.ts';

const P2WPKH_INPUT_WEIGHT = 4 * 41 + 108;
const SINGLE_ANYONECANPAY = Transaction.SIGHASH_SINGLE | Transaction.SIGHASH_ANYONECANPAY;
const payee = new Key(50);

function foreign({ txid, index, amountSat }: Spendable): ForeignInput {
  return { txid, outputIndex: index, amountSat, sequence: 0xfffffffd, weight: P2WPKH_INPUT_WEIGHT };
}

/** As the peer signs an HTLC transaction: for the input and the output beside it, whatever else there is. */
function signForeign(transaction: Transaction, index: number, { key, amountSat }: Spendable): void {
  const code = payments.p2pkh({ pubkey: key.publicKey }).output!;
  const hash = transaction.hashForWitnessV0(index, code, amountSat, SINGLE_ANYONECANPAY);
  const signature = scripts.signature.encode(secp256k1.sign(hash, key.secret), SINGLE_ANYONECANPAY);
  transaction.setWitness(index, [signature, key.publicKey]);
}

const request = (more: Partial<FundsRequest> = {}): FundsRequest => ({
  inputs: [],
  outputs: [],
  lockTime: 0,
  feeratePerKw: 1_000,
  extraFeeSat: 0n,
  keep: [],
  ...more,
});

function failure(work: () => unknown): WalletError {
  try {
    work();
  } catch (error) {
    if (error instanceof WalletError) return error;
    throw error;
  }
  throw new Error('a WalletError was expected');
}

const outpointsOf = (transaction: Transaction): string[] =>
  transaction.ins.map(({ hash, index }) => `${toHex(Uint8Array.from(hash).reverse())}:${index}`);

describe('funds for a transaction of others', () => {
  it('come after its inputs and outputs, which keep their places; the chain takes the whole', () => {
    const rig = new WalletChain();
    rig.deposit(50_000n, 40_000n);
    const coins = [rig.strangersCoin(20_000n), rig.strangersCoin(30_000n)];
    const outputs = coins.map(({ amountSat }) => ({ script: payee.script, amountSat }));
    const lockTime = rig.chain.height;
    const { transaction, feeSat, weight, coins: added } = rig.wallet.addFunds(
      request({ inputs: coins.map(foreign), outputs, lockTime, feeratePerKw: 2_500 }),
    );
    expect(transaction.version).toBe(2);
    expect(transaction.locktime).toBe(lockTime);
    expect(outpointsOf(transaction)).toEqual([
      ...coins.map(({ txid, index }) => `${txid}:${index}`),
      ...added.map(({ txid, outputIndex }) => `${txid}:${outputIndex}`),
    ]);
    expect(added).toHaveLength(1);
    expect(transaction.outs.slice(0, 2).map(({ value }) => value)).toEqual([20_000n, 30_000n]);
    expect(transaction.outs[2]?.script).toEqual(rig.wallet.payoutScript());
    expect(transaction.outs[2]?.value).toBe(40_000n - feeSat); // the smallest coin that does
    for (const [index, coin] of coins.entries()) signForeign(transaction, index, coin);
    rig.wallet.signInputs(transaction);
    expect(feeSat).toBe(feeFor(weight, 2_500));
    expect(transaction.weight()).toBeLessThanOrEqual(weight);
    expect(weight - transaction.weight()).toBeLessThan(3 * 4);
    rig.send(transaction);
    const unconfirmedSat = 40_000n - feeSat;
    expect(rig.wallet.balance()).toMatchObject({ confirmedSat: 50_000n, unconfirmedSat, reservedSat: 0n });
    expect(rig.wallet.reservations()).toEqual([]);
    rig.mine();
    expect(rig.wallet.balance()).toMatchObject({ confirmedSat: 90_000n - feeSat, unconfirmedSat: 0n });
  });

  it('are not added where the inputs suffice', () => {
    const rig = new WalletChain();
    rig.deposit(50_000n);
    const coin = rig.strangersCoin(20_000n);
    const alone = rig.wallet.addFunds(request({ inputs: [foreign(coin)] }));
    expect(alone.coins).toEqual([]);
    const script = rig.wallet.payoutScript();
    expect(alone.transaction.outs).toMatchObject([{ value: 20_000n - alone.feeSat, script }]);
    const paying = rig.wallet.addFunds(
      request({ inputs: [foreign(coin)], outputs: [{ script: payee.script, amountSat: 19_400n }] }),
    );
    // 439 sat are the least; what is beyond would be dust.
    expect(paying).toMatchObject({ coins: [], feeSat: 600n });
    expect(paying.transaction.outs).toHaveLength(1);
  });

  it('leave change where there is no other output, if need be with one coin more', () => {
    const rig = new WalletChain();
    rig.deposit(5_000n);
    const anchor = foreign(rig.strangersCoin(330n));
    const { transaction, coins } = rig.wallet.addFunds(request({ inputs: [anchor], feeratePerKw: 253 }));
    expect(coins).toHaveLength(1);
    expect(transaction.outs).toHaveLength(1);
    // Enough for the fee alone, but not for an output as well.
    const fee = failure(() => rig.wallet.addFunds(request({ inputs: [anchor], extraFeeSat: 4_600n })));
    expect(fee).toMatchObject({ code: 'insufficient_funds', details: { availableSat: 5_000n } });
    expect(fee.details['neededSat']).toBeGreaterThan(5_000n);
  });

  it('are confirmed, mature and free ones; the reserve is there for them', () => {
    const rig = new WalletChain({ reserveSat: () => 90_000n });
    rig.deposit(60_000n, 70_000n);
    const first = rig.wallet.addFunds(request({ extraFeeSat: 60_000n }));
    rig.wallet.signInputs(first.transaction);
    rig.send(first.transaction);
    const { unconfirmedSat } = rig.wallet.balance();
    expect(unconfirmedSat).toBeGreaterThan(0n);
    expect(failure(() => rig.wallet.addFunds(request({ extraFeeSat: 65_000n })))).toMatchObject({
      code: 'insufficient_funds',
      details: { availableSat: 60_000n },
    });
    rig.mine();
    expect(rig.wallet.addFunds(request({ extraFeeSat: 60_000n })).coins).toHaveLength(2);
    for (const feeratePerKw of [252, 1e9, Number.NaN])
      expect(failure(() => rig.wallet.addFunds(request({ feeratePerKw }))).code).toBe('invalid_feerate');
    const heavy = { ...foreign(rig.strangersCoin(1_000_000n)), weight: 400_000 };
    expect(failure(() => rig.wallet.addFunds(request({ inputs: [heavy] }))).code).toBe('transaction_too_large');
  });

  it('are the same coins again, and more, for a replacement', () => {
    const rig = new WalletChain();
    rig.deposit(10_000n, 20_000n);
    const coin = rig.strangersCoin(30_000n);
    const build = (feeratePerKw: number, keep: FundsRequest['keep']) => {
      const outputs = [{ script: payee.script, amountSat: 30_000n }];
      const built = rig.wallet.addFunds(request({ inputs: [foreign(coin)], outputs, feeratePerKw, keep }));
      signForeign(built.transaction, 0, coin);
      rig.wallet.signInputs(built.transaction);
      return built;
    };
    let last = build(1_000, []);
    rig.send(last.transaction);
    for (const feeratePerKw of [2_000, 5_000, 20_000]) {
      const replaced = last;
      rig.database.transaction(() => {
        rig.wallet.abandonTransaction(replaced.transaction.getId());
        last = build(feeratePerKw, replaced.coins);
        rig.wallet.recordTransaction(last.transaction);
      });
      expect(last.coins).toEqual(expect.arrayContaining([...replaced.coins]));
      rig.chain.send(last.transaction);
      const { confirmedSat, unconfirmedSat, reservedSat } = rig.wallet.balance();
      expect(confirmedSat + unconfirmedSat).toBe(30_000n - last.feeSat);
      expect(reservedSat).toBe(0n);
    }
    expect(last.coins).toHaveLength(2);
    expect(rig.chain.mempool).toEqual([last.transaction.getId()]);
    rig.mine();
    expect(rig.wallet.balance().confirmedSat).toBe(30_000n - last.feeSat);
  });

  it('suffice exactly, whatever the amounts: property', () => {
    const amount = fc.bigInt(300n, 100_000n);
    const coinsOf = (amounts: readonly bigint[], txid: string): Coin[] =>
      amounts.map((amountSat, outputIndex) => ({
        txid, outputIndex, amountSat, chain: 0, index: 0, blockHeight: 1, isCoinbase: false, reference: undefined,
      }));
    fc.assert(
      fc.property(
        fc.array(amount, { maxLength: 4 }),
        fc.array(amount, { maxLength: 4 }),
        fc.array(amount, { maxLength: 3 }),
        fc.array(amount, { maxLength: 10 }),
        fc.integer({ min: 253, max: 50_000 }),
        fc.bigInt(0n, 50_000n),
        (inputs, outputs, first, others, feeratePerKw, extraFeeSat) => {
          const shortage = {
            inputs: inputs.map((amountSat) => ({ amountSat, weight: 400 })),
            outputs: outputs.map((amountSat) => ({ script: payee.script, amountSat })),
            feeratePerKw,
            extraFeeSat,
          };
          const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, each) => total + each, 0n);
          const kept = coinsOf(first, 'aa');
          const free = coinsOf(others, 'bb');
          let result;
          try {
            result = selectFunds(shortage, kept, free);
          } catch (error) {
            expect(error).toMatchObject({ code: 'insufficient_funds' });
            const { neededSat, availableSat } = (error as WalletError).details as Record<string, bigint>;
            expect(availableSat).toBe(sum([...first, ...others]));
            expect(neededSat).toBeGreaterThan(availableSat!);
            return;
          }
          const { coins, feeSat, changeSat, weight } = result;
          const leftSat = sum(inputs) + sum(coins.map(({ amountSat }) => amountSat)) - sum(outputs);
          expect(leftSat).toBe(feeSat + changeSat);
          const leastSat = feeFor(weight, feeratePerKw) + extraFeeSat;
          if (changeSat > 0n) expect([feeSat, changeSat >= 294n]).toEqual([leastSat, true]);
          else {
            expect(outputs.length).toBeGreaterThan(0);
            expect(feeSat).toBeGreaterThanOrEqual(leastSat);
            expect(feeSat - leastSat).toBeLessThan(294n + feeFor(31 * 4, feeratePerKw));
          }
          expect(new Set(coins).size).toBe(coins.length);
          // None of the others before all of the first that are worth their fee; and none in vain.
          const worthy = kept.filter(({ amountSat }) => amountSat > feeFor(272, feeratePerKw));
          if (coins.some((coin) => free.includes(coin))) expect(coins).toEqual(expect.arrayContaining(worthy));
          if (coins.length > 0) {
            expect(() => selectFunds(shortage, coins.slice(0, -1), [])).toThrow(WalletError);
          }
        },
      ),
    );
  });
});

describe('the script that channels pay out to', () => {
  it('is one over restarts and bumps, until a block pays to it', () => {
    const rig = new WalletChain({ gapLimit: 2 });
    rig.deposit(100_000n);
    const script = rig.wallet.payoutScript();
    for (let i = 0; i < 10; i++) {
      const { transaction } = rig.wallet.addFunds(request());
      expect(transaction.outs[0]?.script).toEqual(script);
      const payment = rig.wallet.fundTransaction({
        outputs: [{ script: payee.script, amountSat: 1_000n }],
        feeratePerKw: 253,
        reference: 'given up',
      });
      expect(payment.transaction.outs[payment.changeIndex!]?.script).not.toEqual(script);
      rig.wallet.release(payment.reference);
      rig.restart();
    }
    const { transaction } = rig.wallet.addFunds(request());
    rig.wallet.signInputs(transaction);
    rig.send(transaction);
    expect(rig.wallet.payoutScript()).toEqual(script);
    rig.mine();
    expect(rig.wallet.payoutScript()).not.toEqual(script);
    expect(rig.restored().balance()).toEqual(rig.wallet.balance());
  });

  it('stays within what a restore from the seed finds, other change beside it', () => {
    const rig = new WalletChain({ gapLimit: 2 });
    rig.deposit(1_000_000n);
    for (let i = 0; i < 6; i++) {
      rig.wallet.payoutScript(); // a sweep that takes long
      const funded = rig.wallet.fundTransaction({
        outputs: [{ script: payee.script, amountSat: 1_000n }],
        feeratePerKw: 253,
        reference: `${i}`,
      });
      rig.send(funded.transaction);
      rig.mine();
    }
    const { transaction } = rig.wallet.addFunds(request());
    rig.wallet.signInputs(transaction);
    rig.send(transaction);
    rig.mine();
    expect(rig.restored().balance()).toEqual(rig.wallet.balance());
    expect(rig.restored().payoutScript()).toEqual(rig.wallet.payoutScript());
  });
});
