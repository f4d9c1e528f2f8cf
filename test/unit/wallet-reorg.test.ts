import fc from 'fast-check';
import type { Transaction } from 'bitcoinjs-lib';
import { toString } from 'uint8arrays/to-string';
import { describe, expect, it } from 'vitest';
import type { Block } from '../../src/chain/chain.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { WalletError, type Wallet } from '../../src/wallet/wallet.ts';
import { foreignScript, foreignTransaction, newWallet, scriptOf, TestChain } from './wallet-fixtures.ts';

type Step =
  | { readonly kind: 'deposit'; readonly index: number; readonly amountSat: bigint }
  | { readonly kind: 'doubleSpend'; readonly which: number }
  | {
      readonly kind: 'spend';
      readonly amountSat: bigint;
      readonly outcome: 'record' | 'release' | 'keep' | 'rollback' | 'abandon';
    }
  | { readonly kind: 'mine'; readonly count: number; readonly skip: number }
  | { readonly kind: 'undo'; readonly count: number }
  | { readonly kind: 'restart' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('deposit' as const), index: fc.nat(6), amountSat: fc.bigInt(1_000n, 100_000n) }),
  fc.record({ kind: fc.constant('doubleSpend' as const), which: fc.nat(20) }),
  fc.record({
    kind: fc.constant('spend' as const),
    amountSat: fc.bigInt(330n, 50_000n),
    outcome: fc.constantFrom('record', 'record', 'record', 'release', 'keep', 'rollback', 'abandon'),
  }),
  fc.record({ kind: fc.constant('mine' as const), count: fc.integer({ min: 1, max: 2 }), skip: fc.nat(3) }),
  fc.record({ kind: fc.constant('undo' as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.constant({ kind: 'restart' as const }),
);

/**
 * A wallet on a chain and a mempool of the simplest kind: a transaction stands in it until a block spends one of its
 * inputs.
 */
class Scenario {
  readonly #database = openDatabase({ path: ':memory:' });
  readonly chain = new TestChain();
  readonly mempool = new Map<string, Transaction>();
  wallet: Wallet = newWallet(this.#database, 10);
  #references = 0;

  constructor() {
    this.wallet.handleChainEvent(this.chain.mine());
  }

  run(action: Step): void {
    switch (action.kind) {
      case 'deposit':
        return this.#receive(foreignTransaction([{ script: scriptOf(0, action.index), amountSat: action.amountSat }]));
      case 'doubleSpend':
        return this.#doubleSpend(action.which);
      case 'spend':
        return this.#spend(action.amountSat, action.outcome);
      case 'mine':
        for (let i = 0; i < action.count; i++) this.#mine(action.skip);
        return undefined;
      case 'undo':
        for (let i = 0; i < action.count && this.chain.height > 0; i++) this.#undo();
        return undefined;
      case 'restart':
        this.wallet = newWallet(this.#database, 10);
        return undefined;
    }
  }

  #receive(transaction: Transaction): void {
    this.mempool.set(transaction.getId(), transaction);
  }

  /** Somebody takes back what they paid us: another transaction spends the same. */
  #doubleSpend(which: number): void {
    const victims = [...this.mempool.values()].filter(
      (transaction) => transaction.ins.length === 1 && transaction.outs.length === 1,
    );
    const victim = victims[which % Math.max(victims.length, 1)];
    if (victim === undefined) return;
    const rival = foreignTransaction([{ script: foreignScript, amountSat: 500n }]);
    rival.ins = victim.ins;
    this.#receive(rival);
  }

  #spend(amountSat: bigint, outcome: Extract<Step, { kind: 'spend' }>['outcome']): void {
    const reference = `spend ${this.#references++}`;
    const before = this.wallet.balance();
    try {
      this.#database.transaction(() => {
        const { transaction, txid } = this.wallet.fundTransaction({
          outputs: [{ script: foreignScript, amountSat }],
          feeratePerKw: 500,
          reference,
        });
        if (outcome === 'rollback') throw new RangeError('the turn failed');
        if (outcome === 'release') this.wallet.release(reference);
        if (outcome === 'record' || outcome === 'abandon') this.wallet.recordTransaction(transaction);
        if (outcome === 'abandon') this.wallet.abandonTransaction(txid);
        if (outcome === 'record') this.#receive(transaction);
      });
    } catch (error) {
      if (!(error instanceof RangeError) && !(error instanceof WalletError && error.code === 'insufficient_funds'))
        throw error;
    }
    if (outcome === 'release' || outcome === 'rollback' || outcome === 'abandon')
      expect(this.wallet.balance()).toEqual(before);
  }

  #mine(skip: number): void {
    const spent = new Set<string>();
    const known = new Set(
      this.chain.blocks.flatMap((block) => block.transactions.map((transaction) => transaction.getId())),
    );
    const chosen: Transaction[] = [];
    let position = 0;
    for (const transaction of this.mempool.values()) {
      if (position++ % 4 < skip) continue;
      const inputs = inputsOf(transaction);
      const parents = transaction.ins.map(({ hash }) => txidOf(hash));
      if (inputs.some((input) => spent.has(input))) continue;
      // A parent that waits itself must be in a block first.
      if (parents.some((parent) => this.mempool.has(parent) && !known.has(parent))) continue;
      chosen.push(transaction);
      known.add(transaction.getId());
      for (const input of inputs) spent.add(input);
    }
    this.wallet.handleChainEvent(this.chain.mine(chosen));
    for (const transaction of chosen) this.mempool.delete(transaction.getId());
    this.#evict(spent);
  }

  /** Out with what a block has made impossible, and with what builds on it. */
  #evict(spent: ReadonlySet<string>): void {
    for (let gone = true; gone;) {
      gone = false;
      for (const [txid, transaction] of this.mempool) {
        const orphaned = transaction.ins.some(({ hash }) => this.#evicted.has(txidOf(hash)));
        if (!orphaned && !inputsOf(transaction).some((input) => spent.has(input))) continue;
        this.mempool.delete(txid);
        this.#evicted.set(txid, transaction);
        gone = true;
      }
    }
  }

  readonly #evicted = new Map<string, Transaction>();

  #undo(): void {
    const block = this.chain.blocks.at(-1);
    this.wallet.handleChainEvent(this.chain.undo());
    const returned = block?.transactions.slice(1) ?? [];
    const waiting = [...this.mempool];
    this.mempool.clear();
    for (const transaction of returned) this.mempool.set(transaction.getId(), transaction);
    for (const [txid, transaction] of waiting) this.mempool.set(txid, transaction);
  }
}

