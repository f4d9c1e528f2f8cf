import type { ForwardingPolicy } from '../gossip/announcer.ts';
import type { Database } from '../storage/database.ts';

/** What forwarding costs, as far as the operator chose it. */
export type ChosenPolicy = Pick<ForwardingPolicy, 'feeBaseMsat' | 'feeProportionalMillionths' | 'cltvExpiryDelta'>;

/** Each channel's forwarding policy: the node's own, unless the operator set another for it. */
export class ForwardingPolicies {
  readonly #database: Database;
  readonly #standard: ChosenPolicy;
  readonly #chosen = new Map<number, ChosenPolicy>();

  constructor(database: Database, standard: ChosenPolicy) {
    this.#database = database;
    this.#standard = standard;
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
    ]);
    const rows = database.all<{ channel_index: number; fee_base: number; fee_ppm: number; cltv_delta: number }>('SELECT * FROM forwarding_policies');
    for (const row of rows) {
      this.#chosen.set(row.channel_index, {
        feeBaseMsat: row.fee_base,
        feeProportionalMillionths: row.fee_ppm,
        cltvExpiryDelta: row.cltv_delta,
      });
    }
  }

  of(channelIndex: number): ChosenPolicy {
    return this.#chosen.get(channelIndex) ?? this.#standard;
  }

  /** Fields left out stay as they are. */
  set(channelIndex: number, changes: Partial<ChosenPolicy>): ChosenPolicy {
    const policy = { ...this.of(channelIndex), ...changes };
    this.#database.run(
      'INSERT OR REPLACE INTO forwarding_policies (channel_index, fee_base, fee_ppm, cltv_delta) VALUES (?, ?, ?, ?)',
      channelIndex,
      policy.feeBaseMsat,
      policy.feeProportionalMillionths,
      policy.cltvExpiryDelta,
    );
    this.#chosen.set(channelIndex, policy);
    return policy;
  }
}
