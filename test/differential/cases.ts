import type { Transaction } from 'bitcoinjs-lib';
import { toString } from 'uint8arrays';
import { fieldMutations, mutatedBytes, planMutations, witnessMutations } from './mutations.ts';
import { type Plan, signed } from './plan.ts';
import type { World } from './world.ts';

/** One transaction to be judged: its bytes in hex, and how they were made. */
export interface Case {
  readonly label: string;
  readonly hex: string;
  /** A mutation of bytes may be no transaction at all, and then there is nothing to put into a block. */
  readonly transaction: Transaction | undefined;
}

/** A plan as it is, or with one or two mutations of any kind. */
export function someCase(world: World, plan: Plan): Case {
  const { random } = world;
  if (random.chance(15)) return caseOf(plan.label, signed(plan));
  let label = plan.label;
  let changed = plan;
  const count = random.pick([1, 1, 2]);
  for (let i = 0; i < count; i++) {
    if (!random.chance(55)) continue;
    const [name, mutation] = random.pick(Object.entries(planMutations));
    if (changed.inputs.length === 0) break;
    label += `, plan: ${name}`;
    const { height, nowS } = world.pair;
    changed = mutation(changed, { random, height, nowS, wrongInputs: world.wrong });
  }
  const transaction = signed(changed);
  if (changed !== plan) return caseOf(label, transaction);
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
  return { label: `${label}, bytes`, hex: toString(bytes, 'base16'), transaction: undefined };
}

export function caseOf(label: string, transaction: Transaction): Case {
  return { label, hex: transaction.toHex(), transaction };
}

/** Has both sides judge transactions: whether the mempool would take each, and whether a block could hold it. */
export async function judge(world: World, cases: readonly Case[]): Promise<void> {
  await world.pair.sameAll(
    cases.flatMap(({ label, hex, transaction }) => [
      { label, method: 'testmempoolaccept', params: [[hex], 0] },
      ...(transaction !== undefined
        ? [{ label: `${label} (in a block)`, method: 'generateblock', params: [world.minerAddress, [hex], false] }]
        : []),
    ]),
  );
}
