import coinSelect from 'coinselect';
import type { Coin } from './records.ts';
import { WalletError } from './errors.ts';

/** What a transaction is to pay. */
export interface Payment {
  readonly script: Uint8Array;
  readonly amountSat: bigint;
}

export interface Selection {
  readonly coins: readonly Coin[];
  readonly feeSat: bigint;
  /** 0 where a change output would be dust: then it is part of the fee. */
  readonly changeSat: bigint;
}

/**
 * A spent P2WPKH output: outpoint, empty script, sequence (41 bytes), then a witness of a 72-byte signature and a
 * public key.
 */
export const INPUT_WEIGHT = 4 * 41 + (1 + 1 + 72 + 1 + 33);
export const P2WPKH_SCRIPT_LENGTH = 22;
/** Bitcoin Core's MAX_STANDARD_TX_WEIGHT: nodes relay nothing larger. */
const MAX_WEIGHT = 400_000;
/** BOLT 3, "Dust Limits": that of P2WPKH, our change. */
export const CHANGE_DUST_SAT = 294n;

/** The weight of a transaction that spends P2WPKH coins to outputs of these scripts' lengths, at its largest. */
export function transactionWeight(inputCount: number, scriptLengths: readonly number[]): number {
  const outputs = scriptLengths.reduce((sum, length) => sum + outputWeight(length), 0);
  // Version and lock time, the two counts, the segwit marker and flag.
  const rest = 4 * (8 + countSize(inputCount) + countSize(scriptLengths.length)) + 2;
  return rest + inputCount * INPUT_WEIGHT + outputs;
}

/** The fee in satoshis for a weight, rounded up. */
export function feeFor(weight: number, feeratePerKw: number): bigint {
  return (BigInt(weight) * BigInt(feeratePerKw) + 999n) / 1000n;
}

/**
 * What Bitcoin Core's default policy calls dust: an output that costs more than a third of itself to spend at 3 sat a
 * byte. BOLT 3's "Dust Limits" has the same figures.
 */
export function dustLimit(script: Uint8Array): bigint {
  const [version, programLength] = script;
  const isWitnessProgram =
    version !== undefined &&
    (version === 0 || (version >= 0x51 && version <= 0x60)) &&
    script.length >= 4 &&
    script.length <= 42 &&
    programLength === script.length - 2;
  const spendingSize = 32 + 4 + 1 + (isWitnessProgram ? Math.floor(107 / 4) : 107) + 4;
  return BigInt(3 * (outputWeight(script.length) / 4 + spendingSize));
}

/**
 * Chooses coins for the payments and their fee. Throws `WalletError` `insufficient_funds` (details `neededSat`,
 * `availableSat`), `transaction_too_large`, or `invalid_amount` beyond what can be counted exactly.
 */
export function selectCoins(coins: readonly Coin[], payments: readonly Payment[], feeratePerKw: number): Selection {
  const lengths = payments.map(({ script }) => script.length);
  const amountSat = sumOf(payments);
  // coinselect counts in whole numbers: weight units for bytes and millisatoshis for values make the feerate one, too.
  const { inputs } = coinSelect(
    coins.map((coin) => ({ coin, value: toMsatNumber(coin.amountSat), script: { length: INPUT_WEIGHT - 41 } })),
    payments.map((payment, index) => ({
      value: toMsatNumber(payment.amountSat),
      script: {
        length:
          outputWeight(payment.script.length) - 9 + (index === 0 ? fixedWeight(coins.length, payments.length) - 10 : 0),
      },
    })),
    feeratePerKw,
  );
  if (inputs === undefined) throw insufficientFunds(coins, amountSat, lengths, feeratePerKw);
  return complete(
    inputs.map(({ coin }) => coin),
    amountSat,
    lengths,
    feeratePerKw,
  );
}

/**
 * All coins that are worth their own fee, to one script, but for a change of `keptSat` (0, or no dust). Throws as
 * `selectCoins`.
 */
export function selectAll(
  coins: readonly Coin[],
  script: Uint8Array,
  feeratePerKw: number,
  keptSat: bigint,
): Selection {
  const inputFee = feeFor(INPUT_WEIGHT, feeratePerKw);
  const worthy = coins.filter((coin) => coin.amountSat > inputFee);
  const lengths = keptSat === 0n ? [script.length] : [script.length, P2WPKH_SCRIPT_LENGTH];
  const feeSat = feeFor(standardWeight(worthy.length, lengths), feeratePerKw);
  if (sumOf(worthy) < feeSat + keptSat + dustLimit(script))
    throw insufficientFunds(coins, dustLimit(script) + keptSat, lengths, feeratePerKw);
  return { coins: worthy, feeSat, changeSat: keptSat };
}

/** The exact fee, and change where it is worth an output. */
function complete(
  coins: readonly Coin[],
  amountSat: bigint,
  lengths: readonly number[],
  feeratePerKw: number,
): Selection {
  const leftSat = sumOf(coins) - amountSat;
  const changeFeeSat = feeFor(standardWeight(coins.length, [...lengths, P2WPKH_SCRIPT_LENGTH]), feeratePerKw);
  if (leftSat - changeFeeSat >= CHANGE_DUST_SAT)
    return { coins, feeSat: changeFeeSat, changeSat: leftSat - changeFeeSat };
  return { coins, feeSat: leftSat, changeSat: 0n };
}

export function sumOf(coins: readonly { readonly amountSat: bigint }[]): bigint {
  return coins.reduce((sum, coin) => sum + coin.amountSat, 0n);
}

function standardWeight(inputCount: number, lengths: readonly number[]): number {
  return relayedWeight(transactionWeight(inputCount, lengths), inputCount);
}

/** The weight, unless it is more than nodes relay: then throws `WalletError` `transaction_too_large`. */
export function relayedWeight(weight: number, inputCount: number): number {
  if (weight <= MAX_WEIGHT) return weight;
  throw new WalletError(
    'transaction_too_large',
    `the transaction would have ${inputCount} inputs and weigh ${weight}, ${MAX_WEIGHT} is allowed ` +
      '(send less, or merge coins first)',
    { weight, inputCount },
  );
}

function insufficientFunds(
  coins: readonly Coin[],
  amountSat: bigint,
  lengths: readonly number[],
  feeratePerKw: number,
): WalletError {
  const availableSat = sumOf(coins);
  const neededSat = amountSat + feeFor(transactionWeight(Math.max(coins.length, 1), lengths), feeratePerKw);
  return new WalletError(
    'insufficient_funds',
    `${neededSat} sat are needed (${amountSat} and the fee), ${availableSat} sat can be spent now`,
    { neededSat, amountSat, availableSat },
  );
}

function outputWeight(scriptLength: number): number {
  return 4 * (8 + countSize(scriptLength) + scriptLength);
}

/** What does not depend on which coins are chosen, were all of them. */
function fixedWeight(inputCount: number, outputCount: number): number {
  return transactionWeight(inputCount, []) - inputCount * INPUT_WEIGHT + 4 * (countSize(outputCount) - countSize(0));
}

/** Bytes of Bitcoin's variable-length count. */
function countSize(count: number): number {
  return count < 0xfd ? 1 : 3;
}

/** Half of 2^53, so that sums of a few are exact as well: about 45,000 bitcoin. */
function toMsatNumber(amountSat: bigint): number {
  const msat = amountSat * 1000n;
  if (msat <= 2n ** 52n) return Number(msat);
  throw new WalletError('invalid_amount', `${amountSat} sat are more than the wallet can choose coins for`, {
    amountSat,
  });
}
