import { Psbt, Transaction, payments } from 'bitcoinjs-lib';
import * as ldk from 'lightningdevkit';
import { fromString } from 'uint8arrays';
import { secp256k1 } from '../../../protocols/crypto/secp256k1.ts';
import type { Block } from '../../../src/chain/chain.ts';
import { Key, derSignature } from '../../unit/chain-kit.ts';
import { reversedHex } from './library.ts';

const COINBASE_MATURITY = 100;
/** An empty script and the witness of a P2WPKH input, as LDK counts them. */
const INPUT_WITNESS_WEIGHT = 113n;
const TRANSACTION_WEIGHT = 500n;
const INPUT_WEIGHT = 41n * 4n + INPUT_WITNESS_WEIGHT;

interface Coin {
  readonly txid: string;
  readonly index: number;
  readonly amountSat: bigint;
  readonly height: number;
  readonly spendableFrom: number;
  spentAt: number | undefined;
  /** In a transaction of the wallet's own, or one of LDK's that it signed. */
  use: 'none' | 'spent' | 'lent';
}

/** The coins of one P2WPKH key, as the blocks tell of them. */
export class LdkWallet {
  /** For the library, which holds it weakly. */
  readonly source: ldk.WalletSource;
  readonly #key: Key;
  readonly #coins = new Map<string, Coin>();
  #height = 0;

  constructor(seed: number) {
    this.#key = new Key(seed);
    this.source = ldk.WalletSource.new_impl({
      list_confirmed_utxos: () => ldk.Result_CVec_UtxoZNoneZ.constructor_ok(this.#forLdk()),
      get_change_script: () => ldk.Result_CVec_u8ZNoneZ.constructor_ok(this.script),
      sign_psbt: (psbt) => ldk.Result_TransactionNoneZ.constructor_ok(this.#signPsbt(psbt)),
    });
  }

  get address(): string {
    return this.#key.address;
  }

  get script(): Uint8Array {
    return this.#key.script;
  }

  /** What blocks hold for it, with what is not mature yet. */
  get confirmedSat(): bigint {
    const unspent = [...this.#coins.values()].filter(({ spentAt }) => spentAt === undefined);
    return unspent.reduce((sum, { amountSat }) => sum + amountSat, 0n);
  }

  connect({ height, transactions }: Block): void {
    this.#height = height;
    for (const transaction of transactions) {
      for (const input of transaction.ins) {
        const coin = this.#coins.get(`${reversedHex(input.hash)}:${input.index}`);
        if (coin !== undefined) coin.spentAt = height;
      }
      const spendableFrom = transaction.isCoinbase() ? height + COINBASE_MATURITY : height;
      for (const [index, { script, value }] of transaction.outs.entries()) {
        if (reversedHex(script) !== reversedHex(this.script)) continue;
        const txid = transaction.getId();
        const coin = { txid, index, amountSat: value, height, spendableFrom, spentAt: undefined, use: 'none' } as const;
        this.#coins.set(`${txid}:${index}`, { ...coin });
      }
    }
  }

  disconnect(height: number): void {
    this.#height = height - 1;
    for (const [name, coin] of this.#coins) {
      if (coin.height === height) this.#coins.delete(name);
      else if (coin.spentAt === height) coin.spentAt = undefined;
    }
  }

  /** A signed transaction that pays this, and has its change come back. Throws where the coins do not reach. */
  pay(script: Uint8Array, amountSat: bigint, feeratePerKw: number): Transaction {
    const transaction = new Transaction();
    transaction.version = 2;
    transaction.addOutput(script, amountSat);
    let inSat = 0n;
    let feeSat = (TRANSACTION_WEIGHT * BigInt(feeratePerKw)) / 1_000n;
    const free = this.#spendable().filter(({ use }) => use === 'none');
    for (const coin of free.sort((a, b) => (a.amountSat < b.amountSat ? 1 : -1))) {
      if (inSat >= amountSat + feeSat) break;
      transaction.addInput(fromString(coin.txid, 'hex').reverse(), coin.index, 0xfffffffd);
      inSat += coin.amountSat;
      feeSat += (INPUT_WEIGHT * BigInt(feeratePerKw)) / 1_000n;
    }
    const changeSat = inSat - amountSat - feeSat;
    if (changeSat < 0n) throw new Error(`the wallet has ${inSat} sat free of ${amountSat + feeSat}`);
    if (changeSat >= 1_000n) transaction.addOutput(this.script, changeSat);
    this.#sign(transaction, 'spent');
    return transaction;
  }

  #spendable(): Coin[] {
    return [...this.#coins.values()].filter(
      ({ spentAt, spendableFrom }) => spentAt === undefined && spendableFrom <= this.#height,
    );
  }

  /** Those that it has had signed already too, since it may want to replace what it made of them. */
  #forLdk(): ldk.Utxo[] {
    return this.#spendable()
      .filter(({ use }) => use !== 'spent')
      .map(({ txid, index, amountSat }) => {
        const outpoint = ldk.OutPoint.constructor_new(fromString(txid, 'hex').reverse(), index);
        return ldk.Utxo.constructor_new(outpoint, ldk.TxOut.constructor_new(amountSat, this.script), INPUT_WITNESS_WEIGHT);
      });
  }

  /** Signs the wallet's own inputs; LDK signs the rest. */
  #signPsbt(bytes: Uint8Array): Uint8Array {
    const { globalMap } = Psbt.fromBuffer(bytes).data;
    const transaction = Transaction.fromBuffer(globalMap.unsignedTx.toBuffer());
    this.#sign(transaction, 'lent');
    return transaction.toBuffer();
  }

  #sign(transaction: Transaction, use: Coin['use']): void {
    const scriptCode = payments.p2pkh({ pubkey: this.#key.publicKey }).output!;
    for (const [i, input] of transaction.ins.entries()) {
      const coin = this.#coins.get(`${reversedHex(input.hash)}:${input.index}`);
      if (coin === undefined) continue;
      const hash = transaction.hashForWitnessV0(i, scriptCode, coin.amountSat, Transaction.SIGHASH_ALL);
      transaction.setWitness(i, [derSignature(secp256k1.sign(hash, this.#key.secret)), this.#key.publicKey]);
      coin.use = use;
    }
  }
}
