import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockSubsidySat } from '../../src/chain/embedded/consensus/params.ts';
import type { ChainRecord } from '../../src/chain/embedded/embedded-chain.ts';
import { ChainRpcError } from '../../src/chain/errors.ts';
import { type Spendable, TestChain, output, spend } from './chain-kit.ts';

const MAX_MEMPOOL_BYTES = 3_000;

type Step =
  | { readonly type: 'mine'; readonly count: number }
  | { readonly type: 'send'; readonly from: number; readonly feeSat: number; readonly fanOut: number }
  | { readonly type: 'invalidate' | 'reconsider'; readonly depth: number }
  | { readonly type: 'wait'; readonly hours: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('mine' as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({
    type: fc.constant('send' as const),
    from: fc.nat(50),
    feeSat: fc.integer({ min: 0, max: 5_000 }),
    fanOut: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ type: fc.constantFrom('invalidate' as const, 'reconsider' as const), depth: fc.nat(8) }),
  fc.record({ type: fc.constant('wait' as const), hours: fc.nat(20) }),
);

/** What every run begins with: four coinbases that may be spent. */
const start = (() => {
  const records: ChainRecord[] = [];
  const chain = new TestChain({ log: { append: (record) => void records.push(record), sync: () => {} } });
  chain.mine(104);
  return { records, coins: [1, 2, 3, 4].map(() => chain.fund()) };
})();

/** A chain with what it told its log, and everything that was ever sent to it. */
class Run {
  readonly records: ChainRecord[] = [...start.records];
  readonly chain: TestChain;
  readonly #spendable: Spendable[] = [...start.coins];
  readonly #invalidated: string[] = [];

  constructor() {
    const log = { append: (record: ChainRecord) => void this.records.push(record), sync: () => {} };
    this.chain = new TestChain({ maxMempoolBytes: MAX_MEMPOOL_BYTES, log }, start.records);
  }

  take(next: Step): void {
    const { chain } = this;
    switch (next.type) {
      case 'mine':
        chain.mine(next.count);
        return;
      case 'send':
        this.#send(next);
        return;
      case 'wait':
        chain.clock.advance(next.hours * 3_600_000);
        return;
      case 'invalidate': {
        const hash = chain.call('getblockhash', Math.max(1, chain.height - next.depth)) as string;
        this.#invalidated.push(hash);
        chain.call('invalidateblock', hash);
        return;
      }
      case 'reconsider': {
        const hash = this.#invalidated[next.depth % Math.max(1, this.#invalidated.length)];
        if (hash !== undefined) chain.call('reconsiderblock', hash);
      }
    }
  }

  /** Spends one of all outputs ever made, spent or not: what the rules do not allow is refused. */
  #send({ from, feeSat, fanOut }: Extract<Step, { type: 'send' }>): void {
    const coin = this.#spendable[from % this.#spendable.length]!;
    const { script } = this.chain.miner;
    const value = (coin.amountSat - BigInt(feeSat)) / BigInt(fanOut + 1);
    if (value < 1_000n) return;
    const outputs = Array.from({ length: fanOut }, () => ({ script, value }));
    const transaction = spend([coin], { feeSat: BigInt(feeSat), outputs });
    try {
      this.chain.send(transaction);
    } catch (error) {
      if (error instanceof ChainRpcError) return;
      throw error;
    }
    for (let i = 0; i <= fanOut; i++) this.#spendable.push(output(transaction, i, this.chain.miner));
  }
}

describe('whatever happens to a chain', () => {
  it('its coins are worth what its blocks made, its mempool fits the next block, and its log says it all', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
        const run = new Run();
        for (const next of steps) run.take(next);
        const { chain, records } = run;
        const { state, mempool } = chain.chain;

        const coinsSat = [...state.coins.values()].reduce((sum, { amountSat }) => sum + amountSat, 0n);
        let subsidiesSat = 0n;
        for (let height = 1; height <= chain.height; height++) subsidiesSat += blockSubsidySat(height);
        expect(coinsSat).toBe(subsidiesSat);

        const replayed = new TestChain({}, records, chain.clock);
        expect(replayed.tip).toBe(chain.tip);
        expect(new Set(replayed.chain.state.coins.keys())).toEqual(new Set(state.coins.keys()));

        expect(mempool.bytes).toBeLessThanOrEqual(MAX_MEMPOOL_BYTES);
        // A chain that has never seen these transactions takes the block that is made of them.
        chain.mine();
        expect(replayed.call('submitblock', chain.blockHex(chain.height))).toBe(null);
        expect(replayed.tip).toBe(chain.tip);
      }),
      { numRuns: 30 },
    );
  });
});