const txidOf = (hash: Uint8Array): string => toString(Uint8Array.from(hash).reverse(), 'base16');
const inputsOf = (transaction: Transaction): string[] =>
  transaction.ins.map(({ hash, index }) => `${txidOf(hash)}:${index}`);

const scripts = new Set(
  ([0, 1] as const).flatMap((chain) =>
    Array.from({ length: 60 }, (_, index) => toString(scriptOf(chain, index), 'base16')),
  ),
);

/** What the blocks alone say that the wallet owns. */
function ownedByBlocks(blocks: readonly Block[]): Map<string, bigint> {
  const owned = new Map<string, bigint>();
  for (const transaction of blocks.flatMap((block) => block.transactions)) {
    for (const input of inputsOf(transaction)) owned.delete(input);
    for (const [index, { script, value }] of transaction.outs.entries()) {
      if (scripts.has(toString(script, 'base16'))) owned.set(`${transaction.getId()}:${index}`, value);
    }
  }
  return owned;
}

describe('after whatever happened to the chain', () => {
  it('the wallet has what its last state says: property', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const scenario = new Scenario();
        for (const each of steps) scenario.run(each);
        const { wallet, chain } = scenario;

        // Confirmed coins are those that the blocks give, less what waiting transactions of ours spend.
        const owned = ownedByBlocks(chain.blocks);
        const waiting = new Set(wallet.unconfirmedTransactions().flatMap(inputsOf));
        const confirmed = wallet.listUnspent().filter((coin) => coin.confirmations > 0);
        for (const coin of confirmed) expect(owned.get(`${coin.txid}:${coin.outputIndex}`)).toBe(coin.amountSat);
        const missing = [...owned.keys()].filter(
          (outpoint) => !confirmed.some((coin) => outpoint === `${coin.txid}:${coin.outputIndex}`),
        );
        for (const outpoint of missing) expect(waiting.has(outpoint)).toBe(true);

        // A wallet that saw the final chain alone, and is told of what waits, is the same.
        const fresh = newWallet(openDatabase({ path: ':memory:' }), 60);
        for (const block of chain.blocks) fresh.handleChainEvent({ type: 'blockConnected', block });
        for (const transaction of wallet.unconfirmedTransactions()) fresh.recordTransaction(transaction);
        const coins = (of: Wallet): unknown[] =>
          of
            .listUnspent()
            .filter((coin) => coin.confirmations > 0)
            .map((coin) => ({ ...coin, reserved: undefined }));
        expect(coins(wallet)).toEqual(coins(fresh));

        // Every satoshi is counted once, and reserved coins are those of the reservations that stand.
        const { confirmedSat, unconfirmedSat, reservedSat, immatureSat } = wallet.balance();
        const unspent = wallet.listUnspent();
        expect(confirmedSat + unconfirmedSat + reservedSat + immatureSat).toBe(
          unspent.reduce((sum, coin) => sum + coin.amountSat, 0n),
        );
        expect(reservedSat > 0n).toBe(unspent.some((coin) => coin.reserved));
        for (const reference of wallet.reservations()) wallet.release(reference);
        expect(wallet.balance().reservedSat).toBe(0n);
      }),
      { numRuns: 150 },
    );
  });

  it('no two transactions of the wallet that wait spend the same coin: property', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const scenario = new Scenario();
        for (const each of steps) {
          scenario.run(each);
          const inputs = scenario.wallet.unconfirmedTransactions().flatMap(inputsOf);
          expect(new Set(inputs).size).toBe(inputs.length);
        }
      }),
      { numRuns: 80 },
    );
  });
});
