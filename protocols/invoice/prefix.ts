import { MAX_MSAT } from '../wire/types.ts';
import { InvoiceError } from './errors.ts';

/** BIP 173's prefixes of bitcoin's networks: main, test, signet and regtest. */
export const CURRENCIES = ['bc', 'tb', 'tbs', 'bcrt'] as const;

export type Currency = (typeof CURRENCIES)[number];

/** BOLT 11, "Human-Readable Part": what one of a unit is in tenths of a millisatoshi, the largest unit first. */
const MULTIPLIERS = [
  ['', 1_000_000_000_000n],
  ['m', 1_000_000_000n],
  ['u', 1_000_000n],
  ['n', 1_000n],
  ['p', 1n],
] as const;

/** Reads `lnbc2500u`: a currency, and an amount if there is one. */
export function decodePrefix(prefix: string): { currency: Currency; amountMsat?: bigint } {
  const [, name, amount = ''] = /^ln([a-z]*)(.*)$/.exec(prefix) ?? [];
  const currency = CURRENCIES.find((known) => known === name);
  if (currency === undefined) {
    const expected = `a prefix of ln and one of ${CURRENCIES.join(', ')}`;
    throw new InvoiceError('invoice_unknown_prefix', { expected, actual: prefix });
  }
  return amount === '' ? { currency } : { currency, amountMsat: decodeAmount(amount) };
}

/** The same the other way round, by the largest unit that the amount is a whole number of. */
export function encodePrefix(currency: Currency, amountMsat: bigint | undefined): string {
  if (!CURRENCIES.includes(currency)) {
    const expected = `one of ${CURRENCIES.join(', ')}`;
    throw new InvoiceError('invoice_unknown_prefix', { place: 'currency', expected, actual: String(currency) });
  }
  if (amountMsat === undefined) return `ln${currency}`;
  requireAmount(amountMsat, String(amountMsat));
  const tenths = amountMsat * 10n;
  const [letter, factor] = MULTIPLIERS.find(([, candidate]) => tenths % candidate === 0n) ?? ['p', 1n];
  return `ln${currency}${tenths / factor}${letter}`;
}

function decodeAmount(text: string): bigint {
  const [, digits, letter] = /^([1-9][0-9]*)([munp]?)$/.exec(text) ?? [];
  const factor = MULTIPLIERS.find(([known]) => known === letter)?.[1];
  if (digits === undefined || factor === undefined) {
    const expected = 'an amount of digits without leading zeros and at most one of the multipliers m, u, n, p';
    throw new InvoiceError('invoice_bad_amount', { place: 'amount', expected, actual: text });
  }
  const tenths = BigInt(digits) * factor;
  if (tenths % 10n !== 0n) {
    const expected = 'a whole number of millisatoshis';
    throw new InvoiceError('invoice_bad_amount', { place: 'amount', expected, actual: text });
  }
  requireAmount(tenths / 10n, text);
  return tenths / 10n;
}

function requireAmount(amountMsat: bigint, actual: string): void {
  if (amountMsat > 0n && amountMsat <= MAX_MSAT) return;
  const expected = `an amount of 1 to ${MAX_MSAT} millisatoshis`;
  throw new InvoiceError('invoice_bad_amount', { place: 'amount', expected, actual });
}
