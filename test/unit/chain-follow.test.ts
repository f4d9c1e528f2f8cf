import { describe, expect, it } from 'vitest';
import type { BlockRef, ChainEvent, ChainRpc } from '../../src/chain/chain.ts';
import { embeddedRpc } from '../../src/chain/embedded/in-process.ts';
import {
  ChainRpcError,
  ChainUnavailableError,
  ReorgTooDeepError,
  UnknownBlockError,
} from '../../src/chain/errors.ts';
import { MAX_REORG_DEPTH } from '../../src/chain/follower.ts';
import { RpcChain } from '../../src/chain/rpc-chain.ts';
import { TestChain, spend } from './chain-kit.ts';

/** A follower of a test chain, with what it was told: "+104 hash" and "-104 hash". */
class Follower {
  readonly chain: TestChain;
  readonly told: string[] = [];
  readonly events: ChainEvent[] = [];
  readonly errors: Error[] = [];
  readonly problems: (Error | undefined)[] = [];
  /** What each call of the backend does instead, if anything. */
  intercept: (method: string, params: readonly unknown[]) => unknown = () => undefined;
  onEvent: (event: ChainEvent) => Promise<void> = async () => {};
  readonly stop: () => void;

  constructor(chain: TestChain, from: BlockRef | undefined) {
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
