import { describe, expect, it } from 'vitest';
import type { BlockRef, Chain, ChainEvent } from '../../src/chain/chain.ts';
import type { ChainFeed } from '../../src/node/chain-feed.ts';
import { ChainFollower } from '../../src/node/chain-follower.ts';
import type { Dispatcher } from '../../src/runtime/dispatcher.ts';
import type { Turn } from '../../src/runtime/turn.ts';
import { settled } from './node-kit.ts';

const at = (height: number): BlockRef => ({ height, hash: `block ${height}` });
const connected = (height: number): ChainEvent => ({
  type: 'blockConnected',
  block: { ...at(height), previousHash: at(height - 1).hash, transactions: [] },
});

/** A node that stopped at one height and starts at another; its blocks come when the test says so. */
function setUp(stoppedAt: number | undefined, tip: number) {
  const log: string[] = [];
  const handlers: { event: (event: ChainEvent) => Promise<void>; error: (error: Error) => void; caughtUp: () => void }[] = [];
  const chain: Pick<Chain, 'tip' | 'follow'> = {
    tip: async () => at(tip),
    follow(_from, event, error, caughtUp = () => {}) {
      handlers.push({ event, error, caughtUp });
      return () => {};
    },
  };
  const feed: Pick<ChainFeed, 'tip' | 'startAt' | 'handle'> = {
    tip: stoppedAt === undefined ? undefined : at(stoppedAt),
    startAt: (now) => {
      const from = stoppedAt === undefined ? now : at(stoppedAt);
      log.push(`from ${from.height}`);
      return from;
    },
    handle: (event) => void (event.type === 'blockConnected' && log.push(`block ${event.block.height}`)),
  };
  const follower = new ChainFollower({
    chain: chain as Chain,
    feed: feed as ChainFeed,
    dispatcher: { inTurn: async (work: (turn: Turn) => unknown) => work({} as Turn) } as Dispatcher,
    onBlock: () => {},
    onBlockGone: () => {},
    onCurrent: () => {},
    onEnd: (error) => log.push(`end: ${String(error)}`),
  });
  follower.start().then(
    () => log.push('started'),
    (error: unknown) => log.push(`failed: ${String(error)}`),
  );
  return {
    log,
    event: (event: ChainEvent) => handlers[0]?.event(event),
    caughtUp: () => handlers[0]?.caughtUp(),
    fail: (error: Error) => handlers[0]?.error(error),
  };
}

describe('a node that was away', () => {
  it('has not started before it knows the blocks that came meanwhile', async () => {
    const { log, event, caughtUp } = setUp(5, 7);
    await settled();
    await event(connected(6));
    await settled();
    expect(log).toEqual(['from 5', 'block 6']);
    await event(connected(7));
    await settled();
    expect(log).not.toContain('started');
    caughtUp();
    await settled();
    expect(log).toEqual(['from 5', 'block 6', 'block 7', 'started']);
  });

  it('waits for the chain that took the place of the one that it knew', async () => {
    const { log, event, caughtUp } = setUp(7, 8);
    await settled();
    await event({ type: 'blockDisconnected', block: at(7), below: at(6) });
    await event(connected(7));
    await settled();
    expect(log).not.toContain('started');
    await event(connected(8));
    caughtUp();
    await settled();
    expect(log.at(-1)).toBe('started');
    caughtUp();
    await settled();
    expect(log.filter((line) => line === 'started')).toHaveLength(1);
  });

  it('waits for a chain that has lost blocks which it knew', async () => {
    const { log, caughtUp } = setUp(9, 7);
    await settled();
    expect(log).toEqual(['from 9']);
    caughtUp();
    await settled();
    expect(log).toEqual(['from 9', 'started']);
  });

  it('does not start if the chain cannot be followed', async () => {
    const { log, fail } = setUp(5, 7);
    await settled();
    fail(new Error('unknown block'));
    await settled();
    expect(log.sort()).toEqual(['end: Error: unknown block', 'failed: Error: unknown block', 'from 5']);
  });
});

describe('a node that missed nothing', () => {
  it.each([[7], [undefined]])('starts at once, as soon as that is known (%s)', async (stoppedAt) => {
    const { log, caughtUp } = setUp(stoppedAt, 7);
    await settled();
    caughtUp();
    await settled();
    expect(log).toEqual(['from 7', 'started']);
  });
});
