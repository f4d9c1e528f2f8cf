/** The chain client, piece by piece, on a real bitcoind. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlockRef, ChainEvent } from '../../src/chain/chain.ts';
import { requireBackend } from '../../src/chain/backend.ts';
import { zmqBlockNotices } from '../../src/chain/block-notices.ts';
import {
  BroadcastRejectedError, ChainBehindError, ChainRpcError, ChainStartingError, ChainUnavailableError, UnknownBlockError,
} from '../../src/chain/errors.ts';
import { HttpChainRpc } from '../../src/chain/rpc.ts';
import { RpcChain, type RpcChainOptions } from '../../src/chain/rpc-chain.ts';
import { waitUntil } from '../../src/cluster/wait.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Bitcoind, bitcoind } from '../harness/bitcoind.ts';
import { Key, output, spend, type Spendable } from '../unit/chain-kit.ts';
import { Transaction } from 'bitcoinjs-lib';

const TIMEOUT_MS = 60_000;
const miner = new Key(1);

/** A follower with what it was told: "+104 hash" and "-104 hash". */
class Follower {
  readonly told: string[] = [];
  readonly errors: Error[] = [];
  readonly problems: (Error | undefined)[] = [];
  readonly notices: (string | undefined)[] = [];
  readonly stop: () => void;

  constructor(daemon: Bitcoind, from: BlockRef | undefined, options: Partial<RpcChainOptions> = {}) {
    const chain = new RpcChain({
      rpc: daemon.rpc,
      clock: systemClock,
      pollIntervalMs: 50,
      onAvailability: (problem) => this.problems.push(problem),
      ...options,
    });
    const onEvent = async ({ type, block }: ChainEvent): Promise<void> => {
      this.told.push(`${type === 'blockConnected' ? '+' : '-'}${block.height} ${block.hash}`);
    };
    this.stop = chain.follow(from, onEvent, (error) => this.errors.push(error));
  }

  async tells(...lines: readonly string[]): Promise<void> {
    await waitUntil(`it tells of ${lines.length} blocks`, TIMEOUT_MS, () =>
      this.told.length < lines.length && this.errors.length === 0 ? this.told.join(', ') : undefined,
    );
    expect(this.errors).toEqual([]);
    expect(this.told.splice(0)).toEqual(lines);
  }
}

