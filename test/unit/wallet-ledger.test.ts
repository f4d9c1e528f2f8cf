import { Transaction } from 'bitcoinjs-lib';
import { beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/storage/database.ts';
import { Wallet, WalletError, type WalletBalance } from '../../src/wallet/wallet.ts';
import { foreignScript, foreignTransaction, newWallet, scriptOf, signer, TestChain } from './wallet-fixtures.ts';

let database: Database;
let wallet: Wallet;
let chain: TestChain;
beforeEach(() => {
  database = openDatabase({ path: ':memory:' });
  wallet = newWallet(database);
  chain = new TestChain();
  wallet.handleChainEvent(chain.mine());
});

const mine = (...transactions: Transaction[]): void => wallet.handleChainEvent(chain.mine(transactions));
const undo = (): void => wallet.handleChainEvent(chain.undo());
const balance = (
  sats: Partial<Record<'confirmed' | 'unconfirmed' | 'reserved' | 'immature', bigint>>,
): WalletBalance => ({
  confirmedSat: sats.confirmed ?? 0n,
  unconfirmedSat: sats.unconfirmed ?? 0n,
  reservedSat: sats.reserved ?? 0n,
  immatureSat: sats.immature ?? 0n,
});
const deposit = (amountSat: bigint, index = 0): Transaction =>
  foreignTransaction([
    { script: foreignScript, amountSat: 1n },
    { script: scriptOf(0, index), amountSat },
  ]);
/** Pays 10,000 sat away, and books that. */
function spend(reference = 'spending'): Transaction {
  const { transaction } = wallet.fundTransaction({
    outputs: [{ script: foreignScript, amountSat: 10_000n }],
    feeratePerKw: 1_000,
    reference,
  });
  wallet.recordTransaction(transaction);
  return transaction;
}

describe('deposits', () => {
  it('count once a block holds them', () => {
    const { address, script } = wallet.newAddress();
    expect(address).toMatch(/^bcrt1q/);
    const transaction = foreignTransaction([
      { script, amountSat: 50_000n },
      { script: foreignScript, amountSat: 1n },
    ]);
    mine(transaction);
    expect(wallet.balance()).toEqual(balance({ confirmed: 50_000n }));
    expect(wallet.listUnspent()).toEqual([
      { txid: transaction.getId(), outputIndex: 0, amountSat: 50_000n, address, confirmations: 1, reserved: false },
    ]);
    mine();
    expect(wallet.listUnspent()[0]?.confirmations).toBe(2);
    expect(wallet.listTransactions()).toEqual([
      { txid: transaction.getId(), blockHeight: 1, netSat: 50_000n, feeSat: undefined, conflicted: false },
    ]);
  });

  it('that a reorg takes out are unconfirmed, not spendable, and count again in a later block', () => {
    const transaction = deposit(50_000n);
    mine(transaction);
    undo();
    expect(wallet.balance()).toEqual(balance({ unconfirmed: 50_000n }));
    expect(() => spend()).toThrow(WalletError);
    mine();
    mine(transaction);
    expect(wallet.balance()).toEqual(balance({ confirmed: 50_000n }));
    expect(wallet.listTransactions()[0]?.blockHeight).toBe(2);
  });

  it('that are double-spent in a reorg are gone, until another one takes the double spend out', () => {
    const transaction = deposit(50_000n);
    const rival = foreignTransaction([{ script: foreignScript, amountSat: 49_000n }]);
    rival.ins = transaction.ins;
    mine(transaction);
    undo();
    mine(rival);
    expect(wallet.balance()).toEqual(balance({}));
    expect(wallet.listTransactions()).toMatchObject([{ conflicted: true }]);
    undo();
    mine(transaction);
    expect(wallet.balance()).toEqual(balance({ confirmed: 50_000n }));
    expect(wallet.listTransactions()).toMatchObject([{ conflicted: false }]);
  });

  it('of others that are recorded, such as a mutual close, show but cannot be spent before a block holds them', () => {
    const close = deposit(50_000n);
    wallet.recordTransaction(close);
    wallet.recordTransaction(close);
    expect(wallet.balance()).toEqual(balance({ unconfirmed: 50_000n }));
    expect(wallet.unconfirmedTransactions()).toEqual([]);
    expect(() => spend()).toThrow(WalletError);
    mine(close);
    expect(wallet.balance()).toEqual(balance({ confirmed: 50_000n }));
    spend();
  });

  it('in several outputs and to one address twice all count', () => {
    mine(foreignTransaction([0, 1, 0].map((index) => ({ script: scriptOf(0, index), amountSat: 1_000n }))));
    expect(wallet.balance()).toEqual(balance({ confirmed: 3_000n }));
  });
});

describe('a coinbase', () => {
  it('is spendable after 100 confirmations', () => {
    wallet.handleChainEvent(chain.mine([], scriptOf(0, 0)));
    for (let confirmations = 1; confirmations < 100; confirmations++) {
      expect(wallet.balance()).toEqual(balance({ immature: 5_000_000_000n }));
      mine();
    }
    expect(wallet.balance()).toEqual(balance({ confirmed: 5_000_000_000n }));
    spend();
    undo();
    undo();
    expect(wallet.balance().immatureSat).toBe(0n); // spent by a transaction that waits, not free again
  });

  it('vanishes with its block, together with what was built on it', () => {
    wallet.handleChainEvent(chain.mine([], scriptOf(0, 0)));
    for (let i = 1; i < 100; i++) mine();
    const built = spend();
    mine(built);
    for (let i = 0; i < 101; i++) undo();
    expect(wallet.balance()).toEqual(balance({}));
    expect(wallet.listTransactions()).toEqual([]);
    expect(wallet.unconfirmedTransactions()).toEqual([]);
  });
});

describe('spending', () => {
  beforeEach(() => mine(deposit(100_000n)));

  it('moves the money at once, and a reorg keeps it moved', () => {
    const transaction = spend();
    const [entry] = wallet.listTransactions();
    const change = 100_000n - 10_000n - (entry?.feeSat ?? 0n);
    expect(entry).toMatchObject({ txid: transaction.getId(), blockHeight: undefined, netSat: change - 100_000n });
    expect(wallet.balance()).toEqual(balance({ unconfirmed: change }));
    mine(transaction);
    expect(wallet.balance()).toEqual(balance({ confirmed: change }));
    undo();
    expect(wallet.balance()).toEqual(balance({ unconfirmed: change }));
    expect(wallet.unconfirmedTransactions().map((each) => each.getId())).toEqual([transaction.getId()]);
    undo(); // the deposit, too
    expect(wallet.balance()).toEqual(balance({ unconfirmed: change }));
    // Its ground is not certain any more: a double spend of the deposit would take it away.
    expect(() => spend('more')).toThrow(WalletError);
  });

  it('that is abandoned gives the coins back, and takes what was built on it along', () => {
    const first = spend('first');
    spend('second');
    expect(wallet.unconfirmedTransactions()).toHaveLength(2);
    wallet.abandonTransaction(first.getId());
    expect(wallet.balance()).toEqual(balance({ confirmed: 100_000n }));
    expect(wallet.unconfirmedTransactions()).toEqual([]);
    wallet.abandonTransaction(first.getId());
    mine(first); // it was mined all the same
    expect(wallet.balance().confirmedSat).toBeLessThan(90_000n);
    wallet.abandonTransaction(first.getId());
    expect(wallet.balance().confirmedSat).toBeLessThan(90_000n);
  });

  it('that loses to another spend of the same coin is out, and so are its children, until that one is gone', () => {
    const lost = spend('lost');
    const child = spend('child');
    const rival = foreignTransaction([{ script: scriptOf(0, 1), amountSat: 60_000n }]);
    rival.ins = lost.ins;
    mine(rival);
    expect(wallet.balance()).toEqual(balance({ confirmed: 60_000n }));
    expect(wallet.unconfirmedTransactions()).toEqual([]);
    undo(); // what was in a block is what miners have
    expect(wallet.unconfirmedTransactions().map((each) => each.getId())).toEqual([rival.getId()]);
    expect(wallet.balance()).toEqual(balance({ unconfirmed: 60_000n }));
    wallet.abandonTransaction(rival.getId());
    expect(wallet.unconfirmedTransactions().map((each) => each.getId())).toEqual([lost.getId(), child.getId()]);
    mine(rival);
    undo();
    mine(lost);
    mine(child);
    expect(
      wallet
        .listTransactions()
        .filter((entry) => entry.conflicted)
        .map((entry) => entry.txid),
    ).toEqual([rival.getId()]);
    expect(wallet.listUnspent()).toHaveLength(1);
    expect(wallet.listUnspent()[0]).toMatchObject({ txid: child.getId(), confirmations: 1 });
  });

  it('that loses one of its coins frees the others, as long as any of them is lost', () => {
    mine(deposit(100_000n, 1));
    const { transaction: lost } = wallet.fundTransaction({
      outputs: [{ script: foreignScript, amountSat: 150_000n }],
      feeratePerKw: 1_000,
      reference: 'both',
    });
    wallet.recordTransaction(lost);
    const rivals = lost.ins.map((input) => {
      const rival = foreignTransaction([{ script: foreignScript, amountSat: 90_000n }]);
      rival.ins = [input];
      return rival;
    });
    expect(rivals).toHaveLength(2);
    mine(rivals[0]!);
    expect(wallet.balance()).toEqual(balance({ confirmed: 100_000n }));
    mine(rivals[1]!);
    expect(wallet.balance()).toEqual(balance({}));
    const waiting = (): string[] => wallet.unconfirmedTransactions().map((each) => each.getId());
    undo(); // the second rival waits now, and the first one still stands
    expect(waiting()).toEqual([rivals[1]!.getId()]);
    undo();
    expect(new Set(waiting())).toEqual(new Set(rivals.map((rival) => rival.getId())));
    wallet.abandonTransaction(rivals[0]!.getId());
    expect(waiting()).toEqual([rivals[1]!.getId()]);
    wallet.abandonTransaction(rivals[1]!.getId());
    expect(waiting()).toEqual([lost.getId()]);
  });

  it('seen only in a block, as after a restore from the seed, is booked the same', () => {
    const transaction = spend();
    mine(transaction);
    const restored = newWallet();
    for (const block of chain.blocks) restored.handleChainEvent({ type: 'blockConnected', block });
    expect(restored.balance()).toEqual(wallet.balance());
    expect(restored.listTransactions()).toEqual(wallet.listTransactions());
  });
});

describe('addresses', () => {
  it('are never given out twice, across restarts', () => {
    const first = Array.from({ length: 5 }, () => wallet.newAddress().address);
    const again = newWallet(database);
    const all = [...first, ...Array.from({ length: 5 }, () => again.newAddress().address)];
    expect(new Set(all).size).toBe(10);
  });

  it('used on the chain are not given out, as after a restore', () => {
    mine(deposit(1_000n, 2));
    expect(wallet.newAddress().script).toEqual(scriptOf(0, 3));
  });

  it('are found up to the gap limit beyond the last one used, and no further', () => {
    mine(deposit(1_000n, 3));
    expect(wallet.balance()).toEqual(balance({}));
    mine(deposit(1_000n, 2));
    mine(deposit(1_000n, 5));
    mine(deposit(1_000n, 8));
    expect(wallet.balance()).toEqual(balance({ confirmed: 3_000n }));
  });

  it('are found within one block in whatever order', () => {
    mine(
      deposit(1_000n, 5),
      deposit(1_000n, 2),
      foreignTransaction([{ script: scriptOf(1, 2), amountSat: 500n }]),
      deposit(1_000n, 8),
    );
    expect(wallet.balance()).toEqual(balance({ confirmed: 3_500n }));
  });

  it('are 20 ahead unless told otherwise', () => {
    const fresh = new Wallet({
      database: openDatabase({ path: ':memory:' }),
      signer: signer.onchain,
      network: 'regtest',
    });
    fresh.handleChainEvent(new TestChain().mine([deposit(9n, 20)]));
    expect(fresh.balance().confirmedSat).toBe(0n);
    const other = new Wallet({
      database: openDatabase({ path: ':memory:' }),
      signer: signer.onchain,
      network: 'regtest',
    });
    other.handleChainEvent(new TestChain().mine([deposit(9n, 19)]));
    expect(other.balance().confirmedSat).toBe(9n);
  });
});

describe('events', () => {
  it('out of order are refused and change nothing', () => {
    mine(deposit(1_000n));
    mine();
    const [genesis, first, tip] = chain.blocks;
    for (const event of [
      { type: 'blockConnected', block: tip! },
      { type: 'blockConnected', block: { ...tip!, height: 3 } },
      { type: 'blockConnected', block: { ...tip!, height: 4, previousHash: tip!.hash } },
      { type: 'blockConnected', block: genesis! },
      { type: 'blockDisconnected', block: first!, below: genesis! },
      { type: 'blockDisconnected', block: { height: 2, hash: first!.hash }, below: genesis! },
    ] as const) {
      expect(() => wallet.handleChainEvent(event)).toThrow(expect.objectContaining({ code: 'block_out_of_order' }));
    }
    expect(wallet.tipHeight()).toBe(2);
    undo();
    mine();
    expect(wallet.balance()).toEqual(balance({ confirmed: 1_000n }));
  });

  it('are part of the transaction that is open', () => {
    expect(() =>
      database.transaction(() => {
        mine(deposit(1_000n));
        expect(wallet.balance()).toEqual(balance({ confirmed: 1_000n }));
        throw new RangeError('the turn failed');
      }),
    ).toThrow(RangeError);
    expect(wallet.balance()).toEqual(balance({}));
    expect(wallet.tipHeight()).toBe(0);
  });
});
