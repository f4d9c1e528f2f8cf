import { describe, expect, it } from 'vitest';
import type { BlockRef, ChainEvent, ChainRpc } from '../../src/chain/chain.ts';
import { embeddedRpc } from '../../src/chain/embedded/in-process.ts';
import {
  BlockPrunedError,
  ChainBehindError,
  ChainRpcError,
  ChainUnavailableError,
  ReorgTooDeepError,
  UnknownBlockError,
} from '../../src/chain/errors.ts';
import { MAX_REORG_DEPTH } from '../../src/chain/follower.ts';
import { RpcChain, type RpcChainOptions } from '../../src/chain/rpc-chain.ts';
import { TestChain, spend } from './chain-kit.ts';

/** A follower of a test chain, with what it was told: "+104 hash" and "-104 hash". */
class Follower {
  readonly chain: TestChain;
  readonly told: string[] = [];
  readonly events: ChainEvent[] = [];
  readonly errors: Error[] = [];
  /** The chain's height each time that it was said that all is told. */
  readonly caughtUpAt: number[] = [];
  readonly problems: (Error | undefined)[] = [];
  /** What each call of the backend does instead, if anything. */
  intercept: (method: string, params: readonly unknown[]) => unknown = () => undefined;
  onEvent: (event: ChainEvent) => Promise<void> = async () => {};
  readonly stop: () => void;

  constructor(chain: TestChain, from: BlockRef | undefined, options: Partial<RpcChainOptions> = {}) {
    this.chain = chain;
    const backend = embeddedRpc(chain.chain);
    const rpc: ChainRpc = {
      call: async (method, params = []) => this.intercept(method, params) ?? (await backend.call(method, params)),
    };
    const follower = new RpcChain({
      rpc,
      clock: chain.clock,
      pollIntervalMs: 500,
      onAvailability: (problem) => this.problems.push(problem),
      ...options,
    });
    this.stop = follower.follow(
      from,
      async (event) => {
        const { height, hash } = event.block;
        this.told.push(`${event.type === 'blockConnected' ? '+' : '-'}${height} ${hash}`);
        this.events.push(event);
        await this.onEvent(event);
      },
      (error) => this.errors.push(error),
      () => this.caughtUpAt.push(this.chain.height),
    );
  }

  /** Lets `ms` of virtual time pass. */
  async wait(ms = 500): Promise<string[]> {
    await this.chain.clock.run({ untilMs: this.chain.clock.now() + ms });
    return this.told.splice(0);
  }
}

function connected(chain: TestChain, from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `+${from + i} ${chain.call('getblockhash', from + i)}`);
}

function tip(chain: TestChain): BlockRef {
  return { height: chain.height, hash: chain.tip };
}

