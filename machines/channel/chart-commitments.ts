import { and } from 'xstate';
import { answerViolation, online, refuse } from './chart-parts.ts';
import { channelSetup } from './implementations.ts';

export const remoteCommitment = channelSetup.createStateConfig({
  description: "BOLT 2, Committing Updates So Far: whose turn is it with the peer's commitment?",
  initial: 'signed',
  states: {
    signed: {
      description: "BOLT 2, Committing Updates So Far: the peer's latest commitment has all updates, and it revoked the one before.",
      always: { guard: 'hasUpdatesToSign', target: 'readyToSign' },
    },
    readyToSign: {
      description: 'BOLT 2, Committing Updates So Far: updates wait for our commitment_signed, which carries all of them at once.',
      always: { guard: 'hasNothingToSign', target: 'signed' },
      on: { turnEnded: { guard: online, target: 'awaitingRevocation', actions: 'signCommitment' } },
    },
    awaitingRevocation: {
      description: 'BOLT 2, Completing the Transition: we signed; no further commitment_signed until the peer revokes.',
      initial: 'signedLast',
      on: { revoke_and_ack: [refuse, { target: 'signed', actions: 'receiveRevocation' }] },
      states: {
        signedLast: {
          description: 'BOLT 2, Message Retransmission: our commitment_signed went out after our last revoke_and_ack.',
          on: { revocationSent: 'revokedLast' },
        },
        revokedLast: {
          description: 'BOLT 2, Message Retransmission: our revoke_and_ack went out after our commitment_signed.',
        },
      },
    },
  },
});

export const localCommitment = channelSetup.createStateConfig({
  description: 'BOLT 2, Committing Updates So Far: whose turn is it with ours?',
  initial: 'current',
  on: {
    commitment_signed: [
      { guard: and(['takesUpdates', 'breaksRule']), actions: answerViolation },
      { guard: 'takesUpdates', actions: ['receiveCommitment', 'tellRevocationSent'] },
    ],
  },
  states: {
    current: {
      description: 'BOLT 2, Committing Updates So Far: our latest commitment has all updates that the peer is to sign.',
      always: { guard: 'hasUpdatesToReceive', target: 'outdated' },
    },
    outdated: {
      description: "BOLT 2, Committing Updates So Far: updates wait for the peer's commitment_signed.",
      always: { guard: 'hasNothingToReceive', target: 'current' },
    },
  },
});
