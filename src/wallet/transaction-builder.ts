import { Psbt, type Transaction } from 'bitcoinjs-lib';
import { compare } from 'uint8arrays/compare';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { OnchainSigner } from '../keys/signer-api.ts';
import type { Payment } from './coin-selection.ts';
import type { Coin } from './records.ts';

/** BIP 125: the transaction may be replaced by one that pays more. */
const REPLACEABLE = 0xfffffffd;

export interface SpendableCoin extends Coin {
  readonly script: Uint8Array;
}

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
  const psbt = new Psbt();
  psbt.setVersion(2);
  psbt.setLocktime(lockTime);
  for (const { script, amountSat } of [...outputs].sort(byAmountAndScript))
    psbt.addOutput({ script, value: amountSat });
  const inputs = [...coins].sort((a, b) =>
    a.txid === b.txid ? a.outputIndex - b.outputIndex : a.txid < b.txid ? -1 : 1,
  );
  for (const { txid, outputIndex } of inputs) psbt.addInput({ hash: txid, index: outputIndex, sequence: REPLACEABLE });
  // Apart, since addInput takes the scripts of all earlier inputs to pieces: seconds for some hundreds of them.
  for (const [index, { script, amountSat }] of inputs.entries())
    psbt.updateInput(index, { witnessUtxo: { script, value: amountSat } });
  signer.signPsbt(psbt, inputs);
  if (
    !psbt.validateSignaturesOfAllInputs((publicKey, hash, signature) => secp256k1.verify(signature, hash, publicKey))
  ) {
    throw new TypeError('the signer made a signature that is not valid');
  }
  // The library's own limit on fees is by the byte; the caller chose this fee.
  return psbt.finalizeAllInputs().extractTransaction(true);
}

function byAmountAndScript(a: Payment, b: Payment): number {
  if (a.amountSat !== b.amountSat) return a.amountSat < b.amountSat ? -1 : 1;
  return compare(a.script, b.script);
}
