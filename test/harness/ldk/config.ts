import * as ldk from 'lightningdevkit';

/** Changes LDK's configuration before the start. */
export type ChangeConfig = (config: ldk.UserConfig, handshake: ldk.ChannelHandshakeConfig) => void;

/** LDK's defaults with anchors, room for what tests do, and forwards to channels that are not announced. */
export function configuration(change: ChangeConfig, from?: ldk.UserConfig): ldk.UserConfig {
  const config = from?.clone() ?? ldk.UserConfig.constructor_default();
  const handshake = config.get_channel_handshake_config();
  if (from === undefined) {
    handshake.set_negotiate_anchors_zero_fee_htlc_tx(true);
    handshake.set_max_inbound_htlc_value_in_flight_percent_of_channel(100);
    handshake.set_minimum_depth(1);
    // Anchors take coins of one's own at the end: LDK wants to be asked before it promises them.
    config.set_manually_accept_inbound_channels(true);
    config.set_accept_forwards_to_priv_channels(true);
    const limits = config.get_channel_handshake_limits();
    // Whether a channel is announced is for whoever opens it.
    limits.set_force_announced_channel_preference(false);
    config.set_channel_handshake_limits(limits);
  }
  change(config, handshake);
  config.set_channel_handshake_config(handshake);
  return config;
}
