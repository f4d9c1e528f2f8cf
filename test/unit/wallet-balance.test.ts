import fc from 'fast-check';
import { payments, script as scripts, Transaction } from 'bitcoinjs-lib';
import { expect, it } from 'vitest';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { ChainRpcError } from '../../src/chain/errors.ts';
import { WalletError } from '../../src/wallet/wallet.ts';
import { Key, output, spend, TestChain, toHex, type Spendable } from './chain-kit.ts';
import { WalletChain } from './wallet-chain.ts';

const stranger = new Key(78);
const payee = new Key(50);
const channelScript = Uint8Array.of(0, 32, ...new Uint8Array(32).fill(9));
const SINGLE_ANYONECANPAY = Transaction.SIGHASH_SINGLE | Transaction.SIGHASH_ANYONECANPAY;

type Step =
  | { readonly kind: 'deposit' | 'sweep' | 'pairedSweep' | 'fund'; readonly amountSat: bigint }
  | { readonly kind: 'withdraw'; readonly amountSat: bigint | 'all' }
  | { readonly kind: 'replaceSweep' | 'rival' | 'mineReplaced' | 'bump'; readonly which: number }
  | { readonly kind: 'mine' | 'undo'; readonly count: number }
  | { readonly kind: 'restart' };

const amount = fc.bigInt(2_000n, 200_000n);
const newOnes = fc.constantFrom('deposit', 'sweep', 'pairedSweep', 'pairedSweep', 'fund');
const changes = fc.constantFrom('replaceSweep', 'replaceSweep', 'rival', 'mineReplaced', 'bump', 'bump');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: newOnes, amountSat: amount }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('withdraw'), amountSat: fc.oneof(amount, fc.constant('all' as const)) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: changes, which: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('mine'), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('undo'), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' }) },
);

const displayed = (hash: Uint8Array): string => toHex(Uint8Array.from(hash).reverse());

/** A sweep of a stranger's coin, which the stranger may spend as well. */
interface Sweep {
  readonly coin: Spendable;
  readonly isPaired: boolean;
  transaction: Transaction;
  feeSat: bigint;
  feeratePerKw: number;
}

/** A wallet beside a sweeper of the simplest kind: it offers what it has, and gives up what the chain will not have. */
class Life {
  readonly rig: WalletChain;
  readonly sweeps: Sweep[] = [];
  readonly replaced: Transaction[] = [];
  /** Deposits that the wallet cannot know of yet. */
  readonly unseen = new Set<string>();
  #references = 0;

  constructor(chain: TestChain) {
    this.rig = new WalletChain({ chain, gapLimit: 20 });
    this.rig.deposit(30_000n, 100_000n, 300_000n, 500_000n);
  }

