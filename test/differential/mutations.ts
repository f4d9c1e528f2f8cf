import { Transaction, opcodes, script as bitcoinScript } from 'bitcoinjs-lib';
import { concat, fromString } from 'uint8arrays';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { Seeded } from '../harness/seeded.ts';
import type { InputPlan, Output, Plan } from './plan.ts';

const MAX_MONEY_SAT = 2_100_000_000_000_000n;
const MEDIAN_TIME_LAG_S = 3_600;

/** What a mutation may look at. */
export interface Surroundings {
  readonly random: Seeded;
  readonly height: number;
  readonly nowS: number;
  /** Inputs that must not be spendable: spent, immature or unknown coins. */
  readonly wrongInputs: readonly InputPlan[];
}

/** A plan changed before it is signed: the signatures are right, what they sign is not quite what was meant. */
export type PlanMutation = (plan: Plan, around: Surroundings) => Plan;

const SEQUENCES = [
  0, 1, 2, 15, 16, 17, 144, 0xffff, 0x400000, 0x400001, 0x40000f, 0x80000000, 0xfffffffd, 0xfffffffe, 0xffffffff,
];
const AMOUNTS = [
  -1n, 0n, 1n, 239n, 240n, 293n, 294n, 329n, 330n, 353n, 354n, 545n, 546n, MAX_MONEY_SAT, MAX_MONEY_SAT + 1n,
  2n ** 63n - 1n, -(2n ** 63n),
];
const HASH_TYPES = [0x00, 0x02, 0x03, 0x04, 0x41, 0x80, 0x81, 0x82, 0x83, 0x84, 0xff];

/** Changes of what a transaction says, by name. */
export const planMutations: Readonly<Record<string, PlanMutation>> = {
  sequence: (plan, { random }) =>
    withInput(plan, random, (input) => ({
      ...input,
      sequence: random.chance(50)
        ? random.pick(SEQUENCES)
        : (input.sequence + random.pick([-1, 1, 0x400000, 0x800000, 0x10000]) + 2 ** 32) % 2 ** 32,
    })),
  lockTime: (plan, around) => ({ ...plan, lockTime: someLockTime(plan, around) }),
  'lockTime with a final sequence': (plan, around) => ({
    ...plan,
    lockTime: someLockTime(plan, around),
    inputs: plan.inputs.map((input) => ({ ...input, sequence: 0xffffffff })),
  }),
  version: (plan, { random }) => ({ ...plan, version: random.pick([0, 1, 2, 3, 0x7fffffff, 0xffffffff]) }),
  fee: (plan, { random }) => {
    // Around the relay fee of what the transaction weighs, and far from it.
    const vsize = BigInt(150 + 70 * plan.inputs.length);
    const change = random.pick([-vsize, -1n, 1n, vsize / 2n, vsize, 20_000n, 2n ** 31n]);
    return withOutput(plan, random, ({ script, value }) => ({ script, value: value + change }));
  },
  amount: (plan, { random }) =>
    withOutput(plan, random, ({ script }) => ({ script, value: random.pick(AMOUNTS) })),
  'output script': (plan, { random }) =>
    withOutput(plan, random, ({ value }) => ({ script: someScript(random), value })),
  'another output': (plan, { random }) => ({
    ...plan,
    outputs: random.shuffled([...plan.outputs, { script: someScript(random), value: random.pick(AMOUNTS) }]),
  }),
  'fewer outputs': (plan, { random }) => ({ ...plan, outputs: plan.outputs.slice(random.between(0, 1), -1) }),
  'output order': (plan, { random }) => ({ ...plan, outputs: random.shuffled(plan.outputs) }),
  'input order': (plan, { random }) => ({ ...plan, inputs: random.shuffled(plan.inputs) }),
  'input twice': (plan, { random }) => ({ ...plan, inputs: [...plan.inputs, random.pick(plan.inputs)] }),
  'a wrong input': (plan, { random, wrongInputs }) => ({
    ...plan,
    inputs: [...plan.inputs, random.pick(wrongInputs)],
  }),
  'another outpoint': (plan, { random }) =>
    withInput(plan, random, (input) => ({
      ...input,
      coin: random.chance(50)
        ? { ...input.coin, index: random.pick([0, 1, 2, 3, 0xffffffff]) }
        : { ...input.coin, txid: random.pick(['00'.repeat(32), 'ab'.repeat(32)]), index: 0xffffffff },
    })),
  'amount signed': (plan, { random }) =>
    withInput(plan, random, (input) => ({
      ...input,
      coin: { ...input.coin, amountSat: input.coin.amountSat + random.pick([1n, 1_000n]) },
    })),
  'hash type': (plan, { random }) =>
    withInput(plan, random, (input) => ({ ...input, hashType: random.pick(HASH_TYPES) })),
  'script signed': (plan, { random }) =>
    withInput(plan, random, (input) => ({ ...input, scriptCode: flipped(input.scriptCode, random) })),
  scriptSig: (plan, { random }) =>
    withInput(plan, random, (input) => ({
      ...input,
      scriptSig: random.pick([
        Uint8Array.of(opcodes.OP_0),
        Uint8Array.of(opcodes.OP_1),
        Uint8Array.of(opcodes.OP_NOP),
        Uint8Array.of(opcodes.OP_RETURN),
        Uint8Array.of(opcodes.OP_PUSHDATA1),
        concat([Uint8Array.of(input.coin.script.length), input.coin.script]),
        new Uint8Array(1_651).fill(opcodes.OP_1),
      ]),
    })),
};

