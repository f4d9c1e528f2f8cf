import { Mesh } from '../harness/mesh.ts';
import type { MeshNode } from '../harness/mesh-node.ts';
import type { Seeded } from '../harness/seeded.ts';

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin'];
/** HTLCs that are out must not come near their expiry: what then happens on chain is another simulation's. */
const MOST_BLOCKS_UNDER_WAY = 8;
const SHAPES = ['line', 'star', 'ring', 'mesh'] as const;

type Pair = readonly [MeshNode, MeshNode];

/** What a scenario keeps in mind while it makes itself up. */
interface Story {
  readonly mesh: Mesh;
  readonly random: Seeded;
  readonly pairs: readonly Pair[];
  readonly cuts: Pair[];
  blocksLeft: number;
  closesLeft: number;
  opensLeft: number;
}

/** One thing that may happen, and how often it does compared with the others. */
interface Happening {
  readonly weight: number;
  readonly run: (story: Story) => unknown;
}

const happenings: readonly Happening[] = [
  { weight: 40, run: pay },
  { weight: 12, run: keysend },
  { weight: 12, run: probe },
  { weight: 8, run: (story) => Array.from({ length: 6 }, () => pay(story)) },
  { weight: 7, run: cut },
  { weight: 9, run: heal },
  { weight: 4, run: ({ mesh, random }) => random.pick(mesh.nodes).crash() },
  { weight: 20, run: ({ mesh, random }) => random.pick(mesh.nodes).crashAfter(random.between(1, 40)) },
  { weight: 8, run: crashUnderLoad },
  { weight: 8, run: failCommit },
  { weight: 2, run: ({ mesh, random }) => random.pick(mesh.nodes).stop() },
  { weight: 30, run: startSome },
  { weight: 5, run: mine },
  { weight: 5, run: changeFeerate },
  { weight: 5, run: changePolicy },
  { weight: 3, run: close },
  { weight: 3, run: open },
];

/** Makes up the life of a mesh from a seed, and brings it to rest. */
export async function play(seed: number): Promise<Mesh> {
  const names = NAMES.slice(0, new Sizes(seed).nodes);
  const mesh = await Mesh.create({ seed: `scenario ${seed}`, nodes: names, maxDelayMs: new Sizes(seed).maxDelayMs });
  const random = mesh.random.fork('scenario');
  const pairs = topology(mesh.nodes, random);
  const story: Story = { mesh, random, pairs, cuts: [], blocksLeft: MOST_BLOCKS_UNDER_WAY, closesLeft: 1, opensLeft: 2 };
  await setUp(story);
  const steps = random.between(15, 60);
  for (let step = 0; step < steps && mesh.problems.length === 0; step++) {
    await choose(story).run(story);
    // Mostly close together, sometimes long enough for everything to calm down.
    await mesh.runFor(random.chance(85) ? random.between(0, 300) : random.between(1_000, 20_000));
  }
  await mesh.settle();
  return mesh;
}

/** What must be known before there is a mesh. */
class Sizes {
  readonly nodes: number;
  readonly maxDelayMs: number;

  constructor(seed: number) {
    this.nodes = 2 + ((seed * 7) % 4);
    this.maxDelayMs = [2, 20, 200][seed % 3] ?? 20;
  }
}

async function setUp(story: Story): Promise<void> {
  const { mesh, random, pairs } = story;
  await mesh.outcome(Promise.all(pairs.map((pair) => openBetween(mesh, random, pair))));
  await mesh.mine(random.pick([1, 3, 6, 6, 6]));
  await mesh.runFor(random.between(0, 10_000));
}

function choose({ random }: Story): Happening {
  const all = happenings.reduce((total, { weight }) => total + weight, 0);
  let left = random.between(1, all);
  return happenings.find(({ weight }) => (left -= weight) <= 0) ?? happenings[0]!;
}

function topology(nodes: readonly MeshNode[], random: Seeded): Pair[] {
  const shape = random.pick(SHAPES);
  const pairs: Pair[] = [];
  for (const [i, a] of nodes.entries()) {
    for (const [j, b] of nodes.entries()) {
      if (j <= i) continue;
      const isIn = {
        line: j === i + 1,
        star: i === 0,
        ring: j === i + 1 || (i === 0 && j === nodes.length - 1),
        mesh: j === i + 1 || random.chance(40),
      }[shape];
      if (isIn) pairs.push(random.chance(50) ? [a, b] : [b, a]);
    }
  }
  return pairs;
}

function openBetween(mesh: Mesh, random: Seeded, [a, b]: Pair): Promise<void> {
  const amountSat = BigInt(random.between(100_000, 1_500_000));
  const pushMsat = random.chance(60) ? amountSat * BigInt(random.between(0, 500)) : 0n;
  return mesh.openChannel(a, b, amountSat, { pushMsat, announce: random.chance(90) });
}

