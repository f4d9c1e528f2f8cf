import { opcodes } from 'bitcoinjs-lib';
import { concat } from 'uint8arrays';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { p2wsh } from '../../machines/commitment/scripts.ts';
import { bitcoind } from '../harness/bitcoind.ts';
import { Seeded } from '../harness/seeded.ts';
import { type Coin, type InputPlan, type Output, coinOf, signed } from './plan.ts';
import { CASES, SEED } from './size.ts';
import { World } from './world.ts';

/** What bitcoind allows to hang together unconfirmed, and to be replaced at once. */
const LIMIT = 25;

describe.skipIf(bitcoind === undefined)('the embedded chain and bitcoind', () => {
  let world: World;

  beforeAll(async () => {
    world = await World.start(new Seeded(`${SEED}/policy`), 400);
  }, 120_000);

  afterAll(async () => {
    await world.pair.stop();
  });

  it('let the same chains of unconfirmed transactions grow', { timeout: 120_000 }, async () => {
    const chain = await grown(world, world.takeCoin(), LIMIT + 2);
    // A child of any of them, and one of two chains.
    for (const coin of chain) await judged(world, 'child in a chain', [coin]);
    const other = await grown(world, world.takeCoin(), 12);
    await judged(world, 'child of two chains', [chain.at(12)!, other.at(11)!]);
    await world.pair.compareState('chains');
    await world.mine();
    world.pair.expectSame(SEED);
  });

  it('let the same number of children hang on one parent, with the carve-out', { timeout: 120_000 }, async () => {
    const { pair, miner } = world;
    const outputs = Array.from({ length: 40 }, () => ({ script: miner.script, value: 50_000n }));
    const parent = signed(world.paying('wide', [], [world.takeCoin()], outputs, 5_000n));
    await world.send(parent);
    for (let i = 0; i < LIMIT + 2; i++) {
      const child = signed(world.paying(`child ${i}`, [], [coinOf(parent, i)], [], 2_000n));
      await world.send(child, `child ${i} of one parent`);
      // One more in a row is not the parent's child alone.
      if (i % 8 === 7) await judged(world, 'grandchild', [coinOf(child, 0)]);
    }
    await judged(world, 'child of two parents beyond the limit', [coinOf(parent, 30), world.takeCoin()]);
    // A replacement of a child takes its place.
    await judged(world, 'replaced child', [coinOf(parent, 0)], 10_000n);
    await pair.compareState('wide');
    await world.mine();
    pair.expectSame(SEED);
  });

  it('limit the size of what hangs together', { timeout: 120_000 }, async () => {
    const { pair, miner } = world;
    let coin = world.takeCoin();
    for (const count of [600, 900, 900, 600, 100, 30]) {
      const outputs = Array.from({ length: count }, () => ({ script: miner.script, value: 1_000n }));
      const plan = world.paying(`${count} outputs`, [], [coin], outputs, 1_100n);
      await pair.same(plan.label, 'testmempoolaccept', [signed(plan).toHex()], 0);
      if (await world.send(signed(plan), plan.label)) coin = coinOf(signed(plan), count);
    }
    await judged(world, 'child of large ones', [coin]);
    const huge = world.paying('huge', [], [world.takeCoin()], manyOutputs(world, 3_220), 1_100n);
    await judgedPlan(world, signed(huge).toHex(), 'too large');
    await pair.compareState('sizes');
    await world.mine();
    pair.expectSame(SEED);
  });

  it('replace at most a hundred', { timeout: 120_000 }, async () => {
    const { pair } = world;
    const heads: Coin[] = [];
    for (let i = 0; i < 5; i++) {
      const head = world.takeCoin();
      heads.push(head);
      await grown(world, head, 21 - (i % 2));
      await judged(world, `replacement of ${i + 1} chains`, heads, 60_000n);
    }
    await pair.compareState('many');
    await world.mine();
    pair.expectSame(SEED);
  });

  it('judge the same packages', { timeout: 300_000 }, async () => {
    const { pair, random } = world;
    for (let round = 0; round < CASES / 25; round++) {
      await packages(world);
      await pair.compareState(`packages ${round}`);
      if (pair.differences.length > 0) break;
      if (random.chance(25)) await world.mine();
    }
    pair.expectSame(SEED);
  });

  it('take and refuse the same kinds of script', { timeout: 120_000 }, async () => {
    const { pair, random, miner } = world;
    const keyed = (script: Uint8Array, ...items: Uint8Array[]): [Uint8Array, (coin: Coin) => InputPlan] => [
      p2wsh(script),
      (coin) => ({ coin, sequence: 0xfffffffd, scriptCode: script, witness: () => [...items, script] }),
    ];
    const big = concat([new Uint8Array(3_700).fill(opcodes.OP_NOP), Uint8Array.of(opcodes.OP_1)]);
    const sigops = concat([
      Uint8Array.of(opcodes.OP_0, opcodes.OP_IF),
      new Uint8Array(3_000).fill(opcodes.OP_CHECKSIG),
      Uint8Array.of(opcodes.OP_ENDIF, opcodes.OP_1),
    ]);
    const bare = (script: Uint8Array, ...witness: Uint8Array[]): [Uint8Array, (coin: Coin) => InputPlan] => [
      script,
      (coin) => ({ coin, sequence: 0, scriptCode: script, witness: () => witness }),
    ];
    const anchor = Uint8Array.of(0x51, 2, 0x4e, 0x73);
    const kinds: [Uint8Array, (coin: Coin) => InputPlan][] = [
      keyed(Uint8Array.of(opcodes.OP_1)),
      keyed(Uint8Array.of(opcodes.OP_1, opcodes.OP_1)),
      keyed(Uint8Array.of(opcodes.OP_0)),
      keyed(Uint8Array.of(opcodes.OP_DROP, opcodes.OP_1), random.bytes(80)),
      keyed(Uint8Array.of(opcodes.OP_DROP, opcodes.OP_1), random.bytes(81)),
      keyed(Uint8Array.of(opcodes.OP_DROP, opcodes.OP_1), random.bytes(520)),
      keyed(Uint8Array.of(opcodes.OP_DROP, opcodes.OP_1), random.bytes(521)),
      keyed(Uint8Array.of(opcodes.OP_NOP4, opcodes.OP_1)),
      keyed(Uint8Array.of(1, 1)),
      keyed(Uint8Array.of(opcodes.OP_RETURN)),
      keyed(Uint8Array.of(opcodes.OP_VER)),
      keyed(Uint8Array.of(0x50, opcodes.OP_1)),
      keyed(Uint8Array.of(opcodes.OP_CODESEPARATOR, opcodes.OP_1)),
      keyed(big),
      keyed(sigops),
      keyed(new Uint8Array(10_001).fill(opcodes.OP_NOP)),
      // An anchor that anyone can spend, and a version that nobody knows yet.
      bare(anchor),
      bare(anchor, Uint8Array.of(1)),
      bare(Uint8Array.of(0x52, 2, 1, 2)),
      bare(Uint8Array.of(0x51, 3, 1, 2, 3)),
      bare(Uint8Array.of(opcodes.OP_1)),
    ];
    const outputs = kinds.map(([script]): Output => ({ script, value: 100_000n }));
    const funding = signed(world.paying('kinds', [], [world.takeCoin()], outputs, 10_000n));
    await pair.advance(600);
    await pair.same('kinds', 'sendrawtransaction', funding.toHex(), 0, '21000000');
    await pair.same('kinds', 'generateblock', world.minerAddress, [funding.toHex()], false);
    const made = await pair.embedded.call('generateblock', [world.minerAddress, [funding.toHex()]]);
    const { hash } = made as { hash: string };
    await pair.bitcoind.call('submitblock', [await pair.embedded.call('getblock', [hash, 0])]);
    for (const [i, [, input]] of kinds.entries()) {
      const plan = world.plan(`kind ${i}`, [input(coinOf(funding, i))], [{ script: miner.script, value: 50_000n }]);
      await judgedPlan(world, signed(plan).toHex(), plan.label);
      const withCoin = { ...plan, inputs: [...plan.inputs, miner.input(world.takeCoin())] };
      await judgedPlan(world, signed(withCoin).toHex(), plan.label);
    }
    await pair.compareState('kinds');
    pair.expectSame(SEED);
  });
});

