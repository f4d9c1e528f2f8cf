import type { Outpoint } from '../../machines/onchain/claim.ts';
import type { Chain } from '../chain/chain.ts';
import type { Signer } from '../keys/signer-api.ts';
import type { Logger } from '../logging.ts';
import type { Alarms } from '../node/alarms.ts';
import type { Database } from '../storage/database.ts';
import { Broadcaster, type Offer } from './broadcaster.ts';
import { FeeSource } from './fee-source.ts';
import { isUrgent } from './grouping.ts';
import { SweepAlarms } from './sweep-alarms.ts';
import { SweepBook } from './sweep-book.ts';
import { SweepBuilder } from './sweep-builder.ts';
import { SweepPlanner } from './sweep-planner.ts';
import type { SweepWallet } from './sweep-wallet.ts';
import { type ChannelBump, outpointKey, type SweepRequest } from './sweep.ts';

export type { ChannelBump, ChannelClaim, SweepRequest } from './sweep.ts';

export interface SweeperOptions {
  readonly database: Database;
  readonly chain: Pick<Chain, 'broadcast' | 'submitPackage' | 'feeratePerKw'>;
  readonly wallet: SweepWallet;
  readonly signer: Signer;
  readonly alarms: Pick<Alarms, 'raise' | 'clear'>;
  readonly logger: Logger;
}

/** The transaction that is to spend an output and waits for a block. */
export interface SweepStatus {
  readonly txid: string;
  /** For the child of a commitment, what both pay together. */
  readonly feeratePerKw: number;
  readonly feeSat: bigint;
  /** The chain's height when the output was first claimed; the transaction may have been replaced since. */
  readonly firstHeight: number;
}

/** Transactions that go to the chain together. */
interface ToOffer {
  readonly channelIndex: number;
  readonly transactions: readonly Offer[];
  readonly isUrgent: boolean;
}

/**
 * For how many blocks the chain may refuse a transaction before that is an alarm: in general, and near its deadline.
 */
const PATIENCE_BLOCKS = 6;
const URGENT_PATIENCE_BLOCKS = 2;

/**
 * Makes transactions of claims and gets them into blocks: groups, pays, signs, persists, broadcasts, and again with
 * each block until nothing is left to claim, at a higher fee as a deadline nears (BOLT 5).
 *
 * It is given everything that can be claimed each time and remembers only its own transactions, which stand on disk
 * before they are broadcast: after a crash the same request leads to the same transactions, and those that are there
 * are used.
 */
export class Sweeper {
  readonly #logger: Logger;
  readonly #fees: FeeSource;
  readonly #book: SweepBook;
  readonly #planner: SweepPlanner;
  readonly #broadcaster: Broadcaster;
  readonly #alarms: SweepAlarms;
  #next: SweepRequest | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor({ database, chain, wallet, signer, alarms, logger }: SweeperOptions) {
    this.#logger = logger;
    this.#fees = new FeeSource(chain, logger);
    this.#book = new SweepBook(database, wallet);
    this.#broadcaster = new Broadcaster(chain, logger);
    this.#alarms = new SweepAlarms(alarms);
    this.#planner = new SweepPlanner({
      book: this.#book,
      builder: new SweepBuilder({ wallet, signer }),
      rejectionOf: (name) => this.#broadcaster.rejectionOf(name),
      alarms: this.#alarms,
      logger,
    });
  }

  /**
   * Does what is to be done. Resolves once this request, or a newer one that came meanwhile, is dealt with and all
   * transactions were offered to the chain. Never rejects.
   */
  update(request: SweepRequest): Promise<void> {
    this.#next = request;
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Undefined where no transaction of ours is to spend the output. */
  status(outpoint: Outpoint): SweepStatus | undefined {
    const sweep = this.#book.takerOf(outpointKey(outpoint));
    if (sweep === undefined) return undefined;
    const { txid, feeratePerKw, feeSat, firstHeight } = sweep;
    return { txid, feeratePerKw, feeSat, firstHeight };
  }

  /** Whether the output is left where it is for now, since taking it would cost more than it is worth. */
  isPostponed(outpoint: Outpoint): boolean {
    return this.#planner.isPostponed(outpointKey(outpoint));
  }

  /** Nothing is written or broadcast once this has resolved. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let request = this.#take(); request !== undefined; request = this.#take()) {
      try {
        await this.#round(request);
      } catch (error) {
        this.#logger.error({ err: error }, 'the sweeper could not finish a round; it goes on with the next block');
      }
    }
  }

  #take(): SweepRequest | undefined {
    const request = this.#next;
    this.#next = undefined;
    return this.#isStopped ? undefined : request;
  }

  async #round(request: SweepRequest): Promise<void> {
    if (request.claims.length === 0 && request.bumps.length === 0 && this.#book.isEmpty) return this.#alarms.settle();
    const estimates = await this.#fees.estimates(request.height);
    if (estimates === undefined || this.#isStopped || this.#next !== undefined) return;
    this.#planner.plan(request, estimates);
    // While the chain is away, nobody knows which refusals still stand.
    if (await this.#offer(request)) this.#alarms.settle();
  }

  /** Answers false if the chain is away. */
  async #offer({ height, bumps }: SweepRequest): Promise<boolean> {
    const offers = this.#offers(bumps, height);
    const names = new Set(offers.flatMap(({ transactions }) => transactions.map(({ name }) => name)));
    this.#broadcaster.keepOnly((name) => names.has(name));
    for (const { channelIndex, transactions, isUrgent } of offers) {
      if (this.#isStopped || !(await this.#broadcaster.offer(transactions, height))) return false;
      for (const { name } of transactions) this.#alarm(name, channelIndex, height, isUrgent);
    }
    return true;
  }

  /** Everything that waits for a block; commitments before all else, with the children that pay for them. */
  #offers(bumps: readonly ChannelBump[], height: number): ToOffer[] {
    const children = new Set<string>();
    const offers = bumps.map(({ channelIndex, bump: { commitment, anchor, deadline } }): ToOffer => {
      const parent = { name: commitment.getId(), transaction: commitment };
      const key = anchor === undefined ? '' : outpointKey(anchor.outpoint);
      const child = this.#book.takerOf(key);
      if (child !== undefined) children.add(child.txid);
      const transactions = child === undefined ? [parent] : [parent, { name: key, transaction: child.transaction }];
      return { channelIndex, transactions, isUrgent: isUrgent(deadline, height) };
    });
    for (const sweep of this.#book.active()) {
      const [first] = sweep.claimed;
      if (children.has(sweep.txid) || first === undefined) continue;
      const transactions = [{ name: first.key, transaction: sweep.transaction }];
      offers.push({ channelIndex: first.channelIndex, transactions, isUrgent: this.#planner.isUrgent(sweep.txid) });
    }
    return offers;
  }

  #alarm(name: string, channelIndex: number, height: number, isUrgent: boolean): void {
    const rejection = this.#broadcaster.rejectionOf(name);
    if (rejection === undefined) return;
    const blocks = height - rejection.sinceHeight;
    if (blocks < (isUrgent ? URGENT_PATIENCE_BLOCKS : PATIENCE_BLOCKS)) return;
    const message = `a closed channel's transaction has been refused for ${blocks} blocks: ${rejection.reason}`;
    this.#alarms.raise('broadcast_rejected', channelIndex, message);
  }
}
