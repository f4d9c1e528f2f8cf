/** What forms of actions hold, as the API takes it. Throws `ApiFailure`, which the form shows. */
import { ApiFailure } from '../api/failure.ts';
import { parseSatAsMsat } from '../lib/amounts.ts';

export type Fields = Readonly<Record<string, string>>;

const expected = (what: string): ApiFailure => new ApiFailure('invalid_input', `expected ${what}`);

export function msatField(fields: Fields, name: string): string {
  const amountMsat = parseSatAsMsat(fields[name] ?? '');
  if (amountMsat === undefined || amountMsat === 0n) throw expected('an amount in sat, such as 1500');
  return amountMsat.toString();
}

export function satField(fields: Fields, name: string): string {
  const amountMsat = BigInt(msatField(fields, name));
  if (amountMsat % 1_000n !== 0n) throw expected('whole satoshis');
  return (amountMsat / 1_000n).toString();
}

export function optionalMsat(fields: Fields, name: string): string | undefined {
  return (fields[name] ?? '').trim() === '' ? undefined : msatField(fields, name);
}
