import { describe, expect, it } from 'vitest';
import { bitcoind } from '../harness/bitcoind.ts';
import { Seeded } from '../harness/seeded.ts';
import { judge, someCase } from './cases.ts';
import { CASES, SEED } from './size.ts';
import { World } from './world.ts';
import { signed } from './plan.ts';

const CHANNELS_A_ROUND = 6;
const CASES_A_STEP = 60;
const STEPS_A_ROUND = 6;

describe.skipIf(bitcoind === undefined)('the embedded chain and bitcoind', () => {
  it('judge the transactions of channels and mutations of them the same', { timeout: 3_600_000 }, async () => {
    const world = await World.start(new Seeded(SEED), 2_000);
    try {
      let judged = 0;
      while (judged < CASES) judged += await round(world);
      world.pair.expectSame(SEED);
      expect(world.pair.compared).toBeGreaterThan(CASES);
    } finally {
      await world.pair.stop();
    }
  });
});

/** The life of some channels from funding to the last claim, with cases made of it before each block. */
async function round(world: World): Promise<number> {
  const { pair, random } = world;
  const channels = await world.openChannels(CHANNELS_A_ROUND);
  const ends = channels.map(({ channel, funding }) =>
    random.chance(20)
      ? { plan: channel.close(funding, BigInt(random.between(100, 2_000))), claims: [] }
      : channel.commitment(funding, pair.height + 4),
  );
  const first = Array.from({ length: CASES_A_STEP }, () => random.pick([...ends, ...channels]).plan);
  await judge(world, first.map((plan) => someCase(world, plan)));
  for (const { plan, claims } of ends) {
    const sent = await world.sendPlan(plan);
    const transaction = signed(plan);
    // A commitment without a fee of its own is taken by a miner.
    if (!sent) await mineAlone(world, transaction.toHex());
    world.claims.push(...claims);
  }
  for (let step = 0; step < STEPS_A_ROUND; step++) {
    const plans = Array.from({ length: CASES_A_STEP }, () => world.claimingOrReplacing(25));
    await judge(world, plans.map((plan) => someCase(world, plan)));
    for (let i = 0; i < 6; i++) {
      await world.sendPlan(world.claimingOrReplacing(30));
    }
    await pair.compareState(`step ${step}`);
    await world.mine();
    await pair.compareState(`step ${step} after a block`);
  }
  world.claims = random.shuffled(world.claims).slice(0, 40);
  return CASES_A_STEP * (STEPS_A_ROUND + 1);
}

async function mineAlone(world: World, hex: string): Promise<void> {
  const { pair, minerAddress } = world;
  await pair.advance(60);
  const { hash } = (await pair.embedded.call('generateblock', [minerAddress, [hex]])) as { hash: string };
  const block = await pair.embedded.call('getblock', [hash, 0]);
  const refusal = await pair.bitcoind.call('submitblock', [block]);
  expect(refusal).toBe(null);
}
