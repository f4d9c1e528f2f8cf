import { Transaction } from 'bitcoinjs-lib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bitcoind } from '../harness/bitcoind.ts';
import { Seeded } from '../harness/seeded.ts';
import { judge, someCase } from './cases.ts';
import type { TestChannel } from './channel.ts';
import { type Coin, type Plan, amountIn, amountOut, coinOf, signed } from './plan.ts';
import { SEED } from './size.ts';
import { World } from './world.ts';

/** The smallest limit that bitcoind takes, in megabytes of its memory. */
const LIMIT_MB = 5;
const MIN_RELAY_BTC = 0.00001;

describe.skipIf(bitcoind === undefined)('with a full mempool, the embedded chain and bitcoind', () => {
  let world: World;
  let channels: { channel: TestChannel; funding: Coin }[];
  let floorSatPerKvb: bigint;

  beforeAll(async () => {
    world = await World.start(new Seeded(`${SEED}/full`), 200, { args: [`-maxmempool=${LIMIT_MB}`] });
    channels = await world.openChannels(12);
    floorSatPerKvb = await fill(world);
  }, 300_000);

  afterAll(async () => {
    await world.pair.stop();
  });

  it('ask more than the relay fee, and evict what pays least', async () => {
    const { pair } = world;
    expect(floorSatPerKvb).toBeGreaterThan(1_000n);
    await pair.compareState('full');
    await pair.same('floor', 'getmempoolinfo');
    pair.expectSame(SEED);
  });

  it('judge the same what pays about the floor', { timeout: 120_000 }, async () => {
    const { pair, random } = world;
    const plans = Array.from({ length: 25 }, () =>
      world.paying('about the floor', [], [random.pick(world.purse)], [], someFeerate()),
    );
    await judge(world, plans.map((plan) => someCase(world, plan)));
    pair.expectSame(SEED);
  });

  it('take the same commitments with what their anchors pay', { timeout: 120_000 }, async () => {
    const { pair } = world;
    let taken = 0;
    let refused = 0;
    for (const [i, { channel, funding }] of channels.entries()) {
      const { plan, claims } = channel.commitment(funding, pair.height);
      const anchor = claims.find(({ label }) => label.includes('anchor by its owner'));
      if (anchor === undefined) continue;
      const commitment = signed(plan);
      // What the child must pay for both, and a little less or more.
      const short = (floorSatPerKvb * BigInt(commitment.virtualSize())) / 1_000n - feeOf(plan);
      const draft = world.paying('anchor', [anchor], [world.takeCoin()], [], floorSatPerKvb);
      const last = draft.outputs.at(-1)!;
      const more = short + ([-2_000n, -200n, 0n, 200n, 2_000n][i % 5] ?? 0n);
      const child = signed({ ...draft, outputs: [{ ...last, value: last.value - more }] });
      await pair.same('commitment alone', 'sendrawtransaction', commitment.toHex(), 0);
      await pair.same('commitment with its child', 'testmempoolaccept', [commitment.toHex(), child.toHex()], 0);
      await pair.same('commitment with its child', 'submitpackage', [commitment.toHex(), child.toHex()], 0);
      await pair.compareState('commitments');
      if (pair.chain.mempool.get(child.getId()) === undefined) refused++;
      else taken++;
    }
    expect(Math.min(taken, refused)).toBeGreaterThan(0);
    pair.expectSame(SEED);
  });

  it('lower the floor again after blocks', { timeout: 120_000 }, async () => {
    const { pair } = world;
    while (pair.chain.mempool.size > 0) await world.mine();
    pair.expectSame(SEED);
    let floor = 1;
    for (let hour = 0; floor > MIN_RELAY_BTC; hour++) {
      await pair.advance(3_600);
      await pair.same(`after ${hour} hours`, 'getmempoolinfo');
      const [embedded] = await pair.ask('getmempoolinfo', []);
      floor = 'result' in embedded ? (embedded.result as { mempoolminfee: number }).mempoolminfee : 0;
      expect(hour).toBeLessThan(100);
    }
    pair.expectSame(SEED);
  });

  function someFeerate(): bigint {
    return floorSatPerKvb + world.random.pick([-1_000n, -10n, -1n, 0n, 1n, 10n, 1_000n]);
  }
});

/**
 * Fills bitcoind's mempool above its limit, and gives the embedded chain the same: the transactions that stayed, and
 * the floor that they left. (What its own limit counts is bytes, not memory.) Returns the floor.
 */
async function fill(world: World): Promise<bigint> {
  const { pair, miner } = world;
  const outputs = Array.from({ length: 3_000 }, () => ({ script: miner.script, value: 300n }));
  for (let i = 0; i < 50; i++) {
    const plan = world.paying(`filler ${i}`, [], [world.takeCoin()], outputs, 1_500n + BigInt(i) * 37n);
    await pair.bitcoind.call('sendrawtransaction', [signed(plan).toHex(), 0]).catch(() => {});
  }
  const kept = (await pair.bitcoind.call('getrawmempool', [])) as string[];
  for (const txid of kept) {
    const hex = (await pair.bitcoind.call('getrawtransaction', [txid])) as string;
    await pair.embedded.call('sendrawtransaction', [hex, 0]);
    const transaction = Transaction.fromHex(hex);
    world.unconfirmed.push(coinOf(transaction, transaction.outs.length - 1));
  }
  const { mempoolminfee } = (await pair.bitcoind.call('getmempoolinfo')) as { mempoolminfee: number };
  await pair.embedded.call('setmockfees', [mempoolminfee]);
  return BigInt(Math.round(mempoolminfee * 1e8));
}

function feeOf({ inputs, outputs }: Plan): bigint {
  return amountIn(inputs) - amountOut(outputs);
}
