import { channelSetup } from './implementations.ts';
import { refuse } from './chart-parts.ts';

/**
 * From then on the peer is told nothing but the error. BOLT 5: a commitment on chain may not be revoked by what the
 * peer still sends.
 */
const refusals = {
  fail: { target: 'refusing', actions: 'rollBackUnsigned' },
  fallBehind: { target: 'refusing', actions: 'rollBackUnsigned' },
  fundingSpent: { guard: 'isUnilateralClose', target: 'refusing', actions: 'rollBackUnsigned' },
} as const;

export const connection = channelSetup.createStateConfig({
  description: 'BOLT 2, Message Retransmission: is the peer there, and do both know where they stand?',
  initial: 'online',
  states: {
    online: {
      description: 'BOLT 2, Message Retransmission: the connection stands and, unless the channel is new, both have reestablished it.',
      on: {
        message: { actions: 'deliver' },
        disconnected: { target: 'offline', actions: 'rollBackUnsigned' },
        dropConnection: { target: 'offline', actions: 'rollBackUnsigned' },
        restored: { target: 'offline', actions: ['rollBackUnsigned', 'repeatNotices'] },
        recover: 'refusing',
        ...refusals,
      },
    },
    offline: {
      description: 'BOLT 2, Message Retransmission: no connection; what was not signed is undone.',
      on: {
        connected: { guard: 'isFunded', target: 'reestablishing', actions: 'sendReestablish' },
        restored: { actions: ['rollBackUnsigned', 'repeatNotices'] },
        ...refusals,
      },
    },
    reestablishing: {
      description: 'BOLT 2, Message Retransmission: channel_reestablish is sent; nothing else may be before the peer sent its own.',
      on: {
        message: [
          { guard: 'mayPrecedeReestablish', actions: 'deliver' },
          { actions: ['warnOfUnexpected', 'dropConnection'] },
        ],
        channel_reestablish: [
          { guard: 'hasFallenBehind', actions: 'tellFallenBehind' },
          refuse,
          { guard: 'revokedLast', actions: ['resumeCommitmentFirst', 'tellReestablished'] },
          { actions: ['resumeRevocationFirst', 'tellReestablished'] },
        ],
        // Only now: what waits for the connection alone must not overtake what is sent again.
        reestablished: 'online',
        disconnected: { target: 'offline', actions: 'rollBackUnsigned' },
        dropConnection: { target: 'offline', actions: 'rollBackUnsigned' },
        restored: { target: 'offline', actions: ['rollBackUnsigned', 'repeatNotices'] },
        ...refusals,
      },
    },
    refusing: {
      description: 'BOLT 2, Message Retransmission: the channel failed or ended; only the error is said, on each connection until a block holds the end, then to whoever asks.',
      on: {
        connected: [
          // In a block there is nothing left to fail, and some hang up on any error: only who asks is told.
          { guard: 'isClosing' },
          // A peer that has lost state must hear of it here, or it takes the error for a reason to broadcast what it has.
          { guard: 'hasChannelId', actions: ['sendReestablish', 'repeatError'] },
          { actions: 'repeatError' },
        ],
        restored: { actions: 'repeatNotices' },
        // Not our channel_reestablish as well: two nodes that both see the end would go on answering each other.
        message: [{ guard: 'isEndedAndAskedAbout', actions: 'repeatError' }, {}],
      },
    },
  },
});
