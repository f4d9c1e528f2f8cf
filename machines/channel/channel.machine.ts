import { and, not, stateIn } from 'xstate';
import { channelContext, channelSetup } from './implementations.ts';

/** A message that breaks a rule: a warning and the end of the connection, or the end of the channel, as the rule says. */
const answerViolation = ['warnOfViolation', 'dropOrFail'] as const;
const refuse = { guard: 'breaksRule', actions: answerViolation } as const;

/** BOLT 2, "Removing an HTLC" and "Updating Fees": what the peer may send while HTLCs are pending, closing or not. */
const htlcUpdates = {
  update_fulfill_htlc: [refuse, { actions: 'receiveRemoval' }],
  update_fail_htlc: [refuse, { actions: 'receiveRemoval' }],
  update_fail_malformed_htlc: [refuse, { actions: 'receiveRemoval' }],
  update_fee: [refuse, { actions: 'receiveFeerate' }],
} as const;

const receiveAdds = { update_add_htlc: [{ guard: 'repeatsAdd' }, refuse, { actions: 'receiveAdd' }] } as const;

/** BOLT 2: an upfront or earlier shutdown script binds the peer; a repetition after a reconnection changes nothing. */
const repeatedShutdown = { shutdown: [refuse, { actions: 'receiveShutdown' }] } as const;

/** BOLT 2, "The channel_ready Message": redundant ones are ignored. */
const redundantReady = { channel_ready: {} } as const;

/**
 * A channel that shuts down before the peer's channel_ready came may still get it, and with it updates that the peer
 * made before it knew.
 */
const lateReady = { channel_ready: [{ guard: 'knowsSecondPoint' }, refuse, { actions: 'receiveReady' }] } as const;

/**
 * BOLT 7: announcement_signatures are answered with ours, unless they went out on this connection: else two that have
 * them never stop.
 */
const answerOnce = {
  guard: and(['isNormal', not('hasSaidAnnouncement')]),
  actions: ['keepAnnouncement', 'sendAnnouncement'],
} as const;

/**
 * From then on the peer is told nothing but the error. BOLT 5: a commitment on chain may not be revoked by what the
 * peer still sends.
 */
const refusals = {
  fail: { target: 'refusing', actions: 'rollBackUnsigned' },
  fallBehind: { target: 'refusing', actions: 'rollBackUnsigned' },
  fundingSpent: { guard: 'isUnilateralClose', target: 'refusing', actions: 'rollBackUnsigned' },
} as const;

const abandon = { target: '#channel.lifecycle.abandoned', actions: 'abandon' } as const;
const abandonWithError = { target: '#channel.lifecycle.abandoned', actions: ['sendError', 'abandon'] } as const;
const online = stateIn({ connection: 'online' });

const unilaterally = ['noteSpend', 'noteUnilateralClose', 'tellUnusable'] as const;

/**
 * A payment channel, from open_channel to the last confirmation: one actor a channel, four regions that the BOLTs describe
 * apart: how far its life has come, whether the peer is there, and whose commitment waits for what.
 */
export const channelMachine = channelSetup.createMachine({
  id: 'channel',
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
    connection: {
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
          description: 'BOLT 2, Message Retransmission: the channel failed or ended; only the error is said, on each connection.',
          on: {
            connected: [
              // The numbers alone make some peers close the channel, the error makes others.
              { guard: and(['isRecovered', stateIn({ lifecycle: 'fallenBehind' })]), actions: ['sendReestablish', 'repeatError'] },
              { actions: 'repeatError' },
            ],
            restored: { actions: 'repeatNotices' },
            message: {},
          },
        },
      },
    },

    lifecycle: {
      initial: 'opening',
      on: {
        restored: { actions: 'rebroadcastFunding' },
        // Blocks go on in every state: a channel that failed or closes before its funding is deep has one all the same.
        fundingDepth: { actions: 'noteDepth' },
        fundingTimedOut: { guard: 'isUnconfirmed', target: '.abandoned', actions: 'abandon' },
        fail: { target: '.failed', actions: ['noteFailure', 'sendError', 'broadcastCommitment'] },
        fallBehind: { target: '.fallenBehind', actions: ['noteFailure', 'sendError'] },
        fundingSpent: [
          { guard: 'isOtherTransaction' },
          { guard: 'isUnspent', actions: 'noteSpend' },
          { guard: 'isMutualClose', target: '.closing.mutual', actions: ['noteSpend', 'tellUnusable'] },
          { guard: 'isLocalCommitment', target: '.closing.local', actions: unilaterally },
          { guard: 'isRemoteCommitment', target: '.closing.remote', actions: unilaterally },
          { guard: 'isRevokedCommitment', target: '.closing.revoked', actions: unilaterally },
          { target: '.closing.unknown', actions: unilaterally },
        ],
      },
      states: {
        opening: {
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
        },

        confirming: {
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
              initial: 'shallow',
              states: {
                shallow: {
                  description: 'BOLT 2, The channel_ready Message: the funding has fewer confirmations than minimum_depth.',
                  on: {
                    fundingDepth: [
                      { guard: 'paysSomethingElse', actions: 'tellWrongFunding' },
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
        },

        normal: {
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
        },

        shuttingDown: {
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
        },

        negotiatingClose: {
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
        },

        failed: {
          description: 'BOLT 5, Failing a Channel: our latest commitment is broadcast, if there is one.',
          on: { fail: {}, fallBehind: {}, restored: { actions: ['rebroadcastFunding', 'broadcastCommitment'] } },
        },

        fallenBehind: {
          description: 'BOLT 2, Message Retransmission: we lost state; our commitment must not be broadcast, the peer is to send its own.',
          on: { fail: {}, fallBehind: {} },
        },

        closing: {
          description: 'BOLT 5: a transaction that spends the funding output is known.',
          initial: 'mutual',
          on: { fail: {}, fallBehind: {} },
          states: {
            mutual: {
              description: 'BOLT 5, Mutual Close Handling: the transaction that both signed; nothing more is to be done than to see it buried.',
              on: {
                ...repeatedShutdown,
                ...redundantReady,
                closing_signed: {},
                restored: { actions: ['rebroadcastFunding', 'rebroadcastClosing'] },
                reestablished: { actions: ['sendShutdown', 'repeatClosingSigned'] },
                fundingSpent: [
                  { guard: and(['isMutualClose', 'isBuried']), target: '#channel.lifecycle.closed' },
                  { guard: 'isMutualClose', actions: 'noteSpend' },
                ],
              },
            },
            local: { description: 'BOLT 5, Unilateral Close Handling, Local Commitment: our own commitment spends the funding.' },
            remote: { description: "BOLT 5, Unilateral Close Handling, Remote Commitment: the peer's commitment spends the funding." },
            revoked: { description: 'BOLT 5, Revoked Transaction Close Handling: a commitment that the peer had revoked spends the funding.' },
            unknown: { description: 'BOLT 5, Failing a Channel: a transaction that this node cannot explain spends the funding.' },
          },
        },

        closed: {
          description: 'BOLT 5, Mutual Close Handling: the closing transaction is buried.',
          on: { fail: {}, fallBehind: {}, fundingSpent: {} },
        },
        abandoned: {
          description: 'BOLT 2, Channel Establishment v1: the opening ended before a funding transaction could leave.',
          on: { fail: {}, fallBehind: {}, fundingSpent: {} },
        },
      },
    },

    remoteCommitment: {
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
    },

    localCommitment: {
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
    },

    announcement: {
      initial: 'shallow',
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
    },
  },
});