describe('following the chain', () => {
  it('tells of each block with its transactions, from the tip on', async () => {
    const chain = TestChain.funded();
    const follower = new Follower(chain, undefined);
    expect(await follower.wait()).toEqual([]);
    const transaction = spend([chain.fund()]);
    chain.send(transaction);
    chain.mine(2);
    expect(await follower.wait()).toEqual(connected(chain, 104, 105));
    const [event] = follower.events;
    if (event?.type !== 'blockConnected') throw new Error('expected a block');
    expect(event.block.previousHash).toBe(chain.call('getblockhash', 103));
    expect(event.block.transactions[1]!.getId()).toBe(transaction.getId());
    expect(event.block.transactions[1]!.toHex()).toBe(transaction.toHex());
    expect(await follower.wait(5_000)).toEqual([]);
    expect(follower.errors).toEqual([]);
  });

  it('catches up from a block that was seen before, however far back', async () => {
    const chain = new TestChain();
    const from = tip(chain);
    chain.mine(300);
    const follower = new Follower(chain, from);
    expect(await follower.wait(0)).toEqual(connected(chain, 1, 300));
    expect(follower.caughtUpAt).toEqual([300]);
  });

  it('polls no more often than it was told to', async () => {
    const chain = new TestChain();
    const follower = new Follower(chain, undefined);
    await follower.wait(0);
    let calls = 0;
    follower.intercept = () => void calls++;
    await follower.wait(10_000);
    expect(calls).toBe(20);
    expect(chain.clock.pending).toBe(1);
  });

  it('tells of a reorg from the tip down and then up', async () => {
    const chain = TestChain.funded();
    const follower = new Follower(chain, tip(chain));
    chain.mine(3);
    const old = connected(chain, 104, 106);
    expect(await follower.wait()).toEqual(old);
    chain.call('invalidateblock', chain.call('getblockhash', 105));
    chain.mine(4);
    expect(await follower.wait()).toEqual([
      old[2]!.replace('+', '-'),
      old[1]!.replace('+', '-'),
      ...connected(chain, 105, 108),
    ]);
  });

  it('tells of blocks that only went, and of the old ones coming back', async () => {
    const chain = TestChain.funded();
    const follower = new Follower(chain, tip(chain));
    chain.mine(2);
    const [, second] = await follower.wait();
    const hash = chain.tip;
    chain.call('invalidateblock', hash);
    expect(await follower.wait()).toEqual([second!.replace('+', '-')]);
    chain.call('reconsiderblock', hash);
    expect(await follower.wait()).toEqual([second]);
  });

  it('starts with the way back if its last block has left the chain meanwhile', async () => {
    const chain = TestChain.funded();
    chain.mine(2);
    const from = tip(chain);
    const left = connected(chain, 104, 105).map((line) => line.replace('+', '-'));
    chain.call('invalidateblock', chain.call('getblockhash', 104));
    chain.mine(1);
    const follower = new Follower(chain, from);
    expect(await follower.wait()).toEqual([left[1], left[0], ...connected(chain, 104, 104)]);
  });

  it('copes with a reorg in the middle of catching up', async () => {
    const chain = TestChain.funded();
    const follower = new Follower(chain, tip(chain));
    const hashes = chain.mine(4);
    follower.onEvent = async ({ type, block }) => {
      if (type !== 'blockConnected' || block.height !== 106) return;
      follower.onEvent = async () => {};
      chain.call('invalidateblock', hashes[1]);
      chain.mine(3);
    };
    expect(await follower.wait()).toEqual([
      `+104 ${hashes[0]}`,
      `+105 ${hashes[1]}`,
      `+106 ${hashes[2]}`,
      `-106 ${hashes[2]}`,
      `-105 ${hashes[1]}`,
      ...connected(chain, 105, 107),
    ]);
  });

  it('gives one event at a time', async () => {
    const chain = TestChain.funded();
    const follower = new Follower(chain, tip(chain));
    let open = 0;
    follower.onEvent = () => {
      open++;
      expect(open).toBe(1);
      return new Promise((resolve) => {
        chain.clock.setTimer(300, () => {
          open--;
          resolve();
        });
      });
    };
    chain.mine(3);
    expect((await follower.wait(900)).length).toBe(2);
    expect((await follower.wait(1_000)).length).toBe(1);
  });

  it('ends, with a reason, on a block that the backend has never seen', async () => {
    const chain = TestChain.funded();
    const follower = new Follower(chain, { height: 7, hash: 'ab'.repeat(32) });
    expect(await follower.wait(10_000)).toEqual([]);
    expect(follower.errors).toEqual([expect.any(UnknownBlockError)]);
    expect(follower.errors[0]!.message).toMatch(/abab.*height 7/);
    expect(chain.clock.pending).toBe(0);
  });

  it('undoes a reorg of 144 blocks, and refuses a deeper one without telling anything', async () => {
    const chain = TestChain.funded(1);
    chain.mine(MAX_REORG_DEPTH + 1);
    const deepest = chain.call('getblockhash', chain.height - MAX_REORG_DEPTH + 1);
    const from = tip(chain);
    chain.call('invalidateblock', deepest);
    const follower = new Follower(chain, from);
    expect((await follower.wait(0)).length).toBe(MAX_REORG_DEPTH);
    follower.stop();

    chain.call('invalidateblock', chain.tip);
    const refused = new Follower(chain, from);
    expect(await refused.wait(10_000)).toEqual([]);
    expect(refused.errors).toEqual([expect.any(ReorgTooDeepError)]);
  });

  it('ends with the reason when an event cannot be handled', async () => {
    const chain = TestChain.funded();
    const follower = new Follower(chain, tip(chain));
    follower.onEvent = async () => {
      throw new Error('disk full');
    };
    chain.mine(2);
    expect((await follower.wait(10_000)).length).toBe(1);
    expect(follower.errors.map(({ message }) => message)).toEqual(['disk full']);
  });

  it('waits longer and longer for a backend that is away, and goes on where it stopped', async () => {
    const chain = TestChain.funded();
    const follower = new Follower(chain, tip(chain));
    await follower.wait();
    let calls = 0;
    follower.intercept = () => {
      calls++;
      throw new ChainUnavailableError('it is away');
    };
    chain.mine(2);
    await follower.wait(60_000);
    expect(calls).toBeLessThan(9);
    follower.intercept = () => undefined;
    expect(await follower.wait(30_000)).toEqual(connected(chain, 104, 105));
    expect(follower.problems).toEqual([expect.any(ChainUnavailableError), undefined]);
    expect(follower.errors).toEqual([]);
    chain.mine();
    expect((await follower.wait(500)).length).toBe(1);
  });

  it('takes up after a failure between two blocks without telling one twice', async () => {
    const chain = TestChain.funded();
    const follower = new Follower(chain, tip(chain));
    let blocks = 0;
    follower.intercept = (method) => {
      if (method !== 'getblock') return undefined;
      blocks++;
      if (blocks === 2) throw new ChainRpcError(-1, 'Block not available');
      return undefined;
    };
    chain.mine(3);
    expect(await follower.wait(500)).toEqual(connected(chain, 104, 104));
    expect(await follower.wait(2_000)).toEqual(connected(chain, 105, 106));
  });

  it.each([
    ['bytes that are no block', () => '00'],
    ['another block', (chain: TestChain) => chain.call('getblock', chain.call('getblockhash', 5), 0)],
    ['other transactions', (chain: TestChain) => {
      const hex: string = chain.call('getblock', chain.tip, 0);
      return hex.replace(/00000000$/, '01000000');
    }],
    ['no hex', () => 'xyz'],
    ['no text', () => 17],
  ])('does not believe %s', async (_, lie) => {
    const chain = TestChain.funded();
    const follower = new Follower(chain, tip(chain));
    chain.mine();
    follower.intercept = (method) => (method === 'getblock' ? lie(chain) : undefined);
    expect(await follower.wait(5_000)).toEqual([]);
    expect(follower.problems.length).toBe(1);
    follower.intercept = () => undefined;
    expect((await follower.wait(30_000)).length).toBe(1);
  });

  it('says nothing more once stopped', async () => {
    const chain = TestChain.funded();
    const follower = new Follower(chain, tip(chain));
    follower.onEvent = async () => follower.stop();
    chain.mine(3);
    expect((await follower.wait(10_000)).length).toBe(1);
    expect(chain.clock.pending).toBe(0);
    expect(follower.errors).toEqual([]);
  });
});

