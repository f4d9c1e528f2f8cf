import { redundantReady, repeatedShutdown } from './chart-parts.ts';
import { channelSetup } from './implementations.ts';

/** Our commitment goes to the chain. */
export const failed = channelSetup.createStateConfig({
  description: 'BOLT 5, Failing a Channel: our latest commitment is broadcast, if there is one, and its fee is raised until a block holds it.',
  on: { fail: {}, fallBehind: {}, restored: { actions: ['rebroadcastFunding', 'broadcastCommitment'] } },
});

/** It must not. */
export const fallenBehind = channelSetup.createStateConfig({
  description: 'BOLT 2, Message Retransmission: we lost state; our commitment must not be broadcast, the peer is to send its own.',
  on: { fail: {}, fallBehind: {} },
});

/** BOLT 5, "General Nomenclature": closed once everything of it is irrevocably resolved. */
const resolution = {
  blockConnected: [
    { guard: 'isIrrevocablyResolved', target: '#channel.lifecycle.closed', actions: 'stepOutputs' },
    { guard: 'concernsOutputs', actions: 'stepOutputs' },
  ],
  blockDisconnected: { guard: 'concernsOutputs', actions: 'stepOutputs' },
} as const;

/** A block holds a transaction that spends the funding. */
export const closing = channelSetup.createStateConfig({
  description: 'BOLT 5, General Nomenclature: a transaction that spends the funding output is known; each of its outputs is resolved by a chart of its own.',
  initial: 'mutual',
  on: {
    ...resolution,
    fail: {},
    fallBehind: {},
    removeHtlc: { actions: ['rememberRemoval', 'tellPreimage'] },
    restored: { actions: ['rebroadcastFunding', 'repeatOutcomes'] },
  },
  states: {
    mutual: {
      description: 'BOLT 5, Mutual Close Handling: the transaction that both signed; nothing more is to be done than to see it buried.',
      on: {
        ...repeatedShutdown,
        ...redundantReady,
        closing_signed: {},
        restored: { actions: ['rebroadcastFunding', 'rebroadcastClosing'] },
        reestablished: { actions: ['sendShutdown', 'repeatClosingSigned'] },
        fundingSpent: { guard: 'isMutualClose', actions: 'noteSpend' },
      },
    },
    local: {
      description:
        'BOLT 5, Unilateral Close Handling: Local Commitment Transaction: our own; its to_local is delayed, its HTLCs go through HTLC transactions.',
    },
    remote: {
      description:
        "BOLT 5, Unilateral Close Handling: Remote Commitment Transaction: one that the peer had not revoked; its to_remote is ours, its HTLCs are spent directly.",
      initial: 'current',
      states: {
        current: { description: 'BOLT 5, Unilateral Close Handling: Remote Commitment Transaction: the one that the peer had revoked all others for.' },
        next: { description: 'BOLT 5, Unilateral Close Handling: Remote Commitment Transaction: the one that we signed last, before the peer revoked the other.' },
      },
    },
    revoked: {
      description: 'BOLT 5, Revoked Transaction Close Handling: one that the peer had revoked: all its outputs are ours by the revocation key.',
    },
    ahead: {
      description:
        "BOLT 2, Message Retransmission: the peer's commitment is one that we do not know, since we lost state: what the static remote key pays is ours.",
    },
    unknown: { description: 'BOLT 5, Failing a Channel: a transaction that this node cannot explain spends the funding; nothing of it can be claimed.' },
  },
});

/** Nothing is left to do. */
export const closed = channelSetup.createStateConfig({
  description: 'BOLT 5, General Nomenclature: every output of the closing transaction is irrevocably resolved.',
  on: { fail: {}, fallBehind: {}, fundingSpent: {} },
});

/** It never began. */
export const abandoned = channelSetup.createStateConfig({
  description: 'BOLT 2, Channel Establishment v1: the opening ended before a funding transaction could leave.',
  on: { fail: {}, fallBehind: {}, fundingSpent: {} },
});
