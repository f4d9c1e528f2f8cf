import type { CommitmentBump } from '../../machines/onchain/claim.ts';
import type { Logger } from '../logging.ts';
import { WalletError } from '../wallet/errors.ts';
import type { Rejection } from './broadcaster.ts';
import { BudgetExceededError } from './errors.ts';
import {
  blocksLeft,
  estimateFor,
  type FeeEstimates,
  feerateOf,
  isWorthReplacing,
  leastFeerate,
  wantedFeerate,
} from './fee-policy.ts';
import { byHaste, groupClaims, isUrgent, mayStayTogether, type Situation } from './grouping.ts';
import { anchorJob, budgetFeerates, claimJob, effectiveFeerate, type Job } from './job.ts';
import type { SweepAlarms } from './sweep-alarms.ts';
import type { SweepBook } from './sweep-book.ts';
import type { SweepBuilder } from './sweep-builder.ts';
import { type ChannelClaim, outpointKey, type Sweep, type SweepRequest } from './sweep.ts';
import { isEconomical } from './worth.ts';

export interface SweepPlannerOptions {
  readonly book: SweepBook;
  readonly builder: SweepBuilder;
  /** By the name that a transaction is offered under: a commitment's txid, or the key of the first claim. */
  readonly rejectionOf: (name: string) => Rejection | undefined;
  readonly alarms: SweepAlarms;
  readonly logger: Logger;
}

/** For how many blocks a transaction may be refused for another reason than its fee before it is made anew. */
const STUCK_BLOCKS = 3;
/** For how many blocks one of several inputs may have been bid for by somebody else before the others go on without it. */
const OUTBID_BLOCKS = 2;

const TOO_EXPENSIVE = 'to get a transaction of a closed channel into a block in time would cost more than it is worth';

/** What became of a job. */
type Outcome = 'made' | 'no_coins' | 'too_expensive' | 'failed';

/** What a round works with. */
interface Round {
  readonly height: number;
  readonly estimates: FeeEstimates;
  readonly claims: ReadonlyMap<string, ChannelClaim>;
  /** The commitments that wait for a block, by the anchor that pays for them. */
  readonly parents: ReadonlyMap<string, CommitmentBump>;
}

/** Decides, each round, which transactions are to be there, and makes, replaces and drops them until they are. */
export class SweepPlanner {
  readonly #options: SweepPlannerOptions;
  /** Claims whose transaction was refused: they share none with others. */
  readonly #apart = new Set<string>();
  /** Claims of a transaction that a block's spend of another one of them made void, and how many may share the next. */
  readonly #most = new Map<string, number>();
  /**
   * The heights since which claims, and commitments by their anchors, have been broadcast in one transaction or
   * another.
   */
  readonly #since = new Map<string, number>();
  #postponed = new Set<string>();
  #urgent = new Set<string>();

  constructor(options: SweepPlannerOptions) {
    this.#options = options;
  }

  isPostponed(key: string): boolean {
    return this.#postponed.has(key);
  }

  /** Whether the transaction's deadline was near in the last round. */
  isUrgent(txid: string): boolean {
    return this.#urgent.has(txid);
  }

