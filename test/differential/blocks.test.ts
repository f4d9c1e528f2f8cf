import type { Transaction } from 'bitcoinjs-lib';
import { concat, toString } from 'uint8arrays';
import { describe, expect, it } from 'vitest';
import type { BlockNode } from '../../src/chain/embedded/block-node.ts';
import { bitcoind } from '../harness/bitcoind.ts';
import { Seeded } from '../harness/seeded.ts';
import { blockMutations, draftBlock, finishBlock } from './block-maker.ts';
import { someCase } from './cases.ts';
import { mutatedBytes } from './mutations.ts';
import { type Plan, amountIn, amountOut, signed } from './plan.ts';
import { CASES, SEED } from './size.ts';
import { World, secondsOf } from './world.ts';

describe.skipIf(bitcoind === undefined)('the embedded chain and bitcoind', () => {
  it('take and refuse the same blocks', { timeout: 3_600_000 }, async () => {
    const world = await World.start(new Seeded(`${SEED}/blocks`), 1_000);
    try {
      for (let done = 0; done < CASES / 10; done++) {
        if (done % 60 === 0) await refill(world);
        await oneBlock(world);
        if (done % 10 === 0) await world.pair.compareState(`block ${done}`);
      }
      world.pair.expectSame(SEED);
      expect(world.pair.height).toBeGreaterThan(120);
    } finally {
      await world.pair.stop();
    }
  });
});

/** New channels with their commitments on the chain: claims for the blocks to come. */
async function refill(world: World): Promise<void> {
  world.claims = [];
  const { pair } = world;
  for (const { channel, funding } of await world.openChannels(8)) {
    const { plan, claims } = channel.commitment(funding, pair.height + 4);
    await submit(world, finishBlock(draft(world, pair.chain.state.tip, [plan])).toBuffer(), 'a commitment');
    world.claims.push(...claims);
  }
}

/** A block of some claims, right or with something wrong in it, on the tip or a block before it. */
async function oneBlock(world: World): Promise<void> {
  const { random, pair } = world;
  await pair.advance(random.between(1, 900));
  if (random.chance(30)) await world.sendPlan(world.claiming());
  const { tip } = pair.chain.state;
  const parent = random.chance(12) ? (tip.previous ?? tip) : tip;
  const plans = independent(Array.from({ length: random.between(0, 4) }, () => world.claiming()));
  const chosen = draft(world, parent, plans);
  let label = `a block of ${plans.map((plan) => plan.label).join('; ')}`;
  if (random.chance(25) && plans.length > 0) {
    // Something wrong in one of its transactions.
    const wrong = someCase(world, random.pick(plans));
    if (wrong.transaction !== undefined) {
      chosen.transactions[random.between(0, plans.length - 1)] = wrong.transaction;
      label += `, with ${wrong.label}`;
    }
  } else if (random.chance(60)) {
    // The largest blocks take a second each.
    const mutations = Object.entries(blockMutations).filter(([name]) => !name.startsWith('too') || random.chance(15));
    const [name, mutation] = random.pick(mutations);
    mutation(chosen, random);
    label += `, ${name}`;
  }
  let bytes = finishBlock(chosen).toBuffer();
  if (random.chance(8)) {
    // Anywhere, or in the header.
    const size = random.chance(50) ? bytes.length : 80;
    bytes = concat([mutatedBytes(bytes.subarray(0, size), random), bytes.subarray(size)]);
    label += ', bytes';
  }
  const before = pair.chain.state.tip;
  await submit(world, bytes, label);
  if (random.chance(20)) await submit(world, bytes, `${label}, again`);
  if (pair.chain.state.tip !== before) for (const plan of plans) learn(world, plan, signed(plan));
  world.keepWhatIsThere();
}

function learn(world: World, plan: Plan, transaction: Transaction): void {
  world.claims.push(...secondsOf(plan, transaction));
}

function draft(world: World, parent: BlockNode, plans: readonly Plan[]) {
  const { miner, pair, random } = world;
  const earnedSat = plans.reduce((sum, { inputs, outputs }) => sum + amountIn(inputs) - amountOut(outputs), 0n);
  const feesSat = earnedSat < 0n ? 0n : earnedSat;
  const options = { timeS: pair.nowS, script: miner.script, feesSat, extra: random.between(0, 0xffffff) };
  return draftBlock(parent, plans.map(signed), options);
}

/** Those that do not spend what one before them spends. */
function independent(plans: readonly Plan[]): Plan[] {
  const spent = new Set<string>();
  return plans.filter(({ inputs }) => {
    const keys = inputs.map(({ coin }) => `${coin.txid}:${coin.index}`);
    if (keys.some((key) => spent.has(key))) return false;
    for (const key of keys) spent.add(key);
    return true;
  });
}

async function submit({ pair }: World, block: Uint8Array, label: string): Promise<void> {
  const before = pair.differences.length;
  await pair.same(label, 'submitblock', toString(block, 'base16'));
  await pair.same(label, 'getbestblockhash');
  // From two chains nothing more is to be learned.
  if (pair.differences.length > before) pair.expectSame(SEED);
}
