import { Transaction } from 'bitcoinjs-lib';
import { describe, expect, it } from 'vitest';
import { WalletError, type FeeBump, type FundedTransaction } from '../../src/wallet/wallet.ts';
import { Key, spend, toHex } from './chain-kit.ts';
import { WalletChain } from './wallet-chain.ts';

const payee = new Key(50);
const channelScript = Uint8Array.of(0, 32, ...new Uint8Array(32).fill(9));

function failure(work: () => unknown): WalletError {
  try {
    work();
  } catch (error) {
    if (error instanceof WalletError) return error;
    throw error;
  }
  throw new Error('a WalletError was expected');
}

let reference = 0;
function withdraw(rig: WalletChain, amountSat: bigint | 'all', feeratePerKw = 253): FundedTransaction {
  const request = { address: payee.address, amountSat, feeratePerKw, reference: `${reference++}` };
  const funded = rig.wallet.buildSend(request);
  rig.wallet.recordWithdrawal(funded, amountSat === 'all');
  rig.chain.send(funded.transaction);
  return funded;
}
function fundChannel(rig: WalletChain, amountSat: bigint, feeratePerKw = 253): FundedTransaction {
  const outputs = [{ script: channelScript, amountSat }];
  const funded = rig.wallet.fundTransaction({ outputs, feeratePerKw, reference: `${reference++}` });
  rig.send(funded.transaction);
  return funded;
}
/** The chain takes it, by the rules for replacements. */
function bump(rig: WalletChain, txid: string, feeratePerKw: number): FeeBump {
  const made = rig.wallet.bumpTransaction(txid, feeratePerKw);
  rig.chain.send(made.transaction);
  return made;
}

const total = (rig: WalletChain): bigint =>
  Object.values(rig.wallet.balance()).reduce((sum: bigint, each: bigint) => sum + each, 0n);
const paidTo = (transaction: Transaction, script: Uint8Array): bigint[] =>
  transaction.outs.filter((out) => toHex(out.script) === toHex(script)).map(({ value }) => value);
/** What transactions pay together. */
const feerateOf = (...all: readonly { readonly transaction: Transaction; readonly feeSat: bigint }[]): number =>
  (Number(all.reduce((sum, { feeSat }) => sum + feeSat, 0n)) * 1_000) /
  all.reduce((sum, { transaction }) => sum + transaction.weight(), 0);

