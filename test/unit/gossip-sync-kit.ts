import { decodeMessage, encodeMessage, type Message } from '../../protocols/wire/messages.ts';
import type { GossipService } from '../../src/gossip/gossip-service.ts';
import { CHAIN_HASH, FakeChain, GossipNode, keysOf, nodeAnnouncement, scid } from '../harness/graph-gossip.ts';

/**
 * One who knows a line of `channels` channels between changing nodes, and one who knows nothing; both see the same
 * chain.
 */
export async function setUp(channels: number, limits = {}): Promise<{ veteran: GossipNode; novice: GossipNode }> {
  const chain = new FakeChain();
  const options = { chain, limits: { perForwarder: { burst: 1e6, perSecond: 0 }, ...limits } };
  const [veteran, novice] = [new GossipNode(8, options), new GossipNode(9, options)];
  const nodes = [10, 11, 12, 13, 14].map(keysOf);
  for (let i = 0; i < channels; i++) {
    const [a, b] = [nodes[i % 5]!, nodes[(i + 1) % 5]!];
    await veteran.learn(scid(100 + (i % 7), 1 + i), a, b);
  }
  for (const keys of nodes.slice(0, 4)) await veteran.hear(nodeAnnouncement(keys));
  novice.peers.set(veteran.keys.nodeId, veteran.service);
  return { veteran, novice };
}

export const known = (node: GossipNode) => [...node.graph.shortChannelIds()]
  .sort((a, b) => (a < b ? -1 : 1))
  .map((id) => [id, node.graph.policy(id, 0), node.graph.policy(id, 1)]);

export async function answers(service: Pick<GossipService, 'onSyncRequest'>, request: Message): Promise<Message[]> {
  const found: Message[] = [];
  for await (const bytes of service.onSyncRequest('a peer', encodeMessage(request))) found.push(decodeMessage(bytes));
  return found;
}

/** Answers each query with what the test says. */
export function liar(...replies: readonly (readonly Uint8Array[])[]): Pick<GossipService, 'onSyncRequest'> {
  const left = [...replies];
  return {
    async *onSyncRequest() {
      yield* left.shift() ?? [];
    },
  };
}

export const range = (shortChannelIds: readonly bigint[], changes = {}): Uint8Array => encodeMessage({
  type: 'reply_channel_range', chainHash: CHAIN_HASH, firstBlocknum: 0, numberOfBlocks: 0xffff_ffff, syncComplete: 1,
  shortChannelIds, ...changes,
});
export const end = encodeMessage({ type: 'reply_short_channel_ids_end', chainHash: CHAIN_HASH, fullInformation: 1 });
