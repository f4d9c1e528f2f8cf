import { Transaction, opcodes } from 'bitcoinjs-lib';
import { concat } from 'uint8arrays';
import { hash256 } from '../../../../protocols/crypto/hash.ts';
import { parseScript, readInstruction } from './parse.ts';

/** Which rules a script runs under: those from before segwit, or those of a version 0 witness program (BIP 143). */
export type SignatureVersion = 'base' | 'witness_v0';

const ONE = new Uint8Array(32);
ONE[0] = 1;
const NO_BYTES = new Uint8Array(0);

/**
 * The 32-byte hash that a signature of input `inputIndex` commits to. `scriptCode` is the executed script from its last
 * OP_CODESEPARATOR on, exactly as its bytes stand (bitcoinjs-lib's own pre-segwit hash re-encodes the pushes);
 * `hashType` the whole 32-bit type.
 */
export function signatureHash(
  transaction: Transaction,
  inputIndex: number,
  scriptCode: Uint8Array,
  hashType: number,
  version: SignatureVersion,
  amountSat: bigint,
): Uint8Array {
  if (version === 'witness_v0') return transaction.hashForWitnessV0(inputIndex, scriptCode, amountSat, hashType);

  const outputsMode = hashType & 0x1f;
  // The rule that a SINGLE without a matching output signs the number one is consensus, however odd.
  if (inputIndex >= transaction.ins.length) return ONE;
  if (outputsMode === Transaction.SIGHASH_SINGLE && inputIndex >= transaction.outs.length) return ONE;

  const copy = transaction.clone();
  const othersSequence = (sequence: number) =>
    outputsMode === Transaction.SIGHASH_NONE || outputsMode === Transaction.SIGHASH_SINGLE ? 0 : sequence;
  copy.ins = transaction.ins.map(({ hash, index, sequence }, i) => ({
    hash,
    index,
    script: i === inputIndex ? withoutCodeSeparators(scriptCode) : NO_BYTES,
    sequence: i === inputIndex ? sequence : othersSequence(sequence),
    witness: [],
  }));
  if ((hashType & Transaction.SIGHASH_ANYONECANPAY) !== 0) copy.ins = copy.ins.slice(inputIndex, inputIndex + 1);
  if (outputsMode === Transaction.SIGHASH_NONE) copy.outs = [];
  if (outputsMode === Transaction.SIGHASH_SINGLE) {
    copy.outs = copy.outs
      .slice(0, inputIndex + 1)
      .map((output, i) => (i === inputIndex ? output : { value: -1n, script: NO_BYTES }));
  }
  const type = new Uint8Array(4);
  new DataView(type.buffer).setInt32(0, hashType, true);
  return hash256(concat([copy.toBuffer(), type]));
}

/**
 * `script` with every occurrence of `needle` taken out that starts at an instruction, as pre-segwit signature checking
 * does it.
 */
export function findAndDelete(script: Uint8Array, needle: Uint8Array): Uint8Array {
  if (needle.length === 0) return script;
  const kept: Uint8Array[] = [];
  let from = 0;
  let at = 0;
  for (;;) {
    kept.push(script.subarray(from, at));
    while (startsWith(script, at, needle)) at += needle.length;
    from = at;
    const instruction = readInstruction(script, at);
    if (instruction === undefined) return concat([...kept, script.subarray(from)]);
    at = instruction.end;
  }
}

function withoutCodeSeparators(script: Uint8Array): Uint8Array {
  const { instructions, end } = parseScript(script);
  if (!instructions.some(({ opcode }) => opcode === opcodes.OP_CODESEPARATOR)) return script;
  const kept = instructions
    .filter(({ opcode }) => opcode !== opcodes.OP_CODESEPARATOR)
    .map((instruction) => script.subarray(instruction.start, instruction.end));
  return concat([...kept, script.subarray(end)]);
}

function startsWith(bytes: Uint8Array, offset: number, needle: Uint8Array): boolean {
  if (offset + needle.length > bytes.length) return false;
  for (let i = 0; i < needle.length; i++) if (bytes[offset + i] !== needle[i]) return false;
  return true;
}
