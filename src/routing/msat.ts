/**
 * Millisatoshi inside the router: integers held in float64 (`Float64Array`), never fractions.
 *
 * Why not bigint: reading a bigint out of a typed array allocates, and a search reads some hundred thousand amounts.
 * Why it is exact: each amount is an integer of at most `MAX_AMOUNT_MSAT` = 2^53 - 1, and float64 holds each of those
 * exactly. That is 90,071 BTC, above any HTLC that could be sent; what is larger (a capacity, an `htlc_maximum_msat` of
 * 2^64 - 1) is an upper bound and is clamped to it where it enters (`clampMsat`), which changes no decision. Amounts
 * leave as bigint (`toMsat`). The only arithmetic is `+`, comparison and `forwardingFeeMsat`, each with its proof
 * below. Scores (the price of risk) are not money and are rounded down to integers as well, only so that equal paths
 * compare equal.
 */
export const MAX_AMOUNT_MSAT = Number.MAX_SAFE_INTEGER;

const MAX_AMOUNT = BigInt(MAX_AMOUNT_MSAT);
const MILLION = 1_000_000;

/** An upper bound on an amount as the router keeps it: exact up to `MAX_AMOUNT_MSAT`, that beyond. Negative is 0. */
export function clampMsat(amountMsat: bigint): number {
  if (amountMsat <= 0n) return 0;
  return amountMsat >= MAX_AMOUNT ? MAX_AMOUNT_MSAT : Number(amountMsat);
}

/** A router amount as the rest of the node knows it. */
export function toMsat(amount: number): bigint {
  return BigInt(amount);
}

/**
 * BOLT 7, "HTLC Fees": the base fee plus the proportional part of the amount forwarded, the division rounded down.
 *
 * Exact whenever the result is at most `MAX_AMOUNT_MSAT`, and above `MAX_AMOUNT_MSAT` whenever the true fee is (so that
 * a limit always catches it), for `amount` <= 2^53 - 1 and `base`, `ppm` < 2^32. Proof: where amount·ppm is below 2^53
 * it is exact, and so is the floor of its quotient, by the argument below. Else `amount` = q·10^6 + r, so the
 * fee is base + q·ppm + ⌊r·ppm / 10^6⌋. r·ppm < 10^6·2^32 < 2^53 is exact. Both quotients are below 2^34, where
 * rounding moves a value by at most 2^-20 < 10^-6, less than the distance of a non-multiple of 10^6 to the next
 * integer: the floors are exact. q·ppm and the sums are exact below 2^53, and since rounding is monotone and 2^53 is
 * representable, what is truly at or above 2^53 stays so.
 */
export function forwardingFeeMsat(amount: number, base: number, ppm: number): number {
  const product = amount * ppm;
  if (product <= MAX_AMOUNT_MSAT) return base + Math.floor(product / MILLION);
  const q = Math.floor(amount / MILLION);
  const r = amount - q * MILLION;
  return base + q * ppm + Math.floor((r * ppm) / MILLION);
}
