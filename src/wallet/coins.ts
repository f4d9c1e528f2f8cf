import type { Coin } from './records.ts';
import type { WalletStore } from './store.ts';
import type { WalletBalance } from './types.ts';

/** Consensus: a coinbase output is spent at the earliest by the 100th block after its own. */
const COINBASE_MATURITY = 100;
/** Bitcoin Core's limit on unconfirmed transactions that build on each other, the new one included. */
const MAX_UNCONFIRMED_CHAIN = 25;

/** The wallet's unspent outputs: which of them can be spent, and for what. */
export class Coins {
  readonly #store: WalletStore;

  constructor(store: WalletStore) {
    this.#store = store;
  }

  all(): Coin[] {
    return this.#store.coins();
  }

  /** Free, in blocks and mature. */
  confirmed(): Coin[] {
    return this.#free().filter((coin) => coin.blockHeight !== undefined && !this.#isImmature(coin));
  }

  /** Free unconfirmed coins that nobody else can take back, on chains short enough to be relayed with one more. */
  ownChange(): Coin[] {
    return this.#free().filter((coin) => {
      if (coin.blockHeight !== undefined) return false;
      const { count, isOwn } = this.#store.unconfirmedAncestry(coin.txid);
      return isOwn && count < MAX_UNCONFIRMED_CHAIN;
    });
  }

  balance(): WalletBalance {
    const balance = { confirmedSat: 0n, unconfirmedSat: 0n, reservedSat: 0n, immatureSat: 0n };
    for (const coin of this.all()) {
      if (coin.reference !== undefined) balance.reservedSat += coin.amountSat;
      else if (coin.blockHeight === undefined) balance.unconfirmedSat += coin.amountSat;
      else if (this.#isImmature(coin)) balance.immatureSat += coin.amountSat;
      else balance.confirmedSat += coin.amountSat;
    }
    return balance;
  }

  confirmations({ blockHeight }: Coin): number {
    return blockHeight === undefined ? 0 : (this.#store.tip().height ?? blockHeight) - blockHeight + 1;
  }

  #free(): Coin[] {
    return this.all().filter((coin) => coin.reference === undefined);
  }

  #isImmature(coin: Coin): boolean {
    return coin.isCoinbase && this.confirmations(coin) < COINBASE_MATURITY;
  }
}
