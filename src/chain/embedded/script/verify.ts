import { concat, equals } from 'uint8arrays';
import { sha256 } from '../../../../protocols/crypto/hash.ts';
import type { ScriptError } from './errors.ts';
import { ScriptFlag } from './flags.ts';
import { type ScriptInput, evaluateScript, isTrue } from './interpreter.ts';
import { type WitnessProgram, isPayToScriptHash, isPushOnly, witnessProgram } from './parse.ts';

const MAX_ELEMENT_SIZE = 520;

/**
 * Whether `input` may spend an output with script `scriptPubKey`: the scriptSig and witness of the input are run
 * against it (Bitcoin Core's VerifyScript; BIPs 16 and 141). Returns undefined if it may, else why not.
 *
 * Witness versions above 0 are as they were before their soft forks: anyone can spend them, unless the flags discourage
 * it.
 */
export function verifyScript(scriptPubKey: Uint8Array, flags: number, input: ScriptInput): ScriptError | undefined {
  const spender = input.transaction.ins[input.index];
  if (spender === undefined) return 'UNKNOWN_ERROR';
  const { script: scriptSig, witness } = spender;
  if ((flags & ScriptFlag.SIGPUSHONLY) !== 0 && !isPushOnly(scriptSig)) return 'SIG_PUSHONLY';

  const pushed = evaluateScript(scriptSig, [], flags, input, 'base');
  if (!pushed.ok) return pushed.error;
  const result = evaluateScript(scriptPubKey, pushed.stack, flags, input, 'base');
  if (!result.ok) return result.error;
  if (!endsTrue(result.stack)) return 'EVAL_FALSE';
  let stack = result.stack;
  let hadWitness = false;

  const native = (flags & ScriptFlag.WITNESS) !== 0 ? witnessProgram(scriptPubKey) : undefined;
  if (native !== undefined) {
    hadWitness = true;
    if (scriptSig.length !== 0) return 'WITNESS_MALLEATED';
    const error = isPayToAnchor(native) ? undefined : verifyWitness(native, witness, flags, input);
    if (error !== undefined) return error;
    stack = stack.slice(0, 1);
  }

  if ((flags & ScriptFlag.P2SH) !== 0 && isPayToScriptHash(scriptPubKey)) {
    if (!isPushOnly(scriptSig)) return 'SIG_PUSHONLY';
    const redeemScript = pushed.stack.at(-1) ?? new Uint8Array(0);
    const redeemed = evaluateScript(redeemScript, pushed.stack.slice(0, -1), flags, input, 'base');
    if (!redeemed.ok) return redeemed.error;
    if (!endsTrue(redeemed.stack)) return 'EVAL_FALSE';
    stack = redeemed.stack;

    const nested = (flags & ScriptFlag.WITNESS) !== 0 ? witnessProgram(redeemScript) : undefined;
    if (nested !== undefined) {
      hadWitness = true;
      const onlyRedeemScript = concat([Uint8Array.of(redeemScript.length), redeemScript]);
      if (!equals(scriptSig, onlyRedeemScript)) return 'WITNESS_MALLEATED_P2SH';
      const error = verifyWitness(nested, witness, flags, input);
      if (error !== undefined) return error;
      stack = stack.slice(0, 1);
    }
  }

  if ((flags & ScriptFlag.CLEANSTACK) !== 0 && stack.length !== 1) return 'CLEANSTACK';
  if ((flags & ScriptFlag.WITNESS) !== 0 && !hadWitness && witness.length > 0) return 'WITNESS_UNEXPECTED';
  return undefined;
}

/** An output that anyone can spend, meant for paying fees: version 1, 4e73. */
function isPayToAnchor({ version, program }: WitnessProgram): boolean {
  return version === 1 && program.length === 2 && program[0] === 0x4e && program[1] === 0x73;
}

function verifyWitness(
  { version, program }: WitnessProgram,
  witness: readonly Uint8Array[],
  flags: number,
  input: ScriptInput,
): ScriptError | undefined {
  if (version !== 0) {
    const discouraged = (flags & ScriptFlag.DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM) !== 0;
    return discouraged ? 'DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM' : undefined;
  }
  if (program.length === 32) {
    const witnessScript = witness.at(-1);
    if (witnessScript === undefined) return 'WITNESS_PROGRAM_WITNESS_EMPTY';
    if (!equals(sha256(witnessScript), program)) return 'WITNESS_PROGRAM_MISMATCH';
    return runWitnessScript(witnessScript, witness.slice(0, -1), flags, input);
  }
  if (program.length === 20) {
    if (witness.length !== 2) return 'WITNESS_PROGRAM_MISMATCH';
    const payToPubkeyHash = concat([Uint8Array.of(0x76, 0xa9, 0x14), program, Uint8Array.of(0x88, 0xac)]);
    return runWitnessScript(payToPubkeyHash, witness, flags, input);
  }
  return 'WITNESS_PROGRAM_WRONG_LENGTH';
}

function runWitnessScript(
  script: Uint8Array,
  stack: readonly Uint8Array[],
  flags: number,
  input: ScriptInput,
): ScriptError | undefined {
  if (stack.some(({ length }) => length > MAX_ELEMENT_SIZE)) return 'PUSH_SIZE';
  const result = evaluateScript(script, stack, flags, input, 'witness_v0');
  if (!result.ok) return result.error;
  if (result.stack.length !== 1) return 'CLEANSTACK';
  return endsTrue(result.stack) ? undefined : 'EVAL_FALSE';
}

function endsTrue(stack: readonly Uint8Array[]): boolean {
  const top = stack.at(-1);
  return top !== undefined && isTrue(top);
}