  /** Synchronous; each transaction that it makes is on disk when it returns. */
  plan(request: SweepRequest, estimates: FeeEstimates): void {
    const round = roundOf(request, estimates);
    const { book } = this.#options;
    const { claims, parents, height } = round;
    this.#postponed = new Set();
    for (const key of this.#apart) if (!claims.has(key)) this.#apart.delete(key);
    for (const key of this.#since.keys()) if (!claims.has(key)) this.#since.delete(key);
    this.#divideBroken(claims);
    book.settle((key) => claims.has(key), height);
    for (const key of parents.keys()) this.#sentAt(key, height);
    for (const { claimed, firstHeight } of book.active()) for (const { key } of claimed) this.#sentAt(key, firstHeight);
    for (const sweep of book.active()) this.#improve(sweep, round);

    const free = [...claims].filter(([key]) => book.takerOf(key) === undefined);
    const anchors = free.flatMap(([key, anchor]) => {
      const parent = parents.get(key);
      return parent === undefined ? [] : [anchorJob(anchor, parent)];
    });
    const others = free.flatMap(([key, each]) => (parents.has(key) || !this.#isWorthIt(each, round) ? [] : [each]));
    const jobs = [...anchors, ...groupClaims(others, this.#situation(round)).map(claimJob)].sort(byHasteOfJobs);
    for (const job of jobs) this.#start(job, round);
    this.#watchDeadlines(round);
  }

  /**
   * A peer that may take some of our outputs can make a transaction void in each block by taking one of its claims, and
   * hold up the others until they are lost. Half as many go together each time, so that it cannot for long.
   */
  #divideBroken(claims: Round['claims']): void {
    for (const key of this.#most.keys()) if (!claims.has(key)) this.#most.delete(key);
    for (const { claimed } of this.#options.book.active()) {
      const left = claimed.filter(({ key }) => claims.has(key));
      if (left.length === claimed.length) continue;
      for (const { key } of left) this.#most.set(key, Math.ceil(left.length / 2));
    }
  }

  /** Replaces a transaction where that is called for, or gives it up if the chain will not have it. */
  #improve(sweep: Sweep, round: Round): void {
    const { book, rejectionOf } = this.#options;
    const rejection = rejectionOf(sweep.claimed[0]?.key ?? '');
    if (rejection?.kind === 'other' && round.height - rejection.sinceHeight >= STUCK_BLOCKS) {
      if (sweep.claimed.length > 1) for (const { key } of sweep.claimed) this.#apart.add(key);
      book.drop(sweep);
      return;
    }
    if (rejection?.isOutbid === true && round.height - rejection.sinceHeight >= OUTBID_BLOCKS) {
      for (const { key } of sweep.claimed) this.#apart.add(key);
    }
    const claims = sweep.claimed.flatMap(({ key }) => round.claims.get(key) ?? []);
    if (!mayStayTogether(claims, this.#situation(round)) && this.#split(sweep, claims, round)) return;
    const job = jobOf(claims, round);
    const wanted = this.#wanted(job, round);
    this.#watchBudget(job, round);
    if (rejection?.kind === 'fee') {
      // What stands in the way is not known: half as much again, once a block, until it is enough.
      if (sweep.madeHeight >= round.height) return;
      const raised = Math.min(Math.max(wanted, Math.ceil(sweep.feeratePerKw * 1.5)), budgetFeerates(job).most);
      this.#make(job, raised, round, sweep);
    } else if (isWorthReplacing(sweep.feeratePerKw, wanted, blocksLeft({ ...round, deadline: job.deadline }))) {
      this.#make(job, wanted, round, sweep);
    }
  }

  /**
   * Replaces a transaction by one of what is most pressing in it, so that the others are free for transactions of their
   * own. Where that alone cannot pay for the replacement, half of the claims do; the next round divides them again.
   */
  #split(sweep: Sweep, claims: readonly ChannelClaim[], round: Round): boolean {
    const [first = []] = groupClaims(claims, this.#situation(round));
    const half = [...claims].sort(byHaste).slice(0, Math.ceil(claims.length / 2));
    return [first, half].some((part) => {
      const job = claimJob(part);
      return this.#make(job, this.#wanted(job, round), round, sweep) === 'made';
    });
  }

  #situation({ height, estimates }: Round): Situation {
    return { height, apart: this.#apart, most: this.#most, feeratePerKw: leastFeerate(estimates) };
  }

  #start(job: Job, round: Round): void {
    const { parent } = job;
    const wanted = this.#wanted(job, round);
    this.#watchBudget(job, round);
    if (parent !== undefined) {
      const isRefused = this.#options.rejectionOf(parent.commitment.getId())?.kind === 'fee';
      if (!isRefused && feerateOf(parent.feeSat, parent.commitment.weight()) >= wanted) return;
    } else if (wanted < leastFeerate(round.estimates)) {
      this.#postpone(job);
      return;
    }
    const outcome = this.#make(job, wanted, round, undefined);
    if (outcome === 'made' || outcome === 'too_expensive' || job.claims.length === 1) return;
    // What could not be made together, for want of coins or for one claim that cannot be signed for, may go one by one.
    for (const each of job.claims) {
      if (this.#make(claimJob([each]), wanted, round, undefined) === 'no_coins') return;
    }
  }

  /** The feerate for a job now, no more than its budget. */
  #wanted(job: Job, { estimates, height }: Round): number {
    const { deadline, claims } = job;
    const sinceHeight = this.#sinceHeight(claims, height);
    return wantedFeerate(estimates, { height, deadline, sinceHeight }, budgetFeerates(job));
  }

  #sentAt(key: string, height: number): void {
    if (!this.#since.has(key)) this.#since.set(key, height);
  }

  #sinceHeight(claims: readonly ChannelClaim[], height: number): number {
    return Math.min(height, ...claims.map(({ claim }) => this.#since.get(outpointKey(claim.outpoint)) ?? height));
  }

  /**
   * Makes and books the transaction of a job; where coins or budget do not allow the feerate, at what they do allow.
   */
  #make(job: Job, feeratePerKw: number, round: Round, replaced: Sweep | undefined): Outcome {
    const floor = replaced?.feeratePerKw ?? leastFeerate(round.estimates);
    const isShort = (outcome: Outcome): boolean => outcome === 'no_coins' || outcome === 'too_expensive';
    let outcome = this.#try(job, feeratePerKw, round, replaced);
    for (let over = (feeratePerKw - floor) >> 1; isShort(outcome) && over > 0; over >>= 1) {
      outcome = this.#try(job, floor + over, round, replaced);
    }
    if (isShort(outcome) && replaced === undefined) outcome = this.#try(job, floor, round, replaced);
    if (outcome === 'too_expensive' && replaced === undefined) this.#postpone(job);
    return outcome;
  }

  #try(job: Job, feeratePerKw: number, { height }: Round, replaced: Sweep | undefined): Outcome {
    const { book, builder, logger } = this.#options;
    const details = {
      claimed: job.claims.map(({ channelIndex, claim }) => ({ key: outpointKey(claim.outpoint), channelIndex })),
      firstHeight: this.#sinceHeight(job.claims, height),
      madeHeight: height,
    };
    try {
      const { txid, feeSat } = book.make(details, replaced, () => {
        const built = builder.build(job, feeratePerKw, replaced);
        return { ...built, feeratePerKw: effectiveFeerate(job, built.feeSat, built.transaction.weight()) };
      });
      for (const { key } of details.claimed) this.#sentAt(key, height);
      logger.info({ txid, feeSat, replaces: replaced?.txid }, 'made a transaction for what a channel left on chain');
      return 'made';
    } catch (error) {
      if (error instanceof WalletError && error.code === 'insufficient_funds') {
        this.#alarm('no_fee_coins', job, `too few coins for the fees of a closed channel: ${error.message}`);
        return 'no_coins';
      }
      if (error instanceof BudgetExceededError) return 'too_expensive';
      logger.error({ err: error, claims: details.claimed }, 'no transaction could be made of claims');
      return 'failed';
    }
  }

  #isWorthIt(each: ChannelClaim, { estimates }: Round): boolean {
    if (isEconomical(each.claim, leastFeerate(estimates))) return true;
    this.#postponed.add(outpointKey(each.claim.outpoint));
    return false;
  }

  #postpone({ claims }: Job): void {
    for (const { claim } of claims) this.#postponed.add(outpointKey(claim.outpoint));
  }

  #watchBudget(job: Job, { estimates, height }: Round): void {
    const { deadline } = job;
    if (!isUrgent(deadline, height)) return;
    if (budgetFeerates(job).most >= estimateFor(estimates, blocksLeft({ height, deadline }))) return;
    this.#alarm('fee_budget_exceeded', job, TOO_EXPENSIVE);
  }

  #watchDeadlines({ claims, height }: Round): void {
    this.#urgent = new Set();
    for (const [key, { channelIndex, claim }] of claims) {
      if (!isUrgent(claim.deadline, height)) continue;
      const sweep = this.#options.book.takerOf(key);
      if (sweep !== undefined) this.#urgent.add(sweep.txid);
      if ((blocksLeft({ height, deadline: claim.deadline }) ?? 1) > 0 || this.#postponed.has(key)) continue;
      const message = `no block holds our spend of ${key} (${claim.amountSat} sat) yet: the peer can take it by now`;
      this.#options.alarms.raise('deadline_missed', channelIndex, message);
    }
  }

  #alarm(code: 'no_fee_coins' | 'fee_budget_exceeded', { claims }: Job, message: string): void {
    for (const { channelIndex } of claims) this.#options.alarms.raise(code, channelIndex, message);
  }
}

function roundOf({ height, claims, bumps }: SweepRequest, estimates: FeeEstimates): Round {
  const parents = new Map<string, CommitmentBump>();
  const all = new Map<string, ChannelClaim>();
  for (const { channelIndex, bump } of bumps) {
    if (bump.anchor === undefined) continue;
    const key = outpointKey(bump.anchor.outpoint);
    parents.set(key, bump);
    all.set(key, { channelIndex, claim: { ...bump.anchor, deadline: bump.deadline } });
  }
  for (const each of claims) {
    const key = outpointKey(each.claim.outpoint);
    if (!all.has(key)) all.set(key, each);
  }
  return { height, estimates, claims: all, parents };
}

function jobOf(claims: readonly ChannelClaim[], { parents }: Round): Job {
  const [first] = claims;
  const parent = first === undefined ? undefined : parents.get(outpointKey(first.claim.outpoint));
  return first === undefined || parent === undefined ? claimJob(claims) : anchorJob(first, parent);
}

/** In the order of their most pressing claims. */
function byHasteOfJobs(a: Job, b: Job): number {
  const [first] = a.claims;
  const [second] = b.claims;
  return first === undefined || second === undefined ? 0 : byHaste(first, second);
}
