/** Between which fees a channel's follows its balance, in millionths of what is forwarded. */
export interface PpmRange {
  readonly minPpm: number;
  readonly maxPpm: number;
}

/** How often a fee may change by itself: so many times at once, and once an interval in the long run. */
export interface UpdateRate {
  readonly intervalMs: number;
  readonly burst: number;
}

/** What is ours of a channel. HTLCs that are not settled count as their offerer's still: one that fails moves no fee. */
export interface ChannelShare {
  readonly localMsat: bigint;
  readonly capacityMsat: bigint;
}

/** Where a channel's fee stands. */
export interface BalanceStep {
  /** From 0, the cheapest, where nearly all is ours, to `STEPS - 1`, the dearest. */
  readonly step: number;
  /** When the rate allows its whole burst again, in milliseconds since 1970. */
  readonly rateFreeAtMs: number;
}

/** What becomes of a fee now. */
export type FeeDecision =
  | { readonly type: 'stay' }
  /** It is to change to that step, and may not before. */
  | { readonly type: 'wait'; readonly untilMs: number; readonly step: number }
  | { readonly type: 'change'; readonly to: BalanceStep };

/**
 * The fees that there are in a range, evenly apart. Few: each tells everyone in which fifth of the channel our balance lies, and no
 * more.
 */
export const STEPS = 5;
/** How far beyond its step, in millionths of the capacity, a balance must have gone before the fee follows. */
const HYSTERESIS_PPM = 50_000;
const ALL_PPM = 1_000_000;

/** A day. Others pass on but a few updates of a channel's direction at once, and one a day: one is left to them for what else changes. */
export const DEFAULT_UPDATE_RATE: UpdateRate = { intervalMs: 24 * 60 * 60_000, burst: 2 };

/** The fee of a step: the less is ours, the dearer is what takes away more of it. */
export const ppmOf = ({ minPpm, maxPpm }: PpmRange, step: number): number =>
  minPpm + Math.floor(((maxPpm - minPpm) * step) / (STEPS - 1));

/** Where a fee begins to follow: at once, whatever the rate says. */
export const firstStep = (share: ChannelShare, { intervalMs }: UpdateRate, nowMs: number): BalanceStep => ({
  step: wantedStep(undefined, share),
  rateFreeAtMs: nowMs + intervalMs,
});

/**
 * Whether the fee of a channel is to follow its balance now. BOLT 7, "The channel_update Message", leaves it to the node how
 * often it sends one. `last` is undefined for one that begins to.
 */
export function followBalance(last: BalanceStep | undefined, share: ChannelShare, rate: UpdateRate, nowMs: number): FeeDecision {
  if (last === undefined) return { type: 'change', to: firstStep(share, rate, nowMs) };
  const step = wantedStep(last.step, share);
  if (step === last.step) return { type: 'stay' };
  const { intervalMs, burst } = rate;
  // Later than any change could have put it: by a clock that was wrong, or another rate.
  const isOdd = last.rateFreeAtMs > nowMs + burst * intervalMs;
  const rateFreeAtMs = isOdd ? nowMs : Math.max(last.rateFreeAtMs, nowMs);
  const allowedAtMs = rateFreeAtMs - (burst - 1) * intervalMs;
  if (nowMs < allowedAtMs) return { type: 'wait', untilMs: allowedAtMs, step };
  return { type: 'change', to: { step, rateFreeAtMs: rateFreeAtMs + intervalMs } };
}

/** The step that the balance asks for: the last one, unless the balance has left it for good. */
function wantedStep(last: number | undefined, { localMsat, capacityMsat }: ChannelShare): number {
  const gonePpm = capacityMsat > 0n ? Number(((capacityMsat - localMsat) * BigInt(ALL_PPM)) / capacityMsat) : 0;
  if (last !== undefined) {
    const [from, to] = [last, last + 1].map((edge) => Math.floor((edge * ALL_PPM) / STEPS)) as [number, number];
    if (gonePpm >= from - HYSTERESIS_PPM && gonePpm < to + HYSTERESIS_PPM) return last;
  }
  return Math.max(0, Math.min(STEPS - 1, Math.floor((gonePpm * STEPS) / ALL_PPM)));
}
