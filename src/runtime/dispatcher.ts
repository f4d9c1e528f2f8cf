import { RunnelError } from '../../protocols/errors.ts';
import type { Database } from '../storage/database.ts';
import type { NodeEvent, PaymentsEvent, Turn, TurnParticipant } from './turn.ts';

type ChannelTurnEvent = Extract<NodeEvent, { to: 'channel' }>;

export interface DispatcherOptions {
  readonly database: Pick<Database, 'transaction'>;
  readonly channels: TurnParticipant<ChannelTurnEvent>;
  readonly payments: TurnParticipant<PaymentsEvent>;
  /** Others whose rows change with a turn (the wallet, the chain's position). */
  readonly others?: readonly Pick<TurnParticipant<never>, 'persist' | 'committed' | 'reset'>[];
  /** Calls back soon, never at once: what arrives in between shares the turn and its one write to disk. */
  readonly schedule: (run: () => void) => void;
  /** A turn was discarded: nothing of it was written or sent. */
  readonly onDiscarded: (error: unknown) => void;
  /** What was to happen after the commit threw, which none of it may: all else has happened. */
  readonly onReleaseFailed: (error: unknown) => void;
}

/** What was asked for in a turn that could not be written: nothing of it happened. */
export class TurnDiscardedError extends RunnelError {
  constructor(cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('turn_discarded', `nothing was done, since the turn could not be completed: ${reason}`, {}, { cause });
  }
}

interface Work {
  readonly run: (turn: Turn) => void;
  /** Told if its turn is discarded. Without it, nobody would ask again. */
  readonly discarded?: (error: unknown) => void;
  readonly isRetry?: boolean;
}

/** External events in one turn: bounds how long a commit may be put off while peers keep talking. */
const MAX_EVENTS_PER_TURN = 256;

/**
 * The node's one queue. It takes external events in the order in which they came, gives each to its actor, lets everything that follows happen
 * synchronously, writes all of it in one database transaction, and only then lets anything leave (DESIGN: persist, then send).
 * If an actor throws or the write fails, the whole turn is discarded and its actors come back from disk. What happened to others in that turn,
 * such as a peer's message or the end of its connection, happens once more, each event in a turn of its own: the channel at fault is frozen by
 * then, and they had no part in it.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #queue: Work[] = [];
  #scheduled = false;
  #stopped = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Queues an event. */
  submit(event: NodeEvent): void {
    this.#enqueue({ run: (turn) => turn.dispatch(event) });
  }

  /** Queues work that decides within the turn which events there are. */
  run(work: (turn: Turn) => void): void {
    this.#enqueue({ run: work });
  }

  /**
   * Runs `work` in a turn and resolves with what it returned once that is on disk; rejects with what it threw (the turn goes on without it, so
   * it must throw before it changes anything), or with `TurnDiscardedError`.
   */
  inTurn<T>(work: (turn: Turn) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (turn: Turn): void => {
        let result: T;
        try {
          result = work(turn);
        } catch (error) {
          if (!(error instanceof RunnelError)) throw error;
          turn.afterCommit(() => reject(error));
          return;
        }
        turn.afterCommit(() => resolve(result));
      };
      this.#enqueue({ run, discarded: (error) => reject(new TurnDiscardedError(error)) });
    });
  }

  /** No turn runs any more; what is queued is dropped, as a crash would drop it. */
  stop(): void {
    this.#stopped = true;
    const dropped = this.#queue;
    this.#queue = [];
    for (const work of dropped) work.discarded?.(new RunnelError('node_stopping', 'the node is stopping'));
  }

  #enqueue(work: Work): void {
    if (this.#stopped) {
      work.discarded?.(new RunnelError('node_stopping', 'the node is stopping'));
      return;
    }
    this.#queue.push(work);
    this.#scheduleDrain();
  }

  #drain(): void {
    this.#scheduled = false;
    while (this.#queue.length > 0 && !this.#stopped) {
      if (this.#runTurn(this.#queue.splice(0, this.#queue[0]?.isRetry === true ? 1 : MAX_EVENTS_PER_TURN))) continue;
      // What follows a discarded turn may be discarded too, for ever if the disk is full: others must come to their turn.
      this.#scheduleDrain();
      return;
    }
  }

  #scheduleDrain(): void {
    if (this.#scheduled || this.#queue.length === 0) return;
    this.#scheduled = true;
    this.#options.schedule(() => this.#drain());
  }

  /** Answers whether the turn was completed. */
  #runTurn(works: readonly Work[]): boolean {
    const { database, channels, payments, others = [] } = this.#options;
    const inner: NodeEvent[] = [];
    const releases: (() => void)[] = [];
    const turn: Turn = { dispatch: (event) => void inner.push(event), afterCommit: (action) => void releases.push(action) };
    const settle = (): void => {
      for (let event = inner.shift(); event !== undefined; event = inner.shift()) {
        if (event.to === 'channel') channels.handle(event, turn);
        else payments.handle(event.event, turn);
      }
    };
    const participants = [channels, payments, ...others];
    try {
      for (const { run } of works) {
        run(turn);
        settle();
      }
      for (const participant of [payments, channels]) {
        participant.endTurn?.(turn);
        settle();
      }
      database.transaction(() => {
        for (const participant of participants) participant.persist();
      });
    } catch (error) {
      for (const participant of participants) participant.reset();
      for (const work of works) work.discarded?.(error);
      // Before all that came later: the order of events is part of what they say.
      const lost = works.filter(({ discarded, isRetry }) => discarded === undefined && isRetry !== true);
      this.#queue.unshift(...lost.map((work) => ({ ...work, isRetry: true })));
      this.#options.onDiscarded(error);
      return false;
    }
    for (const participant of participants) this.#release(() => participant.committed?.());
    for (const release of releases) this.#release(release);
    return true;
  }

  /** One that fails must not keep the others from leaving: what they say is on disk. */
  #release(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#options.onReleaseFailed(error);
    }
  }
}
