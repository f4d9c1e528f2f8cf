import { payments, script as scripts, Transaction } from 'bitcoinjs-lib';
import { fromString } from 'uint8arrays/from-string';
import { compare } from 'uint8arrays/compare';
import { equals } from 'uint8arrays/equals';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { OnchainSigner } from '../keys/signer-api.ts';
import type { Payment } from './coin-selection.ts';
import type { Outpoint, OwnOutput } from './records.ts';

/** BIP 125: the transaction may be replaced by one that pays more. */
export const REPLACEABLE = 0xfffffffd;

/** An output of the wallet's with all that its witness takes. */
export type SigningCoin = OwnOutput & { readonly script: Uint8Array };
export type SpendableCoin = SigningCoin & Outpoint;

/**
 * A signed transaction of these coins and outputs, in BIP 69's order, so that which output is the change does not show.
 * `lockTime` is the chain's height: it then brings nothing to mine an older block anew for its fee.
 */
export function buildTransaction(
  coins: readonly SpendableCoin[],
  outputs: readonly Payment[],
  lockTime: number,
  signer: OnchainSigner,
): Transaction {
  const inputs = [...coins].sort((a, b) =>
    a.txid === b.txid ? a.outputIndex - b.outputIndex : a.txid < b.txid ? -1 : 1,
  );
  const transaction = unsignedTransaction(
    inputs.map((coin) => ({ ...coin, sequence: REPLACEABLE })),
    [...outputs].sort(byAmountAndScript),
    lockTime,
  );
  for (const [index, coin] of inputs.entries()) signInput(transaction, index, coin, signer);
  return transaction;
}

/** A transaction of version 2 with inputs and outputs as they come, without witnesses. */
export function unsignedTransaction(
  inputs: readonly (Outpoint & { readonly sequence: number })[],
  outputs: readonly Payment[],
  lockTime: number,
): Transaction {
  const transaction = new Transaction();
  transaction.version = 2;
  transaction.locktime = lockTime;
  for (const { txid, outputIndex, sequence } of inputs)
    transaction.addInput(fromString(txid, 'base16').reverse(), outputIndex, sequence);
  for (const { script, amountSat } of outputs) transaction.addOutput(script, amountSat);
  return transaction;
}

/** Puts the witness of an input in its place: P2WPKH (BIP 143), SIGHASH_ALL. */
export function signInput(transaction: Transaction, index: number, coin: SigningCoin, signer: OnchainSigner): void {
  // BIP 143: the script code of a P2WPKH output is that of P2PKH.
  const { output: scriptCode } = payments.p2pkh({ hash: coin.script.subarray(2) });
  if (scriptCode === undefined) throw new TypeError('bitcoinjs-lib made no script of a hash');
  const sighash = transaction.hashForWitnessV0(index, scriptCode, coin.amountSat, Transaction.SIGHASH_ALL);
  const { signature, publicKey } = signer.signInput(sighash, coin);
  const { output } = payments.p2wpkh({ pubkey: publicKey });
  if (output === undefined || !equals(output, coin.script) || !secp256k1.verify(signature, sighash, publicKey))
    throw new TypeError('the signer made a signature that is not valid');
  transaction.setWitness(index, [scripts.signature.encode(signature, Transaction.SIGHASH_ALL), publicKey]);
}

function byAmountAndScript(a: Payment, b: Payment): number {
  if (a.amountSat !== b.amountSat) return a.amountSat < b.amountSat ? -1 : 1;
  return compare(a.script, b.script);
}
