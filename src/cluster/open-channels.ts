/** The channels of the topology: opened where they are missing, usable, and known to every node. */
import type { Output } from '../api/client.ts';
import type { Cluster } from './cluster.ts';
import { fundWallets, waitForChain } from './funding.ts';
import type { NodeProcess } from './node-process.ts';
import type { Edge } from './topology.ts';
import { forEachLimited, patienceMs, waitUntil } from './wait.ts';

/** BOLT 7, "The announcement_signatures Message": channels are announced from six confirmations on. */
const ANNOUNCEMENT_DEPTH = 6;
const OPENINGS_AT_ONCE = 2;

export type Channel = Output<'channels'>['channels'][number];

const lasting: readonly Channel['state'][] = ['opening', 'confirming', 'normal'];

interface Link {
  readonly opener: NodeProcess;
  readonly accepter: NodeProcess;
  readonly capacitySat: bigint;
}

/** Opens what is missing, each channel with half of it on either side, and mines. Returns how many were opened. */
export async function openChannels(cluster: Cluster, edges: readonly Edge[]): Promise<number> {
  const links = edges.map((edge) => linkOf(cluster, edge));
  await forEachLimited(links, OPENINGS_AT_ONCE, connect);
  const missing = await linksWithout(links);
  if (missing.length > 0) {
    await fundWallets(
      cluster,
      missing.map(({ opener, capacitySat }) => ({ node: opener, amountSat: capacitySat })),
    );
    await forEachLimited(missing, OPENINGS_AT_ONCE, async ({ opener, accepter, capacitySat }) => {
      await opener.client.open({ nodeId: accepter.id, amountSat: capacitySat, pushMsat: capacitySat * 500n });
    });
    await waitUntil('the funding transactions are in the mempool', patienceMs(cluster.nodes), async () => {
      const waiting = (await cluster.chain.mempool()).length;
      return waiting >= missing.length ? undefined : `${waiting} of ${missing.length} are`;
    });
  }
  // Also where an earlier run ended before its channels were deep enough.
  await cluster.chain.mine(ANNOUNCEMENT_DEPTH);
  await waitForChain(cluster);
  return missing.length;
}

/** Waits until both ends of every channel can use it. */
export async function waitForChannels(cluster: Cluster, edges: readonly Edge[]): Promise<void> {
  await waitUntil('every channel is usable', patienceMs(cluster.nodes), async () => {
    for (const { opener, accepter } of edges.map((edge) => linkOf(cluster, edge))) {
      for (const [node, peer] of [
        [opener, accepter],
        [accepter, opener],
      ] as const) {
        const { channels } = await node.client.channels({ nodeId: peer.id });
        if (channels.some((channel) => channel.state === 'normal' && channel.connection === 'online')) continue;
        const seen = channels.map(
          (channel) =>
            `${channel.state}, ${channel.connection}${channel.error === undefined ? '' : `: ${channel.error}`}`,
        );
        return `${node.name} has with ${peer.name} ${seen.join(' and ') || 'no channel'}`;
      }
    }
    return undefined;
  });
}

/** Waits until the gossip has brought every channel with both its policies, and every node's alias, to every node; of nodes without a channel nobody knows. */
export async function waitForGossip({ nodes }: Cluster, edges: readonly Edge[]): Promise<void> {
  const withChannel = new Set(edges.flatMap(({ opener, accepter }) => [opener, accepter]));
  await waitUntil('the gossip has reached every node', patienceMs(nodes), async () => {
    for (const node of nodes.filter((_, index) => withChannel.has(index))) {
      const graph = await node.client.graph();
      const complete = graph.channels.filter(
        ({ policy1, policy2 }) => policy1 !== undefined && policy2 !== undefined,
      ).length;
      const named = graph.nodes.filter(({ alias }) => alias !== undefined).length;
      if (complete < edges.length || named < withChannel.size) {
        return `${node.name} knows ${complete} of ${edges.length} channels and ${named} of ${withChannel.size} nodes`;
      }
    }
    return undefined;
  });
}

async function connect({ opener, accepter }: Link): Promise<void> {
  await opener.client.connect({ nodeId: accepter.id, address: accepter.address });
}

async function linksWithout(links: readonly Link[]): Promise<Link[]> {
  const missing: Link[] = [];
  for (const link of links) {
    const { channels } = await link.opener.client.channels({ nodeId: link.accepter.id });
    if (!channels.some(({ state }) => lasting.includes(state))) missing.push(link);
  }
  return missing;
}

function linkOf({ nodes }: Cluster, { opener, accepter, capacitySat }: Edge): Link {
  const [from, to] = [nodes[opener], nodes[accepter]];
  if (from === undefined || to === undefined) throw new RangeError(`no nodes ${opener} and ${accepter}`);
  return { opener: from, accepter: to, capacitySat };
}
