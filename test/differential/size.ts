import { effort } from '../harness/effort.ts';

/** How many transactions are compared, and from which seed: both can be set for long runs. */
export const CASES = effort('RUNNEL_DIFFERENTIAL', { quick: 300, thorough: 1_000 });
export const SEED = process.env['RUNNEL_DIFFERENTIAL_SEED'] ?? 'differential';
