import type { Transaction } from 'bitcoinjs-lib';
import { toString } from 'uint8arrays';
import { Seeded } from '../harness/seeded.ts';
import { fieldMutations, mutatedBytes, planMutations, witnessMutations } from './mutations.ts';
import { type Plan, signed } from './plan.ts';
import type { World } from './world.ts';

/** One transaction to be judged: its bytes in hex, and how they were made. */
export interface Case {
  readonly label: string;
  readonly hex: string;
  /** A mutation of bytes may be no transaction at all, and then there is nothing to put into a block. */
  readonly transaction: Transaction | undefined;
  /** The same with fewer mutations: what shows a difference by itself is easier to understand. */
  readonly simpler: readonly Case[];
}

/** A plan as it is, or with one or two mutations of any kind. */
export function someCase(world: World, plan: Plan): Case {
  const { random } = world;
  if (random.chance(15)) return caseOf(plan.label, signed(plan));
  const { height, nowS } = world.pair;
  const mutations = Array.from({ length: random.pick([0, 0, 1, 1, 1, 2]) }, () => {
    const [name, mutation] = random.pick(Object.entries(planMutations));
    // Each draws from a generator of its own, so that it does the same without the others.
    const around = { height, nowS, wrongInputs: world.wrong };
    const own = random.bytes(8).join();
    return { name, apply: (to: Plan) => mutation(to, { ...around, random: new Seeded(own) }) };
  });
  if (mutations.length > 0) {
    const made = mutations.map(({ name, apply }) => caseOf(`${plan.label}, plan: ${name}`, signed(apply(plan))));
    const [first, second] = mutations;
    if (second === undefined || made[0] === undefined) return made[0] ?? caseOf(plan.label, signed(plan));
    const both = signed(second.apply(first!.apply(plan)));
    return { ...caseOf(`${made[0].label}, plan: ${second.name}`, both), simpler: made };
  }
  const label = plan.label;
  const transaction = signed(plan);
  const kind = random.between(0, 99);
  if (kind < 55) {
    const [name, mutation] = random.pick(Object.entries(witnessMutations));
    const input = random.pick(transaction.ins);
    input.witness = input.witness.length === 0 ? [] : mutation(input.witness, random);
    return caseOf(`${label}, witness: ${name}`, transaction);
  }
  if (kind < 75) {
    const [name, mutation] = random.pick(Object.entries(fieldMutations));
    mutation(transaction, random);
    return caseOf(`${label}, field: ${name}`, transaction);
  }
  const bytes = mutatedBytes(transaction.toBuffer(), random);
  return { label: `${label}, bytes`, hex: toString(bytes, 'base16'), transaction: undefined, simpler: [] };
}

export function caseOf(label: string, transaction: Transaction): Case {
  return { label, hex: transaction.toHex(), transaction, simpler: [] };
}

/** Has both sides judge transactions: whether the mempool would take each, and whether a block could hold it. */
export async function judge(world: World, cases: readonly Case[]): Promise<void> {
  const { differences } = world.pair;
  const before = differences.length;
  await judgeAll(world, cases);
  for (const each of cases) {
    const labels = [each.label, inBlock(each.label)];
    const own = differences.slice(before).filter(({ label }) => labels.includes(label));
    if (own.length === 0 || each.simpler.length === 0) continue;
    const withOwn = differences.length;
    await judgeAll(world, each.simpler);
    if (differences.length === withOwn) continue;
    for (const difference of own) differences.splice(differences.indexOf(difference), 1);
  }
}

async function judgeAll(world: World, cases: readonly Case[]): Promise<void> {
  await world.pair.sameAll(
    cases.flatMap(({ label, hex, transaction }) => [
      { label, method: 'testmempoolaccept', params: [[hex], 0] },
      ...(transaction !== undefined
        ? [{ label: inBlock(label), method: 'generateblock', params: [world.minerAddress, [hex], false] }]
        : []),
    ]),
  );
}

function inBlock(label: string): string {
  return `${label} (in a block)`;
}
