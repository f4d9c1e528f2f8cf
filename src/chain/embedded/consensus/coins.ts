import { RejectedError, btcText } from '../rejection.ts';
import { isUnspendable } from '../script/parse.ts';
import { COINBASE_MATURITY, MAX_MONEY_SAT } from './params.ts';
import { type ChainTransaction, outpointKey } from './transaction.ts';

/** An output that may be spent. Coins of the mempool stand at the height of the next block. */
export interface Coin {
  readonly amountSat: bigint;
  readonly script: Uint8Array;
  readonly height: number;
  readonly isCoinbase: boolean;
}

/** Somewhere to look coins up by `outpointKey`. */
export interface CoinView {
  get(key: string): Coin | undefined;
}

/** The coins that a transaction makes at `height`, by key. */
export function coinsOf(transaction: ChainTransaction, height: number): [string, Coin][] {
  return [...transaction.transaction.outs.keys()].flatMap((index): [string, Coin][] => {
    const coin = coinAt(transaction, index, height);
    return coin === undefined ? [] : [[outpointKey(transaction.txid, index), coin]];
  });
}

/**
 * The coin that one output makes at `height`; undefined if there is no such output, or none that could ever be spent.
 */
export function coinAt({ transaction, isCoinbase }: ChainTransaction, index: number, height: number): Coin | undefined {
  const output = transaction.outs[index];
  if (output === undefined || isUnspendable(output.script)) return undefined;
  return { amountSat: output.value, script: output.script, height, isCoinbase };
}

/** The coin that each input spends; throws `RejectedError` if one is not there. */
export function spentCoins({ spends }: ChainTransaction, view: CoinView): Coin[] {
  return spends.map((key) => {
    const coin = view.get(key);
    if (coin === undefined) throw new RejectedError('missing_inputs', 'bad-txns-inputs-missingorspent');
    return coin;
  });
}

/**
 * Checks amounts and coinbase maturity for a spend at `height`, and returns the fee in satoshi. Throws `RejectedError`.
 */
export function checkSpend({ transaction }: ChainTransaction, coins: readonly Coin[], height: number): bigint {
  let inputSat = 0n;
  for (const coin of coins) {
    if (coin.isCoinbase && height - coin.height < COINBASE_MATURITY) {
      throw new RejectedError(
        'premature',
        'bad-txns-premature-spend-of-coinbase',
        `tried to spend coinbase at depth ${height - coin.height}`,
      );
    }
    inputSat += coin.amountSat;
    if (inputSat > MAX_MONEY_SAT) throw new RejectedError('consensus', 'bad-txns-inputvalues-outofrange');
  }
  const outputSat = transaction.outs.reduce((sum, { value }) => sum + value, 0n);
  if (inputSat < outputSat) {
    const debug = `value in (${btcText(inputSat)}) < value out (${btcText(outputSat)})`;
    throw new RejectedError('consensus', 'bad-txns-in-belowout', debug);
  }
  return inputSat - outputSat;
}

/** Changes to a set of coins that are made at once or not at all. */
export class CoinChanges implements CoinView {
  readonly #base: Map<string, Coin>;
  readonly #made = new Map<string, Coin>();
  readonly #spent = new Set<string>();

  constructor(base: Map<string, Coin>) {
    this.#base = base;
  }

  get(key: string): Coin | undefined {
    return this.#spent.has(key) ? undefined : (this.#made.get(key) ?? this.#base.get(key));
  }

  spend(key: string): void {
    this.#spent.add(key);
  }

  make(key: string, coin: Coin): void {
    this.#made.set(key, coin);
  }

  commit(): void {
    for (const [key, coin] of this.#made) this.#base.set(key, coin);
    for (const key of this.#spent) this.#base.delete(key);
  }
}
