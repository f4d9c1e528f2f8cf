import { RunnelError } from '../../protocols/errors.ts';
import type { ChosenPolicy } from './forwarding-policies.ts';

/** What the operator may choose: a fixed fee, or one that follows the balance; what is left out stays as it is. */
export interface PolicyChoice extends Partial<Omit<ChosenPolicy, 'follow'>> {
  /** False: the fee stays what it is now, and follows nothing. */
  readonly followBalance?: boolean;
  readonly minPpm?: number;
  readonly maxPpm?: number;
}

/** A choice that means nothing. */
export class PolicyChoiceError extends RunnelError {
  constructor(message: string) {
    super('invalid_policy', message);
  }
}

/** What a choice changes in a channel's policy. Throws `PolicyChoiceError`. */
export function policyChanges(now: ChosenPolicy, choice: PolicyChoice): Partial<ChosenPolicy> {
  const { followBalance, minPpm = now.follow?.minPpm, maxPpm = now.follow?.maxPpm, ...changes } = choice;
  if (followBalance === undefined) return changes;
  if (!followBalance) return { feeProportionalMillionths: now.feeProportionalMillionths, ...changes };
  if (minPpm === undefined || maxPpm === undefined) {
    throw new PolicyChoiceError('expected the lowest and the highest fee that the balance is to lead to, in millionths');
  }
  if (minPpm > maxPpm) throw new PolicyChoiceError(`expected a highest fee of at least the lowest, ${minPpm} ppm, got ${maxPpm}`);
  return { ...changes, follow: { minPpm, maxPpm } };
}
