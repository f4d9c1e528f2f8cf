import { and } from 'xstate';
import { online, redundantReady, refuse, wrongFunding } from './chart-parts.ts';
import { channelSetup } from './implementations.ts';

const abandon = { target: '#channel.lifecycle.abandoned', actions: 'abandon' } as const;
const abandonWithError = { target: '#channel.lifecycle.abandoned', actions: ['sendError', 'abandon'] } as const;

/** From the first message to both signatures. */
export const opening = channelSetup.createStateConfig({
  description: 'BOLT 2, Channel Establishment v1: nothing is at stake yet; whatever goes wrong ends the attempt.',
  initial: 'idle',
  on: {
    fail: abandonWithError,
    disconnected: abandon,
    dropConnection: abandon,
    restored: abandon,
    openingTimedOut: abandonWithError,
    fundingDepth: {},
    fundingSpent: {},
    '*': { guard: 'isUnexpected', actions: 'failOnUnexpected' },
  },
  states: {
    idle: {
      description: 'BOLT 2, Channel Establishment v1: before the first message.',
      on: {
        open: [
          { guard: 'cannotOpen', target: '#channel.lifecycle.abandoned', actions: 'refuseToOpen' },
          { target: 'awaitingAcceptance', actions: 'sendOpenChannel' },
        ],
        open_channel: [refuse, { target: 'awaitingFunding', actions: 'acceptChannel' }],
        recover: '#channel.lifecycle.fallenBehind',
      },
    },
    awaitingAcceptance: {
      description: 'BOLT 2, The open_channel Message: sent; the peer is to answer with accept_channel.',
      on: { accept_channel: [refuse, { target: 'fundingTransaction', actions: 'requestFunding' }] },
    },
    fundingTransaction: {
      description: 'BOLT 2, The funding_created Message: the wallet makes the funding transaction, which nobody broadcasts yet.',
      on: {
        fundingReady: { target: 'awaitingSignature', actions: 'createFunding' },
        fundingUnavailable: abandonWithError,
      },
    },
    awaitingSignature: {
      description: 'BOLT 2, The funding_signed Message: without it the funding transaction must not be broadcast.',
      on: { funding_signed: [refuse, { target: '#channel.lifecycle.confirming', actions: 'broadcastFunding' }] },
    },
    awaitingFunding: {
      description: 'BOLT 2, The funding_created Message: we accepted; the opener is to name the funding outpoint.',
      on: { funding_created: [refuse, { target: '#channel.lifecycle.confirming', actions: 'signFunding' }] },
    },
  },
});

/** Until the funding is deep enough for both. */
export const confirming = channelSetup.createStateConfig({
  description: 'BOLT 2, The channel_ready Message: the funding confirms, and each side says when it is deep enough for it.',
  type: 'parallel',
  onDone: [{ guard: online, target: 'normal', actions: 'tellUsable' }, { target: 'normal' }],
  on: {
    ...redundantReady,
    shutdown: [refuse, { target: 'shuttingDown.replying', actions: 'receiveShutdown' }],
    close: { target: 'shuttingDown.requested', actions: 'noteClose' },
  },
  states: {
    depth: {
      description: 'BOLT 2, The channel_ready Message: is the funding deep enough for us?',
      initial: 'shallow',
      states: {
        shallow: {
          description: 'BOLT 2, The channel_ready Message: the funding has fewer confirmations than minimum_depth.',
          on: {
            fundingDepth: [
              wrongFunding,
              {
                guard: and(['isDeepEnough', online]),
                target: 'deep',
                actions: ['noteDepth', 'noteReady', 'sendReady'],
              },
              { guard: 'isDeepEnough', target: 'deep', actions: ['noteDepth', 'noteReady'] },
              { actions: 'noteDepth' },
            ],
          },
        },
        deep: {
          description: 'BOLT 2, The channel_ready Message: ours is sent, and again on a reconnection that finds both at their start.',
          type: 'final',
        },
      },
    },
    theirs: {
      description: 'BOLT 2, The channel_ready Message: is it deep enough for the peer?',
      initial: 'awaited',
      states: {
        awaited: {
          description: "BOLT 2, The channel_ready Message: the peer's is still to come.",
          on: { channel_ready: [refuse, { target: 'received', actions: 'receiveReady' }] },
        },
        received: {
          description: "BOLT 2, The channel_ready Message: the peer's second point is known.",
          type: 'final',
        },
      },
    },
  },
});
