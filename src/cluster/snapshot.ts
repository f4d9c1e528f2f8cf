/** What the nodes of a cluster own at a moment when nothing moves. */
import type { Output } from '../api/client.ts';
import type { Cluster } from './cluster.ts';
import type { Channel } from './open-channels.ts';
import { patienceMs, waitUntil } from './wait.ts';

export interface NodeSnapshot {
  readonly name: string;
  readonly id: string;
  readonly apiPort: number;
  readonly onchainSat: bigint;
  readonly channels: readonly Channel[];
}

/** Waits until no HTLC is on its way and both ends of each channel agree, then tells what each node has. */
export async function takeSnapshot({ nodes }: Cluster): Promise<NodeSnapshot[]> {
  let snapshot: NodeSnapshot[] = [];
  await waitUntil('all HTLCs are settled', patienceMs(nodes), async () => {
    snapshot = [];
    for (const node of nodes) {
      const [{ channels }, { onchain }] = await Promise.all([
        node.client.channels({ state: 'normal' }),
        node.client.balance(),
      ]);
      snapshot.push({ name: node.name, id: node.id, apiPort: node.apiPort, onchainSat: onchainOf(onchain), channels });
    }
    return unsettled(snapshot);
  });
  return snapshot;
}

/** Ours in all channels, in msat. */
export function channelBalance({ channels }: NodeSnapshot): bigint {
  return channels.reduce((sum, { localMsat }) => sum + localMsat, 0n);
}

/** Both ends of a channel, the end that opened it first. */
export interface ChannelEnds {
  readonly channel: Channel;
  readonly opener: NodeSnapshot;
  readonly accepter: NodeSnapshot;
}

/** Every channel once, oldest first. */
export function channelEnds(snapshot: readonly NodeSnapshot[]): ChannelEnds[] {
  const byId = new Map(snapshot.map((node) => [node.id, node]));
  return snapshot
    .flatMap((opener) =>
      opener.channels
        .filter((channel) => channel.opener === 'local')
        .flatMap((channel) => {
          const accepter = byId.get(channel.nodeId);
          return accepter === undefined ? [] : [{ channel, opener, accepter }];
        }),
    )
    .sort((a, b) => place(a.channel) - place(b.channel));
}

/** A short channel id as a number that grows with its place in the chain. */
function place({ shortChannelId = '' }: Channel): number {
  const [block = 0, transaction = 0, output = 0] = shortChannelId.split('x').map(Number);
  return (block * 100_000 + transaction) * 100 + output;
}

function unsettled(snapshot: readonly NodeSnapshot[]): string | undefined {
  for (const { name, channels } of snapshot) {
    const busy = channels.find(({ numHtlcs }) => numHtlcs > 0);
    if (busy !== undefined) return `${name} has ${busy.numHtlcs} in ${busy.shortChannelId}`;
  }
  for (const { channel, opener, accepter } of channelEnds(snapshot)) {
    const other = accepter.channels.find(({ channelId }) => channelId === channel.channelId);
    if (other === undefined) return `${accepter.name} does not have ${opener.name}'s channel ${channel.shortChannelId}`;
    if (other.localMsat !== channel.remoteMsat || other.remoteMsat !== channel.localMsat) {
      return `${opener.name} and ${accepter.name} do not agree on ${channel.shortChannelId}`;
    }
  }
  return undefined;
}

function onchainOf(onchain: Output<'balance'>['onchain']): bigint {
  return onchain.confirmedSat + onchain.unconfirmedSat + onchain.immatureSat + onchain.reservedSat;
}
