/** Coins for the nodes' wallets, mined for them. */
import type { Cluster } from './cluster.ts';
import type { NodeProcess } from './node-process.ts';
import { range } from './topology.ts';
import { patienceMs, waitUntil } from './wait.ts';

/** A rule of consensus: a coinbase can be spent after so many blocks. */
const COINBASE_MATURITY = 100;
/** For the fees of a channel's transactions. */
const FEES_SAT = 100_000n;

/** A channel that a node is about to fund. */
export interface Need {
  readonly node: NodeProcess;
  readonly amountSat: bigint;
}

/**
 * Mines for each node until its wallet can fund the channels that it is to open: one coinbase a channel, so that none
 * has to wait for the change of another, and one that pays the fees of their endings. Resolves once the wallets hold the
 * coins.
 */
export async function fundWallets({ chain, nodes }: Cluster, needs: readonly Need[]): Promise<void> {
  let mined = 0;
  for (const node of nodes) {
    const own = needs.filter((need) => need.node === node);
    const { onchain } = await node.client.balance();
    if (onchain.confirmedSat > total(own)) continue;
    for (const _ of range(0, own.length + 1)) {
      const { address } = await node.client.newaddress();
      await chain.mine(1, address);
      mined++;
    }
  }
  if (mined > 0) await chain.mine(COINBASE_MATURITY);
  await waitForChain({ chain, nodes });
  await waitUntil('every wallet holds its coins', patienceMs(nodes), async () => {
    for (const node of nodes) {
      const wanted = total(needs.filter((need) => need.node === node));
      const { onchain } = await node.client.balance();
      if (onchain.confirmedSat < wanted) return `${node.name} has ${onchain.confirmedSat} of ${wanted} sat`;
    }
    return undefined;
  });
}

/** Waits until every node has worked through the chain's tip. */
export async function waitForChain({ chain, nodes }: Cluster): Promise<void> {
  const height = await chain.height();
  await waitUntil(`every node has seen block ${height}`, patienceMs(nodes), async () => {
    for (const node of nodes) {
      const { blockHeight } = await node.client.getinfo();
      if (blockHeight < height) return `${node.name} is at block ${blockHeight}`;
    }
    return undefined;
  });
}

function total(needs: readonly Need[]): bigint {
  return needs.reduce((sum, { amountSat }) => sum + amountSat + FEES_SAT, 0n);
}
