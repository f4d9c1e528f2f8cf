import { isTrimmed, openerCost } from '../commitment/fees.ts';
import type { CommitmentHtlc, CommitmentSpec } from '../commitment/spec.ts';
import { signingStep, stageOf, stateAfter, stateBefore, type Side } from '../htlc/htlc-states.ts';
import type { HtlcState } from '../htlc/htlc.machine.ts';
import type { HtlcRow, HtlcRows } from '../htlc/htlc-table.ts';
import type { ChannelData, NegotiatedChannel } from './data.ts';

/** Every channel here is of this format (see `channelTypeViolation`). */
export const FORMAT = 'anchors';

/**
 * Which version of a side's commitment is meant: the latest that is signed, the one before it, the next one (once every update that is due is
 * signed), or `all`: as if every addition that was proposed stood in it and no removal did, the most that the commitment may ever have to carry.
 */
export type Version = 'previous' | 'latest' | 'next' | 'all';

interface Totals {
  readonly localMsat: bigint;
  readonly remoteMsat: bigint;
  readonly standing: readonly HtlcRow[];
}

/** Whether `state` puts an update into that version of the commitment. */
export function stageIn(state: HtlcState, side: Side, version: Version): 'before' | 'in' | 'gone' {
  if (version === 'latest') return stageOf(state, side);
  if (version === 'previous') return stageOf(stateBefore(state, signingStep(side)), side);
  if (version === 'next') return stageOf(stateAfter(state, signingStep(side)), side);
  const stage = stageOf(state, side);
  return stage === 'before' ? 'in' : stage;
}

/** The balances as a fold over the HTLCs: what stands in the commitment belongs to no one, what is gone went where its removal says. */
function totals(data: ChannelData, htlcs: HtlcRows, side: Side, version: Version): Totals {
  let { toLocalMsat: localMsat, toRemoteMsat: remoteMsat } = data;
  const standing: HtlcRow[] = [];
  for (const row of htlcs.rows()) {
    const { direction, amountMsat } = row.details;
    const stage = stageIn(row.state, side, version);
    if (stage === 'before') continue;
    const moved = stage === 'in' || row.removal?.kind === 'fulfilled';
    if (!moved) continue;
    if (direction === 'offered') localMsat -= amountMsat;
    else remoteMsat -= amountMsat;
    if (stage === 'in') standing.push(row);
    else if (direction === 'offered') remoteMsat += amountMsat;
    else localMsat += amountMsat;
  }
  return { localMsat, remoteMsat, standing };
}

/** What each side has beside the HTLCs that are not settled, and what stands in those, by who offered them. */
export function balancesBeside(data: ChannelData, htlcs: HtlcRows): {
  readonly localMsat: bigint;
  readonly remoteMsat: bigint;
  readonly offeredMsat: bigint;
  readonly receivedMsat: bigint;
} {
  let offeredMsat = 0n;
  let receivedMsat = 0n;
  for (const { details } of htlcs.rows()) {
    if (details.direction === 'offered') offeredMsat += details.amountMsat;
    else receivedMsat += details.amountMsat;
  }
  return { localMsat: data.toLocalMsat - offeredMsat, remoteMsat: data.toRemoteMsat - receivedMsat, offeredMsat, receivedMsat };
}

/** The feerate of that version: the last update that stands in it, else the one all agree on. */
export function feerateOf(data: ChannelData, side: Side, version: Version): number {
  let { feeratePerKw } = data;
  for (const update of data.feeUpdates) {
    if (stageIn(update.state, side, version) === 'in') feeratePerKw = update.feeratePerKw;
  }
  return feeratePerKw;
}

/** The content of a side's commitment, seen from its owner. */
export function commitmentSpec(data: ChannelData, htlcs: HtlcRows, side: Side, version: Version): CommitmentSpec {
  const { localMsat, remoteMsat, standing } = totals(data, htlcs, side, version);
  const isLocal = side === 'local';
  return {
    feeratePerKw: feerateOf(data, side, version),
    toLocalMsat: isLocal ? localMsat : remoteMsat,
    toRemoteMsat: isLocal ? remoteMsat : localMsat,
    htlcs: standing.map(({ details }): CommitmentHtlc => ({
      direction: (details.direction === 'offered') === isLocal ? 'offered' : 'received',
      id: details.id,
      amountMsat: details.amountMsat,
      paymentHash: details.paymentHash,
      cltvExpiry: details.cltvExpiry,
    })),
  };
}

