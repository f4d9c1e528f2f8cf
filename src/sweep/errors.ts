import { RunnelError } from '../../protocols/errors.ts';

/** A transaction would cost more than what it takes is worth; `feeSat` and `budgetSat` are in the details. */
export class BudgetExceededError extends RunnelError {
  constructor(feeSat: bigint, budgetSat: bigint) {
    super('fee_budget_exceeded', `a fee of ${feeSat} sat is more than the ${budgetSat} sat that may be paid`, {
      feeSat,
      budgetSat,
    });
  }
}
