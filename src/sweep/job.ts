import { claimTransactionWeight, pairedOutputs } from '../../machines/onchain/claim-transaction.ts';
import type { CommitmentBump } from '../../machines/onchain/claim.ts';
import { budgetSat, type FeerateLimits, feeOf, feerateOf } from './fee-policy.ts';
import { earliest } from './grouping.ts';
import type { ChannelClaim } from './sweep.ts';
import { claimsBudgetSat, PAYOUT } from './worth.ts';

/** What one transaction is to do: take these claims, and with an anchor pay for the commitment that it stands on. */
export interface Job {
  readonly claims: readonly ChannelClaim[];
  /** The commitment that waits for a block, of which the only claim is our anchor. */
  readonly parent: CommitmentBump | undefined;
  readonly deadline: number | undefined;
  /** The most that the transaction may pay, and that it may pay for haste. */
  readonly budgetSat: bigint;
  readonly hasteBudgetSat: bigint;
  /** Whether the wallet pays the fee: what HTLC transactions take goes whole into outputs that the peer signed. */
  readonly isFunded: boolean;
}

/** A P2WPKH coin as an input. */
const COIN_WEIGHT = 272;

/** The job of taking these claims; paired ones must come before others. */
export function claimJob(claims: readonly ChannelClaim[]): Job {
  const budgetSat = claimsBudgetSat(claims.map(({ claim }) => claim));
  return {
    claims,
    parent: undefined,
    deadline: earliest(claims.map(({ claim }) => claim.deadline)),
    budgetSat,
    hasteBudgetSat: budgetSat,
    isFunded: claims.some(({ claim }) => claim.pairedOutput !== undefined),
  };
}

/** The job of paying for a commitment by its anchor. */
export function anchorJob(anchor: ChannelClaim, parent: CommitmentBump): Job {
  return {
    claims: [anchor],
    parent,
    deadline: parent.deadline,
    budgetSat: budgetSat(parent.ownSat, false),
    hasteBudgetSat: budgetSat(parent.valueAtStakeSat, false),
    isFunded: true,
  };
}

/** What its transaction will weigh, if one coin is enough for the fee. */
export function jobWeight({ claims, isFunded }: Job): number {
  const all = claims.map(({ claim }) => claim);
  const scripts = [...pairedOutputs(all).map(({ script }) => script), PAYOUT];
  return claimTransactionWeight(all, scripts) + (isFunded ? COIN_WEIGHT : 0);
}

/** What the budgets come to by weight. */
export function budgetFeerates(job: Job): FeerateLimits {
  const { parent, budgetSat, hasteBudgetSat } = job;
  const weight = jobWeight(job) + (parent?.commitment.weight() ?? 0);
  const paidSat = parent?.feeSat ?? 0n;
  return { most: feerateOf(budgetSat + paidSat, weight), inHaste: feerateOf(hasteBudgetSat + paidSat, weight) };
}

/** What the transaction must pay beyond its own weight so that its parent comes to the feerate too. */
export function parentGapSat({ parent }: Job, feeratePerKw: number): bigint {
  if (parent === undefined) return 0n;
  const gap = feeOf(parent.commitment.weight(), feeratePerKw) - parent.feeSat;
  return gap > 0n ? gap : 0n;
}

/** What a transaction that pays `feeSat` pays by weight, together with its parent if that pays less. */
export function effectiveFeerate({ parent }: Job, feeSat: bigint, weight: number): number {
  const own = feerateOf(feeSat, weight);
  if (parent === undefined) return own;
  return Math.min(own, feerateOf(feeSat + parent.feeSat, weight + parent.commitment.weight()));
}