/** A commitment's balances after one more HTLC from `offerer`, and what the opener then pays for it. */
export interface Affordability {
  readonly localMsat: bigint;
  readonly remoteMsat: bigint;
  /** Fee and both anchors, paid by the opener. */
  readonly openerCostMsat: bigint;
  /** HTLCs offered by `offerer` that stand in it, the new one included. */
  readonly offeredCount: number;
  readonly offeredMsat: bigint;
  /** The value of the HTLCs too small for an output. */
  readonly dustMsat: bigint;
}

export interface AffordabilityOptions {
  /** Default: that version's own. */
  readonly feeratePerKw?: number;
  /** Room for that many more outputs. */
  readonly spareHtlcs?: number;
  /** HTLCs whose outputs the opener is not asked to pay for. */
  readonly isFree?: (row: HtlcRow) => boolean;
}

/** What a side's commitment looks like with `addedMsat` more offered by `offerer` (0 for none). */
export function affordability(
  channel: NegotiatedChannel,
  htlcs: HtlcRows,
  side: Side,
  version: Version,
  offerer: Side,
  addedMsat: bigint,
  options: AffordabilityOptions = {},
): Affordability {
  const { localMsat, remoteMsat, standing } = totals(channel, htlcs, side, version);
  const feeratePerKw = options.feeratePerKw ?? feerateOf(channel, side, version);
  const dustLimitSatoshis = channel[side].dustLimitSatoshis;
  const offered = offerer === 'local' ? 'offered' : 'received';
  const trimmed = (amountMsat: bigint, direction: 'offered' | 'received'): boolean =>
    isTrimmed(FORMAT, feeratePerKw, dustLimitSatoshis, {
      direction: (direction === 'offered') === (side === 'local') ? 'offered' : 'received',
      amountMsat,
    });
  let untrimmed = options.spareHtlcs ?? 0;
  let offeredCount = 0;
  let offeredMsat = 0n;
  let dustMsat = 0n;
  const count = (amountMsat: bigint, direction: 'offered' | 'received', isFree = false): void => {
    if (trimmed(amountMsat, direction)) dustMsat += amountMsat;
    else if (!isFree) untrimmed += 1;
    if (direction !== offered) return;
    offeredCount += 1;
    offeredMsat += amountMsat;
  };
  for (const row of standing) count(row.details.amountMsat, row.details.direction, options.isFree?.(row));
  if (addedMsat > 0n) count(addedMsat, offered);
  return {
    localMsat: offerer === 'local' ? localMsat - addedMsat : localMsat,
    remoteMsat: offerer === 'remote' ? remoteMsat - addedMsat : remoteMsat,
    openerCostMsat: openerCost(FORMAT, feeratePerKw, untrimmed) * 1000n,
    offeredCount,
    offeredMsat,
    dustMsat,
  };
}

/**
 * What `side` can offer now in one HTLC, in msat: its balance less reserve, the opener's cost with one more output (at twice the feerate, as
 * `offerViolation` asks of the opener), and the bounds on HTLCs in flight. 0 where nothing fits.
 */
export function spendableMsat(channel: NegotiatedChannel, htlcs: HtlcRows, side: Side): bigint {
  const other: Side = side === 'local' ? 'remote' : 'local';
  const limits = channel[other];
  const isOpener = (side === 'local') === channel.isOpener;
  const feeratePerKw = 2 * channel.feeratePerKw;
  const views = [
    affordability(channel, htlcs, other, 'next', side, 0n, { feeratePerKw, spareHtlcs: 2 }),
    affordability(channel, htlcs, side, 'all', side, 0n, { feeratePerKw, spareHtlcs: 2 }),
  ];
  const costMsat = isOpener ? views.reduce((most, { openerCostMsat }) => (openerCostMsat > most ? openerCostMsat : most), 0n) : 0n;
  const free = views.map(({ localMsat, remoteMsat }) => (side === 'local' ? localMsat : remoteMsat) - limits.channelReserveSatoshis * 1000n - costMsat);
  const inFlight = views.map(({ offeredMsat, offeredCount }) =>
    offeredCount >= limits.maxAcceptedHtlcs ? 0n : limits.maxHtlcValueInFlightMsat - offeredMsat,
  );
  const least = [...free, ...inFlight].reduce((lowest, value) => (value < lowest ? value : lowest));
  return least < limits.htlcMinimumMsat ? 0n : least;
}
