/** How many transactions are compared, and from which seed: both can be set for long runs. */
export const CASES = Number(process.env['RUNNEL_DIFFERENTIAL'] ?? 1_000);
export const SEED = process.env['RUNNEL_DIFFERENTIAL_SEED'] ?? 'differential';
