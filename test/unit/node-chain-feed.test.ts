import { Transaction } from 'bitcoinjs-lib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeJson } from '../../protocols/json.ts';
import { scidFromParts } from '../../protocols/gossip/short-channel-id.ts';
import { embeddedRpc } from '../../src/chain/embedded/in-process.ts';
import { RpcChain } from '../../src/chain/rpc-chain.ts';
import { ChainFollower } from '../../src/node/chain-follower.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { TestChain, spend } from './chain-kit.ts';
import { benches, benchWith, Bench, hashAt, idOf, Remote } from './node-bench.ts';

beforeEach(() => void (benches.length = 0));
afterEach(() => {
  for (const { releaseFailures, discarded } of benches) expect([...releaseFailures, ...discarded]).toEqual([]);
});

const typesSent = (bench: Bench, from: number): string[] =>
  bench.left.slice(from).map((each) => (typeof each === 'string' ? each : each.message.type));

/** As a coinbase stands in each block. */
const coinbase = new Transaction();
const at = (blockHeight: number): bigint => scidFromParts({ blockHeight, transactionIndex: 1, outputIndex: 0 });

describe.each(['without a restart', 'restarted after each block'])('a funding, %s', (name) => {
  const isRestarted = name !== 'without a restart';

  /** A bench and a channel that waits for its funding; `block` and `unblock` may put a new process on the disk. */
  function setUp() {
    let bench = benchWith('alice');
    const alice = new Remote(bench);
    alice.reachConfirming();
    const after = (): void => {
      if (isRestarted) bench = bench.restarted();
    };
    return {
      alice,
      get bench() {
        return bench;
      },
      get channel() {
        return bench.channelOf('alice');
      },
      block: (...transactions: Transaction[]) => (bench.block({ transactions: [coinbase, ...transactions] }), after()),
      unblock: () => (bench.unblock(), after()),
      run: (blocks: number) => {
        for (let i = 0; i < blocks; i++) bench.block();
        after();
      },
    };
  }

  it('is deep when it has as many confirmations as were asked for', () => {
    const node = setUp();
    node.block();
    expect(node.channel.data.confirmation).toBeUndefined();
    node.block(node.alice.funding);
    expect(node.channel.data.confirmation).toMatchObject({ depth: 1, blockHeight: 102, transactionIndex: 1 });
    expect(node.channel.data.localReady).toBe(false);
    const left = node.bench.left.length;
    node.block();
    expect(node.channel.data).toMatchObject({ localReady: true, shortChannelId: at(102) });
    if (!isRestarted) expect(typesSent(node.bench, left)).toEqual(['channel_ready']);
  });

  it('is counted no further than anybody asks', () => {
    const node = setUp();
    node.block(node.alice.funding);
    node.run(5);
    expect(node.channel.data.confirmation).toMatchObject({ depth: 6 });
    const entries = node.bench.count('journal');
    node.run(20);
    expect(node.bench.count('journal')).toBe(entries + (isRestarted ? 1 : 0));
  });

  it('that a reorg takes out before channel_ready is looked for again, and stands where it is found', () => {
    const node = setUp();
    node.block(node.alice.funding);
    node.unblock();
    expect(node.channel.data.confirmation).toBeUndefined();
    node.run(3);
    expect(node.channel.data.localReady).toBe(false);
    node.block(node.alice.funding);
    node.block();
    expect(node.channel.data).toMatchObject({ localReady: true, shortChannelId: at(104) });
  });

  it('that a reorg takes out after channel_ready leaves the channel as it is, and moves its short channel id', () => {
    const node = setUp();
    node.alice.confirm();
    expect(node.channel.lifecycle).toBe('normal');
    node.unblock();
    node.unblock();
    expect(node.channel.lifecycle).toBe('normal');
    expect(node.channel.data.confirmation).toBeUndefined();
    node.block();
    node.block(node.alice.funding);
    expect(node.channel.data).toMatchObject({ shortChannelId: at(102), confirmation: { depth: 1 } });
  });

  it('of another amount ends the channel, of which there never was anything', () => {
    const node = setUp();
    // A peer can name any transaction, here one that is meant for another channel.
    node.alice.funding.outs[0]!.value -= 1n;
    const other = new Remote(node.bench, { channelIndex: 1 });
    other.reachConfirming({ outpoint: { txid: node.alice.funding.getHash(), outputIndex: 0 } });
    const left = node.bench.left.length;
    const named = node.bench.channels.find(idOf('alice'), other.data.channelId!)!.index;
    node.block(node.alice.funding);
    expect(node.bench.channels.get(named)).toBeUndefined();
    const failure = { code: 'wrong_funding' };
    expect(node.bench.store.load(named)).toMatchObject({ value: { lifecycle: 'abandoned' }, data: { failure } });
    if (!isRestarted) expect(typesSent(node.bench, left)).toEqual([`release ${named}`, 'error']);
  });

  it('that did not come within 2016 blocks is forgotten, with its channel', () => {
    const node = setUp();
    node.run(2_015);
    expect(node.channel.lifecycle).toBe('confirming');
    node.block();
    expect([...node.bench.channels.all()]).toEqual([]);
    expect(node.bench.store.load(0)?.value.lifecycle).toBe('abandoned');
    expect(node.bench.left.some((each) => typeof each !== 'string' && each.message.type === 'error')).toBe(false);
  });

  it('that comes in the last of these blocks is not', () => {
    const node = setUp();
    node.run(2_015);
    node.block(node.alice.funding);
    node.block();
    expect(node.channel.data.localReady).toBe(true);
  });

  it('that never came is forgotten even if the channel failed or closed meanwhile', () => {
    const failed = setUp();
    const { channelId } = failed.alice.data;
    failed.bench.receive('alice', { type: 'error', channelId: channelId!, data: new Uint8Array() });
    const closing = setUp();
    closing.alice.send({ type: 'close', scriptpubkey: undefined, feeratePerKw: 1_000 });
    closing.alice.settle();
    expect([failed.channel.lifecycle, closing.channel.lifecycle]).toEqual(['failed', 'closing']);
    for (const node of [failed, closing]) {
      node.run(2_015);
      expect([...node.bench.channels.all()]).toHaveLength(1);
      node.block();
      expect([...node.bench.channels.all()]).toEqual([]);
    }
  });

  it('that came after the channel had failed keeps it from being forgotten', () => {
    const node = setUp();
    node.bench.receive('alice', { type: 'error', channelId: node.alice.data.channelId!, data: new Uint8Array() });
    node.block(node.alice.funding);
    node.run(2_100);
    expect(node.channel).toMatchObject({ lifecycle: 'failed', data: { confirmation: { depth: 6 } } });
  });

  it('that is spent by a mutual close ends the channel when that is buried, and not before', () => {
    const node = setUp();
    node.alice.confirm();
    node.alice.send({ type: 'close', scriptpubkey: undefined, feeratePerKw: 1_000 });
    node.alice.settle();
    const [closing] = node.bench.broadcasts;
    expect(node.channel.value.lifecycle).toEqual({ closing: 'mutual' });
    node.block(closing!);
    node.run(4);
    for (let i = 0; i < 5; i++) node.unblock();
    expect(node.channel.data.fundingSpend).toBeUndefined();
    node.block(closing!);
    node.run(98);
    expect(node.channel.lifecycle).toBe('closing');
    node.block();
    expect([...node.bench.channels.all()]).toEqual([]);
    expect(node.bench.store.load(0)?.value.lifecycle).toBe('closed');
  });

  it("that is spent by the peer's commitment, or by what nobody knows, is noted as such", () => {
    const node = setUp();
    node.alice.confirm();
    const stranger = new Transaction();
    stranger.addInput(node.alice.funding.getHash(), 0);
    stranger.addOutput(Uint8Array.of(0x51), 1_000n);
    node.block(stranger);
    expect(node.channel.value.lifecycle).toEqual({ closing: 'unknown' });
    expect(node.channel.data.fundingSpend?.blockHeight).toBe(103);
  });
});

