import type { Fees, ForwardingPolicy } from '../../machines/forwarding/rules.ts';
import type { HtlcDetails } from '../../machines/htlc/htlc.machine.ts';
import type { RouteHint } from '../../protocols/invoice/invoice.ts';
import type { NodeId } from '../network/network.ts';

/** One of our channels, as it is at the moment. */
export interface OwnChannel {
  readonly channelIndex: number;
  readonly peer: NodeId;
  /** What we ask of those who route through it towards the peer. */
  readonly policy: ForwardingPolicy;
  /** Those that the policy has replaced a short while ago. */
  readonly olderFees: readonly Fees[];
  /** Our own `channel_update` says that nothing is forwarded over it. */
  readonly isDisabled: boolean;
  /** It takes HTLCs now: the peer is connected, and the channel in normal operation. */
  readonly isUsable: boolean;
  /** Others know of it from gossip. */
  readonly isAnnounced: boolean;
  /** What could come to us over it. */
  readonly receivableMsat: bigint;
  /**
   * How the peer forwards to us, as an invoice tells a payer who cannot know: the short channel id is one that the peer
   * knows the channel by. Undefined while the peer has not said.
   */
  readonly inbound: Omit<RouteHint, 'nodeId'> | undefined;
}

/**
 * What the payments know of the node's channels and of its chain. The node implements it; nothing here changes
 * anything.
 */
export interface ChannelDirectory {
  /** The height of the best block. */
  blockHeight(): number;
  /** The channel with that short channel id, be it the real one or an alias that we gave away. */
  byShortChannelId(shortChannelId: bigint): OwnChannel | undefined;
  channels(): Iterable<OwnChannel>;
  /**
   * Our latest `channel_update` of a channel, naming it by the given id (BOLT 4: the one that the onion used), with or
   * without the type before it; empty where none is to be shown.
   */
  channelUpdate(channelIndex: number, shortChannelId: bigint): Uint8Array;
  /**
   * BOLT 2: a received HTLC that must not go on nor be taken, whatever its onion says: its channel shuts down or is
   * over, or holds more than it should in HTLCs too small for an output.
   */
  isUnwelcome(channelIndex: number, htlc: HtlcDetails): boolean;
  /** The HTLCs that we offered and that stand in the channel, in whatever state. */
  offeredHtlcs(channelIndex: number): readonly HtlcDetails[];
}
