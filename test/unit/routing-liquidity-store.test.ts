import { describe, expect, it } from 'vitest';
import { Liquidity, probabilityOf } from '../../src/routing/liquidity.ts';
import { LiquidityStore } from '../../src/routing/liquidity-store.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { nodeNamed } from '../harness/graph.ts';

const edge = { shortChannelId: 2n ** 63n + 5n, direction: 1 } as const;

function setUp() {
  const clock = new VirtualClock(1e12);
  const database = openDatabase({ path: ':memory:' });
  /** A node that starts on what an earlier one has left. */
  const start = (maxEntries = 100) => {
    const liquidity = new Liquidity(clock, { maxEntries });
    const store = new LiquidityStore({ database, clock, onStorageError: ({ message }) => expect.fail(message) });
    store.attach(liquidity);
    return { liquidity, store };
  };
  return { clock, start };
}

describe('what was learned of the network', () => {
  it('is known after a restart as it was before, and fades meanwhile', () => {
    const { clock, start } = setUp();
    const before = start();
    before.liquidity.carried(edge, 400_000n);
    before.liquidity.lacked(edge, 700_000n);
    before.liquidity.failed({ ...edge, direction: 0 }, { permanent: true });
    before.liquidity.nodeFailed(nodeNamed('bob'));
    before.store.stop();
    const after = start();
    expect(new Set(after.liquidity.known())).toEqual(new Set(before.liquidity.known()));
    expect(probabilityOf(after.liquidity.estimate(after.liquidity.boundsOf(edge), 1_000_000), 550_000)).toBe(0.5);
    expect(after.liquidity.nodeProbability(nodeNamed('bob'))).toBe(0);
    clock.advance(6 * 3_600_000);
    expect(after.liquidity.nodeProbability(nodeNamed('bob'))).toBe(0.5);
  });

  it('is saved by itself some seconds later, the newest of each direction once', () => {
    const { clock, start } = setUp();
    const { liquidity } = start();
    for (let amount = 1n; amount <= 500n; amount++) liquidity.carried(edge, amount * 1000n);
    clock.advance(5_000);
    expect([...start().liquidity.known()]).toEqual([[edge, expect.objectContaining({ lower: 500_000 })]]);
  });

  it('is bounded: what is forgotten is forgotten on disk as well', () => {
    const { start } = setUp();
    const { liquidity, store } = start(3);
    for (let scid = 1n; scid <= 10n; scid++) liquidity.carried({ shortChannelId: scid, direction: 0 }, 5n);
    for (let i = 0; i < 10; i++) liquidity.nodeFailed(nodeNamed(`n${i}`));
    store.stop();
    const after = start().liquidity;
    expect([...after.known()].map(([{ shortChannelId }]) => shortChannelId)).toEqual([8n, 9n, 10n]);
    const names = Array.from({ length: 10 }, (_, i) => `n${i}`);
    expect(names.filter((name) => after.hasNodeFailed(nodeNamed(name)))).toEqual(['n7', 'n8', 'n9']);
  });
});
