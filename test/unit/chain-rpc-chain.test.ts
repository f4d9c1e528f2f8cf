import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { btcToSat, satToBtc } from '../../src/chain/amounts.ts';
import type { ChainRpc } from '../../src/chain/chain.ts';
import { embeddedRpc } from '../../src/chain/embedded/in-process.ts';
import {
  BroadcastRejectedError,
  ChainAnswerError,
  ChainRpcError,
  ChainUnavailableError,
  FeeEstimateUnavailableError,
} from '../../src/chain/errors.ts';
import { RpcChain, type RpcChainOptions } from '../../src/chain/rpc-chain.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { Key, TestChain, output, spend } from './chain-kit.ts';

function over(chain: TestChain): RpcChain {
  return new RpcChain({ rpc: embeddedRpc(chain.chain), clock: chain.clock });
}

/** A chain whose backend answers what it is told to. */
function answering(answers: Record<string, unknown>, options: Partial<RpcChainOptions> = {}): RpcChain {
  const rpc: ChainRpc = {
    async call(method) {
      const answer = answers[method];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return new RpcChain({ rpc, clock: new VirtualClock(), ...options });
}

function someTransaction() {
  return spend([{ txid: 'ab'.repeat(32), index: 0, amountSat: 10_000n, key: new Key(1) }]);
}

describe('amounts', () => {
  it('survive the way through JSON, all of them', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2_100_000_000_000_000n }), (amountSat) => {
        expect(btcToSat(JSON.parse(JSON.stringify(satToBtc(amountSat))) as number)).toBe(amountSat);
      }),
      { numRuns: 2_000 },
    );
    expect(btcToSat(-0.5)).toBe(-50_000_000n);
    expect(satToBtc(-1n)).toBe(-1e-8);
    for (const wrong of [NaN, Infinity, 1e-9, 0.123456789, 1e15]) {
      expect(btcToSat(wrong), String(wrong)).toBe(undefined);
    }
  });
});

