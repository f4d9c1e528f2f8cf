/** The books of a channel between Runnel and LDK that has ended, kept by BOLT 3 and by what blocks hold. */
import type { Transaction } from 'bitcoinjs-lib';
import { equals, toString } from 'uint8arrays';
import { answers, ask, fetchBlock } from '../../src/chain/answers.ts';
import type { ChainRpc } from '../../src/chain/chain.ts';

export const ANCHOR_SAT = 330n;

export type Side = 'runnel' | 'ldk';

export const otherSide = (side: Side): Side => (side === 'runnel' ? 'ldk' : 'runnel');

/** An output of the transaction that ends a channel, and who is to have it. */
export interface Due {
  readonly what: string;
  readonly amountSat: bigint;
  readonly by: Side;
}

/** What each wallet is to have more at the end. */
export type Gains = Readonly<Record<Side, bigint>>;

/** All transactions in blocks, and who spends what. */
export class Books {
  readonly #rpc: ChainRpc;
  readonly #isHome: Record<Side, (script: Uint8Array) => boolean>;
  readonly #byTxid = new Map<string, Transaction>();
  readonly #spenders = new Map<string, Transaction>();
  #height = 0;

  /** `ldkScript`: where LDK's wallet has all its coins. What LDK takes comes to its library's own keys first. */
  constructor(rpc: ChainRpc, ldkScript: Uint8Array) {
    this.#rpc = rpc;
    this.#isHome = { ldk: (script) => equals(script, ldkScript), runnel: isKeyHash };
  }

  /** Reads what has been mined since the last time. */
  async read(): Promise<void> {
    const { blocks } = await ask(this.#rpc, answers.blockchainInfo, 'getblockchaininfo');
    while (this.#height < blocks) {
      const height = ++this.#height;
      const { transactions } = await fetchBlock(this.#rpc, await ask(this.#rpc, answers.hash, 'getblockhash', [height]), height);
      for (const transaction of transactions) this.#enter(transaction);
    }
  }

  /** The transaction in a block that spends it. */
  spenderOf(txid: string, index: number): Transaction | undefined {
    return this.#spenders.get(`${txid}:${index}`);
  }

  feeSat(transaction: Transaction): bigint {
    const inSat = transaction.ins.reduce((total, { hash, index }) => total + this.#byTxid.get(txidOf(hash))!.outs[index]!.value, 0n);
    return inSat - transaction.outs.reduce((total, { value }) => total + value, 0n);
  }

  /**
   * What both are to have of the transaction that ended a channel, less the fees of those that took it, which are in blocks.
   * An anchor is of `owner`'s where it is taken. Throws where an output is not one that is due, or is still there.
   */
  gains(closing: Transaction, dues: readonly Due[], owner: Side): Gains {
    const gains = { runnel: 0n, ldk: 0n };
    const paid = new Set<string>();
    const open = [...dues];
    for (const [index, { value, script }] of closing.outs.entries()) {
      const at = open.findIndex(({ amountSat }) => amountSat === value);
      const [due] = at < 0 ? [] : open.splice(at, 1);
      if (due === undefined && value !== ANCHOR_SAT) throw new Error(`nobody is to have ${value} sat`);
      const by = due?.by ?? owner;
      const spender = this.spenderOf(closing.getId(), index);
      if (this.#isHome[by](script)) gains[by] += value;
      else if (spender !== undefined) gains[by] += value - this.#feesFrom(spender, by, paid);
      else if (due !== undefined) throw new Error(`nobody took ${due.what}, ${value} sat`);
    }
    if (open.length > 0) throw new Error(`there is no ${open.map(({ what, amountSat }) => `${what} (${amountSat} sat)`).join(', ')}`);
    return gains;
  }

  /** The fees of a transaction and of those upon its outputs that are not the wallet's yet, each paid once. */
  #feesFrom(transaction: Transaction, by: Side, paid: Set<string>): bigint {
    const txid = transaction.getId();
    if (paid.has(txid)) return 0n;
    paid.add(txid);
    const upon = transaction.outs.map(({ script, value }, index) => {
      if (this.#isHome[by](script)) return 0n;
      const spender = this.spenderOf(txid, index);
      if (spender === undefined) throw new Error(`nobody took ${value} sat of ${txid}`);
      return this.#feesFrom(spender, by, paid);
    });
    return upon.reduce((total, feeSat) => total + feeSat, this.feeSat(transaction));
  }

  #enter(transaction: Transaction): void {
    this.#byTxid.set(transaction.getId(), transaction);
    for (const { hash, index } of transaction.ins) this.#spenders.set(`${txidOf(hash)}:${index}`, transaction);
  }
}

/** P2WPKH, as all is that is in Runnel's wallet, and nothing on the way there. */
const isKeyHash = (script: Uint8Array): boolean => script.length === 22 && script[0] === 0;

const txidOf = (hash: Uint8Array): string => toString(hash.slice().reverse(), 'hex');
