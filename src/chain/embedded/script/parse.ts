import { opcodes } from 'bitcoinjs-lib';

/**
 * One instruction of a script: its opcode, the data it pushes (pushes only), and where it starts and ends in the
 * script.
 */
export interface Instruction {
  readonly opcode: number;
  readonly data: Uint8Array | undefined;
  readonly start: number;
  readonly end: number;
}

export interface ParsedScript {
  readonly instructions: readonly Instruction[];
  /** Where the readable part ends: the script's length, or the start of a push that runs past it. */
  readonly end: number;
}

export interface WitnessProgram {
  readonly version: number;
  readonly program: Uint8Array;
}

/** The instruction at `offset`; undefined at the script's end, or if it is a push that runs past it. */
export function readInstruction(script: Uint8Array, offset: number): Instruction | undefined {
  const opcode = script[offset];
  if (opcode === undefined) return undefined;
  if (opcode > opcodes.OP_PUSHDATA4) return { opcode, data: undefined, start: offset, end: offset + 1 };
  const lengthBytes = opcode < opcodes.OP_PUSHDATA1 ? 0 : 1 << (opcode - opcodes.OP_PUSHDATA1);
  const dataStart = offset + 1 + lengthBytes;
  if (dataStart > script.length) return undefined;
  const end = dataStart + (lengthBytes === 0 ? opcode : readLittleEndian(script, offset + 1, lengthBytes));
  if (end > script.length) return undefined;
  return { opcode, data: script.subarray(dataStart, end), start: offset, end };
}

/**
 * Splits a script into instructions byte for byte. Neither library's parser will do: bitcoinjs-lib turns small pushes
 * into opcodes, and bitcore-lib's swallows the rest of the script after an opcode that only tapscript gives a meaning
 * to.
 */
export function parseScript(script: Uint8Array): ParsedScript {
  const instructions: Instruction[] = [];
  let end = 0;
  for (;;) {
    const instruction = readInstruction(script, end);
    if (instruction === undefined) return { instructions, end };
    instructions.push(instruction);
    end = instruction.end;
  }
}

/**
 * Whether every instruction of `script` can be read and has a defined opcode; outputs that fail this can never be
 * spent.
 */
export function hasValidOps(script: Uint8Array): boolean {
  const { instructions, end } = parseScript(script);
  return (
    end === script.length &&
    instructions.every(({ opcode, data }) => opcode <= opcodes.OP_NOP10 && (data?.length ?? 0) <= 520)
  );
}

/**
 * Whether a script does nothing but push data (BIP 16 asks it of every P2SH scriptSig, and relay policy of every
 * scriptSig).
 */
export function isPushOnly(script: Uint8Array): boolean {
  const { instructions, end } = parseScript(script);
  return end === script.length && instructions.every(({ opcode }) => opcode <= opcodes.OP_16);
}

/**
 * The element that a push leaves on the stack: data, or the number of OP_1NEGATE and OP_1 to OP_16; undefined for any
 * other opcode.
 */
export function pushedElement({ opcode, data }: Instruction): Uint8Array | undefined {
  if (data !== undefined) return data;
  if (opcode === opcodes.OP_1NEGATE) return Uint8Array.of(0x81);
  if (opcode >= opcodes.OP_1 && opcode <= opcodes.OP_16) return Uint8Array.of(opcode - opcodes.OP_1 + 1);
  return undefined;
}

/** What a push-only script leaves on top of the stack: in a P2SH scriptSig that is the redeem script. */
export function lastPush(script: Uint8Array): Uint8Array | undefined {
  const last = parseScript(script).instructions.at(-1);
  return last === undefined ? undefined : pushedElement(last);
}

/**
 * The version and program of a witness output (BIP 141): a version opcode and one direct push of 2 to 40 bytes, nothing
 * else.
 */
export function witnessProgram(script: Uint8Array): WitnessProgram | undefined {
  const [opcode, length] = script;
  if (opcode === undefined || length === undefined || script.length < 4 || script.length > 42) return undefined;
  if (opcode !== 0 && (opcode < opcodes.OP_1 || opcode > opcodes.OP_16)) return undefined;
  if (length + 2 !== script.length) return undefined;
  return { version: opcode === 0 ? 0 : opcode - opcodes.OP_1 + 1, program: script.subarray(2) };
}

/** Whether `script` is `OP_HASH160 <20 bytes> OP_EQUAL` exactly (BIP 16). */
export function isPayToScriptHash(script: Uint8Array): boolean {
  return (
    script.length === 23 &&
    script[0] === opcodes.OP_HASH160 &&
    script[1] === 20 &&
    script[22] === opcodes.OP_EQUAL
  );
}

/** Whether an output with this script can never be spent, so that it is kept out of the UTXO set. */
export function isUnspendable(script: Uint8Array): boolean {
  return script[0] === opcodes.OP_RETURN || script.length > 10_000;
}

function readLittleEndian(bytes: Uint8Array, offset: number, length: number): number {
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 256 + (bytes[offset + i] ?? 0);
  return value;
}