/** A chain of transactions, each spending the one before; the outputs of all of them, as far as they were taken. */
async function grown(world: World, head: Coin, length: number): Promise<Coin[]> {
  const { miner } = world;
  const coins: Coin[] = [];
  let coin = head;
  for (let i = 0; i < length; i++) {
    const side = { script: miner.script, value: 10_000n };
    const transaction = signed(world.paying(`link ${i}`, [], [coin], [side], 2_000n));
    if (await world.send(transaction, `link ${i}`)) {
      coins.push(coinOf(transaction, 0));
      coin = coinOf(transaction, 1);
    }
  }
  return coins;
}

async function judged(world: World, label: string, coins: readonly Coin[], feerate?: bigint): Promise<void> {
  await judgedPlan(world, signed(world.paying(label, [], coins, [], feerate)).toHex(), label);
}

async function judgedPlan({ pair, minerAddress }: World, hex: string, label: string): Promise<void> {
  await pair.same(label, 'testmempoolaccept', [hex], 0);
  await pair.same(`${label} (in a block)`, 'generateblock', minerAddress, [hex], false);
}

function manyOutputs({ miner }: World, count: number): Output[] {
  return Array.from({ length: count }, () => ({ script: miner.script, value: 500n }));
}

/** Parents and a child in all orders, with fees that only together may be enough, also against what is there. */
async function packages(world: World): Promise<void> {
  const { pair, random } = world;
  const count = random.pick([1, 1, 1, 2, 3]);
  const feerates = [0n, 500n, 999n, 1_000n, 1_001n, 2_000n, 20_000n];
  const parents = Array.from({ length: count }, (_, i) => {
    const others = random.chance(30) ? world.unconfirmed : random.chance(20) ? world.purse : [];
    const coins = [others.length > 0 ? random.pick(others) : world.takeCoin()];
    const outputs = Array.from({ length: 2 }, () => ({ script: world.miner.script, value: 20_000n }));
    return world.paying(`parent ${i}`, [], coins, outputs, random.pick(feerates));
  });
  // Of one parent there may be another version in the mempool already.
  if (random.chance(40)) {
    const { inputs, outputs, label } = parents[0]!;
    const [first, ...others] = outputs;
    const rival = [{ ...first!, value: first!.value - BigInt(random.between(0, 1_500)) }, ...others];
    const plan = world.plan(`rival of ${label}`, inputs, rival);
    if ((await world.sendPlan(plan)) && random.chance(50)) {
      let coin = coinOf(signed(plan), 0);
      for (let i = 0; i < random.pick([1, 1, 2]); i++) {
        const below = world.paying('child of a rival', [], [coin], [], 1_000n + BigInt(random.between(0, 9_000)));
        await world.sendPlan(below);
        coin = random.chance(50) ? coinOf(signed(below), 0) : coinOf(signed(plan), 1);
      }
    }
  }
  const hexes = parents.map((parent) => signed(parent));
  const spent = hexes.map((parent) => coinOf(parent, random.between(0, 2)));
  if (random.chance(20)) spent.push(random.pick(world.purse));
  if (random.chance(10) && world.unconfirmed.length > 0) spent.push(random.pick(world.unconfirmed));
  const child = signed(world.paying('child', [], spent, [], random.pick([...feerates, 5_000n, 50_000n])));
  let all = [...hexes.map((parent) => parent.toHex()), child.toHex()];
  if (random.chance(12)) all = random.shuffled(all);
  if (random.chance(5)) all.push(random.pick(all));
  if (random.chance(5)) all = all.slice(1);
  if (random.chance(5)) await pair.same('package of one', 'testmempoolaccept', [child.toHex()], 0);
  if (random.chance(20)) await pair.same('parent first', 'sendrawtransaction', all[0], 0);
  await pair.same('package', 'testmempoolaccept', all, 0);
  await pair.same('package', 'submitpackage', all, 0);
  if (random.chance(10)) await pair.same('package again', 'submitpackage', all, 0);
  for (const parent of [...hexes, child]) {
    const isThere = pair.chain.mempool.get(parent.getId()) !== undefined;
    if (isThere) world.unconfirmed.push(coinOf(parent, parent.outs.length - 1));
  }
  world.keepWhatIsThere();
}
