/** Feerates here are whole satoshis per 1,000 virtual bytes, as bitcoind keeps them. */

/** The fee at a feerate for `vsize` virtual bytes, in satoshi, rounded up. */
export function feeAtRateSat(feerateSatPerKvb: bigint, vsize: number): bigint {
  return (feerateSatPerKvb * BigInt(vsize) + 999n) / 1_000n;
}

/** The feerate that a fee comes to over `vsize` virtual bytes, rounded down. */
export function feerateSatPerKvb(feeSat: bigint, vsize: number): bigint {
  return vsize === 0 ? 0n : (feeSat * 1_000n) / BigInt(vsize);
}
