import { compare } from 'uint8arrays';
import { type Coin, type CoinView, coinAt } from '../consensus/coins.ts';
import { type ChainTransaction, outpointKey } from '../consensus/transaction.ts';
import { feerateSatPerKvb } from './feerate.ts';

/** A transaction in the mempool. */
export interface MempoolEntry {
  readonly transaction: ChainTransaction;
  readonly feeSat: bigint;
  /** Virtual size by weight or by signature checks, whichever is larger. */
  readonly vsize: number;
  readonly sigopsCost: number;
  /** When it came, in seconds. */
  readonly timeS: number;
  /** The chain's height when it came. */
  readonly height: number;
}

/** Sums over a set of entries. */
export interface PackageTotals {
  readonly count: number;
  readonly vsize: number;
  readonly feeSat: bigint;
}

/**
 * The unconfirmed transactions and how they hang together: of each output at most one transaction spends it. What may
 * enter is decided elsewhere (`MempoolAcceptance`).
 */
export class Mempool {
  readonly #entries = new Map<string, MempoolEntry>();
  readonly #spenders = new Map<string, MempoolEntry>();
  #bytes = 0;
  #sequence = 1;

  get size(): number {
    return this.#entries.size;
  }

  /** The serialized size of all transactions: what the mempool's limit bounds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Goes up by one with each transaction that comes or goes. */
  get sequence(): number {
    return this.#sequence;
  }

  /** All entries, in the order in which they came. */
  entries(): IterableIterator<MempoolEntry> {
    return this.#entries.values();
  }

  get(txid: string): MempoolEntry | undefined {
    return this.#entries.get(txid);
  }

  /** The transaction that spends an output, if one here does. */
  spender(key: string): MempoolEntry | undefined {
    return this.#spenders.get(key);
  }

  add(entry: MempoolEntry): void {
    this.#entries.set(entry.transaction.txid, entry);
    for (const key of entry.transaction.spends) this.#spenders.set(key, entry);
    this.#bytes += entry.transaction.raw.length;
    this.#sequence++;
  }

  /** Takes out one transaction and leaves its descendants where they are (it was mined). */
  remove(entry: MempoolEntry): void {
    if (!this.#entries.delete(entry.transaction.txid)) return;
    for (const key of entry.transaction.spends) this.#spenders.delete(key);
    this.#bytes -= entry.transaction.raw.length;
    this.#sequence++;
  }

  /** Takes out transactions with all their descendants, and returns what went. */
  removeWithDescendants(entries: Iterable<MempoolEntry>): MempoolEntry[] {
    const gone = new Set<MempoolEntry>();
    for (const entry of entries) for (const descendant of this.descendants(entry)) gone.add(descendant);
    for (const entry of gone) this.remove(entry);
    return [...gone];
  }

  /** The entries whose outputs `transaction` spends. */
  parents(transaction: ChainTransaction): Set<MempoolEntry> {
    const parents = new Set<MempoolEntry>();
    for (const key of transaction.spends) {
      const parent = this.#entries.get(key.slice(0, key.indexOf(':')));
      if (parent !== undefined) parents.add(parent);
    }
    return parents;
  }

  /** The entries that spend outputs of `transaction`. */
  children({ txid, transaction }: ChainTransaction): Set<MempoolEntry> {
    const children = new Set<MempoolEntry>();
    for (const index of transaction.outs.keys()) {
      const child = this.#spenders.get(outpointKey(txid, index));
      if (child !== undefined) children.add(child);
    }
    return children;
  }

  /** All entries that `transaction` depends on, without itself. */
  ancestors(transaction: ChainTransaction): Set<MempoolEntry> {
    return closure(this.parents(transaction), (entry) => this.parents(entry.transaction));
  }

  /** An entry and all entries that depend on it. */
  descendants(entry: MempoolEntry): Set<MempoolEntry> {
    return closure([entry], (each) => this.children(each.transaction));
  }

  /**
   * The coins of `chain` with this mempool's on top, at `nextHeight`. What is spent here is still to be seen: that is a
   * conflict.
   */
  coins(chain: CoinView, nextHeight: number): CoinView {
    return {
      get: (key): Coin | undefined => {
        const separator = key.indexOf(':');
        const entry = this.#entries.get(key.slice(0, separator));
        if (entry === undefined) return chain.get(key);
        return coinAt(entry.transaction, Number(key.slice(separator + 1)), nextHeight);
      },
    };
  }
}

/** Count, size and fees of a set of entries. */
export function totals(entries: Iterable<MempoolEntry>): PackageTotals {
  let count = 0;
  let vsize = 0;
  let feeSat = 0n;
  for (const entry of entries) {
    count++;
    vsize += entry.vsize;
    feeSat += entry.feeSat;
  }
  return { count, vsize, feeSat };
}

/** Entries by their txids as these are hashed: the order in which bitcoind keeps and names them. */
export function inHashOrder(entries: Iterable<MempoolEntry>): MempoolEntry[] {
  const keyed = [...entries].map((entry) => ({ entry, hash: entry.transaction.transaction.getHash() }));
  return keyed.sort((a, b) => compare(a.hash, b.hash)).map(({ entry }) => entry);
}

/** An entry's own feerate in satoshi per 1,000 vbytes. */
export function entryFeerate({ feeSat, vsize }: MempoolEntry): bigint {
  return feerateSatPerKvb(feeSat, vsize);
}

function closure(
  from: Iterable<MempoolEntry>,
  next: (entry: MempoolEntry) => Iterable<MempoolEntry>,
): Set<MempoolEntry> {
  const found = new Set<MempoolEntry>(from);
  // A set is visited in insertion order, and what is added on the way is visited too.
  for (const entry of found) for (const other of next(entry)) found.add(other);
  return found;
}
