import { payments, Transaction } from 'bitcoinjs-lib';
import { claimTransactionWeight, outputWeight } from '../../machines/onchain/claim-transaction.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { Database } from '../../src/storage/database.ts';
import type { FundedInputs, FundsRequest, SweepWallet } from '../../src/sweep/sweep-wallet.ts';
import { WalletError } from '../../src/wallet/errors.ts';
import { derSignature, Key, type TestChain, toHex } from './chain-kit.ts';

const COIN_WEIGHT = 4 * 41 + 108;
const DUST_SAT = 294n;

interface Coin {
  readonly txid: string;
  readonly outputIndex: number;
  readonly amountSat: bigint;
}

const keyOf = ({ txid, outputIndex }: Pick<Coin, 'txid' | 'outputIndex'>): string => `${txid}:${outputIndex}`;
const inputsOf = (transaction: Transaction): string[] =>
  transaction.ins.map(({ hash, index }) => `${toHex(Uint8Array.from(hash).reverse())}:${index}`);

/** A wallet of one key, whose books are in the node's database, so that they go with its transactions. */
export class FakeSweepWallet implements SweepWallet {
  readonly key = new Key(99);
  readonly #database: Database;
  readonly #chain: TestChain;

  constructor(database: Database, chain: TestChain) {
    database.migrate('fake-wallet', [{ name: 'booked', sql: 'CREATE TABLE booked (txid TEXT PRIMARY KEY, raw BLOB)' }]);
    this.#database = database;
    this.#chain = chain;
  }

  payoutScript(): Uint8Array {
    return this.key.script;
  }

  /** What blocks hold and nothing booked spends, the largest first. */
  coins(): Coin[] {
    const spent = new Set(this.booked().flatMap(inputsOf));
    return [...this.#chain.chain.state.coins]
      .filter(([, coin]) => toHex(coin.script) === toHex(this.key.script))
      .map(([key, { amountSat }]) => {
        const [txid = '', index = ''] = key.split(':');
        return { txid, outputIndex: Number(index), amountSat };
      })
      .filter((coin) => !spent.has(keyOf(coin)))
      .sort((a, b) => (a.amountSat > b.amountSat ? -1 : 1));
  }

  booked(): Transaction[] {
    const rows = this.#database.all<{ raw: Uint8Array }>('SELECT raw FROM booked ORDER BY rowid');
    return rows.map(({ raw }) => Transaction.fromBuffer(raw));
  }

  addFunds({ inputs, outputs, lockTime, feeratePerKw, extraFeeSat, keep }: FundsRequest): FundedInputs {
    const kept = new Set(keep.map(keyOf));
    const coins = this.coins();
    const order = [...coins.filter((coin) => kept.has(keyOf(coin))), ...coins.filter((coin) => !kept.has(keyOf(coin)))];
    const chosen: Coin[] = [];
    for (;;) {
      const scripts = [...outputs.map(({ script }) => script), this.key.script];
      const foreign = inputs.reduce((sum, { weight }) => sum + weight, 0);
      const weight = claimTransactionWeight([], scripts) + foreign + COIN_WEIGHT * chosen.length;
      const left =
        [...inputs, ...chosen].reduce((sum, { amountSat }) => sum + amountSat, 0n) -
        outputs.reduce((sum, { amountSat }) => sum + amountSat, 0n);
      const feeSat = (BigInt(weight) * BigInt(feeratePerKw) + 999n) / 1000n + extraFeeSat;
      const changeSat = left - feeSat;
      if (changeSat < DUST_SAT) {
        const coin = order.shift();
        if (coin === undefined) throw new WalletError('insufficient_funds', 'no coins');
        chosen.push(coin);
        continue;
      }
      const transaction = new Transaction();
      transaction.version = 2;
      transaction.locktime = lockTime;
      for (const { txid, outputIndex, sequence } of [...inputs, ...chosen.map((coin) => ({ ...coin, sequence: 0xfffffffd }))])
        transaction.addInput(Uint8Array.from(Buffer.from(txid, 'hex')).reverse(), outputIndex, sequence);
      for (const { script, amountSat } of outputs) transaction.addOutput(script, amountSat);
      transaction.addOutput(this.key.script, changeSat);
      return { transaction, feeSat, weight, coins: chosen };
    }
  }

  signInputs(transaction: Transaction): void {
    const script = payments.p2pkh({ pubkey: this.key.publicKey }).output!;
    for (const [index, key] of inputsOf(transaction).entries()) {
      const coin = this.#chain.chain.state.coins.get(key);
      if (coin === undefined || toHex(coin.script) !== toHex(this.key.script)) continue;
      const hash = transaction.hashForWitnessV0(index, script, coin.amountSat, Transaction.SIGHASH_ALL);
      transaction.setWitness(index, [derSignature(secp256k1.sign(hash, this.key.secret)), this.key.publicKey]);
    }
  }

  recordTransaction(transaction: Transaction): void {
    this.#database.run('INSERT OR IGNORE INTO booked VALUES (?, ?)', transaction.getId(), transaction.toBuffer());
  }

  abandonTransaction(txid: string): void {
    this.#database.run('DELETE FROM booked WHERE txid = ?', txid);
  }

  /** The weight of its own output, for sums. */
  get payoutWeight(): number {
    return outputWeight(this.key.script);
  }
}
