import type { ChannelSnapshot } from '../../../machines/channel/channel.ts';
import { HtlcTable, type HtlcRows } from '../../../machines/htlc/htlc-table.ts';
import { decodeGossip, isGossip } from '../../../protocols/gossip/gossip-message.ts';
import { decodeAlias } from '../../../protocols/gossip/node-announcement.ts';
import { mustLoad } from '../../channels/channel-store.ts';
import type { LiveChannel } from '../../channels/live-channel.ts';
import type { Node } from '../node.ts';

/** A channel as the API looks at it: live, or ended and read from disk. */
export interface ShownChannel {
  readonly snapshot: Omit<ChannelSnapshot, 'htlcs'>;
  /** Those that are still to be settled: none of a channel that is over. */
  readonly htlcs: HtlcTable;
  /** Those that its commitments have, also once it is over. */
  readonly committed: HtlcRows;
  readonly live: LiveChannel | undefined;
  readonly error: string | undefined;
}

export function shownLive(node: Node, live: LiveChannel): ShownChannel {
  const { value, data, htlcs, index } = live;
  const isFrozen = node.channels.isFrozen(index);
  const error = isFrozen ? 'frozen after a fault in this node: restart it, and report it' : undefined;
  return { snapshot: { value, data }, htlcs, committed: htlcs, live, error };
}

/** The channels that are over, oldest first. */
export function shownEnded(node: Node): ShownChannel[] {
  return node.channelStore.indexes('ended').map((index) => {
    const snapshot = mustLoad(node.channelStore, index);
    const committed = { rows: () => snapshot.htlcs };
    return { snapshot, htlcs: new HtlcTable(), committed, live: undefined, error: undefined };
  });
}

/** What a node calls itself in its announcement. */
export function aliasOf(node: Node, nodeId: string): string | undefined {
  const raw = node.gossip.store.nodeAnnouncement(nodeId);
  const gossip = raw && decodeGossip(raw);
  return gossip && isGossip(gossip, 'node_announcement') ? decodeAlias(gossip.message.alias) : undefined;
}
