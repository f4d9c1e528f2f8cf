import { spendableMsat } from '../../machines/channel/balances.ts';
import { negotiated } from '../../machines/channel/context.ts';
import { exceedsDustExposure } from '../../machines/channel/dust.ts';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import type { ChannelManager } from '../channels/channel-manager.ts';
import { hexOf } from '../channels/channel-store.ts';
import type { LiveChannel } from '../channels/live-channel.ts';
import type { GossipStore } from '../gossip/store.ts';
import type { NodeId } from '../network/network.ts';
import type { ChannelDirectory, OwnChannel } from '../payments/directory.ts';
import { directionOf } from '../routing/channel.ts';
import type { ChannelUpdates } from './channel-updates.ts';
import type { ForwardingPolicies } from './forwarding-policies.ts';

export interface DirectoryOptions {
  readonly self: NodeId;
  readonly channels: ChannelManager;
  readonly policies: ForwardingPolicies;
  readonly updates: ChannelUpdates;
  readonly channelPolicy: Pick<ChannelPolicy, 'maxDustHtlcExposureMsat'>;
  readonly gossip: () => Pick<GossipStore, 'update' | 'graph'>;
  readonly blockHeight: () => number;
}

/** The node's channels as its payments see them. */
export function channelDirectory(options: DirectoryOptions): ChannelDirectory {
  const { self, channels, policies, updates, channelPolicy, gossip, blockHeight } = options;
  const view = (channel: LiveChannel): OwnChannel[] => {
    const { data, lifecycle, htlcs } = channel;
    const { remote, shortChannelId } = data;
    if (remote === undefined || shortChannelId === undefined) return [];
    const peer = hexOf(data.remoteNodeId);
    const capacityMsat = data.fundingSatoshis * 1000n;
    const allowedMsat = remote.maxHtlcValueInFlightMsat;
    const theirs = updates.theirs(shortChannelId) ?? gossip().graph.policy(shortChannelId, directionOf(peer, self));
    return [
      {
        channelIndex: channel.index,
        peer,
        policy: {
          ...policies.of(channel.index),
          htlcMinimumMsat: remote.htlcMinimumMsat,
          htlcMaximumMsat: allowedMsat < capacityMsat ? allowedMsat : capacityMsat,
        },
        olderFees: policies.olderFees(channel.index),
        // The announcer says so of a channel that is closing: BOLT 4's channel_disabled, not a channel that nobody knows.
        isDisabled: lifecycle !== 'normal',
        isUsable: channel.isUsable && !channels.isFrozen(channel.index),
        isAnnounced: channel.value.announcement === 'announced',
        receivableMsat: lifecycle === 'normal' ? spendableMsat(negotiated(data), htlcs, 'remote') : 0n,
        inbound: theirs && {
          shortChannelId,
          feeBaseMsat: theirs.feeBaseMsat,
          feeProportionalMillionths: theirs.feeProportionalMillionths,
          cltvExpiryDelta: theirs.cltvExpiryDelta,
        },
      },
    ];
  };
  return {
    blockHeight,
    byShortChannelId: (scid) => [...channels.all()].filter(({ data }) => data.shortChannelId === scid).flatMap(view)[0],
    channels: () => [...channels.all()].flatMap(view),
    channelUpdate(_channelIndex, scid) {
      const channel = gossip().graph.channel(scid);
      const known = updates.ours(scid) ?? (channel && gossip().update(scid, channel.nodeId1 === self ? 0 : 1));
      return known ?? new Uint8Array();
    },
    isUnwelcome(channelIndex, htlc) {
      const channel = channels.get(channelIndex);
      if (channel?.lifecycle !== 'normal' || !channel.isConfirmed) return true;
      return exceedsDustExposure(negotiated(channel.data), channel.htlcs, htlc, channelPolicy.maxDustHtlcExposureMsat);
    },
    offeredHtlcs: (channelIndex) =>
      [...(channels.get(channelIndex)?.htlcs.rows() ?? [])].map(({ details }) => details).filter(({ direction }) => direction === 'offered'),
  };
}