describe('a backend that lacks blocks', () => {
  it('which it has pruned is told of, with the height, and not asked for ever', async () => {
    const chain = TestChain.funded();
    const follower = new Follower(chain, { height: 50, hash: chain.call('getblockhash', 50) });
    follower.intercept = (method) => {
      if (method === 'getblock') throw new ChainRpcError(-1, 'Block not available (pruned data)');
    };
    expect(await follower.wait(10_000)).toEqual([]);
    expect(follower.errors).toEqual([expect.any(BlockPrunedError)]);
    expect(follower.errors[0]!.message).toMatch(/pruned block 51 .*-prune=0 -reindex/);
    expect(chain.clock.pending).toBe(0);
  });

  it('since it works through them once more is waited for, and nothing is taken back', async () => {
    const chain = TestChain.funded();
    const seen = tip(chain);
    const follower = new Follower(chain, seen);
    await follower.wait();
    const info = chain.call('getblockchaininfo');
    const header = chain.call('getblockheader', seen.hash);
    // At first the header is unknown, then known but not on the chain that has been worked through.
    let known = false;
    let blocks = 3;
    follower.intercept = (method, [hash]) => {
      if (method === 'getbestblockhash') return chain.call('getblockhash', blocks);
      if (method === 'getblockchaininfo') return { ...info, blocks, headers: blocks, initialblockdownload: true };
      if (method !== 'getblockheader' || hash !== seen.hash) return undefined;
      if (!known) throw new ChainRpcError(-5, 'Block not found');
      return { ...header, confirmations: -1, nextblockhash: undefined };
    };
    const caughtUp = follower.caughtUpAt.length;
    expect(await follower.wait(20_000)).toEqual([]);
    known = true;
    blocks = 90;
    expect(await follower.wait(60_000)).toEqual([]);
    expect(follower.caughtUpAt.length).toBe(caughtUp);
    expect(follower.problems).toEqual([expect.any(ChainBehindError)]);
    expect(follower.problems[0]!.message).toMatch(/at block 3, and this node has seen block 103/);
    follower.intercept = () => undefined;
    chain.mine();
    expect(await follower.wait(30_000)).toEqual(connected(chain, 104, 104));
    expect(follower.problems.at(-1)).toBe(undefined);
    expect(follower.errors).toEqual([]);
  });

  it('since a crash took them is waited for, as long as it has fewer than were seen', async () => {
    const chain = TestChain.funded();
    const lost = { height: 105, hash: 'ab'.repeat(32) };
    const follower = new Follower(chain, lost);
    expect(await follower.wait(60_000)).toEqual([]);
    expect(follower.problems).toEqual([expect.any(ChainBehindError)]);
    chain.mine(2);
    await follower.wait(30_000);
    expect(follower.errors).toEqual([expect.any(UnknownBlockError)]);
  });
});

