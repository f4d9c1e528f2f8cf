import { ppmOf, type BalanceStep, type PpmRange } from '../../machines/forwarding/balance-fee.ts';
import type { Fees } from '../../machines/forwarding/rules.ts';
import type { ForwardingPolicy } from '../gossip/announcer.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Database } from '../storage/database.ts';

/** What forwarding costs, as far as the operator chose it. */
export interface ChosenPolicy extends Pick<ForwardingPolicy, 'feeBaseMsat' | 'feeProportionalMillionths' | 'cltvExpiryDelta'> {
  /** The millionths follow the balance between these; else they are fixed. */
  readonly follow?: PpmRange;
}

/** BOLT 7, "HTLC Fees": how long a fee is accepted after a `channel_update` has replaced it, as Core Lightning and eclair do. */
export const OLDER_FEES_MS = 10 * 60_000;
/** Older fees of one channel that are remembered: more can only come by hand. */
const MAX_OLDER_FEES = 16;

interface PolicyRow {
  readonly channel_index: number;
  readonly fee_base: number;
  readonly fee_ppm: number;
  readonly cltv_delta: number;
  readonly follow_min_ppm: number | null;
  readonly follow_max_ppm: number | null;
}

interface OlderFees extends Fees {
  readonly untilMs: number;
}

/** Each channel's forwarding policy: the node's own, unless the operator set another for it; and the fees that held until a while ago. */
export class ForwardingPolicies {
  readonly #database: Database;
  readonly #standard: ChosenPolicy;
  readonly #clock: Clock;
  readonly #chosen = new Map<number, ChosenPolicy>();
  readonly #steps = new Map<number, BalanceStep>();
  readonly #older = new Map<number, readonly OlderFees[]>();

  constructor(database: Database, standard: ChosenPolicy, clock: Clock) {
    this.#database = database;
    this.#standard = standard;
    this.#clock = clock;
    database.migrate('forwarding_policies', [
      {
        name: 'policies',
        sql: `CREATE TABLE forwarding_policies (
          channel_index INTEGER PRIMARY KEY,
          fee_base INTEGER NOT NULL,
          fee_ppm INTEGER NOT NULL,
          cltv_delta INTEGER NOT NULL
        ) STRICT;`,
      },
      {
        name: 'fees that follow the balance, and older fees',
        sql: `
          ALTER TABLE forwarding_policies ADD COLUMN follow_min_ppm INTEGER;
          ALTER TABLE forwarding_policies ADD COLUMN follow_max_ppm INTEGER;
          CREATE TABLE balance_steps (
            channel_index INTEGER PRIMARY KEY,
            step INTEGER NOT NULL,
            rate_free_ms INTEGER NOT NULL
          ) STRICT;
          CREATE TABLE older_fees (
            channel_index INTEGER NOT NULL,
            fee_base INTEGER NOT NULL,
            fee_ppm INTEGER NOT NULL,
            until_ms INTEGER NOT NULL
          ) STRICT;
          CREATE INDEX older_fees_of ON older_fees (channel_index);
        `,
      },
    ]);
    this.#load();
  }

  /** What holds now: of a channel that follows its balance, at the step where it stands. */
  of(channelIndex: number): ChosenPolicy {
    const policy = this.#chosen.get(channelIndex) ?? this.#standard;
    const { follow, feeProportionalMillionths: ppm } = policy;
    if (follow === undefined) return policy;
    const step = this.#steps.get(channelIndex)?.step;
    // Until its balance is looked at for the first time, which is before anyone hears of the channel.
    const first = Math.min(follow.maxPpm, Math.max(follow.minPpm, ppm));
    return { ...policy, feeProportionalMillionths: step === undefined ? first : ppmOf(follow, step) };
  }

  /** Where a channel that follows its balance stands, once that was looked at. */
  stepOf(channelIndex: number): BalanceStep | undefined {
    return this.#steps.get(channelIndex);
  }

