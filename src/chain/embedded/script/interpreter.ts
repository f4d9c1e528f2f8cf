import bitcore, { type InterpreterTransaction, type ScriptChunk } from 'bitcore-lib';
import { opcodes, type Transaction } from 'bitcoinjs-lib';
import { concat } from 'uint8arrays';
import { type ScriptError, fromBitcore } from './errors.ts';
import { ScriptFlag } from './flags.ts';
import { parseScript } from './parse.ts';
import { type SignatureVersion, findAndDelete, signatureHash } from './sighash.ts';
import { checkPublicKeyEncoding, checkSignatureEncoding, verifyEcdsa } from './signature.ts';

const { Script, crypto } = bitcore;
const { Interpreter } = Script;
const { BASE, WITNESS_V0 } = crypto.Signature.Version;

const MAX_SCRIPT_SIZE = 10_000;
const MAX_OPERATIONS = 201;
const MAX_MULTISIG_KEYS = 20;

/** The input whose scripts are run. */
export interface ScriptInput {
  readonly transaction: Transaction;
  readonly index: number;
  readonly amountSat: bigint;
}

export type ScriptResult =
  | { readonly ok: true; readonly stack: readonly Uint8Array[] }
  | { readonly ok: false; readonly error: ScriptError };

/**
 * Runs one script (Bitcoin Core's EvalScript): bitcore-lib's interpreter for everything but signatures, which go to
 * libsecp256k1 (fifty times faster than bitcore-lib's own) over the exact bytes of the script.
 *
 * @param stack the stack before the script runs; it is not changed.
 */
export function evaluateScript(
  script: Uint8Array,
  stack: readonly Uint8Array[],
  flags: number,
  input: ScriptInput,
  version: SignatureVersion,
): ScriptResult {
  if (script.length > MAX_SCRIPT_SIZE) return { ok: false, error: 'SCRIPT_SIZE' };
  const interpreter = new SignatureCheckingInterpreter(script, input, version);
  interpreter.set({
    script: new Script({ chunks: toChunks(script) }),
    tx: interpreterTransaction(input),
    nin: 0,
    stack: stack.map(toBuffer),
    sigversion: version === 'base' ? BASE : WITNESS_V0,
    flags,
  });
  if (!interpreter.evaluate()) return { ok: false, error: interpreter.failure() };
  return { ok: true, stack: interpreter.stack };
}

/** Whether a stack element counts as true: anything but zeros, and but negative zero. */
export function isTrue(element: Uint8Array): boolean {
  return Interpreter.castToBool(toBuffer(element));
}

class SignatureCheckingInterpreter extends Interpreter {
  readonly #bytes: Uint8Array;
  readonly #ends: readonly number[];
  readonly #input: ScriptInput;
  readonly #version: SignatureVersion;
  #error: ScriptError | undefined;

  constructor(script: Uint8Array, input: ScriptInput, version: SignatureVersion) {
    super();
    this.#bytes = script;
    this.#ends = parseScript(script).instructions.map(({ end }) => end);
    this.#input = input;
    this.#version = version;
  }

  failure(): ScriptError {
    return this.#error ?? fromBitcore(this.errstr);
  }

  override step(): boolean {
    const opcode = this.script.chunks[this.pc]?.opcodenum;
    const multisig = opcode === opcodes.OP_CHECKMULTISIG || opcode === opcodes.OP_CHECKMULTISIGVERIFY;
    if (!multisig || this.vfExec.includes(false)) return super.step();
    this.pc++;
    this.nOpCount++;
    if (this.nOpCount > MAX_OPERATIONS) return this.#fail('OP_COUNT');
    const valid = this.#checkMultisig();
    if (valid === undefined) return false;
    if (opcode === opcodes.OP_CHECKMULTISIGVERIFY) return valid || this.#fail('CHECKMULTISIGVERIFY');
    this.stack.push(valid ? Interpreter.true : Interpreter.false);
    return true;
  }

  override _evalCheckSig(signature: Buffer, publicKey: Buffer): { success: boolean; result: boolean } {
    const scriptCode = this.#scriptCode([signature]);
    const valid = scriptCode && this.#checkSignature(signature, publicKey, scriptCode);
    if (valid === undefined) return { success: false, result: false };
    if (!valid && (this.flags & ScriptFlag.NULLFAIL) !== 0 && signature.length > 0) this.#fail('NULLFAIL');
    return { success: valid, result: this.#error === undefined };
  }

  /**
   * `dummy sig… count key… count`, popped from the stack: whether the signatures match keys in the same order;
   * undefined on failure.
   */
  #checkMultisig(): boolean | undefined {
    const keyCount = this.#popCount(MAX_MULTISIG_KEYS, 'PUBKEY_COUNT');
    if (keyCount === undefined) return undefined;
    this.nOpCount += keyCount;
    if (this.nOpCount > MAX_OPERATIONS) return this.#stop('OP_COUNT');
    const keys = this.#pop(keyCount);
    const signatureCount = keys && this.#popCount(keyCount, 'SIG_COUNT');
    if (signatureCount === undefined) return undefined;
    const signatures = this.#pop(signatureCount);
    if (signatures === undefined || keys === undefined) return undefined;
    if (this.stack.length === 0) return this.#stop('INVALID_STACK_OPERATION');
    const scriptCode = this.#scriptCode(signatures);
    if (scriptCode === undefined) return undefined;

    let nextKey = 0;
    let matched = 0;
    while (matched < signatures.length && signatures.length - matched <= keys.length - nextKey) {
      const valid = this.#checkSignature(at(signatures, matched), at(keys, nextKey), scriptCode);
      if (valid === undefined) return undefined;
      nextKey++;
      if (valid) matched++;
    }
    const success = matched === signatures.length;
    if (!success && (this.flags & ScriptFlag.NULLFAIL) !== 0 && signatures.some(({ length }) => length > 0)) {
      return this.#stop('NULLFAIL');
    }
    const dummy = this.#pop(1);
    if (dummy === undefined) return undefined;
    if ((this.flags & ScriptFlag.NULLDUMMY) !== 0 && at(dummy, 0).length > 0) return this.#stop('SIG_NULLDUMMY');
    return success;
  }

