import type { NodeId } from '../network/network.ts';
import type { Direction, EdgePolicy, GraphChannel } from './channel.ts';
import type { GraphColumns } from './graph-arrays.ts';
import type { ChannelGraph } from './graph.ts';

/** What accepted gossip, or the chain, changes in the graph. */
export type GraphChange =
  /** To an empty graph: see `ChannelGraph.restore`. */
  | { readonly type: 'restored'; readonly columns: GraphColumns }
  | { readonly type: 'channel_added'; readonly channel: GraphChannel }
  | {
    readonly type: 'channel_updated';
    readonly shortChannelId: bigint;
    readonly direction: Direction;
    readonly policy: EdgePolicy;
  }
  | { readonly type: 'channel_usable'; readonly shortChannelId: bigint; readonly usable: boolean }
  | { readonly type: 'channel_removed'; readonly shortChannelId: bigint }
  | { readonly type: 'node_usable'; readonly nodeId: NodeId; readonly usable: boolean };

/** Makes the change. What it speaks of may be gone already: then there is nothing to do. */
export function applyGraphChange(graph: ChannelGraph, change: GraphChange): void {
  switch (change.type) {
    case 'restored':
      graph.restore(change.columns);
      return;
    case 'channel_added':
      graph.addChannel(change.channel);
      return;
    case 'channel_updated':
      graph.applyUpdate(change.shortChannelId, change.direction, change.policy);
      return;
    case 'channel_usable':
      graph.setChannelUsable(change.shortChannelId, change.usable);
      return;
    case 'channel_removed':
      graph.removeChannel(change.shortChannelId);
      return;
    case 'node_usable':
      graph.setNodeUsable(change.nodeId, change.usable);
  }
}
