/** Channels of an LDK node as plain objects. */
import * as ldk from 'lightningdevkit';
import { enumName, hex, optional, present, reversedHex } from './library.ts';

export interface LdkChannel {
  readonly channelId: string;
  readonly counterparty: string;
  /** Undefined until the funding is made. */
  readonly fundingTxid: string | undefined;
  readonly fundingIndex: number | undefined;
  /** Features of the channel's type, as in `open_channel`: 401000. */
  readonly channelType: string | undefined;
  readonly shortChannelId: bigint | undefined;
  readonly capacitySat: bigint;
  readonly outboundMsat: bigint;
  readonly inboundMsat: bigint;
  readonly nextOutboundHtlcLimitMsat: bigint;
  readonly feeratePerKw: number | undefined;
  readonly isOutbound: boolean;
  readonly isReady: boolean;
  readonly isUsable: boolean;
  readonly isAnnounced: boolean;
  /** `NotShuttingDown` until one side wants to close. */
  readonly shutdown: string;
  readonly pendingHtlcs: { readonly inbound: number; readonly outbound: number };
}

export function channelOf(details: ldk.ChannelDetails): LdkChannel {
  const funding = present(details.get_funding_txo());
  const shutdown = optional<ldk.ChannelShutdownState>(details.get_channel_shutdown_state());
  // What its types call a boolean is 0 or 1.
  return {
    channelId: hex(details.get_channel_id().get_a()),
    counterparty: hex(details.get_counterparty().get_node_id()),
    fundingTxid: funding && reversedHex(funding.get_txid()),
    fundingIndex: funding?.get_index(),
    channelType: featuresHex(present(details.get_channel_type())),
    shortChannelId: optional<bigint>(details.get_short_channel_id()),
    capacitySat: details.get_channel_value_satoshis(),
    outboundMsat: details.get_outbound_capacity_msat(),
    inboundMsat: details.get_inbound_capacity_msat(),
    nextOutboundHtlcLimitMsat: details.get_next_outbound_htlc_limit_msat(),
    feeratePerKw: optional<number>(details.get_feerate_sat_per_1000_weight()),
    isOutbound: Boolean(details.get_is_outbound()),
    isReady: Boolean(details.get_is_channel_ready()),
    isUsable: Boolean(details.get_is_usable()),
    isAnnounced: Boolean(details.get_is_announced()),
    shutdown: shutdown === undefined ? 'unknown' : enumName(ldk.ChannelShutdownState as never, shutdown),
    pendingHtlcs: {
      inbound: details.get_pending_inbound_htlcs().length,
      outbound: details.get_pending_outbound_htlcs().length,
    },
  };
}

function featuresHex(features: ldk.ChannelTypeFeatures | undefined): string | undefined {
  return features && reversedHex(features.le_flags());
}