describe('a withdrawal that waits', () => {
  it('is replaced, again and again, at the cost of its change', () => {
    const rig = new WalletChain();
    rig.deposit(100_000n);
    let txid = withdraw(rig, 40_000n).txid;
    for (const feeratePerKw of [1_000, 2_500, 10_000]) {
      const made = bump(rig, txid, feeratePerKw);
      expect(made).toMatchObject({ kind: 'replacement', bumpedTxid: txid });
      expect(rig.chain.mempool).toEqual([made.txid]);
      expect(paidTo(made.transaction, payee.script)).toEqual([40_000n]);
      expect(feerateOf(made)).toBeGreaterThanOrEqual(feeratePerKw);
      expect(feerateOf(made)).toBeLessThan(feeratePerKw * 1.03);
      expect(total(rig)).toBe(60_000n - made.feeSat);
      expect(rig.wallet.unconfirmedTransactions().map((each) => each.getId())).toEqual([made.txid]);
      txid = made.txid;
      rig.restart();
    }
    rig.mine();
    expect(rig.wallet.balance().confirmedSat).toBe(total(rig));
    expect(rig.restored().balance()).toEqual(rig.wallet.balance());
  });

  it('takes confirmed coins more where the change does not suffice', () => {
    const rig = new WalletChain();
    rig.deposit(50_000n, 8_000n, 9_000n);
    const { txid, changeSat } = withdraw(rig, 49_000n);
    expect(changeSat).toBeGreaterThan(0n);
    const made = bump(rig, txid, 10_000);
    expect(made.transaction.ins).toHaveLength(2);
    expect(paidTo(made.transaction, payee.script)).toEqual([49_000n]);
    expect(total(rig)).toBe(67_000n - 49_000n - made.feeSat);
    expect(failure(() => rig.wallet.bumpTransaction(made.txid, 1_000_000)).code).toBe('insufficient_funds');
    expect(rig.wallet.unconfirmedTransactions().map((each) => each.getId())).toEqual([made.txid]);
  });

  it('of everything pays less to its payee', () => {
    const rig = new WalletChain();
    rig.deposit(30_000n, 20_000n);
    const { txid } = withdraw(rig, 'all');
    const made = bump(rig, txid, 3_000);
    expect(paidTo(made.transaction, payee.script)).toEqual([50_000n - made.feeSat]);
    const again = bump(rig, made.txid, 6_000);
    expect(paidTo(again.transaction, payee.script)).toEqual([50_000n - again.feeSat]);
    expect(failure(() => rig.wallet.bumpTransaction(again.txid, 100_000)).code).toBe('insufficient_funds');
  });

  it('of everything but the reserve leaves that as it is', () => {
    const rig = new WalletChain({ reserveSat: () => 10_000n });
    rig.deposit(30_000n);
    const made = bump(rig, withdraw(rig, 'all').txid, 3_000);
    expect(paidTo(made.transaction, payee.script)).toEqual([20_000n - made.feeSat]);
    expect(total(rig)).toBe(10_000n);
  });

  it('is not replaced for less than nodes ask for, and the least that they take is told', () => {
    const rig = new WalletChain();
    rig.deposit(100_000n);
    const { txid } = withdraw(rig, 40_000n, 1_000);
    for (const feeratePerKw of [253, 1_000, 1_200]) {
      const refused = failure(() => rig.wallet.bumpTransaction(txid, feeratePerKw));
      expect(refused).toMatchObject({ code: 'fee_too_low' });
      expect(refused.details['leastFeeratePerKw']).toBeGreaterThan(1_250);
    }
    const { leastFeeratePerKw } = failure(() => rig.wallet.bumpTransaction(txid, 253)).details;
    bump(rig, txid, leastFeeratePerKw as number);
  });

  it('that another payment builds on stays: the last one gets a child', () => {
    const rig = new WalletChain();
    rig.deposit(1_000_000n);
    const first = withdraw(rig, 40_000n);
    const funding = fundChannel(rig, 500_000n);
    const made = bump(rig, first.txid, 2_000);
    expect(made).toMatchObject({ kind: 'child', bumpedTxid: funding.txid });
    expect(rig.chain.mempool).toEqual(expect.arrayContaining([first.txid, funding.txid, made.txid]));
    expect(feerateOf(first, funding, made)).toBeGreaterThanOrEqual(2_000);
    expect(feerateOf(first, funding, made)).toBeLessThan(2_040);
  });

  it('is back when its replacement is refused', () => {
    const rig = new WalletChain();
    rig.deposit(100_000n);
    const { txid } = withdraw(rig, 40_000n);
    const before = rig.wallet.balance();
    rig.wallet.undoBump(rig.wallet.bumpTransaction(txid, 2_000));
    expect(rig.wallet.balance()).toEqual(before);
    expect(rig.wallet.unconfirmedTransactions().map((each) => each.getId())).toEqual([txid]);
    bump(rig, txid, 2_000);
  });

  it('may win over its replacement, and a reorg turns that round', () => {
    const rig = new WalletChain();
    rig.deposit(100_000n);
    const old = withdraw(rig, 40_000n);
    const made = bump(rig, old.txid, 2_000);
    rig.mineExactly(old.transaction);
    expect(rig.wallet.balance()).toMatchObject({ confirmedSat: 60_000n - old.feeSat, unconfirmedSat: 0n });
    expect(rig.wallet.unconfirmedTransactions()).toEqual([]);
    rig.undo();
    expect(rig.wallet.unconfirmedTransactions().map((each) => each.getId())).toEqual([old.txid]);
    expect(rig.wallet.balance()).toMatchObject({ confirmedSat: 0n, unconfirmedSat: 60_000n - old.feeSat });
    rig.send(made.transaction);
    expect(total(rig)).toBe(60_000n - made.feeSat);
    rig.mine();
    expect(rig.wallet.balance()).toMatchObject({ confirmedSat: 60_000n - made.feeSat, unconfirmedSat: 0n });
  });
});

