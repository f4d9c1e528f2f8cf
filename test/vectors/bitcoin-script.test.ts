import { Transaction } from 'bitcoinjs-lib';
import { fromString } from 'uint8arrays';
import { describe, expect, it } from 'vitest';
import { CONSENSUS_FLAGS, STANDARD_FLAGS, ScriptFlag } from '../../src/chain/embedded/script/flags.ts';
import { verifyScript } from '../../src/chain/embedded/script/verify.ts';
import { parseAsm, parseFlags, readVectors } from './bitcoin-vectors.ts';

interface ScriptVector {
  readonly name: string;
  readonly witness: Uint8Array[];
  readonly amountSat: bigint;
  readonly scriptSig: Uint8Array;
  readonly scriptPubKey: Uint8Array;
  readonly flags: number;
  readonly expected: string;
}

/**
 * Signatures that are not strict DER, run without the flag that forbids them: Bitcoin took them before BIP 66, and the
 * embedded chain never does, since on regtest BIP 66 is in force from the first block. So each is a wrong signature to
 * it.
 */
const BEFORE_BIP_66 = new Map([
  ['P2PK with too much R padding but no DERSIG', 'EVAL_FALSE'],
  ['P2PK with too much S padding but no DERSIG', 'EVAL_FALSE'],
  ['P2PK with too little R padding but no DERSIG', 'EVAL_FALSE'],
  ['P2PK NOT with too much R padding but no DERSIG', 'OK'],
  ['BIP66 example 1, without DERSIG', 'EVAL_FALSE'],
  ['BIP66 example 2, without DERSIG', 'OK'],
  ['BIP66 example 7, without DERSIG', 'EVAL_FALSE'],
  ['BIP66 example 8, without DERSIG', 'OK'],
  ['P2PK with multi-byte hashtype, without DERSIG', 'EVAL_FALSE'],
]);

describe("Bitcoin Core's script_tests", () => {
  const vectors = readVectors('script_tests').map(toVector);

  it('give the same verdict, with the same reason, but for the listed differences', () => {
    expect(vectors.length).toBe(1203);
    const differences = new Map<string, string>();
    for (const vector of vectors) {
      const verdict = run(vector, vector.flags);
      if (verdict !== vector.expected) differences.set(vector.name, verdict);
    }
    expect(differences).toEqual(BEFORE_BIP_66);
  });

  it('have no difference left where strict DER is asked for', () => {
    for (const vector of vectors.filter(({ name }) => BEFORE_BIP_66.has(name))) {
      expect(run(vector, vector.flags | ScriptFlag.DERSIG), vector.name).toBe('SIG_DER');
    }
  });
});

describe("the chain's own rules", () => {
  const POLICY = [
    'CLEANSTACK',
    'DISCOURAGE_UPGRADABLE_NOPS',
    'DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM',
    'MINIMALDATA',
    'MINIMALIF',
    'NULLFAIL',
    'OP_CODESEPARATOR',
    'PUBKEYTYPE',
    'SIG_FINDANDDELETE',
    'SIG_HASHTYPE',
    'SIG_HIGH_S',
    'WITNESS_PUBKEYTYPE',
  ];
  const CONSENSUS = ['NEGATIVE_LOCKTIME', 'SIG_DER', 'SIG_NULLDUMMY', 'SIG_PUSHONLY', 'WITNESS_PROGRAM_MISMATCH'];

  /** Every verdict that some vector gets under these flags. */
  const vectors = readVectors('script_tests').map(toVector);
  const verdicts = (flags: number) => new Set(vectors.map((vector) => run(vector, flags)));

  it('refuse in a block what consensus forbids, and only that', () => {
    const seen = verdicts(CONSENSUS_FLAGS);
    expect(CONSENSUS.filter((verdict) => !seen.has(verdict))).toEqual([]);
    // A witness script that leaves more than one element is against consensus too, and has the same name.
    expect(POLICY.filter((verdict) => seen.has(verdict))).toEqual(['CLEANSTACK']);
  });

  it('refuse in the mempool whatever else is not standard', () => {
    const seen = verdicts(STANDARD_FLAGS);
    expect([...CONSENSUS, ...POLICY].filter((verdict) => !seen.has(verdict))).toEqual([]);
  });
});

function toVector(row: unknown[]): ScriptVector {
  const withWitness = Array.isArray(row[0]);
  const witness = withWitness ? (row[0] as (string | number)[]) : [];
  const [scriptSig, scriptPubKey, flags, expected, name] = (withWitness ? row.slice(1) : row) as string[];
  return {
    name: name ?? `${scriptSig} | ${scriptPubKey}`,
    witness: witness.slice(0, -1).map((element) => fromString(String(element), 'base16')),
    amountSat: BigInt(Math.round(Number(witness.at(-1) ?? 0) * 1e8)),
    scriptSig: parseAsm(scriptSig!),
    scriptPubKey: parseAsm(scriptPubKey!),
    flags: parseFlags(flags!),
    expected: expected!,
  };
}

/** The vectors are spends of a one-output transaction, as the file's own header describes. */
function run({ witness, amountSat, scriptSig, scriptPubKey }: ScriptVector, flags: number): string {
  const credit = new Transaction();
  credit.addInput(new Uint8Array(32), 0xffffffff, 0xffffffff, Uint8Array.of(0, 0));
  credit.addOutput(scriptPubKey, amountSat);
  const spend = new Transaction();
  spend.addInput(credit.getHash(), 0, 0xffffffff, scriptSig);
  spend.addOutput(new Uint8Array(0), amountSat);
  spend.setWitness(0, witness);
  return verifyScript(scriptPubKey, flags, { transaction: spend, index: 0, amountSat }) ?? 'OK';
}
