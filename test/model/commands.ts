import fc from 'fast-check';

export type Name = 'alice' | 'bob';

/** How large an HTLC is: below, at and above what gets an output, and up to and beyond what the channel can carry. */
export type Size = 'msat' | 'dust' | 'trimmed' | 'untrimmed' | 'some' | 'half' | 'most' | 'more' | 'all';

/**
 * What may happen to two nodes and their link. One whose time is not come does nothing, so that any list can be
 * replayed and shortened. Alice opened the channel.
 */
export type Command =
  | { readonly do: 'fund' }
  | { readonly do: 'depth'; readonly by: Name; readonly depth: number }
  | { readonly do: 'add'; readonly by: Name; readonly size: Size; readonly seed: number }
  /**
   * `which` counts, around and around, among the HTLCs that were told as received, decided ones included: a decision
   * may come twice.
   */
  | { readonly do: 'remove'; readonly by: Name; readonly which: number; readonly how: 'fulfil' | 'fail' | 'malformed' }
  | { readonly do: 'fee'; readonly to: number }
  | { readonly do: 'turn'; readonly by: Name }
  | { readonly do: 'deliver'; readonly from: Name }
  /** So many times: each ends its turn, and gets one message. */
  | { readonly do: 'run'; readonly steps: number }
  /** The link breaks and `by` notices; what `by` had sent may still arrive until the other notices. */
  | { readonly do: 'cut'; readonly by: Name }
  | { readonly do: 'notice'; readonly by: Name }
  | { readonly do: 'connect'; readonly first: Name }
  | { readonly do: 'restart'; readonly by: Name }
  | { readonly do: 'close'; readonly by: Name; readonly feeratePerKw: number };

export interface Settings {
  readonly begin: 'opening' | 'unconfirmed' | 'normal';
  readonly fundingSatoshis: bigint;
  readonly pushPercent: number;
  readonly feeratePerKw: number;
  readonly announce: boolean;
  /** Whether a close is ever asked for: a walk after it has little left to do. */
  readonly closes: boolean;
  readonly aliceDustLimitSatoshis: bigint;
  readonly bobDustLimitSatoshis: bigint;
  readonly maxAcceptedHtlcs: number;
  readonly maxHtlcValueInFlightPpm: bigint;
  readonly maxDustHtlcExposureMsat: bigint;
}

export interface Walk {
  readonly settings: Settings;
  readonly commands: readonly Command[];
}

const weighted = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });

const name = fc.constantFrom<Name>('alice', 'bob');
const small = fc.constantFrom<Size>('msat', 'dust', 'trimmed', 'untrimmed', 'some');
const large = fc.constantFrom<Size>('half', 'most', 'more', 'all');
const size = fc.oneof(weighted(4, small), weighted(1, large));
const how = fc.constantFrom<'fulfil' | 'fail' | 'malformed'>('fulfil', 'fulfil', 'fulfil', 'fail', 'malformed');
const feerate = fc.constantFrom(253, 500, 1_000, 2_000, 5_000, 10_000);

const command: fc.Arbitrary<Command> = fc.oneof(
  weighted(40, fc.record({ do: fc.constant('deliver' as const), from: name })),
  weighted(20, fc.record({ do: fc.constant('turn' as const), by: name })),
  weighted(20, fc.record({ do: fc.constant('run' as const), steps: fc.integer({ min: 1, max: 6 }) })),
  weighted(30, fc.record({ do: fc.constant('add' as const), by: name, size, seed: fc.integer({ min: 1, max: 9 }) })),
  weighted(40, fc.record({ do: fc.constant('remove' as const), by: name, which: fc.nat(20), how })),
  weighted(8, fc.record({ do: fc.constant('connect' as const), first: name })),
  weighted(4, fc.record({ do: fc.constant('fee' as const), to: feerate })),
  weighted(4, fc.record({ do: fc.constant('depth' as const), by: name, depth: fc.nat(7) })),
  weighted(4, fc.record({ do: fc.constant('fund' as const) })),
  weighted(2, fc.record({ do: fc.constant('cut' as const), by: name })),
  weighted(2, fc.record({ do: fc.constant('notice' as const), by: name })),
  weighted(1, fc.record({ do: fc.constant('restart' as const), by: name })),
  weighted(1, fc.record({ do: fc.constant('close' as const), by: name, feeratePerKw: feerate })),
);

const settings = fc.record<Settings>({
  begin: fc.constantFrom('opening', 'unconfirmed', 'normal', 'normal', 'normal', 'normal'),
  fundingSatoshis: fc.constantFrom(20_000n, 30_000n, 100_000n, 1_000_000n),
  pushPercent: fc.constantFrom(0, 0, 1, 30, 50),
  feeratePerKw: fc.constantFrom(253, 1_000, 2_500),
  announce: fc.boolean(),
  closes: fc.constantFrom(true, false),
  aliceDustLimitSatoshis: fc.constantFrom(354n, 900n),
  bobDustLimitSatoshis: fc.constantFrom(354n, 700n),
  maxAcceptedHtlcs: fc.constantFrom(3, 30, 30, 483),
  maxHtlcValueInFlightPpm: fc.constantFrom(300_000n, 1_000_000n),
  maxDustHtlcExposureMsat: fc.constantFrom(2_000_000n, 50_000_000n),
});

/** Settings and a list of up to `length` commands. */
export const walkOf = (length: number): fc.Arbitrary<Walk> =>
  fc.record({ settings, commands: fc.array(command, { maxLength: length, size: 'max' }) });