  run(action: Step): void {
    const { rig } = this;
    switch (action.kind) {
      case 'deposit': {
        const outputs = [{ script: rig.wallet.newAddress().script, value: action.amountSat }];
        this.unseen.add(rig.chain.send(spend([rig.chain.fund()], { outputs })));
        return;
      }
      case 'sweep':
      case 'pairedSweep':
        return this.#sweep(action.amountSat, action.kind === 'pairedSweep');
      case 'replaceSweep':
        return this.#replace(this.#pick(this.sweeps, action.which));
      case 'rival':
        return this.#rival(this.#pick(this.sweeps, action.which));
      case 'mineReplaced':
        return this.#mineReplaced(this.#pick(this.replaced, action.which));
      case 'fund':
        return this.#pay(() => {
          const outputs = [{ script: channelScript, amountSat: action.amountSat }];
          const funded = rig.wallet.fundTransaction({ outputs, feeratePerKw: 300, reference: `${this.#references++}` });
          rig.wallet.recordTransaction(funded.transaction);
          return funded.transaction;
        });
      case 'withdraw':
        return this.#pay(() => {
          const request = { address: payee.address, feeratePerKw: 300, reference: `${this.#references++}` };
          const funded = rig.wallet.buildSend({ ...request, amountSat: action.amountSat });
          rig.wallet.recordWithdrawal(funded, action.amountSat === 'all');
          return funded.transaction;
        });
      case 'bump':
        return this.#bump(action.which);
      case 'mine':
        return rig.mine(action.count);
      case 'undo':
        return rig.undo(action.count);
      case 'restart':
        return rig.restart();
    }
  }

  /** What a node does after each block: it offers all that waits. */
  offerAll(): void {
    const { rig } = this;
    for (const transaction of rig.wallet.unconfirmedTransactions()) this.#offer(transaction);
    for (const { transaction } of this.sweeps) {
      if (this.#offer(transaction)) rig.wallet.recordTransaction(transaction);
      else rig.wallet.abandonTransaction(transaction.getId());
    }
  }

  #offer(transaction: Transaction): boolean {
    const { chain } = this.rig;
    if (chain.mempool.includes(transaction.getId())) return true;
    try {
      chain.send(transaction);
      return true;
    } catch (error) {
      if (error instanceof ChainRpcError) return false;
      throw error;
    }
  }

  /** One of the latest. */
  #pick<T>(list: readonly T[], which: number): T | undefined {
    return list.at(-1 - (which % Math.max(list.length, 1)));
  }

  #pay(build: () => Transaction): void {
    try {
      this.rig.chain.send(build());
    } catch (error) {
      if (!(error instanceof WalletError)) throw error;
      expect(error.code).toBe('insufficient_funds');
    }
  }

  #sweep(amountSat: bigint, isPaired: boolean): void {
    const { chain } = this.rig;
    const parent = spend([chain.fund()], { outputs: [{ script: stranger.script, value: amountSat }] });
    this.rig.mineExactly(parent);
    const coin = output(parent, 0, stranger);
    const sweep = this.#build(coin, isPaired, 300);
    if (sweep !== undefined) this.sweeps.push(sweep);
  }

  /** Made, booked and broadcast, all or nothing: not with too few coins, nor for a fee that the chain will not have. */
  #build(coin: Spendable, isPaired: boolean, feeratePerKw: number, old?: Transaction): Sweep | undefined {
    const { rig } = this;
    const { txid, index, amountSat } = coin;
    try {
      return rig.database.transaction(() => {
        if (old !== undefined) rig.wallet.abandonTransaction(old.getId());
        const { transaction, feeSat } = rig.wallet.addFunds({
          inputs: [{ txid, outputIndex: index, amountSat, sequence: 0xfffffffd, weight: 272 }],
          outputs: isPaired ? [{ script: payee.script, amountSat }] : [],
          lockTime: 0,
          feeratePerKw,
          extraFeeSat: 0n,
          keep: (old?.ins ?? []).map(({ hash, index: outputIndex }) => ({ txid: displayed(hash), outputIndex })),
        });
        const code = payments.p2pkh({ pubkey: stranger.publicKey }).output!;
        const hashType = isPaired ? SINGLE_ANYONECANPAY : Transaction.SIGHASH_ALL;
        const hash = transaction.hashForWitnessV0(0, code, amountSat, hashType);
        const signature = scripts.signature.encode(secp256k1.sign(hash, stranger.secret), hashType);
        transaction.setWitness(0, [signature, stranger.publicKey]);
        rig.wallet.signInputs(transaction);
        rig.wallet.recordTransaction(transaction);
        rig.chain.send(transaction);
        return { coin, isPaired, transaction, feeSat, feeratePerKw };
      });
    } catch (error) {
      if (error instanceof WalletError && error.code === 'insufficient_funds') return undefined;
      if (error instanceof ChainRpcError) return undefined;
      throw error;
    }
  }

  #replace(sweep: Sweep | undefined): void {
    const { rig } = this;
    if (sweep === undefined || !rig.chain.mempool.includes(sweep.transaction.getId())) return;
    const old = sweep.transaction;
    const made = this.#build(sweep.coin, sweep.isPaired, sweep.feeratePerKw * 3, old);
    if (made !== undefined) {
      this.replaced.push(old);
      Object.assign(sweep, made);
    }
  }

  /** The stranger is faster. */
  #rival(sweep: Sweep | undefined): void {
    const { chain } = this.rig;
    if (sweep === undefined || !chain.chain.state.coins.has(`${sweep.coin.txid}:${sweep.coin.index}`)) return;
    this.rig.mineExactly(spend([sweep.coin], { feeSat: 500n }));
  }

  /** Miners may still have had what was replaced. */
  #mineReplaced(transaction: Transaction | undefined): void {
    if (transaction === undefined) return;
    try {
      this.rig.mineExactly(transaction);
    } catch (error) {
      if (!(error instanceof ChainRpcError)) throw error;
    }
  }

  #bump(which: number): void {
    const { rig } = this;
    const target = this.#pick(rig.wallet.unconfirmedTransactions(), which);
    if (target === undefined) return;
    let bump;
    try {
      bump = rig.wallet.bumpTransaction(target.getId(), 300 + 700 * (which + 1));
    } catch (error) {
      if (!(error instanceof WalletError)) throw error;
      return;
    }
    try {
      rig.chain.send(bump.transaction);
      if (bump.replaced !== undefined) this.replaced.push(bump.replaced.transaction);
    } catch (error) {
      if (!(error instanceof ChainRpcError)) throw error;
      rig.wallet.undoBump(bump);
    }
  }
}

