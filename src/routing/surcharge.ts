import type { Surcharge } from './frontier.ts';
import { carry, costOf, isWithin, type CarryingWay, type WalkedPath } from './path.ts';
import type { SearchLimits, SearchStart } from './search.ts';
import type { Terrain } from './terrain.ts';

/** A good way that keeps to the limits; and what any such way costs at least, as distances with the surcharge tell. */
export interface SurchargedWay {
  readonly way: CarryingWay;
  readonly surcharge: Surcharge;
  readonly atLeast: number;
}

/** Of searches: most often three or four do. */
const TRIES = 8;
/** By how much dearer it gets as long as every way breaks a limit. */
const RISE = 8;

/**
 * The surcharge under which the cheapest way keeps to the limits and would just be as dear as one that does not (a Lagrange multiplier): the way
 * is a good one, and the surcharge tells how much cheaper any other could be. Each try is at the surcharge under which the best of both kinds that are
 * known come to the same, as in LARAC (Jüttner and others, "Lagrange Relaxation Based Method for the QoS Routing Problem", 2001). It is on
 * fees, blocks and hops, as ways have `broken` those limits. Undefined if no surcharge helps.
 */
export function surchargeFor(terrain: Terrain, limits: SearchLimits, start: SearchStart, broken: WalkedPath): SurchargedWay | undefined {
  const { prices } = limits;
  const { mixed } = terrain.roads.scratch.reach;
  const mostFee = Math.max(limits.maxAmount - start.amount, 1);
  const mostBlocks = Math.max(limits.maxCltvDelta - start.cltv, 1);
  const mostHops = Math.max(limits.maxHops - start.hops, 1);
  const breaks = ({ amount, cltv, hops }: WalkedPath) => ({ fee: amount > limits.maxAmount, blocks: cltv > limits.maxCltvDelta, hops: hops > limits.maxHops });
  let isShort = breaks(broken);
  // As much for all the blocks or hops that are allowed as for all the fees; nothing for what is not short.
  const surchargeOf = (scale: number): Surcharge => ({
    ofFee: isShort.fee ? scale : 0, ofBlock: isShort.blocks ? (scale * mostFee) / mostBlocks : 0, ofHop: isShort.hops ? (scale * mostFee) / mostHops : 0,
  });
  const sumOf = ({ amount, cltv, hops }: Omit<WalkedPath, 'steps'>, { ofFee, ofBlock, ofHop }: Surcharge): number =>
    ofFee * (amount - start.amount) + ofBlock * (cltv - start.cltv) + ofHop * (hops - start.hops);
  let scale = Math.max(costOf(broken, limits), 1) / sumOf(broken, surchargeOf(1));
  let [over, kept]: [WalkedPath, CarryingWay | undefined] = [broken, undefined];
  let bound = { surcharge: surchargeOf(0), atLeast: costOf(start, limits) };
  for (let left = TRIES; left > 0 && scale > 0 && scale < Infinity; left--) {
    const surcharge = surchargeOf(scale);
    const met = mixed.meet(terrain, { measure: 'mixed', surcharge, amount: start.amount, maxAmount: limits.maxAmount, prices, target: start.node });
    const way = met && carry(terrain, limits, met.edges, start);
    if (met === undefined || way === undefined) break;
    const atLeast = met.length + costOf(start, limits) - sumOf({ amount: start.amount + mostFee, risk: 0, cltv: start.cltv + mostBlocks, hops: start.hops + mostHops }, surcharge);
    if (atLeast > bound.atLeast) bound = { surcharge, atLeast };
    const totalOf = (walked: WalkedPath): number => costOf(walked, limits) + sumOf(walked, surcharge);
    const isKept = isWithin(way.walked, limits);
    const other = isKept ? over : kept?.walked;
    if (isKept) kept = kept === undefined || way.cost < kept.cost ? way : kept;
    else {
      over = way.walked;
      const also = breaks(over);
      // Once one way keeps to them, it is known what is short.
      if (kept === undefined) isShort = { fee: isShort.fee || also.fee, blocks: isShort.blocks || also.blocks, hops: isShort.hops || also.hops };
    }
    // Neither side comes nearer.
    if (other !== undefined && totalOf(other) <= totalOf(way.walked) + 1) break;
    const unit = surchargeOf(1);
    scale = kept === undefined ? scale * RISE : (kept.cost - costOf(over, limits)) / (sumOf(over, unit) - sumOf(kept.walked, unit));
  }
  return kept && { way: kept, ...bound };
}