/** A witness changed after it was signed. */
export type WitnessMutation = (witness: readonly Uint8Array[], random: Seeded) => Uint8Array[];

export const witnessMutations: Readonly<Record<string, WitnessMutation>> = {
  'no witness': () => [],
  'item gone': (witness, random) => without(witness, random.between(0, witness.length - 1)),
  'item twice': (witness, random) => witness.flatMap((item) => (random.chance(30) ? [item, item] : [item])),
  'items swapped': (witness, random) => random.shuffled(witness),
  'item emptied': (witness, random) => replaced(witness, random, () => new Uint8Array(0)),
  'item flipped': (witness, random) => replaced(witness, random, (item) => flipped(item, random)),
  'item cut': (witness, random) => replaced(witness, random, (item) => item.subarray(0, -1)),
  'item longer': (witness, random) => replaced(witness, random, (item) => concat([item, random.bytes(1)])),
  'item another': (witness, random) =>
    replaced(witness, random, () =>
      random.pick([
        ...[0, 1, 2, 0x80].map((byte) => Uint8Array.of(byte)),
        Uint8Array.of(1, 0),
        ...[32, 33, 81, 521].map((size) => random.bytes(size)),
      ]),
    ),
  'item more': (witness, random) => {
    const at = random.between(0, witness.length);
    const item = random.pick([new Uint8Array(0), Uint8Array.of(1), Uint8Array.of(0x50, 1), random.bytes(20)]);
    return [...witness.slice(0, at), item, ...witness.slice(at)];
  },
  'many items': (witness, random) => {
    const length = random.pick([100, 101, 990, 1_001]);
    return [...Array.from({ length }, () => Uint8Array.of(1)), ...witness];
  },
  'high S': (witness) => witness.map((item) => (isSignature(item) ? withHighS(item) : item)),
  'signature hash type': (witness, random) =>
    witness.map((item) => {
      const hashType = Uint8Array.of(random.pick(HASH_TYPES));
      return isSignature(item) ? concat([item.subarray(0, -1), hashType]) : item;
    }),
  'signature not DER': (witness, random) =>
    witness.map((item) => (isSignature(item) ? notDer(item, random) : item)),
  'signature of another': (witness, random) =>
    witness.map((item) =>
      isSignature(item)
        ? bitcoinScript.signature.encode(secp256k1.sign(random.bytes(32), random.bytes(32)), item.at(-1)! & 0x83 || 1)
        : item,
    ),
  'key hybrid or uncompressed': (witness, random) =>
    witness.map((item) => {
      const prefix = Uint8Array.of(random.pick([0, 4, 5, 6]));
      return item.length === 33 ? concat([prefix, item.subarray(1)]) : item;
    }),
};

/** A transaction's fields changed after it was signed. */
export type FieldMutation = (transaction: Transaction, random: Seeded) => void;

export const fieldMutations: Readonly<Record<string, FieldMutation>> = {
  version: (transaction, random) => {
    transaction.version = random.pick([1, 2, 0xfffffffe]);
  },
  lockTime: (transaction, random) => {
    transaction.locktime += random.pick([-1, 1]) * Math.min(1, transaction.locktime);
  },
  sequence: (transaction, random) => {
    const input = random.pick(transaction.ins);
    input.sequence = random.pick(SEQUENCES);
  },
  amount: (transaction, random) => {
    if (transaction.outs.length > 0) random.pick(transaction.outs).value -= 1n;
  },
  script: (transaction, random) => {
    if (transaction.outs.length === 0) return;
    const output = random.pick(transaction.outs);
    output.script = flipped(output.script, random);
  },
  'witnesses swapped': (transaction) => {
    const witnesses = transaction.ins.map(({ witness }) => witness).reverse();
    for (const [i, input] of transaction.ins.entries()) input.witness = witnesses[i]!;
  },
};

/** The bytes of a transaction changed anywhere. */
export function mutatedBytes(bytes: Uint8Array, random: Seeded): Uint8Array {
  const at = random.between(0, bytes.length - 1);
  switch (random.between(0, 5)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return concat([bytes, random.bytes(random.between(1, 4))]);
    case 2:
      return concat([bytes.subarray(0, at), random.bytes(1), bytes.subarray(at)]);
    case 3:
      return concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    case 4: {
      // The head, where marker, flag and counts stand.
      const copy = Uint8Array.from(bytes);
      copy[random.between(4, 8)] = random.pick([0, 1, 2, 0xfd, 0xff]);
      return copy;
    }
    default:
      return flipped(bytes, random);
  }
}