describe.skipIf(bitcoind === undefined)('on a real bitcoind', () => {
  let daemon: Bitcoind;
  const coins: Spendable[] = [];
  const chain = (options: Partial<RpcChainOptions> = {}): RpcChain =>
    new RpcChain({ rpc: daemon.rpc, clock: systemClock, ...options });

  beforeAll(async () => {
    daemon = await Bitcoind.start({ zmq: true });
    for (const hash of await daemon.mine(20, miner.address)) {
      const block = (await daemon.rpc.call('getblock', [hash, 2])) as { tx: { hex: string }[] };
      coins.push(output(Transaction.fromHex(block.tx[0]!.hex), 0, miner));
    }
    await daemon.mine(100);
  }, TIMEOUT_MS);
  afterAll(() => daemon?.stop());

  it('the chain client finds many outputs at once', async () => {
    const node = chain();
    const places = Array.from({ length: 150 }, (_, i) => [i + 1, 0, i % 3] as const);
    const found = await Promise.all(places.map((place) => node.outputAt(...place)));
    for (const [i, output] of found.entries()) {
      const [height, , index] = places[i]!;
      const isThere = height <= 120 && index === 0;
      expect(output?.confirmations, `${height}:0:${index}`).toBe(isThere ? 120 - height + 1 : undefined);
    }
  });

  it('the chain client finds outputs, and has a feerate without estimates', async () => {
    const node = chain();
    expect(await node.network()).toBe('regtest');
    expect(await node.tip()).toEqual({ height: 120, hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(await node.outputAt(7, 0, 0)).toEqual({
      txid: coins[6]!.txid, amountSat: 5_000_000_000n, script: miner.script, confirmations: 114,
    });
    for (const [height, index, out] of [[7, 1, 0], [7, 0, 9], [121, 0, 0], [16_777_215, 0, 0]] as const) {
      expect(await node.outputAt(height, index, out)).toBe(undefined);
    }
    expect(await node.feeratePerKw(6)).toBe(1_000);
  });

  it('broadcasting is idempotent, in the mempool and in a block', async () => {
    const node = chain();
    const transaction = spend([coins.shift()!]);
    await node.broadcast(transaction);
    await node.broadcast(transaction);
    await daemon.mine();
    await node.broadcast(transaction);
    const rival = spend([coins.shift()!], { feeSat: 2_000n });
    await node.broadcast(rival);
    const poor = spend([coins[0]!], { feeSat: 0n });
    await expect(node.broadcast(poor)).rejects.toThrow(/min relay fee not met/);
    const missing = spend([{ ...coins[0]!, index: 3 }]);
    await expect(node.broadcast(missing)).rejects.toBeInstanceOf(BroadcastRejectedError);
  });

  it('a package is judged as one, and what is there already counts as taken', async () => {
    const node = chain();
    const parent = spend([coins.shift()!], { feeSat: 500n });
    const child = spend([output(parent, 0, miner)], { feeSat: 10_000n });
    await node.submitPackage([parent, child]);
    await node.submitPackage([parent, child]);
    expect(await daemon.rpc.call('getrawmempool')).toEqual(expect.arrayContaining([parent.getId(), child.getId()]));
    await daemon.mine();
    await node.submitPackage([parent, child]);

    const alone = spend([coins.shift()!]);
    await node.submitPackage([alone]);
    await daemon.mine();
    const next = spend([output(alone, 0, miner)]);
    await node.submitPackage([alone, next]);
    expect(await daemon.rpc.call('getrawmempool')).toEqual([next.getId()]);

    const good = spend([coins.shift()!]);
    const bad = spend([output(good, 0, new Key(9))]);
    await expect(node.submitPackage([good, bad])).rejects.toMatchObject({ txid: bad.getId() });
    const strangers = [spend([coins.shift()!]), spend([coins.shift()!])] as const;
    await expect(node.submitPackage(strangers)).rejects.toThrow(/topology/);
    const other = spend([coins.shift()!]);
    const orphan = spend([output(other, 0, miner), output(strangers[0], 0, miner)]);
    await expect(node.submitPackage([other, orphan])).rejects.toThrow(/package-not-child-with-unconfirmed-parents|missingorspent/);
    await daemon.mine();
  });

  it('a follower is woken by notices where there are any, and polls where they cease', async () => {
    const notices: (string | undefined)[] = [];
    const follower = new Follower(daemon, await daemon.tip(), {
      // Longer than the test: only a notice brings a block.
      pollIntervalMs: 10 * TIMEOUT_MS,
      notices: zmqBlockNotices({
        rpc: daemon.rpc, rpcHost: '127.0.0.1', clock: systemClock, onChange: (problem) => notices.push(problem),
      }),
    });
    try {
      await waitUntil('it listens', TIMEOUT_MS, () => (notices.length === 0 ? 'not yet' : undefined));
      expect(notices).toEqual([undefined]);
      const { height } = await daemon.tip();
      for (let i = 1; i <= 3; i++) {
        const [hash] = await daemon.mine();
        await follower.tells(`+${height + i} ${hash}`);
      }
      // The new start listens on the same port; the follower finds it by itself.
      await daemon.restart();
      await waitUntil('it listens again', TIMEOUT_MS, () => (notices.at(-1) === undefined && notices.length > 2 ? undefined : `${notices}`));
      expect(notices[1]).toMatch(/closed the connection/);
      const [hash] = await daemon.mine();
      await follower.tells(`+${height + 4} ${hash}`);
    } finally {
      follower.stop();
    }
  }, TIMEOUT_MS);

  it('a follower goes on through a reorg, a restart, and a crash that takes blocks with it', async () => {
    const follower = new Follower(daemon, await daemon.tip());
    try {
      const { height } = await daemon.tip();
      const [a, b] = await daemon.mine(2);
      await follower.tells(`+${height + 1} ${a}`, `+${height + 2} ${b}`);
      await daemon.rpc.call('invalidateblock', [a]);
      await follower.tells(`-${height + 2} ${b}`, `-${height + 1} ${a}`);
      const [c, d] = await daemon.mine(2, miner.address);
      await follower.tells(`+${height + 1} ${c}`, `+${height + 2} ${d}`);
      await daemon.halt();
      await waitUntil('it is away', TIMEOUT_MS, () => (follower.problems.length === 0 ? 'not yet' : undefined));
      expect(follower.problems[0]).toBeInstanceOf(ChainUnavailableError);
      await daemon.restart();
      const lost = await daemon.mine(3);
      await follower.tells(...lost.map((hash, i) => `+${height + 3 + i} ${hash}`));
      const blocks = await Promise.all(lost.map((hash) => daemon.rpc.call('getblock', [hash, 0])));

      await daemon.kill();
      await daemon.restart();
      // A bitcoind writes what it knows of blocks now and then only, and has its peers send again what it has lost.
      expect((await daemon.tip()).height).toBe(height + 2);
      await waitUntil('the follower waits', TIMEOUT_MS, () =>
        follower.problems.some((problem) => problem instanceof ChainBehindError) ? undefined : `${follower.problems}`,
      );
      for (const block of blocks) await daemon.rpc.call('submitblock', [block]);
      const [e] = await daemon.mine();
      await follower.tells(`+${height + 6} ${e}`);
      await waitUntil('it says that all is well', TIMEOUT_MS, () => follower.problems.at(-1)?.message);
    } finally {
      follower.stop();
    }
  }, TIMEOUT_MS);

  it('a follower waits while bitcoind reindexes, and takes nothing back for it', async () => {
    await daemon.mine(20);
    const before = await daemon.tip();
    const follower = new Follower(daemon, before);
    try {
      await daemon.restart('-reindex');
      await waitUntil('the index is whole', TIMEOUT_MS, async () => {
        const { height } = await daemon.tip();
        return height === before.height ? undefined : String(height);
      });
      const [hash] = await daemon.mine();
      await follower.tells(`+${before.height + 1} ${hash}`);
    } finally {
      follower.stop();
    }
  }, TIMEOUT_MS);

  it('a follower that comes from another chain says so', async () => {
    const follower = new Follower(daemon, { height: 5, hash: 'ab'.repeat(32) });
    await waitUntil('it ends', TIMEOUT_MS, () => (follower.errors.length === 0 ? 'not yet' : undefined));
    expect(follower.errors[0]).toBeInstanceOf(UnknownBlockError);
  });

  it('takes a password as well as the cookie, and says what is wrong with either', async () => {
    await daemon.halt();
    // Where a password is configured, there is no cookie.
    daemon.launch('-rpcuser=alice', '-rpcpassword=secret with blanks');
    const as = (credentials: { user: string; password: string } | { cookieFile: string }): Promise<unknown> => {
      const rpc = new HttpChainRpc({ host: '127.0.0.1', port: daemon.port, credentials });
      return rpc.call('getblockcount').finally(() => rpc.close());
    };
    try {
      await waitUntil('it answers', TIMEOUT_MS, () =>
        as({ user: 'alice', password: 'secret with blanks' }).then(() => undefined, (error: Error) => error.message),
      );
      await expect(as({ user: 'alice', password: 'wrong' })).rejects.toThrow(/user and password/);
    } finally {
      await daemon.restart();
    }
  }, TIMEOUT_MS);

  it('more calls at once than its queue holds wait here, or are said to be too many', async () => {
    await daemon.restart('-rpcworkqueue=1', '-rpcthreads=1');
    try {
      const settled = await Promise.allSettled(Array.from({ length: 60 }, () => daemon.rpc.call('getblockchaininfo')));
      for (const each of settled) {
        if (each.status === 'rejected') expect(each.reason).toBeInstanceOf(ChainUnavailableError);
      }
      expect(await daemon.rpc.call('getblockcount')).toBeGreaterThan(100);
    } finally {
      await daemon.restart();
    }
  }, TIMEOUT_MS);

  it('is waited for while it starts', async () => {
    await daemon.halt();
    daemon.launch('-checklevel=4', '-checkblocks=0');
    const seen: unknown[] = [];
    await waitUntil('it answers', TIMEOUT_MS, async () => {
      try {
        await daemon.rpc.call('getblockcount');
        return undefined;
      } catch (error) {
        seen.push(error);
        return String(error);
      }
    });
    expect(seen.every((error) => error instanceof ChainUnavailableError)).toBe(true);
    // The state in between is short on a small chain, but it is the very one that is answered with -28.
    for (const error of seen) if (error instanceof ChainStartingError) expect(error.message).toMatch(/still starting: /);
    await requireBackend({ rpc: daemon.rpc, clock: systemClock, network: 'regtest', onWaiting: () => {} });
  }, TIMEOUT_MS);

  it('errors carry its own codes', async () => {
    await expect(daemon.rpc.call('getblock', ['ab'.repeat(32)])).rejects.toMatchObject({ rpcCode: -5 });
    await expect(daemon.rpc.call('nonsense')).rejects.toMatchObject({ rpcCode: -32_601 });
    await expect(daemon.rpc.call('getblockhash', [1e6])).rejects.toBeInstanceOf(ChainRpcError);
  });
});
