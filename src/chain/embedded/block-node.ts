import type { ChainBlock } from './consensus/block.ts';
import type { Coin } from './consensus/coins.ts';
import { MEDIAN_TIME_SPAN } from './consensus/params.ts';
import type { RejectedError } from './rejection.ts';

/** A block in the tree of all blocks known. */
export interface BlockNode {
  readonly block: ChainBlock;
  readonly hash: string;
  readonly height: number;
  readonly previous: BlockNode | undefined;
  readonly children: BlockNode[];
  readonly medianTimeS: number;
  /** The order in which blocks came: of two branches of one length, the one that came first is followed. */
  readonly order: number;
  /** Its scripts were verified by this chain before (it stands so in the chain's own file). */
  readonly trusted: boolean;
  /** Why neither it nor its descendants are followed: a rule that it breaks, or a call of `invalidateblock`. */
  failure: RejectedError | undefined;
  /** What stands in it can never be right under its header: `reconsiderblock` does not change that. */
  refused: boolean;
  /** The coins that each transaction spent, coinbase excluded; there once the block was on the active chain. */
  spent: readonly (readonly Coin[])[] | undefined;
}

/** A block as a node under `previous`, added to its children. */
export function childNode(
  block: ChainBlock,
  previous: BlockNode | undefined,
  order: number,
  trusted: boolean,
): BlockNode {
  const node: BlockNode = {
    block,
    hash: block.hash,
    height: previous === undefined ? 0 : previous.height + 1,
    previous,
    children: [],
    medianTimeS: medianTimeS(block, previous),
    order,
    trusted,
    failure: undefined,
    refused: false,
    spent: undefined,
  };
  previous?.children.push(node);
  return node;
}

/** Marks a block and all its descendants as not to be followed. */
export function markFailed(node: BlockNode, failure: RejectedError): void {
  node.failure ??= failure;
  forEachDescendant(node, (descendant) => {
    descendant.failure ??= failure;
  });
}

/** Visits all descendants of a block. */
export function forEachDescendant(node: BlockNode, visit: (descendant: BlockNode) => void): void {
  const queue = [...node.children];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    visit(next);
    queue.push(...next.children);
  }
}

function medianTimeS(block: ChainBlock, previous: BlockNode | undefined): number {
  const times = [block.header.timestamp];
  for (let node = previous; node !== undefined && times.length < MEDIAN_TIME_SPAN; node = node.previous) {
    times.push(node.block.header.timestamp);
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)] ?? 0;
}
