import type { Database } from '../storage/database.ts';
import type { BuiltSweep } from './sweep-builder.ts';
import { SweepStore } from './sweep-store.ts';
import type { SweepWallet } from './sweep-wallet.ts';
import type { Sweep } from './sweep.ts';

/** How long a transaction is remembered that took what it should, or can no longer: a reorg may bring it back. */
const ENDED_BLOCKS = 6;

/** The sweeper's transactions, in memory and on disk, in step with what the wallet has booked of them. */
export class SweepBook {
  readonly #database: Database;
  readonly #store: SweepStore;
  readonly #wallet: SweepWallet;
  readonly #sweeps = new Map<string, Sweep>();
  /** The active transaction that takes an output. */
  readonly #takers = new Map<string, Sweep>();

  constructor(database: Database, wallet: SweepWallet) {
    this.#database = database;
    this.#store = new SweepStore(database);
    this.#wallet = wallet;
    for (const sweep of this.#store.all()) this.#remember(sweep);
  }

  get isEmpty(): boolean {
    return this.#sweeps.size === 0;
  }

  /** Those that have something to take, in the order in which they were made. */
  active(): Sweep[] {
    return [...this.#sweeps.values()].filter(({ endedHeight }) => endedHeight === undefined);
  }

  /** The active transaction that takes the output of this `outpointKey`. */
  takerOf(key: string): Sweep | undefined {
    return this.#takers.get(key);
  }

  /**
   * Makes a transaction, books it and forgets the one that it replaces, all or nothing; what `build` throws goes
   * through.
   */
  make(
    details: Omit<Sweep, 'txid' | 'transaction' | 'feeSat' | 'feeratePerKw' | 'endedHeight'>,
    replaced: Sweep | undefined,
    build: () => BuiltSweep & Pick<Sweep, 'feeratePerKw'>,
  ): Sweep {
    const sweep = this.#database.transaction(() => {
      if (replaced !== undefined) this.#erase(replaced);
      const { transaction, feeSat, feeratePerKw } = build();
      const txid = transaction.getId();
      const made: Sweep = { ...details, txid, transaction, feeSat, feeratePerKw, endedHeight: undefined };
      this.#wallet.recordTransaction(made.transaction);
      this.#store.add(made);
      return made;
    });
    if (replaced !== undefined) this.#forget(replaced);
    this.#remember(sweep);
    return sweep;
  }

  /** Gives a transaction up: its coins are free again. */
  drop(sweep: Sweep): void {
    this.#database.transaction(() => this.#erase(sweep));
    this.#forget(sweep);
  }

  /** Brings the book in line with what can be claimed at `height`; `isWanted` says so of an `outpointKey`. */
  settle(isWanted: (key: string) => boolean, height: number): void {
    const sweeps = Array.from(this.#sweeps.values());
    for (const sweep of sweeps) {
      const wanted = sweep.claimed.filter(({ key }) => isWanted(key)).length;
      const isWhole = wanted === sweep.claimed.length;
      const { endedHeight } = sweep;
      if (endedHeight === undefined) {
        // Where only some of its claims are gone, another transaction has taken them: it can never be in a block.
        if (wanted === 0) this.#setEnded(sweep, height);
        else if (!isWhole) this.drop(sweep);
      } else if (isWhole && !sweep.claimed.some(({ key }) => this.#takers.has(key))) {
        this.#setEnded(sweep, undefined);
      } else if (height >= endedHeight + ENDED_BLOCKS) {
        this.drop(sweep);
      }
    }
  }

  #setEnded(sweep: Sweep, endedHeight: number | undefined): void {
    this.#database.transaction(() => {
      this.#store.setEnded(sweep.txid, endedHeight);
      if (endedHeight === undefined) this.#wallet.recordTransaction(sweep.transaction);
      // Its claims may be gone by a reorg, and not into a block: then nothing is to come of it.
      else this.#wallet.abandonTransaction(sweep.txid);
    });
    this.#forget(sweep);
    this.#remember({ ...sweep, endedHeight });
  }

  #erase({ txid }: Sweep): void {
    this.#wallet.abandonTransaction(txid);
    this.#store.remove(txid);
  }

  #remember(sweep: Sweep): void {
    this.#sweeps.set(sweep.txid, sweep);
    if (sweep.endedHeight === undefined) for (const { key } of sweep.claimed) this.#takers.set(key, sweep);
  }

  #forget(sweep: Sweep): void {
    this.#sweeps.delete(sweep.txid);
    for (const { key } of sweep.claimed) if (this.#takers.get(key)?.txid === sweep.txid) this.#takers.delete(key);
  }
}
