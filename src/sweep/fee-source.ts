import type { Chain } from '../chain/chain.ts';
import { ChainUnavailableError } from '../chain/errors.ts';
import type { Logger } from '../logging.ts';
import { ESTIMATE_TARGETS, type FeeEstimates } from './fee-policy.ts';

/** Where a chain has never had an estimate: 10 sat a virtual byte, from which deadlines raise it. */
const UNKNOWN_FEERATE_PER_KW = 2_500;

/** The chain's estimates, and the last ones while it has none. */
export class FeeSource {
  readonly #chain: Pick<Chain, 'feeratePerKw'>;
  readonly #logger: Logger;
  readonly #known = new Map<number, number>();
  #askedAt: number | undefined;

  constructor(chain: Pick<Chain, 'feeratePerKw'>, logger: Logger) {
    this.#chain = chain;
    this.#logger = logger;
  }

  /** Those at a height, for which the chain is asked once. Undefined while it is away. */
  async estimates(height: number): Promise<FeeEstimates | undefined> {
    for (const target of height === this.#askedAt ? [] : ESTIMATE_TARGETS) {
      try {
        this.#known.set(target, await this.#chain.feeratePerKw(target));
      } catch (error) {
        if (error instanceof ChainUnavailableError) return undefined;
        this.#logger.debug({ err: error, target }, 'no feerate estimate');
      }
    }
    this.#askedAt = height;
    const known = (target: number): number => this.#known.get(target) ?? UNKNOWN_FEERATE_PER_KW;
    return { 2: known(2), 6: known(6), 12: known(12), 36: known(36), 144: known(144) };
  }
}
