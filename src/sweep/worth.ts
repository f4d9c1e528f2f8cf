import { claimInputWeight, claimTransactionWeight, outputWeight } from '../../machines/onchain/claim-transaction.ts';
import type { Claim } from '../../machines/onchain/claim.ts';
import { dustLimit } from '../wallet/coin-selection.ts';
import { budgetSat, feeOf } from './fee-policy.ts';

/** A script of the kind that sweeps pay to (P2WPKH). */
export const PAYOUT = Uint8Array.of(0, 20, ...new Uint8Array(20));

/** Whether the claim takes from a peer that cheated: all of it is a gain. */
export function isPenalty({ witness: { kind } }: Claim): boolean {
  return kind === 'revoked_delayed' || kind === 'revoked_htlc';
}

/**
 * The most that a transaction may pay for these claims. Without the wallet's coins, it must leave an output that is no
 * dust.
 */
export function claimsBudgetSat(claims: readonly Claim[]): bigint {
  const budget = claims.reduce((sum, claim) => sum + budgetSat(claim.amountSat, isPenalty(claim)), 0n);
  const most = claims.reduce((sum, { amountSat }) => sum + amountSat, -dustLimit(PAYOUT));
  return budget < most || claims.some(({ pairedOutput }) => pairedOutput !== undefined) ? budget : most;
}

/**
 * Whether taking the output is worth its own part of the fee. What an HTLC transaction gives is not ours before it is
 * swept as well, which its budget of a half leaves room for.
 */
export function isEconomical(claim: Claim, feeratePerKw: number): boolean {
  const output = claim.pairedOutput === undefined ? 0 : outputWeight(claim.pairedOutput.script);
  return feeOf(claimInputWeight(claim) + output, feeratePerKw) < budgetSat(claim.amountSat, isPenalty(claim));
}

/** Whether it is worth a whole transaction. */
export function isWorthAlone(claim: Claim, feeratePerKw: number): boolean {
  return feeOf(claimTransactionWeight([claim], [PAYOUT]), feeratePerKw) <= claimsBudgetSat([claim]);
}
