import { unsignedAnnouncement } from '../../machines/channel/announcing.ts';
import { spendableMsat } from '../../machines/channel/balances.ts';
import { negotiated } from '../../machines/channel/context.ts';
import type { AnnouncementSignatures, NegotiatedChannel } from '../../machines/channel/data.ts';
import { signChannelAnnouncement } from '../../protocols/gossip/channel-announcement.ts';
import type { ChannelManager } from '../channels/channel-manager.ts';
import { hexOf } from '../channels/channel-store.ts';
import type { LiveChannel } from '../channels/live-channel.ts';
import type { AnnouncedChannel, Announcer } from '../gossip/announcer.ts';
import type { LocalChannel } from '../routing/request.ts';
import type { ForwardingPolicies } from './forwarding-policies.ts';

/** This node's channels as the router and the gossip want to know them. */
export class OwnChannels {
  readonly #channels: ChannelManager;
  readonly #policies: ForwardingPolicies;
  /** What the announcer knows each channel by. */
  readonly #told = new Map<number, bigint>();

  constructor(channels: ChannelManager, policies: ForwardingPolicies) {
    this.#channels = channels;
    this.#policies = policies;
  }

  /** For the router: what can be sent over each channel now. */
  forRouting(): LocalChannel[] {
    return [...this.#channels.all()].flatMap((channel) => {
      const { data, htlcs } = channel;
      const online = channel.isUsable && !this.#channels.isFrozen(channel.index);
      if (channel.lifecycle !== 'normal' || data.remote === undefined || data.shortChannelId === undefined) return [];
      return {
        shortChannelId: data.shortChannelId,
        peer: hexOf(data.remoteNodeId),
        spendableMsat: spendableMsat(negotiated(data), htlcs, 'local'),
        htlcMinimumMsat: data.remote.htlcMinimumMsat,
        htlcMaximumMsat: data.remote.maxHtlcValueInFlightMsat,
        online,
      };
    });
  }

  /** Tells the announcer how the channel stands now. */
  tell(channel: LiveChannel, announcer: Announcer): void {
    const { data, lifecycle, index } = channel;
    if (data.shortChannelId === undefined) return;
    const before = this.#told.get(index);
    // A reorg has put its funding into another place.
    if (before !== undefined && before !== data.shortChannelId) announcer.removeChannel(before);
    if (lifecycle === 'normal') this.#told.set(index, data.shortChannelId);
    else this.#told.delete(index);
    if (lifecycle === 'normal') announcer.setChannel(this.#announced(channel, negotiated(data), data.shortChannelId));
    else announcer.removeChannel(data.shortChannelId);
  }

  /** Both sides have signed: the world may know. */
  announce(channel: LiveChannel, shortChannelId: bigint, theirs: AnnouncementSignatures, announcer: Announcer): void {
    const { keys, data } = channel;
    const unsigned = unsignedAnnouncement(negotiated(data), shortChannelId);
    const ours = signChannelAnnouncement(
      unsigned,
      (hash) => keys.node.signGossip(hash),
      (hash) => keys.channel.signChannelAnnouncement(hash),
    );
    announcer.announceChannel(unsigned, ours, theirs);
  }

  #announced(channel: LiveChannel, data: NegotiatedChannel, shortChannelId: bigint): AnnouncedChannel {
    const { remote } = data;
    return {
      shortChannelId,
      peer: hexOf(data.remoteNodeId),
      announced: channel.value.announcement === 'announced',
      online: channel.isUsable,
      capacityMsat: data.fundingSatoshis * 1000n,
      maxHtlcValueInFlightMsat: remote.maxHtlcValueInFlightMsat,
      policy: { ...this.#policies.of(channel.index), htlcMinimumMsat: remote.htlcMinimumMsat },
    };
  }
}