describe('the chain over a backend', () => {
  it('knows its network and tip', async () => {
    const chain = TestChain.funded();
    expect(await over(chain).network()).toBe('regtest');
    expect(await over(chain).tip()).toEqual({ height: 103, hash: chain.tip });
  });

  it('finds the unspent output at a place in the chain', async () => {
    const chain = TestChain.funded();
    const other = new Key(9);
    const transaction = spend([chain.fund()], { outputs: [{ script: other.script, value: 12_345_678n }] });
    chain.send(transaction);
    chain.mine(3);
    const node = over(chain);
    expect(await node.outputAt(104, 1, 0)).toEqual({
      txid: transaction.getId(),
      amountSat: 12_345_678n,
      script: other.script,
      confirmations: 3,
    });
    expect((await node.outputAt(104, 1, 1))!.amountSat).toBe(transaction.outs[1]!.value);
    const nothing = [[104, 1, 2], [104, 2, 0], [107, 0, 0], [0, 0, 0], [16_777_215, 0, 0]] as const;
    for (const [height, index, out] of nothing) {
      expect(await node.outputAt(height, index, out), `${height}:${index}:${out}`).toBe(undefined);
    }
    const later = spend([output(transaction, 0, other)]);
    chain.send(later);
    // Spent in the mempool only is still unspent on the chain.
    expect(await node.outputAt(104, 1, 0)).toBeDefined();
    chain.mine();
    expect(await node.outputAt(104, 1, 0)).toBe(undefined);
  });

  it('does not mix up two blocks at one height', async () => {
    const chain = TestChain.funded();
    const node = over(chain);
    const first = await node.outputAt(103, 0, 0);
    chain.call('invalidateblock', chain.tip);
    chain.mine();
    const second = await node.outputAt(103, 0, 0);
    expect(second!.txid).not.toBe(first!.txid);
  });

  it('broadcasts, and calls what the chain has already a success', async () => {
    const chain = TestChain.funded();
    const node = over(chain);
    const transaction = spend([chain.fund()]);
    await node.broadcast(transaction);
    await node.broadcast(transaction);
    expect(chain.mempool).toEqual([transaction.getId()]);
    chain.mine();
    await node.broadcast(transaction);
    const child = spend([output(transaction, 0, chain.miner)]);
    await node.broadcast(child);
    chain.mine();
    // Nothing of it is unspent any more.
    await node.broadcast(transaction);
  });

  it("says why the backend refuses a transaction", async () => {
    const chain = TestChain.funded();
    const node = over(chain);
    const coin = chain.fund();
    await expect(node.broadcast(spend([coin], { feeSat: 0n }))).rejects.toMatchObject({
      code: 'broadcast_rejected',
      reason: expect.stringContaining('min relay fee not met'),
    });
    const missing = spend([{ ...coin, index: 3 }]);
    await expect(node.broadcast(missing)).rejects.toMatchObject({
      reason: 'bad-txns-inputs-missingorspent',
      txid: missing.getId(),
    });
    await expect(node.broadcast(missing)).rejects.toBeInstanceOf(BroadcastRejectedError);
  });

  it('brings a parent in by what its child pays, and what is there already counts as taken', async () => {
    const chain = TestChain.funded(8, { maxMempoolBytes: 12_000 });
    const node = over(chain);
    await node.submitPackage([]);
    const filler = { script: new Key(9).script, value: 1_000n };
    const bulky = (feeSat: bigint) =>
      spend([chain.fund()], { feeSat, outputs: Array.from({ length: 100 }, () => filler) });
    for (const feeSat of [20_000n, 20_001n, 20_002n, 20_003n]) chain.send(bulky(feeSat));
    const parent = bulky(4_000n);
    const child = spend([output(parent, 100, chain.miner)], { feeSat: 60_000n });
    await expect(node.broadcast(parent)).rejects.toBeInstanceOf(BroadcastRejectedError);
    await node.submitPackage([parent, child]);
    await node.submitPackage([parent, child]);
    expect(chain.mempool).toEqual(expect.arrayContaining([parent.getId(), child.getId()]));

    chain.mine();
    await node.submitPackage([parent, child]);
    const alone = spend([chain.fund()], { feeSat: 100_000n });
    await node.submitPackage([alone]);
    chain.mine();
    const next = spend([output(alone, 0, chain.miner)], { feeSat: 100_000n });
    await node.submitPackage([alone, next]);
    expect(chain.mempool).toEqual([next.getId()]);
    chain.mine();
    await node.submitPackage([alone, next]);
  });

  it('says which transaction of a package is refused, and why', async () => {
    const chain = TestChain.funded(6);
    const node = over(chain);
    const parent = spend([chain.fund()], { feeSat: 0n });
    const poor = spend([output(parent, 0, chain.miner)], { feeSat: 1n });
    await expect(node.submitPackage([parent, poor])).rejects.toMatchObject({
      code: 'broadcast_rejected',
      txid: parent.getId(),
      reason: expect.stringContaining('min relay fee not met'),
    });
    const good = spend([chain.fund()]);
    const bad = spend([output(good, 0, new Key(9))]);
    await expect(node.submitPackage([good, bad])).rejects.toMatchObject({ txid: bad.getId() });
    expect(chain.mempool).toEqual([good.getId()]);
    const strangers = [spend([chain.fund()]), spend([chain.fund()])];
    await expect(node.submitPackage(strangers)).rejects.toMatchObject({
      code: 'broadcast_rejected',
      reason: expect.stringContaining('topology'),
    });
    const other = spend([chain.fund()]);
    const orphan = spend([output(other, 0, chain.miner), output(strangers[0]!, 0, chain.miner)]);
    await expect(node.submitPackage([other, orphan])).rejects.toMatchObject({
      reason: 'package-not-child-with-unconfirmed-parents',
    });
  });

  it('passes on that the backend is away', async () => {
    const away = new ChainUnavailableError('away');
    const node = answering({ sendrawtransaction: away, getblockchaininfo: away });
    await expect(node.broadcast(someTransaction())).rejects.toBeInstanceOf(ChainUnavailableError);
    await expect(node.tip()).rejects.toBeInstanceOf(ChainUnavailableError);
  });

  it.each(['txn-already-in-mempool', 'txn-already-known, because'])('takes -26 %s for a success', async (message) => {
    const node = answering({ sendrawtransaction: new ChainRpcError(-26, message) });
    await node.broadcast(someTransaction());
  });

  it('turns BTC per kvB into satoshi per kw, within bounds', async () => {
    const rate = (feerate: number | undefined, mempoolminfee = 0.00001, options: Partial<RpcChainOptions> = {}) =>
      answering(
        {
          estimatesmartfee: { feerate, blocks: 6 },
          getmempoolinfo: { mempoolminfee },
          getblockchaininfo: { chain: 'main', blocks: 1, bestblockhash: 'ab'.repeat(32) },
        },
        options,
      ).feeratePerKw(6);
    expect(await rate(0.0001)).toBe(2_500);
    expect(await rate(0.00010001)).toBe(2_501);
    expect(await rate(0.00001)).toBe(253);
    expect(await rate(0.00002, 0.0003)).toBe(7_500);
    expect(await rate(1.5)).toBe(250_000);
    expect(await rate(1.5, 0.00001, { maxFeeratePerKw: 10_000 })).toBe(10_000);
    expect(await rate(1.5, 0.00001, { maxFeeratePerKw: 100 })).toBe(253);
    await expect(rate(undefined)).rejects.toBeInstanceOf(FeeEstimateUnavailableError);
    expect(await rate(undefined, 0.00001, { fallbackFeeratePerKw: 5_000 })).toBe(5_000);
    await expect(rate(0.000000001)).rejects.toBeInstanceOf(ChainAnswerError);
  });

  it('has a fallback on regtest, where there are no estimates', async () => {
    expect(await over(TestChain.funded()).feeratePerKw(6)).toBe(1_000);
  });

  it('does not believe answers of another shape', async () => {
    const bad: [string, unknown, (node: RpcChain) => Promise<unknown>][] = [
      ['getblockchaininfo', 'regtest', (node) => node.network()],
      ['getblockchaininfo', { chain: 'regtest', blocks: -1, bestblockhash: 'ab'.repeat(32) }, (node) => node.tip()],
      ['getblockchaininfo', { chain: 'regtest', blocks: 1, bestblockhash: 'AB' }, (node) => node.tip()],
      ['getblockhash', 5, (node) => node.outputAt(1, 1, 1)],
      ['estimatesmartfee', null, (node) => node.feeratePerKw(1)],
    ];
    for (const [method, answer, ask] of bad) {
      await expect(ask(answering({ [method]: answer })), method).rejects.toBeInstanceOf(ChainAnswerError);
    }
    const outputs: unknown[] = [
      { confirmations: 1, value: 0.1, scriptPubKey: { hex: 'zz' } },
      { confirmations: -1, value: 0.1, scriptPubKey: { hex: '00' } },
      { confirmations: 1, value: -0.1, scriptPubKey: { hex: '00' } },
      { confirmations: 1, value: '0.1', scriptPubKey: { hex: '00' } },
      { confirmations: 1, value: 0.1 },
    ];
    for (const gettxout of outputs) {
      const node = answering({ getblockhash: 'ab'.repeat(32), getblock: { tx: ['cd'.repeat(32)] }, gettxout });
      await expect(node.outputAt(1, 0, 0), JSON.stringify(gettxout)).rejects.toBeInstanceOf(ChainAnswerError);
    }
  });
});
