import { opcodes, Transaction } from 'bitcoinjs-lib';
import { compare } from 'uint8arrays/compare';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { SIGHASH_ALL } from '../../protocols/crypto/witness-signature.ts';
import { CommitmentError } from './errors.ts';
import { feeOfWeight } from './fees.ts';
import { fundingWitness } from './funding.ts';
import { fundingScript } from './scripts.ts';
import { transactionHash, witnessSighash } from './transaction-hash.ts';

/** A channel without HTLCs, about to be closed, seen from the node that builds. */
export interface ClosingParameters {
  /** 32 bytes in internal order, as in `funding_created`. */
  readonly fundingTxid: Uint8Array;
  readonly fundingOutputIndex: number;
  readonly fundingSatoshis: bigint;
  readonly localFundingPubkey: Uint8Array;
  readonly remoteFundingPubkey: Uint8Array;
  readonly localIsOpener: boolean;
  readonly localMsat: bigint;
  readonly remoteMsat: bigint;
  /** From the two `shutdown` messages. */
  readonly localScriptpubkey: Uint8Array;
  readonly remoteScriptpubkey: Uint8Array;
  /** That of the node that builds. */
  readonly dustLimitSatoshis: bigint;
}

export interface ClosingOutput {
  readonly payee: 'local' | 'remote';
  readonly index: number;
  readonly amountSatoshis: bigint;
  readonly scriptPubkey: Uint8Array;
}

export interface BuiltClosing {
  readonly parameters: ClosingParameters;
  readonly transaction: Transaction;
  /** 32 bytes in internal order. */
  readonly txid: Uint8Array;
  readonly outputs: readonly ClosingOutput[];
  /** What the miner gets: dropped outputs and fractions of satoshis included. */
  readonly feeSatoshis: bigint;
}

const SEQUENCE_FINAL = 0xffffffff;
/** Version, input count, the input without its witness, output count and locktime, in bytes. */
const BYTES_WITHOUT_OUTPUTS = 4 + 1 + 41 + 1 + 4;
/** Amount and script length of an output, in bytes. */
const OUTPUT_OVERHEAD = 8 + 1;
/** Marker, flag and the funding input's witness with two signatures of 73 bytes, as BOLT 3's appendix A counts. */
const WITNESS_WEIGHT = 2 + 222;

/**
 * The mutual close that `closing_signed` signs (BOLT 3, "Legacy Closing Transaction"): the opener pays `feeSatoshis`,
 * outputs below the builder's dust limit are dropped, and so is that of `omit`, since a node may give up its own
 * output.
 *
 * Throws `CommitmentError`: `unbalanced_close` when the balances do not add up to the capacity,
 * `close_fee_exceeds_balance` when the opener cannot pay the fee, `close_without_outputs` when all outputs are dust.
 */
export function buildClosing(
  parameters: ClosingParameters,
  feeSatoshis: bigint,
  omit?: 'local' | 'remote',
): BuiltClosing {
  const { fundingSatoshis, localMsat, remoteMsat, localIsOpener } = parameters;
  if (localMsat + remoteMsat !== fundingSatoshis * 1000n || localMsat < 0n || remoteMsat < 0n) {
    throw new CommitmentError(
      'unbalanced_close',
      `expected balances that add up to ${fundingSatoshis * 1000n} msat, ` +
        `got ${localMsat} local and ${remoteMsat} remote`,
      { fundingSatoshis, localMsat, remoteMsat },
    );
  }
  const openerSatoshis = (localIsOpener ? localMsat : remoteMsat) / 1000n;
  if (feeSatoshis < 0n || feeSatoshis > openerSatoshis) {
    throw new CommitmentError(
      'close_fee_exceeds_balance',
      `expected a fee from 0 to the opener's ${openerSatoshis} sat, got ${feeSatoshis} sat`,
      { feeSatoshis, openerSatoshis },
    );
  }
  const outputs = [
    {
      payee: 'local' as const,
      amountSatoshis: localMsat / 1000n - (localIsOpener ? feeSatoshis : 0n),
      scriptPubkey: parameters.localScriptpubkey,
    },
    {
      payee: 'remote' as const,
      amountSatoshis: remoteMsat / 1000n - (localIsOpener ? 0n : feeSatoshis),
      scriptPubkey: parameters.remoteScriptpubkey,
    },
  ]
    .filter(({ payee, amountSatoshis }) => payee !== omit && amountSatoshis >= parameters.dustLimitSatoshis)
    .sort(compareOutputs)
    .map((output, index) => ({ ...output, index }));
  if (outputs.length === 0) {
    throw new CommitmentError('close_without_outputs', 'no output of the closing transaction reaches the dust limit', {
      dustLimitSatoshis: parameters.dustLimitSatoshis,
      omit,
    });
  }
  const transaction = new Transaction();
  transaction.version = 2;
  transaction.ins = [
    {
      hash: parameters.fundingTxid,
      index: parameters.fundingOutputIndex,
      script: new Uint8Array(),
      sequence: SEQUENCE_FINAL,
      witness: [],
    },
  ];
  transaction.outs = outputs.map(({ scriptPubkey, amountSatoshis }) => ({
    script: scriptPubkey,
    value: amountSatoshis,
  }));
  return {
    parameters,
    transaction,
    txid: transactionHash(transaction),
    outputs,
    feeSatoshis: outputs.reduce((left, { amountSatoshis }) => left - amountSatoshis, fundingSatoshis),
  };
}

