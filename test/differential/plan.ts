import { Transaction, payments } from 'bitcoinjs-lib';
import { fromString } from 'uint8arrays';
import { p2wpkh } from '../../machines/commitment/scripts.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { toWitnessSignature } from '../../protocols/crypto/witness-signature.ts';
import type { Claim } from './channel.ts';
import type { Seeded } from '../harness/seeded.ts';

/** An output that can be spent; `txid` in display order. */
export interface Coin {
  readonly txid: string;
  readonly index: number;
  readonly amountSat: bigint;
  readonly script: Uint8Array;
}

/** A signature of the input at hand, as it stands in a witness; SIGHASH_ALL unless told otherwise. */
export type Sign = (secret: Uint8Array, hashType?: number) => Uint8Array;

/** An input that knows how it is signed, so that it can be signed in any transaction. */
export interface InputPlan {
  readonly coin: Coin;
  readonly sequence: number;
  /** The script that signatures commit to: the witness script, or what P2WPKH stands for. */
  readonly scriptCode: Uint8Array;
  readonly scriptSig?: Uint8Array;
  /** Of all its signatures that are SIGHASH_ALL; for mutations. */
  readonly hashType?: number;
  readonly witness: (sign: Sign) => Uint8Array[];
}

export interface Output {
  readonly script: Uint8Array;
  readonly value: bigint;
}

/** A transaction before it is signed. */
export interface Plan {
  readonly label: string;
  readonly version: number;
  readonly lockTime: number;
  readonly inputs: readonly InputPlan[];
  readonly outputs: readonly Output[];
  /** By the index of an HTLC transaction's output: what can take it in turn. */
  readonly seconds?: readonly (((coin: Coin) => Claim[]) | undefined)[];
}

/** The transaction of a plan, every input signed. */
export function signed(plan: Plan): Transaction {
  const transaction = new Transaction();
  transaction.version = plan.version;
  transaction.locktime = plan.lockTime;
  transaction.ins = plan.inputs.map(({ coin, sequence, scriptSig = new Uint8Array(0) }) => ({
    hash: fromString(coin.txid, 'base16').reverse(),
    index: coin.index,
    script: scriptSig,
    sequence,
    witness: [],
  }));
  // Two mutations of an amount may leave the range of the field.
  transaction.outs = plan.outputs.map(({ script, value }) => ({ script, value: BigInt.asIntN(64, value) }));
  for (const [i, input] of plan.inputs.entries()) {
    const sign: Sign = (secret, hashType = input.hashType ?? Transaction.SIGHASH_ALL) => {
      const hash = transaction.hashForWitnessV0(i, input.scriptCode, input.coin.amountSat, hashType);
      return withHashType(secp256k1.sign(hash, secret), hashType);
    };
    transaction.ins[i]!.witness = input.witness(sign);
  }
  return transaction;
}

/** DER with any hash type, those that no library writes included. */
function withHashType(signature: Uint8Array, hashType: number): Uint8Array {
  const encoded = toWitnessSignature(signature, Transaction.SIGHASH_ALL);
  encoded[encoded.length - 1] = hashType & 0xff;
  return encoded;
}

/** The output of a transaction as a coin. */
export function coinOf(transaction: Transaction, index: number): Coin {
  const { script, value } = transaction.outs[index]!;
  return { txid: transaction.getId(), index, amountSat: value, script };
}

/** A key that owns P2WPKH outputs. */
export class WalletKey {
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly script: Uint8Array;

  constructor(random: Seeded) {
    this.secret = random.bytes(32);
    this.publicKey = secp256k1.publicKey(this.secret);
    this.script = p2wpkh(this.publicKey);
  }

  /** The spend of one of its outputs. */
  input(coin: Coin, sequence = 0xfffffffd): InputPlan {
    return {
      coin,
      sequence,
      scriptCode: payments.p2pkh({ pubkey: this.publicKey }).output!,
      witness: (sign) => [sign(this.secret), this.publicKey],
    };
  }
}

export function amountIn(inputs: readonly InputPlan[]): bigint {
  return inputs.reduce((sum, { coin }) => sum + coin.amountSat, 0n);
}

export function amountOut(outputs: readonly Output[]): bigint {
  return outputs.reduce((sum, { value }) => sum + value, 0n);
}