  #checkSignature(signature: Uint8Array, publicKey: Uint8Array, scriptCode: Uint8Array): boolean | undefined {
    const error =
      checkSignatureEncoding(signature, this.flags) ?? checkPublicKeyEncoding(publicKey, this.flags, this.#version);
    if (error !== undefined) return this.#stop(error);
    if (signature.length === 0) return false;
    const { transaction, index, amountSat } = this.#input;
    const hashType = signature.at(-1) ?? 0;
    const hash = signatureHash(transaction, index, scriptCode, hashType, this.#version, amountSat);
    return verifyEcdsa(signature.subarray(0, -1), publicKey, hash);
  }

  /**
   * The script from the last executed OP_CODESEPARATOR on; before segwit, without the signatures that it is checked
   * with.
   */
  #scriptCode(signatures: readonly Uint8Array[]): Uint8Array | undefined {
    const from = this.pbegincodehash === 0 ? 0 : (this.#ends[this.pbegincodehash - 1] ?? 0);
    let scriptCode = this.#bytes.subarray(from);
    if (this.#version !== 'base') return scriptCode;
    for (const signature of signatures) {
      const without = findAndDelete(scriptCode, pushOf(signature));
      if (without.length !== scriptCode.length && (this.flags & ScriptFlag.CONST_SCRIPTCODE) !== 0) {
        return this.#stop('SIG_FINDANDDELETE');
      }
      scriptCode = without;
    }
    return scriptCode;
  }

  #popCount(max: number, error: ScriptError): number | undefined {
    const element = this.stack.pop();
    if (element === undefined) return this.#stop('INVALID_STACK_OPERATION');
    const count = crypto.BN.fromScriptNumBuffer(element, (this.flags & ScriptFlag.MINIMALDATA) !== 0).toNumber();
    return count < 0 || count > max ? this.#stop(error) : count;
  }

  /** The top `count` elements, the topmost first. */
  #pop(count: number): Buffer[] | undefined {
    if (this.stack.length < count) return this.#stop('INVALID_STACK_OPERATION');
    return this.stack.splice(this.stack.length - count).reverse();
  }

  #stop(error: ScriptError): undefined {
    this.#error ??= error;
    return undefined;
  }

  #fail(error: ScriptError): false {
    this.#error ??= error;
    return false;
  }
}

/**
 * The script as bitcore-lib's chunks; a push that runs past the end becomes an opcode that fails even where it is not
 * executed.
 */
function toChunks(script: Uint8Array): ScriptChunk[] {
  const { instructions, end } = parseScript(script);
  const chunks = instructions.map(({ opcode, data }): ScriptChunk =>
    data === undefined || opcode === opcodes.OP_0
      ? { opcodenum: opcode }
      : { opcodenum: opcode, buf: toBuffer(data), len: data.length },
  );
  if (end !== script.length) chunks.push({ opcodenum: opcodes.OP_VERIF });
  return chunks;
}

/** The transaction as far as lock time opcodes look at it: with the one input that is being checked. */
function interpreterTransaction({ transaction, index }: ScriptInput): InterpreterTransaction {
  const sequence = transaction.ins[index]?.sequence ?? 0;
  return {
    version: transaction.version,
    nLockTime: transaction.locktime,
    inputs: [{ sequenceNumber: sequence, isFinal: () => sequence !== 0xffffffff }],
  };
}

/** The instruction that pushes `data` with the shortest length prefix, whatever the data is. */
function pushOf(data: Uint8Array): Uint8Array {
  const { length } = data;
  if (length < opcodes.OP_PUSHDATA1) return concat([Uint8Array.of(length), data]);
  if (length <= 0xff) return concat([Uint8Array.of(opcodes.OP_PUSHDATA1, length), data]);
  return concat([Uint8Array.of(opcodes.OP_PUSHDATA2, length & 0xff, length >> 8), data]);
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function at(elements: readonly Uint8Array[], index: number): Uint8Array {
  return elements[index] ?? new Uint8Array(0);
}