describe('notices of blocks', () => {
  const noticed = (chain: TestChain, pollIntervalMs = 500) => {
    const hand = { onBlock: (): void => {}, onListening: (isListening: boolean): unknown => isListening, ended: 0 };
    const follower = new Follower(chain, tip(chain), {
      pollIntervalMs,
      notices: (onBlock, onListening) => {
        Object.assign(hand, { onBlock, onListening });
        return () => (hand.ended += 1);
      },
    });
    let calls = 0;
    follower.intercept = (method) => void (method === 'getbestblockhash' && calls++);
    return { hand, follower, calls: () => calls };
  };

  it('wake the follower at once, which asks rarely by itself while it hears them', async () => {
    const chain = TestChain.funded();
    const { hand, follower, calls } = noticed(chain);
    await follower.wait(10_000);
    expect(calls()).toBeGreaterThan(19);
    hand.onListening(true);
    await follower.wait(0);
    const before = calls();
    await follower.wait(300_000);
    expect(calls() - before).toBe(10);
    chain.mine();
    hand.onBlock();
    expect(await follower.wait(0)).toEqual(connected(chain, 104, 104));
    // A notice that was lost loses no block.
    chain.mine();
    expect(await follower.wait(30_000)).toEqual(connected(chain, 105, 105));
    hand.onListening(false);
    chain.mine();
    expect(await follower.wait(500)).toEqual(connected(chain, 106, 106));
    follower.stop();
    expect(hand.ended).toBe(1);
    expect(chain.clock.pending).toBe(0);
    hand.onBlock();
    await follower.wait(10_000);
    expect(chain.clock.pending).toBe(0);
  });

  it('that come while a block is handled are not lost, and do not run into it', async () => {
    const chain = TestChain.funded();
    const { hand, follower } = noticed(chain, 3_600_000);
    await follower.wait(0);
    let open = 0;
    follower.onEvent = async () => {
      open += 1;
      expect(open).toBe(1);
      if (chain.height < 106) chain.mine();
      hand.onBlock();
      hand.onBlock();
      await Promise.resolve();
      open -= 1;
    };
    chain.mine();
    hand.onBlock();
    expect(await follower.wait(0)).toEqual(connected(chain, 104, 106));
    expect(chain.clock.pending).toBe(1);
  });

  it('do not shorten a poll interval that was chosen to be long', async () => {
    const chain = TestChain.funded();
    const { hand, follower, calls } = noticed(chain, 600_000);
    hand.onListening(true);
    await follower.wait(0);
    const before = calls();
    await follower.wait(1_200_000);
    expect(calls() - before).toBe(2);
  });
});
