import {
  CHANGE_DUST_SAT,
  INPUT_WEIGHT,
  P2WPKH_SCRIPT_LENGTH,
  feeFor,
  relayedWeight,
  sumOf,
  transactionWeight,
  type Payment,
  type Selection,
} from './coin-selection.ts';
import { WalletError } from './errors.ts';
import type { Coin } from './records.ts';

/** A transaction to which coins are to be added, until it pays its fee. */
export interface Shortage {
  /** Of the inputs that it has, each at its largest. */
  readonly inputs: readonly { readonly amountSat: bigint; readonly weight: number }[];
  readonly outputs: readonly Payment[];
  readonly feeratePerKw: number;
  /** Beyond what the feerate asks of its weight. */
  readonly extraFeeSat: bigint;
}

/** `weight`: of the signed transaction at its largest. */
export type AddedFunds = Selection & { readonly weight: number };

/**
 * Chooses coins to add: none where the inputs suffice; else those of `first`, in their order, before any of `others`;
 * and of these the fewest. There is change where it is worth an output, and always where there is no other output.
 * Coins that are not worth their fee are left alone. Throws `WalletError` `insufficient_funds` (details `neededSat`,
 * `availableSat`) and `transaction_too_large`.
 */
export function selectFunds(shortage: Shortage, first: readonly Coin[], others: readonly Coin[]): AddedFunds {
  const inputFeeSat = feeFor(INPUT_WEIGHT, shortage.feeratePerKw);
  const isWorthy = ({ amountSat }: Coin): boolean => amountSat > inputFeeSat;
  const chosen: Coin[] = [];
  const suffices = (coin?: Coin): boolean => complete(shortage, coin ? [...chosen, coin] : chosen) !== undefined;
  for (const coin of first.filter(isWorthy)) {
    if (suffices()) break;
    chosen.push(coin);
  }
  const rest = others.filter(isWorthy).sort((a, b) => (a.amountSat < b.amountSat ? -1 : 1));
  while (!suffices()) {
    const largest = rest.pop();
    if (largest === undefined) throw insufficientFunds(shortage, [...first, ...others]);
    // The last one is the smallest that does, so that large ones stay for what else may come.
    chosen.push(suffices(largest) ? (rest.find(suffices) ?? largest) : largest);
  }
  const result = complete(shortage, chosen);
  if (result === undefined) throw insufficientFunds(shortage, [...first, ...others]);
  relayedWeight(result.weight, shortage.inputs.length + chosen.length);
  return result;
}

/** The transaction with these coins, or undefined where they do not suffice. */
function complete(shortage: Shortage, coins: readonly Coin[]): AddedFunds | undefined {
  const { inputs, outputs, feeratePerKw, extraFeeSat } = shortage;
  const leftSat = sumOf(inputs) + sumOf(coins) - sumOf(outputs);
  const changeWeight = weightOf(shortage, coins.length, true);
  const changeFeeSat = feeFor(changeWeight, feeratePerKw) + extraFeeSat;
  const changeSat = leftSat - changeFeeSat;
  if (changeSat >= CHANGE_DUST_SAT) return { coins, feeSat: changeFeeSat, changeSat, weight: changeWeight };
  const weight = weightOf(shortage, coins.length, false);
  if (outputs.length === 0 || leftSat < feeFor(weight, feeratePerKw) + extraFeeSat) return undefined;
  return { coins, feeSat: leftSat, changeSat: 0n, weight };
}

function weightOf({ inputs, outputs }: Shortage, coinCount: number, hasChange: boolean): number {
  const lengths = outputs.map(({ script }) => script.length);
  const foreign = inputs.reduce((sum, { weight }) => sum + weight, 0);
  return (
    transactionWeight(inputs.length + coinCount, hasChange ? [...lengths, P2WPKH_SCRIPT_LENGTH] : lengths) -
    inputs.length * INPUT_WEIGHT +
    foreign
  );
}

function insufficientFunds(shortage: Shortage, coins: readonly Coin[]): WalletError {
  const { inputs, outputs, feeratePerKw, extraFeeSat } = shortage;
  const needsChange = outputs.length === 0;
  const weight = weightOf(shortage, Math.max(coins.length, 1), needsChange);
  const neededSat =
    sumOf(outputs) + feeFor(weight, feeratePerKw) + extraFeeSat + (needsChange ? CHANGE_DUST_SAT : 0n) - sumOf(inputs);
  const availableSat = sumOf(coins);
  return new WalletError(
    'insufficient_funds',
    `${neededSat} sat in confirmed coins are needed for fees, the wallet has ${availableSat}: deposit more`,
    { neededSat, availableSat },
  );
}