type Ledger = Map<string, { readonly amountSat: bigint; readonly isConfirmed: boolean }>;

/** What chain and mempool say that a wallet owns, by outpoint. */
function ledgerOf({ rig, unseen }: Life, own: ReadonlySet<string>): Ledger {
  const ledger: Ledger = new Map();
  for (const [key, { script, amountSat }] of rig.chain.chain.state.coins)
    if (own.has(toHex(script))) ledger.set(key, { amountSat, isConfirmed: true });
  const waiting = rig.chain.mempool.map((txid) => Transaction.fromHex(rig.chain.call('getrawtransaction', txid)));
  for (const transaction of waiting) {
    if (unseen.has(transaction.getId())) continue;
    for (const [index, { script, value }] of transaction.outs.entries())
      if (own.has(toHex(script)))
        ledger.set(`${transaction.getId()}:${index}`, { amountSat: value, isConfirmed: false });
  }
  for (const { ins } of waiting)
    for (const { hash, index } of ins) ledger.delete(`${displayed(hash)}:${index}`);
  return ledger;
}

it('whatever is done, the balance is what chain and mempool say, to the satoshi: property', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 45, size: 'max' }), (steps) => {
      const chain = TestChain.funded(50);
      const life = new Life(chain);
      const { rig } = life;
      for (const action of steps) {
        life.run(action);
        for (const txid of life.unseen) if (!chain.mempool.includes(txid)) life.unseen.delete(txid);
        life.offerAll();
        const scriptsOf = rig.database.all<{ script: Uint8Array }>('SELECT script FROM wallet_scripts');
        const ledger = ledgerOf(life, new Set(scriptsOf.map(({ script }) => toHex(script))));
        const coins: Ledger = new Map();
        for (const { txid, outputIndex, amountSat, confirmations } of rig.wallet.listUnspent())
          coins.set(`${txid}:${outputIndex}`, { amountSat, isConfirmed: confirmations > 0 });
        expect(coins).toEqual(ledger);
        const { confirmedSat, unconfirmedSat, reservedSat, immatureSat } = rig.wallet.balance();
        const sum = (isConfirmed: boolean): bigint =>
          [...ledger.values()]
            .filter((each) => each.isConfirmed === isConfirmed)
            .reduce((total, { amountSat }) => total + amountSat, 0n);
        expect([confirmedSat, unconfirmedSat, reservedSat, immatureSat]).toEqual([sum(true), sum(false), 0n, 0n]);
      }
    }),
    { numRuns: 10 },
  );
});
