import { Transaction, networks, payments } from 'bitcoinjs-lib';
import { fromString, toString } from 'uint8arrays';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { decodeTransaction } from '../../src/chain/embedded/consensus/transaction.ts';
import {
  type ChainRecord,
  EmbeddedChain,
  type EmbeddedChainOptions,
} from '../../src/chain/embedded/embedded-chain.ts';
import { callEmbedded } from '../../src/chain/embedded/rpc/call.ts';
import { ChainRpcError } from '../../src/chain/errors.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';

const START_MS = 1_700_000_000_000;

/** A key with its P2WPKH output. */
export class Key {
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly script: Uint8Array;
  readonly address: string;

  constructor(seed: number) {
    this.secret = new Uint8Array(32).fill(seed);
    this.publicKey = secp256k1.publicKey(this.secret);
    const payment = payments.p2wpkh({ pubkey: this.publicKey, network: networks.regtest });
    this.script = payment.output!;
    this.address = payment.address!;
  }
}

/** An output that a test may spend. */
export interface Spendable {
  readonly txid: string;
  readonly index: number;
  readonly amountSat: bigint;
  readonly key: Key;
}

export interface SpendOptions {
  readonly feeSat?: bigint;
  /** Outputs besides the change; change goes back to the first input's key unless there would be none. */
  readonly outputs?: readonly { readonly script: Uint8Array; readonly value: bigint }[];
  readonly change?: boolean;
  readonly sequence?: number;
  readonly locktime?: number;
  readonly version?: number;
}

/** A signed P2WPKH spend of `inputs`. */
export function spend(inputs: readonly Spendable[], options: SpendOptions = {}): Transaction {
  const { feeSat = 1_000n, outputs = [], change = true, sequence = 0xfffffffd, locktime = 0, version = 2 } = options;
  const transaction = new Transaction();
  transaction.version = version;
  transaction.locktime = locktime;
  for (const { txid, index } of inputs) transaction.addInput(fromString(txid, 'base16').reverse(), index, sequence);
  for (const { script, value } of outputs) transaction.addOutput(script, value);
  const rest = sum(inputs.map(({ amountSat }) => amountSat)) - sum(outputs.map(({ value }) => value)) - feeSat;
  if (change) transaction.addOutput(inputs[0]!.key.script, rest);
  return sign(transaction, inputs);
}

export function sign(transaction: Transaction, inputs: readonly Spendable[]): Transaction {
  for (const [i, { key, amountSat }] of inputs.entries()) {
    const script = payments.p2pkh({ pubkey: key.publicKey }).output!;
    const hash = transaction.hashForWitnessV0(i, script, amountSat, Transaction.SIGHASH_ALL);
    transaction.setWitness(i, [derSignature(secp256k1.sign(hash, key.secret)), key.publicKey]);
  }
  return transaction;
}

/** DER and SIGHASH_ALL. */
export function derSignature(compact: Uint8Array): Uint8Array {
  const integer = (bytes: Uint8Array) => {
    let start = 0;
    while (start < 31 && bytes[start] === 0) start++;
    const digits = [...bytes.subarray(start)];
    if ((digits[0]! & 0x80) !== 0) digits.unshift(0);
    return [0x02, digits.length, ...digits];
  };
  const body = [...integer(compact.subarray(0, 32)), ...integer(compact.subarray(32))];
  return Uint8Array.of(0x30, body.length, ...body, Transaction.SIGHASH_ALL);
}

/** Output `index` of a transaction, for its key to spend. */
export function output(transaction: Transaction, index: number, key: Key): Spendable {
  return { txid: transaction.getId(), index, amountSat: transaction.outs[index]!.value, key };
}

export function toHex(bytes: Uint8Array): string {
  return toString(bytes, 'base16');
}

/** An embedded chain on virtual time, with short words for what tests do with it. */
export class TestChain {
  readonly clock: VirtualClock;
  readonly chain: EmbeddedChain;
  readonly miner = new Key(1);
  readonly #funds: Spendable[] = [];

  constructor(
    options: Partial<EmbeddedChainOptions> = {},
    history: Iterable<ChainRecord> = [],
    clock = new VirtualClock(START_MS),
  ) {
    this.clock = clock;
    this.chain = new EmbeddedChain({ clock, ...options }, history);
  }

  /** A chain with `count` mature coinbases of 50 BTC to spend. */
  static funded(count = 3, options: Partial<EmbeddedChainOptions> = {}): TestChain {
    const chain = new TestChain(options);
    chain.mine(count + 100);
    return chain;
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- answers are JSON, and tests look into them freely
  call(method: string, ...params: unknown[]): any {
    return callEmbedded(this.chain, method, params);
  }

  /** bitcoind's code and message of a call that must fail. */
  failure(method: string, ...params: unknown[]): { code: number; message: string } {
    try {
      this.call(method, ...params);
    } catch (error) {
      if (error instanceof ChainRpcError) return { code: error.rpcCode, message: error.message };
      throw error;
    }
    throw new Error(`${method} did not fail`);
  }

  get height(): number {
    return this.call('getblockcount') as number;
  }

  get tip(): string {
    return this.call('getbestblockhash') as string;
  }

  mine(count = 1, key = this.miner): string[] {
    const hashes = this.call('generatetoaddress', count, key.address) as string[];
    if (key === this.miner) {
      for (const hash of hashes) {
        const coinbase = this.chain.state.find(hash)!.block.transactions[0]!.transaction;
        this.#funds.push(output(coinbase, 0, this.miner));
      }
    }
    return hashes;
  }

  /** The next mature coinbase that no test has taken yet. */
  fund(): Spendable {
    const next = this.#funds.shift();
    if (next === undefined) throw new Error('no funds left');
    return next;
  }

  send(transaction: Transaction): string {
    return this.call('sendrawtransaction', transaction.toHex(), 0) as string;
  }

  /** The reject reason of a transaction, or 'allowed'. */
  verdict(transaction: Transaction): string {
    const [result] = this.call('testmempoolaccept', [transaction.toHex()], 0);
    return result.allowed ? 'allowed' : result['reject-reason'];
  }

  /** The reason why a block of exactly these transactions cannot be mined, or 'valid'. */
  blockVerdict(...transactions: Transaction[]): string {
    try {
      this.chain.generateBlock(
        transactions.map((transaction) => decodeTransaction(transaction.toBuffer())),
        this.miner.script,
        false,
      );
      return 'valid';
    } catch (error) {
      return (error as { reason: string }).reason;
    }
  }

  /** A block of the active chain, in hex. */
  blockHex(height: number): string {
    return this.call('getblock', this.call('getblockhash', height), 0) as string;
  }

  get mempool(): string[] {
    return this.call('getrawmempool') as string[];
  }
}

function sum(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n);
}

