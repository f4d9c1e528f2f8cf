import type { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays/equals';
import { toString } from 'uint8arrays/to-string';
import type { OnchainSigner } from '../keys/signer-api.ts';
import type { FundedInputs, FundsRequest } from '../sweep/sweep-wallet.ts';
import type { AddressBook } from './address-book.ts';
import type { BumpStore, OwnTransaction } from './bump-store.ts';
import { dustLimit, feeFor, INPUT_WEIGHT, transactionWeight, type Payment } from './coin-selection.ts';
import type { Coins } from './coins.ts';
import { WalletError } from './errors.ts';
import { selectFunds } from './funds.ts';
import type { Outpoint, Replaceable } from './records.ts';
import type { WalletStore } from './store.ts';
import { buildTransaction, REPLACEABLE, signInput, type SpendableCoin } from './transaction-builder.ts';
import type { FeeBump } from './types.ts';

/** BIP 125, rule 4: what a replacement pays for its own relay, by Bitcoin Core's default. */
const INCREMENTAL_FEERATE_PER_KW = 253;

export interface FeeBumperOptions {
  readonly store: WalletStore;
  readonly bumps: BumpStore;
  readonly coins: Coins;
  readonly addresses: AddressBook;
  readonly signer: OnchainSigner;
  readonly addFunds: (request: FundsRequest) => FundedInputs;
}

/** The transaction that pays more, and how it may be replaced itself. */
export type MadeBump = FeeBump & { readonly replaceable: Replaceable };

/** A withdrawal that is replaced. */
interface Old extends OwnTransaction {
  readonly txid: string;
  readonly replaceable: Replaceable;
  readonly coins: readonly SpendableCoin[];
}

/** Makes transactions that raise the fee of others. Books nothing; runs inside the caller's database transaction. */
export class FeeBumper {
  readonly #options: FeeBumperOptions;

  constructor(options: FeeBumperOptions) {
    this.#options = options;
  }

  bump(txid: string, feeratePerKw: number): MadeBump {
    const own = this.#waiting(txid);
    const { bumps, coins } = this.#options;
    const replaceable = bumps.replaceable(txid);
    const children = bumps.children(txid);
    if (replaceable !== undefined && children.length === 0) {
      return this.#replace({ ...own, txid, replaceable, coins: this.#coinsOf(own.transaction) }, feeratePerKw);
    }
    const [change] = coins.ownChange().filter((coin) => coin.txid === txid);
    if (change !== undefined) return this.#child(own, { ...change, txid }, feeratePerKw);
    // What builds on it pays for it as well.
    const [child] = children;
    if (child !== undefined) return this.bump(child, feeratePerKw);
    throw new WalletError(
      'not_bumpable',
      `${txid} has no change that is free to pay a higher fee: wait, or ask whom it pays to spend it with a higher fee`,
      { txid },
    );
  }

  #waiting(txid: string): OwnTransaction {
    const known = this.#options.store.transaction(txid);
    if (known === undefined) {
      throw new WalletError('unknown_transaction', `the wallet has no transaction ${txid}`, { txid });
    }
    const { blockHeight, conflicted } = known;
    if (blockHeight !== undefined)
      throw new WalletError('not_bumpable', `${txid} is in block ${blockHeight} already`, { txid, blockHeight });
    if (conflicted)
      throw new WalletError('not_bumpable', `another transaction took the place of ${txid}`, { txid });
    const own = this.#options.bumps.ownTransaction(txid);
    if (own !== undefined) return own;
    throw new WalletError(
      'not_bumpable',
      `${txid} is not paid for by this wallet alone: what ends channels is bumped by the node itself, as ` +
        'its deadlines come near, and what others pay us by whoever sent it',
      { txid },
    );
  }

  /** A child of its change pays for it. */
  #child(parent: OwnTransaction, change: Outpoint & { readonly amountSat: bigint }, feerate: number): MadeBump {
    const parents = [parent, ...this.#ancestors(change.txid)];
    const missingSat = missingOf(parents, feerate);
    if (missingSat <= 0n) throw tooLow(change.txid, feerateOf(parents) + 1);
    const input = { ...change, sequence: REPLACEABLE, weight: INPUT_WEIGHT };
    const { transaction, feeSat } = this.#options.addFunds({
      inputs: [input],
      outputs: [],
      lockTime: this.#options.store.tip().height ?? 0,
      feeratePerKw: feerate,
      extraFeeSat: missingSat,
      keep: [],
    });
    for (const [index, coin] of this.#coinsOf(transaction).entries())
      signInput(transaction, index, coin, this.#options.signer);
    return {
      kind: 'child',
      bumpedTxid: change.txid,
      transaction,
      txid: transaction.getId(),
      feeSat,
      replaced: undefined,
      replaceable: { feeOutput: 0, sendsAll: false },
    };
  }

  #replace(old: Old, feeratePerKw: number): MadeBump {
    const { store, signer } = this.#options;
    const { coins, outputs, feeOutput, weight } = this.#replacement(old, feeratePerKw);
    const transaction = buildTransaction(coins, outputs, store.tip().height ?? 0, signer);
    const feeSat = coins.reduce((sum, coin) => sum + coin.amountSat, 0n) - valueOf(transaction);
    // BIP 125, rules 3 and 4.
    const leastFeeSat = old.feeSat + feeFor(weight, INCREMENTAL_FEERATE_PER_KW);
    if (feeSat < leastFeeSat) throw tooLow(old.txid, this.#leastFeerate(old.txid, leastFeeSat, weight));
    const place = transaction.outs.findIndex(
      ({ script, value }) => feeOutput && value === feeOutput.amountSat && equals(script, feeOutput.script),
    );
    return {
      kind: 'replacement',
      bumpedTxid: old.txid,
      transaction,
      txid: transaction.getId(),
      feeSat,
      replaced: old,
      replaceable: { feeOutput: place < 0 ? undefined : place, sendsAll: old.replaceable.sendsAll },
    };
  }

  #replacement(old: Old, feeratePerKw: number): Replacement {
    const { transaction, txid, replaceable } = old;
    const missingSat = missingOf(this.#ancestors(txid), feeratePerKw);
    const extraFeeSat = missingSat > 0n ? missingSat : 0n;
    const payments = transaction.outs.map(({ script, value }) => ({ script, amountSat: value }));
    const paying = replaceable.feeOutput === undefined ? undefined : payments[replaceable.feeOutput];
    const outputs = payments.filter((payment) => payment !== paying);
    if (replaceable.sendsAll && paying !== undefined) {
      const weight = transactionWeight(old.coins.length, payments.map(({ script }) => script.length));
      const amountSat = paying.amountSat + old.feeSat - feeFor(weight, feeratePerKw) - extraFeeSat;
      const limit = dustLimit(paying.script);
      if (amountSat < limit) {
        const neededSat = limit - amountSat;
        const message = `${txid} sends ${neededSat} sat too little for this fee: give a lower feerate`;
        throw new WalletError('insufficient_funds', message, { neededSat });
      }
      const feeOutput = { script: paying.script, amountSat };
      return { coins: old.coins, outputs: [...outputs, feeOutput], feeOutput, weight };
    }
    const inputs = old.coins.map(({ amountSat }) => ({ amountSat, weight: INPUT_WEIGHT }));
    const funds = selectFunds({ inputs, outputs, feeratePerKw, extraFeeSat }, [], this.#options.coins.confirmed());
    const added = funds.coins.map((coin) => ({ ...coin, script: this.#options.addresses.scriptAt(coin) }));
    const coins = [...old.coins, ...added];
    if (funds.changeSat === 0n) return { coins, outputs, feeOutput: undefined, weight: funds.weight };
    const script = paying?.script ?? this.#options.addresses.payout().script;
    const feeOutput = { script, amountSat: funds.changeSat };
    return { coins, outputs: [...outputs, feeOutput], feeOutput, weight: funds.weight };
  }

  /** The feerate from which on a transaction of this weight pays the fee, with what its ancestors lack. */
  #leastFeerate(txid: string, feeSat: bigint, weight: number): number {
    const ancestors = this.#ancestors(txid);
    const alone = feerateOf([{ weight, feeSat }]) + 1;
    const together = feerateOf([{ weight, feeSat }, ...ancestors]) + 1;
    return missingOf(ancestors, together) > 0n ? together : alone;
  }

  /** What it builds on, as far as the wallet knows what that pays. */
  #ancestors(txid: string): Paid[] {
    const { bumps } = this.#options;
    return bumps.unconfirmedAncestors(txid).flatMap((ancestor) => bumps.ownTransaction(ancestor) ?? []);
  }

  /** The coins that a transaction of the wallet's alone spends. */
  #coinsOf(transaction: Transaction): SpendableCoin[] {
    const { store, addresses } = this.#options;
    return transaction.ins.map(({ hash, index }) => {
      const outpoint = { txid: toString(Uint8Array.from(hash).reverse(), 'base16'), outputIndex: index };
      const output = store.output(outpoint);
      if (output === undefined) throw new TypeError(`${outpoint.txid}:${index} is none of the wallet's outputs`);
      return { ...outpoint, ...output, script: addresses.scriptAt(output) };
    });
  }
}

interface Replacement {
  readonly coins: readonly SpendableCoin[];
  readonly outputs: readonly Payment[];
  /** The one of the outputs that a yet higher fee could be taken from. */
  readonly feeOutput: Payment | undefined;
  readonly weight: number;
}

type Paid = Pick<OwnTransaction, 'weight' | 'feeSat'>;

/** What transactions pay less than the feerate together, in satoshis; negative where they pay more. */
function missingOf(transactions: readonly Paid[], feeratePerKw: number): bigint {
  return transactions.reduce((sum, { weight, feeSat }) => sum + feeFor(weight, feeratePerKw) - feeSat, 0n);
}

/** What transactions pay together, rounded down. */
function feerateOf(transactions: readonly Paid[]): number {
  const weight = transactions.reduce((sum, paid) => sum + paid.weight, 0);
  return Number((transactions.reduce((sum, { feeSat }) => sum + feeSat, 0n) * 1_000n) / BigInt(weight));
}

function valueOf(transaction: Transaction): bigint {
  return transaction.outs.reduce((sum, { value }) => sum + value, 0n);
}

function tooLow(txid: string, leastFeeratePerKw: number): WalletError {
  return new WalletError(
    'fee_too_low',
    `${txid} pays as much already: give a feerate of at least ${leastFeeratePerKw} sat per kw`,
    { txid, leastFeeratePerKw },
  );
}
