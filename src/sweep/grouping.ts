import { claimInputWeight, outputWeight } from '../../machines/onchain/claim-transaction.ts';
import { blocksLeft, URGENT_BLOCKS } from './fee-policy.ts';
import { outpointKey, type ChannelClaim } from './sweep.ts';
import { isWorthAlone } from './worth.ts';

/** A quarter of what nodes relay, so that a transaction stays cheap to replace. */
const MAX_WEIGHT = 100_000;
const MAX_CLAIMS = 100;

/** When what cannot be contested before its deadline has to be prepared for it. */
const LAST_BLOCKS = 6;

/** The earliest deadline of several. */
export function earliest(deadlines: readonly (number | undefined)[]): number | undefined {
  const first = Math.min(...deadlines.map((deadline) => deadline ?? Infinity));
  return first === Infinity ? undefined : first;
}

/** Whether its deadline is so near that a competing spend of another output must not be able to hold it up. */
export function isUrgent(deadline: number | undefined, height: number): boolean {
  return (blocksLeft({ deadline, height }) ?? Infinity) <= URGENT_BLOCKS;
}

/** What decides besides the claims themselves. */
export interface Situation {
  readonly height: number;
  /** The claims that share no transaction, by `outpointKey`. */
  readonly apart: ReadonlySet<string>;
  /** How many may share a transaction with a claim, by `outpointKey`, where a peer has made use of it that they did. */
  readonly most: ReadonlyMap<string, number>;
  /** The least that makes sense now. */
  readonly feeratePerKw: number;
}

/**
 * Which claims may share a transaction. A spend of one input by somebody else, even one that only sits in mempools,
 * makes all of a transaction invalid, so a peer must not be able to hold up what is urgent by touching what is not
 * (BOLT 5, "Revoked Transaction Close Handling"):
 *
 * - what nobody else can ever take goes together, whatever its channel;
 * - HTLC transactions go together by channel and lock time, which the peer's signatures cover; those with a near
 *   deadline apart from the others, but not each alone: each would need a coin of its own for its fee;
 * - what the peer can take, now or once a deadline is over, goes together by channel and by what it takes to contest
 *   it; but alone once the deadline is near, if it is worth that;
 * - what is in `apart` goes alone: its transaction was refused, and one of its inputs is at fault;
 * - what is in `most` goes with so few others: a peer took one of them in a block, and might go on so, one in each.
 */
export function groupClaims(claims: readonly ChannelClaim[], situation: Situation): ChannelClaim[][] {
  const groups = new Map<string, ChannelClaim[]>();
  for (const each of [...claims].sort(byHaste)) {
    const name = groupOf(each, situation);
    groups.set(name, [...(groups.get(name) ?? []), each]);
  }
  return [...groups.values()].flatMap((group) => bounded(group, situation));
}

/** Whether a group that was made earlier is one that would be made now, with its deadline nearer. */
export function mayStayTogether(claims: readonly ChannelClaim[], situation: Situation): boolean {
  return new Set(claims.map((each) => groupOf(each, situation))).size <= 1;
}

/** By deadline, then by amount, the larger first, then by outpoint: the order of what was given does not matter. */
export function byHaste(a: ChannelClaim, b: ChannelClaim): number {
  const haste = (a.claim.deadline ?? Infinity) - (b.claim.deadline ?? Infinity);
  if (haste < 0 || haste > 0) return haste;
  if (a.claim.amountSat !== b.claim.amountSat) return a.claim.amountSat > b.claim.amountSat ? -1 : 1;
  return outpointKey(a.claim.outpoint) < outpointKey(b.claim.outpoint) ? -1 : 1;
}

function groupOf({ channelIndex, claim }: ChannelClaim, { height, apart, feeratePerKw }: Situation): string {
  const key = outpointKey(claim.outpoint);
  const { deadline, isContested } = claim;
  const urgent = isUrgent(deadline, height);
  if (apart.has(key)) return `alone ${key}`;
  if (claim.pairedOutput !== undefined) {
    return `htlc transactions ${channelIndex} ${claim.lockTime} ${urgent ? 'urgent' : 'in time'}`;
  }
  if (!isContested && deadline === undefined) return 'uncontested';
  const isDue = isContested ? urgent : (blocksLeft({ deadline, height }) ?? Infinity) <= LAST_BLOCKS;
  // The kind says what it takes to contest a claim: a revoked HTLC may be spent by its HTLC transaction at any time,
  // but `to_local` only after its delay.
  const isAlone = isDue && isWorthAlone(claim, feeratePerKw);
  return isAlone ? `alone ${key}` : `contested ${channelIndex} ${claim.witness.kind}`;
}

function bounded(claims: readonly ChannelClaim[], { most }: Situation): ChannelClaim[][] {
  const groups: ChannelClaim[][] = [];
  let weight = Infinity;
  let room = 0;
  for (const each of claims) {
    const share = most.get(outpointKey(each.claim.outpoint)) ?? MAX_CLAIMS;
    const { pairedOutput } = each.claim;
    const added = claimInputWeight(each.claim) + (pairedOutput === undefined ? 0 : outputWeight(pairedOutput.script));
    const group = groups.at(-1);
    if (group !== undefined && weight + added <= MAX_WEIGHT && group.length < Math.min(room, share)) {
      group.push(each);
      weight += added;
      room = Math.min(room, share);
    } else {
      groups.push([each]);
      weight = added;
      room = share;
    }
  }
  return groups;
}
