import { RunnelError } from '../../../protocols/errors.ts';

/**
 * Which kind of rule was broken:
 * - `consensus`: the transaction or block can never be valid;
 * - `mutated`: what came with a block's hash is not what the hash stands for, and the right one may still come;
 * - `policy`: valid in a block, but not taken into the mempool;
 * - `premature`: not valid in the next block, but later perhaps (lock times, coinbase maturity);
 * - `missing_inputs`: an input is unknown or spent;
 * - `conflict`: the mempool or chain has it already;
 * - `reconsiderable`: pays too little on its own, but a child may pay for it in a package.
 */
export type RejectionKind =
  | 'consensus'
  | 'mutated'
  | 'policy'
  | 'premature'
  | 'missing_inputs'
  | 'conflict'
  | 'reconsiderable';

/**
 * A transaction or block broke a rule. `reason` is the short text that bitcoind gives for it, `debug` what was expected
 * and what came.
 */
export class RejectedError extends RunnelError {
  readonly kind: RejectionKind;
  readonly reason: string;
  readonly debug: string;

  constructor(kind: RejectionKind, reason: string, debug = '') {
    super('chain_rejected', debug === '' ? reason : `${reason}, ${debug}`, { kind, reason });
    this.kind = kind;
    this.reason = reason;
    this.debug = debug;
  }
}

/** An amount in BTC as bitcoind writes it into its messages: with two decimals at least. */
export function btcText(amountSat: bigint): string {
  const digits = amountSat.toString().padStart(9, '0');
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`.replace(/0{1,6}$/, '');
}
