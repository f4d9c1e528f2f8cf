import { announcement } from './chart-announcement.ts';
import { localCommitment, remoteCommitment } from './chart-commitments.ts';
import { connection } from './chart-connection.ts';
import { abandoned, closed, closing, failed, fallenBehind } from './chart-ending.ts';
import { confirming, opening } from './chart-opening.ts';
import { negotiatingClose, normal, shuttingDown } from './chart-operation.ts';
import { online, wrongFunding } from './chart-parts.ts';
import { channelContext, channelSetup } from './implementations.ts';

/**
 * A payment channel, from open_channel to the last confirmation: one actor a channel, five regions that the BOLTs describe
 * apart: how far its life has come, whether the peer is there, and whose commitment waits for what.
 */
export const channelMachine = channelSetup.createMachine({
  id: 'channel',
  description: 'A payment channel, from open_channel to the last confirmation; its regions are active side by side.',
  context: channelContext,
  type: 'parallel',
  on: {
    error: { actions: 'failOnPeerError' },
    warning: {},
    addHtlc: { actions: 'refuseHtlcNotNormal' },
    removeHtlc: [{ guard: online, actions: 'removeHtlc' }, { actions: 'rememberRemoval' }],
    '*': { guard: 'isPeerMessage', actions: ['warnOfUnexpected', 'dropConnection'] },
  },
  states: {
    connection,
    lifecycle: {
      description: 'How far has the channel come?',
      initial: 'opening',
      on: {
        restored: { actions: 'rebroadcastFunding' },
        // Blocks go on in every state: a channel that failed or closes before its funding is deep has one all the same.
        fundingDepth: [wrongFunding, { actions: 'noteDepth' }],
        fundingTimedOut: { guard: 'isUnconfirmed', target: '.abandoned', actions: 'abandon' },
        fail: { target: '.failed', actions: ['noteFailure', 'sendError', 'broadcastCommitment'] },
        fallBehind: { target: '.fallenBehind', actions: ['noteFailure', 'sendError'] },
        fundingSpent: [
          { guard: 'isOtherTransaction' },
          { guard: 'isSpendOfNothing', target: '.abandoned', actions: 'abandon' },
          { guard: 'isUnspent', actions: ['noteSpend', 'broadcastSpend'] },
          { guard: 'isMutualClose', target: '.closing.mutual', actions: ['noteSpend', 'watchOutputs', 'tellUnusable'] },
          { guard: 'isLocalCommitment', target: '.closing.local', actions: ['noteSpend', 'endOnChain'] },
          { guard: 'isCurrentRemoteCommitment', target: '.closing.remote.current', actions: ['noteSpend', 'endOnChain'] },
          { guard: 'isNextRemoteCommitment', target: '.closing.remote.next', actions: ['noteSpend', 'endOnChain'] },
          { guard: 'isRevokedCommitment', target: '.closing.revoked', actions: ['noteSpend', 'endOnChain'] },
          { guard: 'isFutureCommitment', target: '.closing.ahead', actions: ['noteSpend', 'endOnChain'] },
          { target: '.closing.unknown', actions: ['noteSpend', 'endOnChain'] },
        ],
        // BOLT 2, "`cltv_expiry_delta` Selection": an HTLC at its deadline takes its channel to the chain, whether or not the peer is there.
        blockConnected: { guard: 'isPastDeadline', actions: 'failPastDeadline' },
        forceClose: { actions: 'failOnRequest' },
      },
      states: {
        opening,
        confirming,
        normal,
        shuttingDown,
        negotiatingClose,
        failed,
        fallenBehind,
        closing,
        closed,
        abandoned,
      },
    },
    remoteCommitment,
    localCommitment,
    announcement,
  },
});