  /** The fees that others may still take for ours. */
  olderFees(channelIndex: number): readonly Fees[] {
    const now = this.#clock.now();
    return (this.#older.get(channelIndex) ?? []).filter(({ untilMs }) => now < untilMs);
  }

  /**
   * Fields left out stay as they are, but a fixed `feeProportionalMillionths` ends the following of the balance. `step` is where
   * one that begins to follow stands.
   */
  set(channelIndex: number, changes: Partial<ChosenPolicy>, step?: BalanceStep): ChosenPolicy {
    const before = this.of(channelIndex);
    const { follow: _ended, ...fixed } = before;
    const policy: ChosenPolicy = { ...(changes.feeProportionalMillionths === undefined ? before : fixed), ...changes };
    this.#database.run(
      `INSERT OR REPLACE INTO forwarding_policies (channel_index, fee_base, fee_ppm, cltv_delta, follow_min_ppm, follow_max_ppm)
       VALUES (?, ?, ?, ?, ?, ?)`,
      channelIndex,
      policy.feeBaseMsat,
      policy.feeProportionalMillionths,
      policy.cltvExpiryDelta,
      policy.follow?.minPpm,
      policy.follow?.maxPpm,
    );
    this.#chosen.set(channelIndex, policy);
    if (policy.follow === undefined) this.#forgetStep(channelIndex);
    else if (step !== undefined) this.#saveStep(channelIndex, step);
    this.noteOlder(channelIndex, before);
    return this.of(channelIndex);
  }

  /** The balance of a channel that follows it has gone to another step. */
  setStep(channelIndex: number, step: BalanceStep): void {
    const before = this.of(channelIndex);
    const isFirst = !this.#steps.has(channelIndex);
    this.#saveStep(channelIndex, step);
    if (!isFirst) this.noteOlder(channelIndex, before);
  }

  /** These were a channel's fees until now, as others know: they hold for a while, unless they are those of now. */
  noteOlder(channelIndex: number, { feeBaseMsat, feeProportionalMillionths }: Fees): void {
    const isSame = (fees: Fees): boolean =>
      fees.feeBaseMsat === feeBaseMsat && fees.feeProportionalMillionths === feeProportionalMillionths;
    if (isSame(this.of(channelIndex))) return;
    const now = this.#clock.now();
    const older = (this.#older.get(channelIndex) ?? []).filter((fees) => now < fees.untilMs && !isSame(fees));
    const kept = [...older, { feeBaseMsat, feeProportionalMillionths, untilMs: now + OLDER_FEES_MS }].slice(-MAX_OLDER_FEES);
    this.#older.set(channelIndex, kept);
    this.#database.run('DELETE FROM older_fees WHERE channel_index = ?', channelIndex);
    for (const fees of kept) {
      this.#database.run(
        'INSERT INTO older_fees (channel_index, fee_base, fee_ppm, until_ms) VALUES (?, ?, ?, ?)',
        channelIndex,
        fees.feeBaseMsat,
        fees.feeProportionalMillionths,
        fees.untilMs,
      );
    }
  }

  #saveStep(channelIndex: number, step: BalanceStep): void {
    this.#database.run(
      'INSERT OR REPLACE INTO balance_steps (channel_index, step, rate_free_ms) VALUES (?, ?, ?)',
      channelIndex,
      step.step,
      step.rateFreeAtMs,
    );
    this.#steps.set(channelIndex, step);
  }

  #forgetStep(channelIndex: number): void {
    this.#database.run('DELETE FROM balance_steps WHERE channel_index = ?', channelIndex);
    this.#steps.delete(channelIndex);
  }

  #load(): void {
    for (const row of this.#database.all<PolicyRow>('SELECT * FROM forwarding_policies')) {
      const { follow_min_ppm: minPpm, follow_max_ppm: maxPpm } = row;
      this.#chosen.set(row.channel_index, {
        feeBaseMsat: row.fee_base,
        feeProportionalMillionths: row.fee_ppm,
        cltvExpiryDelta: row.cltv_delta,
        ...(minPpm !== null && maxPpm !== null && { follow: { minPpm, maxPpm } }),
      });
    }
    const steps = this.#database.all<{ channel_index: number; step: number; rate_free_ms: number }>('SELECT * FROM balance_steps');
    for (const row of steps) this.#steps.set(row.channel_index, { step: row.step, rateFreeAtMs: row.rate_free_ms });
    this.#database.run('DELETE FROM older_fees WHERE until_ms <= ?', this.#clock.now());
    const older = this.#database.all<{ channel_index: number; fee_base: number; fee_ppm: number; until_ms: number }>(
      'SELECT * FROM older_fees ORDER BY rowid',
    );
    for (const { channel_index: index, fee_base: feeBaseMsat, fee_ppm: feeProportionalMillionths, until_ms: untilMs } of older) {
      this.#older.set(index, [...(this.#older.get(index) ?? []), { feeBaseMsat, feeProportionalMillionths, untilMs }]);
    }
  }
}
