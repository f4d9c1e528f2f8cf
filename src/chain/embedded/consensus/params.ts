/** Bitcoin's consensus numbers as regtest has them. */
export const COIN = 100_000_000n;
export const MAX_MONEY_SAT = 21_000_000n * COIN;
export const COINBASE_MATURITY = 100;
export const MAX_BLOCK_WEIGHT = 4_000_000;
export const MAX_BLOCK_SIGOPS_COST = 80_000;
export const WITNESS_SCALE_FACTOR = 4;
/** A block may be dated up to two hours ahead of the clock. */
export const MAX_FUTURE_BLOCK_TIME_S = 7_200;
export const MEDIAN_TIME_SPAN = 11;
export const SUBSIDY_HALVING_INTERVAL = 150;
/** Compact form of the easiest target there is: every second hash meets it, and the difficulty never changes. */
export const REGTEST_BITS = 0x207fffff;
export const REGTEST_TARGET = 0x7fffffn << 232n;

/** Regtest's first block: 80 bytes of header, and the one transaction that every Bitcoin network begins with. */
export const REGTEST_GENESIS_HEX = [
  '0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f61',
  '7fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000010100000001000000000000000000000000000000000000',
  '0000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f3230303920436861',
  '6e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f205',
  '2a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e5',
  '1ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000',
].join('');

/** What a block at `height` may create, in satoshi: 50 BTC, halved every 150 blocks. */
export function blockSubsidySat(height: number): bigint {
  return (50n * COIN) >> BigInt(Math.floor(height / SUBSIDY_HALVING_INTERVAL));
}
