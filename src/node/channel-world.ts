import type { ChannelStateValue } from '../../machines/channel/channel.ts';
import type { HtlcRow } from '../../machines/htlc/htlc-table.ts';
import type { ChannelWorld } from '../channels/channel-manager.ts';
import { hexOf } from '../channels/channel-store.ts';
import { lifecycleOf, type LiveChannel } from '../channels/live-channel.ts';
import type { Node } from './node.ts';

/** What the channels' effects are in a node: whose part it is to do them. */
export function channelWorld(node: Node): ChannelWorld {
  return {
    send: (nodeId, messages) => node.peers.send(nodeId, messages),
    disconnect: (nodeId, reason) => {
      node.options.logger.warn({ peer: nodeId }, `closing the connection: ${reason}`);
      void node.peers.disconnect(nodeId, reason);
    },
    broadcastFunding: (transaction) => node.funding.broadcastFunding(transaction),
    broadcastEnding: (transaction) => node.funding.broadcastEnding(transaction),
    fundChannel: (channelIndex, request) => node.funding.fund(channelIndex, request),
    releaseFunding: (channelIndex) => node.funding.release(channelIndex),
    announce: (channel, shortChannelId, theirs) => node.ownChannels.announce(channel, shortChannelId, theirs, node.announcer),
    changed: (channel, before, htlcs) => changed(node, channel, before, htlcs),
  };
}

/** A turn that touched the channel is on disk: whoever goes by its state hears of it. */
function changed(
  node: Node,
  channel: LiveChannel,
  before: ChannelStateValue,
  htlcs: ReadonlyMap<string, HtlcRow | undefined>,
): void {
  const { opener, endings, backups, peers, balanceFees, ownChannels, announcer, updates, channels, options } = node;
  const nodeId = hexOf(channel.data.remoteNodeId);
  opener.changed(channel);
  endings.changed(channel);
  backups.changed(channel);
  balanceFees.consider(channel);
  if (lifecycleOf(before) === 'opening' && channel.lifecycle === 'confirming') node.closingScript.used();
  if (channel.lifecycle !== 'opening' && channel.lifecycle !== 'abandoned') {
    peers.want(nodeId);
    ownChannels.tell(channel, announcer);
  }
  if (channel.isEnded) {
    updates.prune();
    if (channels.ofPeer(nodeId).length === 0) peers.unwant(nodeId);
  }
  for (const event of node.channelEvents.of(channel, before, htlcs, options.clock.now())) options.events.publish(event);
}
