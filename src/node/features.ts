import { encodeFeatures } from '../../protocols/wire/features.ts';

/** BOLT 9: what this node speaks. Required is what it cannot do without; anchors are optional only in name, as other nodes expect. */
const spoken = {
  option_data_loss_protect: 'required',
  gossip_queries: 'optional',
  var_onion_optin: 'required',
  gossip_queries_ex: 'optional',
  option_static_remotekey: 'required',
  payment_secret: 'required',
  basic_mpp: 'optional',
  option_anchors: 'optional',
  option_shutdown_anysegwit: 'optional',
  option_channel_type: 'optional',
} as const;

export const initFeatures = encodeFeatures(spoken);

/** In node_announcement, bLIP 3's keysend besides. */
export const nodeFeatures = encodeFeatures({ ...spoken, keysend: 'optional' });
