/**
 * The parts of coinselect that the wallet uses; it comes without types. Sizes and values are in whatever units the
 * caller keeps to.
 */
declare module 'coinselect' {
  interface Candidate {
    readonly value: number;
    /** Only its length counts: an input's size is 41 plus this. */
    readonly script: { readonly length: number };
  }
  interface Target {
    readonly value: number;
    /** Only its length counts: an output's size is 9 plus this. */
    readonly script: { readonly length: number };
  }
  /**
   * `inputs` is missing where the candidates do not suffice; `fee` is then what the transaction of them all would have
   * cost.
   */
  export default function coinSelect<C extends Candidate>(
    candidates: readonly C[],
    targets: readonly Target[],
    feeRate: number,
  ): { readonly inputs?: readonly C[]; readonly fee?: number };
}
