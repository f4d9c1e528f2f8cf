/**
 * bitcoind writes amounts as JSON numbers in BTC with eight decimals; here is the one place where they turn into
 * satoshi and back.
 */

/**
 * The number that stands for an amount in bitcoind's JSON. Exact: every amount up to 21 million BTC survives the way
 * there and back.
 */
export function satToBtc(amountSat: bigint): number {
  const digits = (amountSat < 0n ? -amountSat : amountSat).toString().padStart(9, '0');
  return Number(`${amountSat < 0n ? '-' : ''}${digits.slice(0, -8)}.${digits.slice(-8)}`);
}

/**
 * The satoshi of an amount in bitcoind's JSON; undefined if it has more than eight decimals or is not a finite number.
 */
export function btcToSat(btc: number): bigint | undefined {
  if (!Number.isFinite(btc) || Math.abs(btc) >= 1e12) return undefined;
  const text = btc.toFixed(8);
  if (Number(text) !== btc) return undefined;
  const sat = BigInt(text.replace('.', '').replace('-', ''));
  return text.startsWith('-') ? -sat : sat;
}