describe('the funding of a channel', () => {
  it('is never replaced: a child of its change pays, and is replaced itself', () => {
    const rig = new WalletChain();
    rig.deposit(1_000_000n);
    const funding = fundChannel(rig, 500_000n);
    let child = bump(rig, funding.txid, 2_000);
    expect(child).toMatchObject({ kind: 'child', bumpedTxid: funding.txid });
    for (const feeratePerKw of [4_000, 9_000]) {
      expect(feerateOf(funding, child)).toBeLessThan(feeratePerKw);
      const next = bump(rig, funding.txid, feeratePerKw);
      expect(next).toMatchObject({ kind: 'replacement', bumpedTxid: child.txid });
      expect(feerateOf(funding, next)).toBeGreaterThanOrEqual(feeratePerKw);
      expect(feerateOf(funding, next)).toBeLessThan(feeratePerKw * 1.03);
      child = next;
    }
    expect(rig.chain.mempool.toSorted()).toEqual([funding.txid, child.txid].toSorted());
    expect(total(rig)).toBe(500_000n - funding.feeSat - child.feeSat);
    rig.mine();
    expect(rig.wallet.balance().confirmedSat).toBe(500_000n - funding.feeSat - child.feeSat);
  });

  it('tells the least feerate of the whole', () => {
    const rig = new WalletChain();
    rig.deposit(1_000_000n);
    const funding = fundChannel(rig, 500_000n, 1_000);
    expect(failure(() => rig.wallet.bumpTransaction(funding.txid, 900))).toMatchObject({
      code: 'fee_too_low',
      details: { txid: funding.txid },
    });
    bump(rig, funding.txid, 2_000);
    const { leastFeeratePerKw } = failure(() => rig.wallet.bumpTransaction(funding.txid, 2_001)).details;
    expect(leastFeeratePerKw).toBeLessThan(2_254); // not 253 more for both, but for the child alone
    bump(rig, funding.txid, leastFeeratePerKw as number);
  });

  it('with too little change takes confirmed coins, and without any cannot be bumped', () => {
    const rig = new WalletChain();
    rig.deposit(100_000n, 30_000n);
    const funding = fundChannel(rig, 99_000n);
    const child = bump(rig, funding.txid, 5_000);
    expect(child.transaction.ins).toHaveLength(2);
    expect(total(rig)).toBe(31_000n - funding.feeSat - child.feeSat);

    const other = new WalletChain();
    other.deposit(100_000n);
    const whole = fundChannel(other, 99_600n);
    expect(whole.changeSat).toBe(0n);
    expect(failure(() => other.wallet.bumpTransaction(whole.txid, 5_000))).toMatchObject({ code: 'not_bumpable' });
  });
});

describe('what cannot be bumped', () => {
  it('is told why', () => {
    const rig = new WalletChain();
    rig.deposit(100_000n);
    const code = (txid: string): string => failure(() => rig.wallet.bumpTransaction(txid, 5_000)).code;
    expect(code('00'.repeat(32))).toBe('unknown_transaction');
    const { txid } = withdraw(rig, 40_000n);
    expect(failure(() => rig.wallet.bumpTransaction(txid, 100)).code).toBe('invalid_feerate');
    rig.mine();
    expect(failure(() => rig.wallet.bumpTransaction(txid, 5_000)).message).toContain(`in block ${rig.chain.height}`);
    const script = rig.wallet.newAddress().script;
    const theirs = spend([rig.chain.fund()], { outputs: [{ script, value: 20_000n }] });
    rig.send(theirs);
    expect(failure(() => rig.wallet.bumpTransaction(theirs.getId(), 5_000)).message).toContain('not paid for by this');
    const lost = withdraw(rig, 10_000n);
    const replacement = rig.wallet.bumpTransaction(lost.txid, 5_000);
    expect(code(lost.txid)).toBe('unknown_transaction');
    rig.mineExactly(lost.transaction);
    expect(failure(() => rig.wallet.bumpTransaction(replacement.txid, 9_000)).message).toContain('took the place');
  });
});
