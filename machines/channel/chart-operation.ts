import { and, not } from 'xstate';
import { htlcUpdates, lateReady, online, receiveAdds, redundantReady, refuse, repeatedShutdown } from './chart-parts.ts';
import { channelSetup } from './implementations.ts';

/** HTLCs come and go. */
export const normal = channelSetup.createStateConfig({
  description: 'BOLT 2, Normal Operation: HTLCs are offered, received and removed.',
  on: {
    ...htlcUpdates,
    ...receiveAdds,
    ...redundantReady,
    addHtlc: [
      { guard: not(online), actions: 'refuseHtlcOffline' },
      { guard: 'cannotOffer', actions: 'refuseHtlc' },
      { actions: 'offerHtlc' },
    ],
    setFeerate: { guard: and([online, 'mayProposeFeerate']), actions: 'proposeFeerate' },
    reestablished: { actions: 'tellUsable' },
    disconnected: { guard: online, actions: 'tellUnusable' },
    dropConnection: { guard: online, actions: 'tellUnusable' },
    close: { target: 'shuttingDown.requested', actions: ['noteClose', 'tellUnusable'] },
    shutdown: [refuse, { target: 'shuttingDown.replying', actions: ['receiveShutdown', 'tellUnusable'] }],
  },
});

/** They only go. */
export const shuttingDown = channelSetup.createStateConfig({
  description: 'BOLT 2, Closing Initiation: no HTLC is added any more; those that are pending run out.',
  initial: 'requested',
  on: { ...htlcUpdates, ...lateReady },
  states: {
    requested: {
      description: 'BOLT 2, Closing Initiation: shutdown must wait until no update of ours is pending on the peer.',
      always: { guard: and([online, 'hasNothingToSign']), target: 'sent', actions: 'sendShutdown' },
      on: { ...receiveAdds, shutdown: [refuse, { target: 'replying', actions: 'receiveShutdown' }] },
    },
    replying: {
      description: 'BOLT 2, Closing Initiation: the peer shuts down; we reply as soon as no update of ours is pending on it.',
      always: { guard: and([online, 'hasNothingToSign']), target: 'draining', actions: 'sendShutdown' },
      on: repeatedShutdown,
    },
    sent: {
      description: 'BOLT 2, Closing Initiation: ours is sent; the peer is to reply once nothing of its own is pending.',
      on: {
        ...receiveAdds,
        shutdown: [refuse, { target: 'draining', actions: 'receiveShutdown' }],
        reestablished: { actions: 'sendShutdown' },
      },
    },
    draining: {
      description: 'BOLT 2, Closing Negotiation: both have shut down; the last HTLCs leave both commitments.',
      always: { guard: and([online, 'isDrained']), target: '#channel.lifecycle.negotiatingClose' },
      on: { ...repeatedShutdown, reestablished: { actions: 'sendShutdown' } },
    },
  },
});

/** Both look for a fee. */
export const negotiatingClose = channelSetup.createStateConfig({
  description: 'BOLT 2, Legacy Closing Negotiation: both sign one closing transaction, at a fee that the opener pays.',
  entry: 'openNegotiation',
  on: {
    ...repeatedShutdown,
    ...redundantReady,
    reestablished: { actions: ['sendShutdown', 'openNegotiation'] },
    closing_signed: [
      refuse,
      { guard: 'agreesOnFee', target: 'closing.mutual', actions: 'agreeOnFee' },
      { actions: 'counterFee' },
    ],
  },
});
