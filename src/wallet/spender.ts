import { equals } from 'uint8arrays/equals';
import type { Transaction } from 'bitcoinjs-lib';
import type { OnchainSigner } from '../keys/signer-api.ts';
import type { AddressBook } from './address-book.ts';
import {
  CHANGE_DUST_SAT,
  dustLimit,
  selectAll,
  selectCoins,
  sumOf,
  type Payment,
  type Selection,
} from './coin-selection.ts';
import type { Coins } from './coins.ts';
import { WalletError } from './errors.ts';
import { reserveError } from './fee-reserve.ts';
import type { ReservationStore } from './reservation-store.ts';
import type { WalletStore } from './store.ts';
import { buildTransaction } from './transaction-builder.ts';
import type { FundedTransaction, FundingRequest } from './types.ts';

/** BOLT 2's floor, and ten times what has ever been paid. */
const MIN_FEERATE_PER_KW = 253;
const MAX_FEERATE_PER_KW = 2_500_000;

export interface SpenderOptions {
  readonly store: WalletStore;
  readonly reservations: ReservationStore;
  readonly coins: Coins;
  readonly addresses: AddressBook;
  readonly signer: OnchainSigner;
  readonly reserveSat: () => bigint;
}

/** Makes the payments of users and the fundings of channels. Runs inside the caller's database transaction. */
export class Spender {
  readonly #options: SpenderOptions;

  constructor(options: SpenderOptions) {
    this.#options = options;
  }

  fund({ outputs, feeratePerKw, reference }: FundingRequest): FundedTransaction {
    if (outputs.length === 0) throw new WalletError('invalid_amount', 'a transaction needs an output');
    this.#check(outputs, feeratePerKw, reference);
    const selection = this.#select(outputs, feeratePerKw);
    this.#checkReserve(outputs, selection);
    return this.#complete(outputs, selection, reference);
  }

  sendAll(script: Uint8Array, { feeratePerKw, reference }: Omit<FundingRequest, 'outputs'>): FundedTransaction {
    this.#check([], feeratePerKw, reference);
    const { coins, reserveSat } = this.#options;
    const confirmed = coins.confirmed();
    const missingSat = reserveSat() - sumOf(coins.ownChange());
    const keptSat = missingSat <= 0n ? 0n : missingSat < CHANGE_DUST_SAT ? CHANGE_DUST_SAT : missingSat;
    const selection = this.#selectAll(confirmed, script, feeratePerKw, keptSat);
    const amountSat = sumOf(selection.coins) - selection.feeSat - selection.changeSat;
    return this.#complete([{ script, amountSat }], selection, reference);
  }

  #selectAll(coins: Parameters<typeof selectAll>[0], script: Uint8Array, feerate: number, keptSat: bigint): Selection {
    try {
      return selectAll(coins, script, feerate, keptSat);
    } catch (error) {
      if (keptSat === 0n || !(error instanceof WalletError) || error.code !== 'insufficient_funds') throw error;
      // Without the reserve there might be enough: then it is what stands in the way.
      selectAll(coins, script, feerate, 0n);
      throw reserveError(this.#options.reserveSat(), 0n);
    }
  }

  #check(outputs: readonly Payment[], feeratePerKw: number, reference: string): void {
    checkFeerate(feeratePerKw);
    for (const { script, amountSat } of outputs) {
      const limit = dustLimit(script);
      if (amountSat < limit)
        throw new WalletError('dust_output', `an output of ${amountSat} sat is dust: at least ${limit} are needed`, {
          amountSat,
          limit,
        });
    }
    if (this.#options.reservations.references().includes(reference)) {
      throw new WalletError('reservation_exists', `coins are reserved under '${reference}' already`, { reference });
    }
  }

  #select(outputs: readonly Payment[], feeratePerKw: number): Selection {
    const { coins } = this.#options;
    try {
      return selectCoins(coins.confirmed(), outputs, feeratePerKw);
    } catch (error) {
      if (!(error instanceof WalletError) || error.code !== 'insufficient_funds') throw error;
      return selectCoins([...coins.confirmed(), ...coins.ownChange()], outputs, feeratePerKw);
    }
  }

  /** What is left counts with the change, although that can pay no fees before a block holds it. */
  #checkReserve(outputs: readonly Payment[], { coins, changeSat }: Selection): void {
    const reserveSat = this.#options.reserveSat();
    const haveSat = sumOf(this.#options.coins.confirmed()) + sumOf(this.#options.coins.ownChange());
    const leftSat = haveSat - sumOf(coins) + changeSat;
    if (leftSat >= reserveSat) return;
    const sendableSat = sumOf(outputs) - (reserveSat - leftSat);
    throw reserveError(reserveSat, sendableSat > 0n ? sendableSat : 0n);
  }

  #complete(payments: readonly Payment[], selection: Selection, reference: string): FundedTransaction {
    const { addresses, store, reservations, signer } = this.#options;
    const { coins, feeSat, changeSat } = selection;
    const change = changeSat === 0n ? undefined : addresses.next(1);
    const outputs = change === undefined ? payments : [...payments, { script: change.script, amountSat: changeSat }];
    const spendable = coins.map((coin) => ({ ...coin, script: addresses.scriptAt(coin) }));
    const transaction = buildTransaction(spendable, outputs, store.tip().height ?? 0, signer);
    for (const coin of coins) reservations.reserve(coin, reference, change?.index);
    const places = placesOf(outputs, transaction);
    return {
      transaction,
      txid: transaction.getId(),
      outputIndexes: places.slice(0, payments.length),
      feeSat,
      changeSat,
      changeIndex: places[payments.length],
      reference,
    };
  }
}

/** Throws `WalletError` `invalid_feerate`. */
export function checkFeerate(feeratePerKw: number): void {
  const isInRange = feeratePerKw >= MIN_FEERATE_PER_KW && feeratePerKw <= MAX_FEERATE_PER_KW;
  if (Number.isInteger(feeratePerKw) && isInRange) return;
  throw new WalletError(
    'invalid_feerate',
    `expected a feerate from ${MIN_FEERATE_PER_KW} to ${MAX_FEERATE_PER_KW} sat per kw, got ${feeratePerKw}`,
    { feeratePerKw },
  );
}

/** The index of each payment's output; equal payments get different ones. */
function placesOf(payments: readonly Payment[], transaction: Transaction): number[] {
  const taken = new Set<number>();
  return payments.map(({ script, amountSat }) => {
    const place = transaction.outs.findIndex(
      (output, index) => !taken.has(index) && output.value === amountSat && equals(output.script, script),
    );
    taken.add(place);
    return place;
  });
}
