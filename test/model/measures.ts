import { affordability, spendableMsat } from '../../machines/channel/balances.ts';
import { negotiated } from '../../machines/channel/context.ts';
import type { Party } from '../harness/channel-pair.ts';
import type { Size } from './commands.ts';

/**
 * The paths of the atomic states in a state value: `{ lifecycle: { closing: 'mutual' } }` is in
 * `lifecycle.closing.mutual`.
 */
export function pathsOf(value: object | string): string[] {
  if (typeof value === 'string') return [value];
  return Object.entries(
    value as Record<string,
    object | string>,
  ).flatMap(([key, inner]) => pathsOf(inner).map((path) => `${key}.${path}`));
}

/** The amount that a size means for a party now, in msat. */
export function amountOf(party: Party, size: Size): bigint {
  const { context } = party.actor.getSnapshot();
  const limit = context.data.remote!.dustLimitSatoshis * 1000n;
  const spendable = spendableMsat(negotiated(context.data), context.htlcs, 'local');
  const ahead = affordability(negotiated(context.data), context.htlcs, 'remote', 'next', 'local', 0n);
  const reserveMsat = context.data.remote!.channelReserveSatoshis * 1000n;
  const amounts: Record<Size, bigint> = {
    msat: 1n,
    dust: limit / 2n,
    trimmed: limit - 1n,
    untrimmed: limit,
    some: context.data.fundingSatoshis * 25n + 123n,
    half: spendable / 2n,
    most: spendable,
    more: spendable + 1n,
    // All that is this side's in the peer's next commitment, whatever of it is not yet its own on both sides.
    all: ahead.localMsat - reserveMsat - (context.data.isOpener ? ahead.openerCostMsat : 0n),
  };
  return amounts[size];
}
