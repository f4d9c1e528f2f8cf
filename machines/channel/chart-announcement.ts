import { and, not } from 'xstate';
import { online, refuse } from './chart-parts.ts';
import { channelSetup } from './implementations.ts';

/**
 * BOLT 7: announcement_signatures are answered with ours, unless they went out on this connection: else two that have
 * them never stop.
 */
const answerOnce = {
  guard: and(['isNormal', not('hasSaidAnnouncement')]),
  actions: ['keepAnnouncement', 'sendAnnouncement'],
} as const;

export const announcement = channelSetup.createStateConfig({
  description: 'BOLT 7, The announcement_signatures Message: is the channel told to the network?',
  initial: 'shallow',
  // BOLT 7: what was signed names a place in the chain that a reorg has taken away.
  on: { fundingDepth: { guard: 'isUnfunded', target: '.shallow', actions: 'forgetAnnouncement' } },
  states: {
    shallow: {
      description: 'BOLT 7, The announcement_signatures Message: fewer than six confirmations, or the channel is not to be announced.',
      always: {
        guard: and(['isAnnounced', 'mayAnnounce', 'isNormal', online]),
        target: 'exchanging',
        actions: ['forgetBadAnnouncement', 'sendAnnouncement'],
      },
      on: { announcement_signatures: { actions: 'keepAnnouncement' } },
    },
    exchanging: {
      description: "BOLT 7, The announcement_signatures Message: ours is sent, and again on each connection until the peer's comes.",
      on: {
        reestablished: { guard: 'isNormal', actions: 'sendAnnouncement' },
        announcement_signatures: [refuse, answerOnce, { actions: 'keepAnnouncement' }],
      },
      always: { guard: 'hasTheirSignatures', target: 'announced', actions: 'announce' },
    },
    announced: {
      description: 'BOLT 7, The channel_announcement Message: both have signed; who lost the signatures gets them again.',
      on: {
        announcement_signatures: [refuse, answerOnce, {}],
      },
    },
  },
});