describe('a peer that names the funding of another channel as its own', () => {
  it('does not keep that channel from hearing of it', () => {
    const bench = benchWith('alice', 'mallory');
    const alice = new Remote(bench);
    alice.reachConfirming();
    const outpoint = { txid: alice.funding.getHash(), outputIndex: 0 };
    const mallory = new Remote(bench, { name: 'mallory' });
    mallory.reachConfirming({ outpoint });
    alice.confirm();
    expect(bench.channelOf('alice').lifecycle).toBe('normal');
    expect(bench.channels.ofPeer(idOf('mallory'))).toEqual([]);
    const again = new Remote(bench, { name: 'mallory', channelIndex: 1 });
    again.reachConfirming({ outpoint });
    const theft = new Transaction();
    theft.addInput(outpoint.txid, 0);
    bench.block({ transactions: [coinbase, theft] });
    expect(bench.channelOf('alice').value.lifecycle).toEqual({ closing: 'unknown' });
    expect(bench.channels.ofPeer(idOf('mallory'))).toEqual([]);
  });

  it('cannot confuse two channels of its own that have one id', () => {
    const bench = benchWith('mallory');
    const first = new Remote(bench, { name: 'mallory' });
    first.reachConfirming();
    const second = new Remote(bench, { name: 'mallory', channelIndex: 1 });
    second.reachConfirming({ outpoint: { txid: first.funding.getHash(), outputIndex: 0 } });
    expect(bench.channels.ofPeer(idOf('mallory'))).toHaveLength(2);
    first.confirm();
    expect(bench.channels.ofPeer(idOf('mallory')).map(({ lifecycle }) => lifecycle)).toEqual(['normal']);
  });
});

