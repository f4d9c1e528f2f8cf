import type { ChainProcess } from '../../../src/cluster/chain-process.ts';
import type { LdkNode } from './node.ts';

const COINBASE_MATURITY = 100;
/** A transaction that pays for an ending takes a coin of its own. */
const COINS = 4;

/** Mines coins for the nodes' wallets. Resolves when they can be spent. */
export async function fundLdk(chain: Pick<ChainProcess, 'mine'>, nodes: readonly LdkNode[], coins = COINS): Promise<void> {
  for (const node of nodes) await chain.mine(coins, node.wallet.address);
  await chain.mine(COINBASE_MATURITY);
  for (const node of nodes) await node.synced();
}
