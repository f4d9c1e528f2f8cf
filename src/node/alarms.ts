import type { Logger } from '../logging.ts';
import { systemClock, type Clock } from '../runtime/clock.ts';

/**
 * - `fee_reserve_low`: the wallet holds less than it should for the fees of channels that may have to be closed;
 * - `no_fee_coins`: a transaction cannot be made, or not at the fee that it should pay, for want of coins;
 * - `fee_budget_exceeded`: getting a transaction into a block in time would cost more than it is worth;
 * - `broadcast_rejected`: the chain has refused a transaction for some blocks;
 * - `deadline_missed`: an output that a peer can take by now is not yet ours;
 * - `peer_cheated`: a peer broadcast a commitment that it had revoked;
 * - `state_lost`: a channel goes on without us, since this node lost what it knew of it;
 * - `backup_outdated`: the channel backup could not be written, and does not have what it should;
 * - `funding_lost`: somebody spent a channel's funding in a way that this node cannot explain, or a reorg took it out for good;
 * - `money_lost`: a payment was paid twice, or passed on and never paid for, or may yet be;
 * - `channel_frozen`: a fault of this node's has frozen a channel until the next start;
 * - `chain_away`: the chain backend does not answer, so that deadlines pass unseen.
 */
export type AlarmCode =
  | 'fee_reserve_low'
  | 'no_fee_coins'
  | 'fee_budget_exceeded'
  | 'broadcast_rejected'
  | 'deadline_missed'
  | 'peer_cheated'
  | 'state_lost'
  | 'funding_lost'
  | 'backup_outdated'
  | 'money_lost'
  | 'channel_frozen'
  | 'chain_away';

export interface AlarmDetails {
  /** What is wrong and what helps, for people. */
  readonly message: string;
  readonly channelIndex?: number;
}

export interface Alarm extends AlarmDetails {
  readonly code: AlarmCode;
  /** Tells alarms of one code apart: a channel, a transaction. */
  readonly key: string;
  /** Unix time in milliseconds since which it stands, by this process. */
  readonly sinceMs: number;
}

export interface AlarmsOptions {
  readonly logger: Logger;
  readonly clock?: Pick<Clock, 'now'>;
  /** Told of each alarm that is raised, and of each that is over. */
  readonly onChange?: (alarm: Alarm, isRaised: boolean) => void;
}

/** More than this at once would say no more. */
const MAX_ALARMS = 1_000;

/**
 * What the node cannot put right by itself and its owner should know of. Kept in memory: whoever raised an alarm raises
 * it again after a restart. Whoever raises an alarm that stands only changes its message.
 */
export class Alarms {
  readonly #options: AlarmsOptions;
  readonly #standing = new Map<string, Alarm>();

  constructor(options: AlarmsOptions) {
    this.#options = options;
  }

  raise(code: AlarmCode, key: string, details: AlarmDetails): void {
    const id = `${code} ${key}`;
    const known = this.#standing.get(id);
    if (known === undefined && this.#standing.size >= MAX_ALARMS) return;
    const { clock = systemClock } = this.#options;
    const alarm: Alarm = { ...details, code, key, sinceMs: known?.sinceMs ?? clock.now() };
    this.#standing.set(id, alarm);
    if (known !== undefined) return;
    this.#options.logger.error({ alarm: code, channelIndex: details.channelIndex }, details.message);
    this.#options.onChange?.(alarm, true);
  }

  /** A no-op if it does not stand. */
  clear(code: AlarmCode, key: string): void {
    const alarm = this.#standing.get(`${code} ${key}`);
    if (alarm === undefined) return;
    this.#standing.delete(`${code} ${key}`);
    this.#options.logger.info({ alarm: code, channelIndex: alarm.channelIndex }, `over: ${alarm.message}`);
    this.#options.onChange?.(alarm, false);
  }

  /** Those that stand, oldest first. */
  list(): Alarm[] {
    return [...this.#standing.values()];
  }
}
