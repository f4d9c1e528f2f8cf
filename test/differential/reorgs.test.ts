import { describe, expect, it } from 'vitest';
import type { BlockNode } from '../../src/chain/embedded/block-node.ts';
import { bitcoind } from '../harness/bitcoind.ts';
import { Seeded } from '../harness/seeded.ts';
import { draftBlock, finishBlock } from './block-maker.ts';
import { amountIn, amountOut, signed } from './plan.ts';
import { CASES, SEED } from './size.ts';
import { World } from './world.ts';

describe.skipIf(bitcoind === undefined)('the embedded chain and bitcoind', () => {
  it('follow the same branch through reorgs, with the same mempool', { timeout: 3_600_000 }, async () => {
    const world = await World.start(new Seeded(`${SEED}/reorgs`), 1_000);
    const { pair } = world;
    try {
      for (let done = 0; done < CASES / 30; done++) {
        await grow(world);
        await (world.random.chance(50) ? competingBranch(world) : invalidated(world));
        await pair.compareState(`reorg ${done}`);
        if (pair.differences.length > 0) pair.expectSame(SEED);
        world.keepWhatIsThere();
      }
      pair.expectSame(SEED);
      expect(pair.height).toBeGreaterThan(120);
    } finally {
      await pair.stop();
    }
  });
});

/** A few blocks with fundings, commitments and claims in them and in the mempool, some dependent on each other. */
async function grow(world: World): Promise<void> {
  const { random, pair } = world;
  for (const { channel, funding } of await world.openChannels(2)) {
    const { plan, claims } = channel.commitment(funding, pair.height + 3);
    if (await world.sendPlan(plan)) world.claims.push(...claims);
  }
  const blocks = random.between(1, 4);
  for (let i = 0; i < blocks; i++) {
    for (let k = 0; k < random.between(1, 6); k++) await someSend(world);
    if (random.chance(80)) await world.mine();
  }
  for (let k = 0; k < random.between(0, 6); k++) await someSend(world);
  world.claims = random.shuffled(world.claims).slice(0, 60);
  await pair.compareState('grown');
}

async function someSend(world: World): Promise<void> {
  const { random } = world;
  if (random.chance(25) && world.unconfirmed.length > 0) {
    await world.sendPlan(world.paying('child', [], [random.pick(world.unconfirmed)]));
  } else if (random.chance(10)) {
    // Valid only as long as the tip stands.
    const plan = world.paying('lock time', [], [random.pick(world.purse)]);
    await world.sendPlan({ ...plan, lockTime: world.pair.height });
  } else {
    await world.sendPlan(world.claimingOrReplacing(30));
  }
}

/** Blocks from some ancestor on, one more than there are, that hold other transactions or the same. */
async function competingBranch(world: World): Promise<void> {
  const { random, pair } = world;
  const depth = random.between(1, 7);
  let parent = ancestor(pair.chain.state.tip, depth);
  for (let i = 0; i <= depth; i++) {
    await pair.advance(random.between(1, 600));
    const block = finishBlock(draft(world, parent));
    await pair.same('a competing block', 'submitblock', block.toHex());
    const node = pair.chain.state.find(block.getId());
    if (node === undefined) return;
    parent = node;
  }
}

/** Now and then a transaction of the mempool or a conflicting one, as far as the branch can hold it. */
function draft(world: World, parent: BlockNode) {
  const { random, pair, miner } = world;
  const plans = [...world.sent.values()].map(({ plan }) => plan);
  const isOld = random.chance(30) && plans.length > 0;
  const plan = isOld ? random.pick(plans) : random.chance(40) ? world.claiming() : undefined;
  const feesSat = plan === undefined ? 0n : amountIn(plan.inputs) - amountOut(plan.outputs);
  const extra = random.between(0, 0xffffff);
  const options = { timeS: pair.nowS, script: miner.script, feesSat: feesSat < 0n ? 0n : feesSat, extra };
  return draftBlock(parent, plan === undefined ? [] : [signed(plan)], options);
}

/** Blocks taken back by hand, others mined, and perhaps the first ones given back. */
async function invalidated(world: World): Promise<void> {
  const { random, pair } = world;
  const node = ancestor(pair.chain.state.tip, random.between(0, 5));
  await pair.same('invalidate', 'invalidateblock', node.hash);
  await pair.compareState('invalidated');
  if (random.chance(60)) await world.mine(random.between(1, 3));
  await pair.compareState('mined instead');
  if (random.chance(60)) await pair.same('reconsider', 'reconsiderblock', node.hash);
  await pair.compareState('reconsidered');
}

function ancestor(node: BlockNode, depth: number): BlockNode {
  let found = node;
  // Not so deep that the coins of the whole test are gone.
  for (let i = 0; i < depth && found.height > 106; i++) found = found.previous ?? found;
  return found;
}