describe('the place in the chain', () => {
  it('is written with what the block changed, or not at all', () => {
    const bench = benchWith('alice');
    const alice = new Remote(bench);
    alice.reachConfirming();
    bench.fate.beforeCommit = () => {
      throw new Error('the disk is on fire');
    };
    bench.block({ transactions: [coinbase, alice.funding] });
    expect(bench.discarded.splice(0).length).toBeGreaterThan(0);
    expect([bench.feed.tip, bench.wallet.tipHeight()]).toEqual([undefined, undefined]);
    expect(bench.channelOf('alice').data.confirmation).toBeUndefined();
    delete bench.fate.beforeCommit;
    bench.block({ height: 101, transactions: [coinbase, alice.funding] });
    expect(bench.feed.tip).toEqual({ height: 101, hash: hashAt(101) });
    expect(bench.wallet.tipHeight()).toBe(101);
    expect(bench.channelOf('alice').data.confirmation?.depth).toBe(1);
    expect(bench.restarted().feed.tip).toEqual({ height: 101, hash: hashAt(101) });
  });

  /** A follower of a real chain for a bench, until it is stopped. */
  async function follow(bench: Bench, chain: TestChain): Promise<{ stop: () => void; errors: unknown[] }> {
    const errors: unknown[] = [];
    const clock = new VirtualClock();
    const follower = new ChainFollower({
      chain: new RpcChain({ rpc: embeddedRpc(chain.chain), clock, pollIntervalMs: 100 }),
      dispatcher: bench.dispatcher,
      feed: bench.feed,
      onBlock: () => {},
      onBlockGone: () => {},
    onCurrent: () => {},
      onEnd: (error) => errors.push(error),
    });
    let isStarted = false;
    void follower.start().then(() => (isStarted = true), (error: unknown) => errors.push(error));
    const until = async (holds: () => boolean): Promise<void> => {
      for (let i = 0; i < 500 && !holds() && errors.length === 0; i++) {
        await clock.run({ untilMs: clock.now() + 100 });
        bench.turn();
      }
    };
    await until(() => isStarted);
    expect(isStarted || errors.length > 0).toBe(true);
    await until(() => bench.feed.tip?.hash === chain.tip);
    return { stop: () => follower.stop(), errors };
  }

  /** A chain, a bench that has followed it, and a deposit in the block before the last. */
  async function deposited() {
    const chain = TestChain.funded(1);
    const bench = new Bench();
    const { stop } = await follow(bench, chain);
    const { script } = bench.wallet.newAddress();
    const deposit = spend([chain.fund()], { outputs: [{ script, value: 1_000_000n }] });
    chain.send(deposit);
    chain.mine(2);
    const again = await follow(bench, chain);
    stop();
    again.stop();
    expect(bench.wallet.balance().confirmedSat).toBe(1_000_000n);
    return { chain, bench };
  }

  /** The disk as it is when the process dies right after `blocks` blocks of a reorg were taken off. */
  function takeOff(chain: TestChain, bench: Bench, blocks: number): void {
    for (let i = 0; i < blocks; i++) {
      const { height, hash } = bench.feed.tip!;
      const below = { height: height - 1, hash: chain.call('getblockhash', height - 1) as string };
      bench.run((turn) => bench.feed.handle({ type: 'blockDisconnected', block: { height, hash }, below }, turn));
    }
  }

  it('survives a crash in the midst of a reorg', async () => {
    const { chain, bench } = await deposited();
    takeOff(chain, bench, 2);
    expect(bench.wallet.balance().confirmedSat).toBe(0n);
    chain.call('invalidateblock', chain.call('getblockhash', chain.height - 1));
    chain.mine(4);
    const next = bench.restarted();
    const { stop, errors } = await follow(next, chain);
    stop();
    expect(errors).toEqual([]);
    expect(next.feed.tip).toEqual({ height: chain.height, hash: chain.tip });
    expect(next.wallet.balance().confirmedSat).toBe(1_000_000n);
  });

  it('survives a crash in the midst of a reorg that is taken back', async () => {
    const { chain, bench } = await deposited();
    takeOff(chain, bench, 2);
    const next = bench.restarted();
    const { stop, errors } = await follow(next, chain);
    stop();
    expect(errors).toEqual([]);
    expect(next.feed.tip).toEqual({ height: chain.height, hash: chain.tip });
    expect(next.wallet.balance().confirmedSat).toBe(1_000_000n);
  });

  it('is found again in a chain that is shorter than it was', async () => {
    const { chain, bench } = await deposited();
    chain.call('invalidateblock', chain.tip);
    const next = bench.restarted();
    const { stop, errors } = await follow(next, chain);
    stop();
    expect(errors).toEqual([]);
    expect(next.feed.tip).toEqual({ height: chain.height, hash: chain.tip });
    expect(encodeJson(next.wallet.balance())).toBe(encodeJson({ ...next.wallet.balance(), confirmedSat: 1_000_000n }));
  });
});
