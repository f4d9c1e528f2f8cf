import { address, networks, opcodes } from 'bitcoinjs-lib';
import { concat } from 'uint8arrays';
import { type Instruction, isPayToScriptHash, isPushOnly, parseScript, witnessProgram } from './parse.ts';

/** The kinds of output script that bitcoind tells apart, by the names that it shows. */
export type OutputType =
  | 'nonstandard'
  | 'anchor'
  | 'pubkey'
  | 'pubkeyhash'
  | 'scripthash'
  | 'multisig'
  | 'nulldata'
  | 'witness_v0_keyhash'
  | 'witness_v0_scripthash'
  | 'witness_v1_taproot'
  | 'witness_unknown';

const { bech32, pubKeyHash, scriptHash } = networks.regtest;
const MAX_KEYS = 20;

/** Which kind of output script this is. */
export function outputType(script: Uint8Array): OutputType {
  if (isPayToScriptHash(script)) return 'scripthash';
  const witness = witnessProgram(script);
  if (witness !== undefined) return witnessType(witness.version, witness.program);
  if (script[0] === opcodes.OP_RETURN && isPushOnly(script.subarray(1))) return 'nulldata';
  const { instructions, end } = parseScript(script);
  if (end !== script.length) return 'nonstandard';
  const [first, second] = instructions;
  if (instructions.length === 2 && second?.opcode === opcodes.OP_CHECKSIG && isPublicKey(first)) return 'pubkey';
  if (isPayToPublicKeyHash(script)) return 'pubkeyhash';
  return multisigOf(script) === undefined ? 'nonstandard' : 'multisig';
}

/** `m` and `n` of a bare `m <key>… n OP_CHECKMULTISIG`, or undefined if the script is none. */
export function multisigOf(script: Uint8Array): { required: number; keys: number } | undefined {
  const { instructions, end } = parseScript(script);
  if (end !== script.length || instructions.at(-1)?.opcode !== opcodes.OP_CHECKMULTISIG) return undefined;
  const required = smallNumber(instructions[0]);
  const keys = smallNumber(instructions.at(-2));
  const between = instructions.slice(1, -2);
  if (required === undefined || keys === undefined || between.length !== keys || required > keys) return undefined;
  return between.every(isPublicKey) ? { required, keys } : undefined;
}

/** The regtest address of an output script, if there is one for its kind. */
export function addressOf(script: Uint8Array): string | undefined {
  const witness = witnessProgram(script);
  const type = outputType(script);
  if (type === 'pubkeyhash') return address.toBase58Check(script.subarray(3, 23), pubKeyHash);
  if (type === 'scripthash') return address.toBase58Check(script.subarray(2, 22), scriptHash);
  if (witness === undefined || type === 'nonstandard') return undefined;
  return address.toBech32(witness.program, witness.version, bech32);
}

/** The output script of a regtest address, any witness version included; undefined if it is not one. */
export function scriptOfAddress(text: string): Uint8Array | undefined {
  try {
    const { hash, version } = address.fromBase58Check(text);
    if (version === pubKeyHash) return concat([Uint8Array.of(0x76, 0xa9, 20), hash, Uint8Array.of(0x88, 0xac)]);
    if (version === scriptHash) return concat([Uint8Array.of(0xa9, 20), hash, Uint8Array.of(0x87)]);
    return undefined;
  } catch {
    return scriptOfBech32(text);
  }
}

function scriptOfBech32(text: string): Uint8Array | undefined {
  try {
    const { version, prefix, data } = address.fromBech32(text);
    if (prefix !== bech32 || version > 16) return undefined;
    const script = concat([Uint8Array.of(version === 0 ? 0 : opcodes.OP_1 + version - 1, data.length), data]);
    const type = outputType(script);
    return type === 'nonstandard' ? undefined : script;
  } catch {
    return undefined;
  }
}

function witnessType(version: number, program: Uint8Array): OutputType {
  if (version === 0) {
    if (program.length === 20) return 'witness_v0_keyhash';
    return program.length === 32 ? 'witness_v0_scripthash' : 'nonstandard';
  }
  if (version === 1 && program.length === 32) return 'witness_v1_taproot';
  // Pay-to-anchor: an output that anyone may spend to pay a transaction's fee.
  if (version === 1 && program.length === 2 && program[0] === 0x4e && program[1] === 0x73) return 'anchor';
  return 'witness_unknown';
}

function isPayToPublicKeyHash(script: Uint8Array): boolean {
  return (
    script.length === 25 &&
    script[0] === opcodes.OP_DUP &&
    script[1] === opcodes.OP_HASH160 &&
    script[2] === 20 &&
    script[23] === opcodes.OP_EQUALVERIFY &&
    script[24] === opcodes.OP_CHECKSIG
  );
}

function isPublicKey(instruction: Instruction | undefined): boolean {
  const key = instruction?.data;
  const prefix = key?.[0];
  if (key === undefined || prefix === undefined) return false;
  return prefix === 2 || prefix === 3 ? key.length === 33 : [4, 6, 7].includes(prefix) && key.length === 65;
}

/** A number from 1 to 20, as an opcode or as a push of one byte. */
function smallNumber(instruction: Instruction | undefined): number | undefined {
  if (instruction === undefined) return undefined;
  const { opcode, data } = instruction;
  if (opcode >= opcodes.OP_1 && opcode <= opcodes.OP_16) return opcode - opcodes.OP_1 + 1;
  const [value] = data ?? [];
  return data?.length === 1 && value !== undefined && value > 16 && value <= MAX_KEYS ? value : undefined;
}