/** The hash that both funding keys sign for a closing transaction. */
export function closingSighash({ parameters, transaction }: BuiltClosing): Uint8Array {
  const { localFundingPubkey, remoteFundingPubkey, fundingSatoshis } = parameters;
  const witnessScript = fundingScript(localFundingPubkey, remoteFundingPubkey);
  return witnessSighash(transaction, witnessScript, fundingSatoshis, SIGHASH_ALL);
}

/**
 * The closing transaction that the signature of the peer's `closing_signed` signs: one with all outputs, or one from
 * which the peer left its own. Throws `CommitmentError` with the code `invalid_closing_signature` when it signs neither
 * (BOLT 2, "Legacy Closing Negotiation": a warning or an error is due), and as `buildClosing` does.
 */
export function closingSignedByRemote(
  parameters: ClosingParameters,
  feeSatoshis: bigint,
  remoteSignature: Uint8Array,
): BuiltClosing {
  const isSigned = (built: BuiltClosing) =>
    secp256k1.verify(remoteSignature, closingSighash(built), parameters.remoteFundingPubkey);

  const whole = buildClosing(parameters, feeSatoshis);
  if (isSigned(whole)) return whole;
  if (whole.outputs.length === 2) {
    const withoutRemote = buildClosing(parameters, feeSatoshis, 'remote');
    if (isSigned(withoutRemote)) return withoutRemote;
  }
  throw new CommitmentError(
    'invalid_closing_signature',
    `the signature is not valid for any closing transaction with a fee of ${feeSatoshis} sat`,
    { feeSatoshis },
  );
}

/** The closing transaction with its witness, ready to broadcast. The signatures are 64 bytes, compact. */
export function completeClosing(
  { parameters, transaction }: BuiltClosing,
  localSignature: Uint8Array,
  remoteSignature: Uint8Array,
): Transaction {
  const complete = transaction.clone();
  complete.setWitness(
    0,
    fundingWitness(
      { fundingPubkey: parameters.localFundingPubkey, signature: localSignature },
      { fundingPubkey: parameters.remoteFundingPubkey, signature: remoteSignature },
    ),
  );
  return complete;
}

/** The weight of a closing transaction that pays to these scripts, with signatures of the greatest length. */
export function closingWeight(scriptPubkeys: readonly Uint8Array[]): number {
  const bytes = scriptPubkeys.reduce((sum, { length }) => sum + OUTPUT_OVERHEAD + length, BYTES_WITHOUT_OUTPUTS);
  return 4 * bytes + WITNESS_WEIGHT;
}

/** The fee in satoshis of a closing transaction that pays to these scripts, rounded down. */
export function closingFee(feeratePerKw: number, scriptPubkeys: readonly Uint8Array[]): bigint {
  return feeOfWeight(feeratePerKw, closingWeight(scriptPubkeys));
}

/**
 * Whether a `shutdown` may name this script (BOLT 2, "Closing Initiation: shutdown"): P2WPKH, P2WSH, and, once both
 * nodes offer option_shutdown_anysegwit, any later witness version.
 */
export function isValidShutdownScript(scriptPubkey: Uint8Array, options: { readonly anySegwit: boolean }): boolean {
  const [version, programLength] = scriptPubkey;
  if (version === undefined || programLength === undefined || scriptPubkey.length !== programLength + 2) return false;
  if (version === opcodes.OP_0) return programLength === 20 || programLength === 32;
  const isLaterVersion = version >= opcodes.OP_1 && version <= opcodes.OP_16;
  return options.anySegwit && isLaterVersion && programLength >= 2 && programLength <= 40;
}

function compareOutputs(
  a: Omit<ClosingOutput, 'index'>,
  b: Omit<ClosingOutput, 'index'>,
): number {
  if (a.amountSatoshis !== b.amountSatoshis) return a.amountSatoshis < b.amountSatoshis ? -1 : 1;
  return compare(a.scriptPubkey, b.scriptPubkey);
}
