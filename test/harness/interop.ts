/** Runnel nodes as processes and LDK nodes as peers, on one chain. */
import type { NodeProcess } from '../../src/cluster/node-process.ts';
import type { Edge } from '../../src/cluster/topology.ts';
import { fundWallets, waitForChain } from '../../src/cluster/funding.ts';
import { waitUntil } from '../../src/cluster/wait.ts';
import { startTestCluster, type TestCluster } from './cluster.ts';
import { fundLdk } from './ldk/funding.ts';
import type { LdkChannel } from './ldk/channels.ts';
import { LdkNode } from './ldk/node.ts';

const TIMEOUT_MS = 60_000;
/** BOLT 7, "The announcement_signatures Message": channels are announced from six confirmations on. */
const ANNOUNCEMENT_DEPTH = 6;

export interface InteropOptions {
  /** Runnel's nodes, and the channels between them over libp2p. */
  readonly runnels: number;
  readonly edges?: readonly Edge[];
  readonly ldks: number;
  readonly configure?: Parameters<typeof LdkNode.start>[0]['configure'];
}

/** The world of one test file. */
export class Interop {
  readonly cluster: TestCluster;
  readonly ldks: readonly LdkNode[];

  private constructor(cluster: TestCluster, ldks: readonly LdkNode[]) {
    this.cluster = cluster;
    this.ldks = ldks;
  }

  /** All have coins; nobody but Runnel's own are connected. */
  static async start({ runnels, edges = [], ldks, configure }: InteropOptions): Promise<Interop> {
    const cluster = await startTestCluster(runnels, edges, ['--lightning-gossip-flush-ms', '200']);
    const nodes: LdkNode[] = [];
    const interop = new Interop(cluster, nodes);
    try {
      for (let i = 0; i < ldks; i++) {
        nodes.push(await LdkNode.start({ name: `ldk ${i}`, chain: cluster.chain.rpc, seed: i + 1, ...(configure && { configure }) }));
      }
      await fundLdk(cluster.chain, nodes);
      await fundWallets(cluster, cluster.nodes.flatMap((node) => Array.from({ length: 4 }, () => ({ node, amountSat: 2_000_000n }))));
      return interop;
    } catch (error) {
      await interop.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    for (const node of this.ldks) await node.stop();
    await this.cluster.stop();
  }

  /** What LDK nodes have logged last, for a test that fails. */
  get logs(): string {
    return this.ldks.map((node) => `${node.name}:\n${node.log().join('\n')}`).join('\n');
  }

  /** Mines blocks one by one, each worked through by all. */
  async mine(blocks: number): Promise<void> {
    for (let i = 0; i < blocks; i++) {
      await this.cluster.chain.mine(1);
      await this.synced();
    }
  }

  /** Resolves when all that are up have worked through the chain's tip. */
  async synced(): Promise<void> {
    const { chain, nodes } = this.cluster;
    await waitForChain({ chain, nodes: nodes.filter(({ state }) => state === 'up') });
    for (const node of this.ldks) if (!node.isStopped) await node.synced();
  }

  /** Opens a channel from Runnel to LDK, connected already or not. Resolves when both can use it, and others know it if it is announced. */
  async openFromRunnel(runnel: NodeProcess, ldk: LdkNode, { amountSat = 1_000_000n, pushMsat = 400_000_000n, announce = true } = {}): Promise<LdkChannel> {
    await runnel.client.connect({ nodeId: ldk.nodeId, address: ldk.address });
    const { fundingTxid } = await runnel.client.open({ nodeId: ldk.nodeId, amountSat, pushMsat, private: !announce });
    return this.#usable(runnel, ldk, fundingTxid);
  }

  /** The same from LDK to Runnel. */
  async openFromLdk(ldk: LdkNode, runnel: NodeProcess, { fundingSat = 1_000_000n, pushMsat = 400_000_000n, announce = true } = {}): Promise<LdkChannel> {
    await ldk.connect(runnel.id, await lightningAddress(runnel));
    const { fundingTxid } = await ldk.openChannel(runnel.id, { fundingSat, pushMsat, announce });
    return this.#usable(runnel, ldk, fundingTxid);
  }

  async #usable(runnel: NodeProcess, ldk: LdkNode, fundingTxid: string | undefined): Promise<LdkChannel> {
    await this.mine(ANNOUNCEMENT_DEPTH);
    const find = (): LdkChannel | undefined => ldk.channels().find((channel) => channel.fundingTxid === fundingTxid);
    await waitUntil('both can use the channel', TIMEOUT_MS, async () => {
      const theirs = find();
      const { channels } = await runnel.client.channels({ nodeId: ldk.nodeId });
      const ours = channels.find((channel) => channel.fundingOutpoint?.startsWith(`${fundingTxid}`));
      if (theirs?.isUsable === true && ours?.state === 'normal' && ours.connection === 'online') return undefined;
      return `Runnel has ${ours?.state}, ${ours?.connection}, LDK ${theirs?.isUsable}`;
    });
    return find()!;
  }
}

/** Where a node speaks BOLT 8. */
export async function lightningAddress(node: NodeProcess): Promise<string> {
  const { addresses } = await node.client.getinfo();
  const address = addresses.find((candidate) => !candidate.startsWith('/'));
  if (address === undefined) throw new Error(`${node.name} does not listen for Lightning peers: ${addresses.join(', ')}`);
  return address;
}
