/**
 * How much is tried of what could be tried for hours. By default a part of it, so that all tests together take minutes; with `RUNNEL_THOROUGH=1`, which
 * `./scripts/test --thorough` sets, and CI with it, all that fits into an hour.
 */
export const isThorough = process.env['RUNNEL_THOROUGH'] === '1';

/** How many: as the variable of that name says, if it is set. */
export function effort(variable: string, { quick, thorough }: { readonly quick: number; readonly thorough: number }): number {
  return Number(process.env[variable] ?? (isThorough ? thorough : quick));
}

/** Cases come in pairs and fours: a fifth of them has all kinds. */
const SHARE = 5;

/** The same fifth of them every time, or all. */
export const sampled = <Case>(cases: readonly Case[]): readonly Case[] => (isThorough ? cases : cases.filter((_, index) => index % SHARE === 0));
