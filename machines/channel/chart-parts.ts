import { stateIn } from 'xstate';

/** A message that breaks a rule: a warning and the end of the connection, or the end of the channel, as the rule says. */
export const answerViolation = ['warnOfViolation', 'dropOrFail'] as const;
export const refuse = { guard: 'breaksRule', actions: answerViolation } as const;

/** BOLT 2, "Removing an HTLC" and "Updating Fees": what the peer may send while HTLCs are pending, closing or not. */
export const htlcUpdates = {
  update_fulfill_htlc: [refuse, { actions: 'receiveRemoval' }],
  update_fail_htlc: [refuse, { actions: 'receiveRemoval' }],
  update_fail_malformed_htlc: [refuse, { actions: 'receiveRemoval' }],
  update_fee: [refuse, { actions: 'receiveFeerate' }],
} as const;

export const receiveAdds = { update_add_htlc: [{ guard: 'repeatsAdd' }, refuse, { actions: 'receiveAdd' }] } as const;

/** BOLT 2: an upfront or earlier shutdown script binds the peer; a repetition after a reconnection changes nothing. */
export const repeatedShutdown = { shutdown: [refuse, { actions: 'receiveShutdown' }] } as const;

/** BOLT 2, "The channel_ready Message": redundant ones are ignored. */
export const redundantReady = { channel_ready: {} } as const;

/**
 * A channel that shuts down before the peer's channel_ready came may still get it, and with it updates that the peer
 * made before it knew.
 */
export const lateReady = { channel_ready: [{ guard: 'knowsSecondPoint' }, refuse, { actions: 'receiveReady' }] } as const;

/** The connection stands, and the channel is reestablished on it. */
export const online = stateIn({ connection: 'online' });

/**
 * BOLT 2, "The funding_created Message": what the peer named is not what was agreed on, and never will be. Nothing was
 * ever at stake, and a commitment that spends it is worth no fee.
 */
export const wrongFunding = {
  guard: 'paysSomethingElse',
  target: '#channel.lifecycle.abandoned',
  actions: ['sendError', 'abandon'],
} as const;