/** Payments in both directions of a channel, in the midst of which one of its ends stops. */
function crashUnderLoad(story: Story): void {
  const { mesh, random, pairs } = story;
  const [a, b] = random.pick(pairs);
  for (let i = 0; i < 4; i++) {
    const amount = amountMsat(random);
    if (a.isUp && b.isUp) unattended(story, random.chance(50) ? mesh.pay(a, b, amount) : mesh.pay(b, a, amount));
  }
  random.pick([a, b]).crashAfter(random.between(3, 30));
}

function failCommit({ mesh, random }: Story): void {
  const failure = random.chance(30) ? 'storage_full' : 'storage_constraint';
  random.pick(mesh.nodes).failCommit(random.between(1, 20), failure);
}

function startSome({ mesh, random }: Story): void {
  for (const node of mesh.nodes) if (random.chance(60)) node.start();
}

/** Two different nodes, of which the one who acts is up. */
function twoOf({ mesh, random }: Story): Pair | undefined {
  const [a, b] = random.shuffled(mesh.nodes);
  return a?.isUp && b?.isUp ? [a, b] : undefined;
}

/** Mostly amounts that fit; now and then ones too small for an output, or more than there is. */
function amountMsat(random: Seeded): bigint {
  const digits = random.pick([1, 3, 5, 6, 6, 7, 7, 8, 8, 9]);
  return BigInt(random.between(1, 10 ** digits));
}

/** Nobody waits for what people ask for: their node may be gone before it answers. */
function unattended({ mesh }: Story, promise: Promise<unknown>): void {
  promise.catch((error: unknown) => mesh.trace(() => `it was refused: ${String(error)}`));
}

function pay(story: Story): void {
  const pair = twoOf(story);
  const amount = amountMsat(story.random);
  if (pair !== undefined) unattended(story, story.mesh.pay(...pair, amount));
}

function keysend(story: Story): void {
  const pair = twoOf(story);
  const amount = amountMsat(story.random);
  if (pair !== undefined) unattended(story, story.mesh.keysend(...pair, amount));
}

function probe(story: Story): void {
  const pair = twoOf(story);
  const amount = amountMsat(story.random);
  if (pair !== undefined) unattended(story, story.mesh.probe(...pair, amount, story.random.chance(50)));
}

function cut({ mesh, random, pairs, cuts }: Story): void {
  const pair = random.pick(pairs);
  cuts.push(pair);
  mesh.cut(...pair);
}

function heal({ mesh, random, cuts }: Story): void {
  if (cuts.length === 0) return;
  const [pair] = cuts.splice(random.between(0, cuts.length - 1), 1);
  if (pair !== undefined) mesh.heal(...pair);
}

function mine(story: Story): void {
  if (story.blocksLeft === 0) return;
  story.blocksLeft -= 1;
  story.mesh.trace(() => 'a block is mined');
  story.mesh.chain.mine(1);
}

function anyChannel({ mesh, random }: Story) {
  const node = random.pick(mesh.nodes);
  if (!node.isUp) return undefined;
  const channels = [...node.node.channels.all()];
  return channels.length === 0 ? undefined : { node, channel: random.pick(channels) };
}

function changeFeerate(story: Story): void {
  const chosen = anyChannel(story);
  const feeratePerKw = story.random.pick([253, 500, 1_000, 2_500, 5_000]);
  if (chosen === undefined) return;
  const { node, channel } = chosen;
  story.mesh.trace(() => `${node.name} wants a feerate of ${feeratePerKw} in its channel ${channel.index}`);
  node.node.dispatcher.submit({ to: 'channel', channelIndex: channel.index, event: { type: 'setFeerate', feeratePerKw } });
}

function changePolicy(story: Story): void {
  const chosen = anyChannel(story);
  const feeBaseMsat = story.random.between(0, 5_000);
  if (chosen === undefined) return;
  const { node, channel } = chosen;
  const changes = { feeBaseMsat, ...(story.random.chance(60) && { follow: { minPpm: 10, maxPpm: story.random.between(10, 20_000) } }) };
  story.mesh.trace(() => `${node.name} asks for a base fee of ${feeBaseMsat} msat in its channel ${channel.index}${changes.follow ? `, and up to ${changes.follow.maxPpm} ppm by its balance` : ''}`);
  node.act(({ balanceFees }) => balanceFees.choose(channel, changes));
  if (node.isUp) node.act((running) => running.policyChanged(channel));
}

function close(story: Story): void {
  const chosen = anyChannel(story);
  if (chosen === undefined || story.closesLeft === 0 || chosen.channel.lifecycle !== 'normal') return;
  story.closesLeft -= 1;
  unattended(story, story.mesh.close(chosen.node, chosen.channel.index));
}

function open(story: Story): void {
  const pair = twoOf(story);
  if (pair === undefined || story.opensLeft === 0) return;
  story.opensLeft -= 1;
  unattended(story, openBetween(story.mesh, story.random, pair));
}