/** An output script of any kind: standard ones, ones beyond what is standard by one, and nonsense. */
export function someScript(random: Seeded): Uint8Array {
  const key = () => secp256k1.publicKey(random.bytes(32));
  const { compile } = bitcoinScript;
  const data = (size: number) => compile([opcodes.OP_RETURN, random.bytes(size)]);
  return random.pick([
    () => compile([opcodes.OP_0, random.bytes(20)]),
    () => compile([opcodes.OP_0, random.bytes(32)]),
    () => compile([opcodes.OP_0, random.bytes(random.pick([2, 21, 31, 33, 40]))]),
    () => compile([opcodes.OP_1, random.bytes(32)]),
    () => fromString('51024e73', 'base16'),
    () => compile([opcodes.OP_1 + random.between(0, 15), random.bytes(random.pick([2, 20, 31, 33, 40]))]),
    () => compile([opcodes.OP_DUP, opcodes.OP_HASH160, random.bytes(20), opcodes.OP_EQUALVERIFY, opcodes.OP_CHECKSIG]),
    () => compile([opcodes.OP_HASH160, random.bytes(20), opcodes.OP_EQUAL]),
    () => compile([key(), opcodes.OP_CHECKSIG]),
    () => compile([opcodes.OP_1, key(), opcodes.OP_1, opcodes.OP_CHECKMULTISIG]),
    () => compile([opcodes.OP_2, key(), key(), key(), opcodes.OP_3, opcodes.OP_CHECKMULTISIG]),
    () => compile([opcodes.OP_1, key(), key(), key(), key(), opcodes.OP_4, opcodes.OP_CHECKMULTISIG]),
    () => data(random.pick([1, 20, 75, 76, 80, 81, 200])),
    () => Uint8Array.of(opcodes.OP_RETURN),
    () => Uint8Array.of(opcodes.OP_RETURN, opcodes.OP_RETURN),
    () => Uint8Array.of(opcodes.OP_RETURN, 5, 1),
    () => new Uint8Array(0),
    () => Uint8Array.of(opcodes.OP_1),
    () => Uint8Array.of(opcodes.OP_PUSHDATA4, 0xff, 0xff, 0xff, 0xff),
    () => random.bytes(random.pick([1, 22, 34, 100])),
    () => new Uint8Array(random.pick([10_000, 10_001])).fill(opcodes.OP_NOP),
  ])();
}

function someLockTime({ lockTime }: Plan, { random, height, nowS }: Surroundings): number {
  const time = nowS - MEDIAN_TIME_LAG_S;
  const picked = random.pick([
    0, 1, lockTime - 1, lockTime + 1, height - 1, height, height + 1, height + 2, 499_999_999, 500_000_000,
    time, time + random.between(-1_200, 1_200), nowS, 0xffffffff,
  ]);
  return Math.max(0, Math.min(picked, 0xffffffff));
}

function withInput(plan: Plan, random: Seeded, change: (input: InputPlan) => InputPlan): Plan {
  const at = random.between(0, plan.inputs.length - 1);
  return { ...plan, inputs: plan.inputs.map((input, i) => (i === at ? change(input) : input)) };
}

function withOutput(plan: Plan, random: Seeded, change: (output: Output) => Output): Plan {
  if (plan.outputs.length === 0) return plan;
  const at = random.between(0, plan.outputs.length - 1);
  return { ...plan, outputs: plan.outputs.map((output, i) => (i === at ? change(output) : output)) };
}

function flipped(bytes: Uint8Array, random: Seeded): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(1);
  const copy = Uint8Array.from(bytes);
  copy[random.between(0, bytes.length - 1)]! ^= 1 << random.between(0, 7);
  return copy;
}

function without(items: readonly Uint8Array[], at: number): Uint8Array[] {
  return items.filter((_, i) => i !== at);
}

function replaced(
  items: readonly Uint8Array[],
  random: Seeded,
  change: (item: Uint8Array) => Uint8Array,
): Uint8Array[] {
  const at = random.between(0, items.length - 1);
  return items.map((item, i) => (i === at ? change(item) : item));
}

function isSignature(item: Uint8Array): boolean {
  return item.length >= 70 && item.length <= 73 && item[0] === 0x30;
}

const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** The other S, which signs the same. */
function withHighS(item: Uint8Array): Uint8Array {
  const { signature, hashType } = bitcoinScript.signature.decode(item);
  const s = CURVE_ORDER - BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
  const bytes = fromString(s.toString(16).padStart(64, '0'), 'base16');
  return bitcoinScript.signature.encode(concat([signature.subarray(0, 32), bytes]), hashType);
}

/** Lengths or padding that strict DER does not have. */
function notDer(item: Uint8Array, random: Seeded): Uint8Array {
  const copy = Uint8Array.from(item);
  copy[random.pick([0, 1, 2, 3])]! += 1;
  return random.chance(50) ? copy : concat([item.subarray(0, -1), Uint8Array.of(0), item.subarray(-1)]);
}
