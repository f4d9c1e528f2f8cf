import { and, assertEvent, or, setup, stateIn, type AnyActorRef } from 'xstate';
import { HtlcTable, type HtlcRow } from '../htlc/htlc-table.ts';
import { ANNOUNCEMENT_DEPTH, announcementViolation } from './announcing.ts';
import { answerClosing } from './closing.ts';
import { negotiated, type ChannelContext, type ChannelEnvironment } from './context.ts';
import { hasUpdatesToReceive, hasUpdatesToSign, isDrained, receiveCommitment, receiveRevocation, signCommitment } from './dance.ts';
import type { ChannelData } from './data.ts';
import * as ending from './ending.ts';
import {
  deadlineIn, failureOf, isBlock, isPeerMessage, isSpendOfNothing, isUnspent, kindOfSpend, mayPrecedeReestablish, offline, paysFunding, placeOf,
  unexpected, violationIn,
} from './event-readings.ts';
import type { ChannelEvent } from './events.ts';
import * as opening from './opening.ts';
import { hasFallenBehind, isAwaitingRevocation } from './reestablish.ts';
import * as resolving from './resolving.ts';
import { repeatNotices, resume, sendReestablish } from './resuming.ts';
import { ownOpeningViolation } from './opening-rules.ts';
import { mayProposeFeerate, offerViolation, repeatsAdd } from './update-rules.ts';
import { always, step, tell } from './stepping.ts';
import * as updates from './updates.ts';

export interface ChannelInput {
  readonly data: ChannelData;
  readonly htlcs: readonly HtlcRow[];
  readonly environment: ChannelEnvironment;
}

const removal = (isOnline: boolean) =>
  step('removeHtlc', (context, { id, removal }) => updates.decideRemoval(context, id, removal, isOnline));

/** The chart's vocabulary: every guard and action of the channel, by the name that the chart uses. */
export const channelSetup = setup({
  types: {
    context: {} as ChannelContext,
    events: {} as ChannelEvent,
    input: {} as ChannelInput,
  },
  guards: {
    breaksRule: ({ context, event }) => violationIn(context, event) !== undefined,
    isPeerMessage: ({ event }) => isPeerMessage(event),
    isUnexpected: ({ event }) => isPeerMessage(event) && event.type !== 'error' && event.type !== 'warning',
    mayPrecedeReestablish: ({ event }) =>
      event.type === 'message' && mayPrecedeReestablish.has(event.message.type),
    hasFallenBehind: ({ context, event }) =>
      event.type === 'channel_reestablish' && hasFallenBehind(context.data, event, context.environment.localPoint),
    revokedLast: stateIn({ remoteCommitment: { awaitingRevocation: 'revokedLast' } }),
    isClosing: stateIn({ lifecycle: 'closing' }),
    isEndedAndAskedAbout: and([stateIn({ lifecycle: 'closing' }), ({ event }) => event.type === 'message' && event.message.type === 'channel_reestablish']),
    isFunded: ({ context }) => context.data.localSignatures !== undefined,
    isUnconfirmed: ({ context }) => context.data.confirmation === undefined,
    isDeepEnough: ({ context, event }) =>
      event.type === 'fundingDepth' && event.depth >= Math.max(1, context.data.minimumDepth) && paysFunding(context, event),
    paysSomethingElse: ({ context, event }) => event.type === 'fundingDepth' && event.depth > 0 && !paysFunding(context, event),
    knowsSecondPoint: ({ context }) => context.data.remoteNextPoint !== undefined,
    isUnfunded: ({ event }) => event.type === 'fundingDepth' && event.depth === 0,
    isAnnounced: ({ context }) => context.data.announce,
    mayAnnounce: ({ context }) =>
      (context.data.confirmation?.depth ?? 0) >= ANNOUNCEMENT_DEPTH && context.data.shortChannelId !== undefined,
    hasTheirSignatures: ({ context }) => context.data.remoteAnnouncement !== undefined,
    hasSaidAnnouncement: ({ context }) => context.data.saidAnnouncement,
    isNormal: stateIn({ lifecycle: 'normal' }),
    hasChannelId: ({ context }) => context.data.channelId !== undefined,
    takesUpdates: or([stateIn({ lifecycle: 'normal' }), stateIn({ lifecycle: 'shuttingDown' })]),
    cannotOpen: ({ context, event }) =>
      event.type === 'open' &&
      ownOpeningViolation(context.data, context.environment.policy, event.pushMsat) !== undefined,
    repeatsAdd: ({ context, event }) => event.type === 'update_add_htlc' && repeatsAdd(context.htlcs, event),
    cannotOffer: ({ context, event }) =>
      event.type === 'addHtlc' &&
      offerViolation(negotiated(context.data), context.environment.policy, context.htlcs, event) !== undefined,
    mayProposeFeerate: ({ context, event }) =>
      event.type === 'setFeerate' &&
      context.data.isOpener &&
      context.data.feeUpdates.length === 0 &&
      event.feeratePerKw !== context.data.feeratePerKw &&
      mayProposeFeerate(negotiated(context.data), context.environment.policy, context.htlcs, event.feeratePerKw),
    hasUpdatesToSign: ({ context }) => hasUpdatesToSign(context),
    hasUpdatesToReceive: ({ context }) => hasUpdatesToReceive(context),
    hasNothingToReceive: ({ context }) => !hasUpdatesToReceive(context),
    hasNothingToSign: ({ context }) => !hasUpdatesToSign(context),
    isDrained: ({ context }) => isDrained(context) && !isAwaitingRevocation(context.data),
    agreesOnFee: ({ context, event }) =>
      event.type === 'closing_signed' && answerClosing(negotiated(context.data), event).kind === 'agree',
    isOtherTransaction: ({ context, event }) => kindOfSpend(context, event) === undefined,
    isUnilateralClose: ({ context, event }) =>
      !isUnspent(event) && !['mutual', undefined].includes(kindOfSpend(context, event)),
    isSpendOfNothing: ({ context, event }) => isSpendOfNothing(context, event),
    isMutualClose: ({ context, event }) => kindOfSpend(context, event) === 'mutual',
    isLocalCommitment: ({ context, event }) => kindOfSpend(context, event) === 'local',
    isCurrentRemoteCommitment: ({ context, event }) => kindOfSpend(context, event) === 'remoteCurrent',
    isNextRemoteCommitment: ({ context, event }) => kindOfSpend(context, event) === 'remoteNext',
    isFutureCommitment: ({ context, event }) => kindOfSpend(context, event) === 'ahead',
    isRevokedCommitment: ({ context, event }) => kindOfSpend(context, event) === 'revoked',
    isUnspent: ({ event }) => isUnspent(event),
    isPastDeadline: ({ context, event }) => deadlineIn(context, event) !== undefined,
    concernsOutputs: ({ context, event }) => isBlock(event) && resolving.concernsOutputs(context, event),
    isIrrevocablyResolved: ({ context, event }) =>
      event.type === 'blockConnected' && resolving.isIrrevocablyResolved(context, event),
  },
  actions: {
    // Connection
    deliver: tell(({ event }) => {
      assertEvent(event, 'message');
      return event.message;
    }),
    rollBackUnsigned: always((context) => updates.rollBackUnsigned(context)),
    sendReestablish: always(sendReestablish),
    resumeRevocationFirst: step('channel_reestablish', (context, message) => resume(context, message, 'revocationFirst')),
    resumeCommitmentFirst: step('channel_reestablish', (context, message) => resume(context, message, 'commitmentFirst')),
    tellReestablished: tell(() => ({ type: 'reestablished' })),
    tellFallenBehind: tell(() => {
      const reason = 'this node has lost state: the peer holds a revocation that we do not remember having given';
      return { type: 'fallBehind', failure: { code: 'fallen_behind', reason, by: 'local' } };
    }),
    warnOfViolation: always((context, event) => {
      const violation = violationIn(context, event);
      return violation?.answer === 'warning' ? ending.warn(context, violation) : {};
    }),
    dropOrFail: tell(({ context, event }) => {
      const violation = violationIn(context, event);
      if (violation?.answer !== 'error') return { type: 'dropConnection' };
      return { type: 'fail', failure: { code: violation.code, reason: violation.message, by: 'local' } };
    }),
    warnOfUnexpected: always((context, event) => ending.warn(context, unexpected(event))),
    dropConnection: tell(() => ({ type: 'dropConnection' })),
    failOnPeerError: tell(({ event }) => ({ type: 'fail', failure: failureOf(event) })),
    failOnUnexpected: tell(({ event }) => {
      const { code, message: reason } = unexpected(event);
      return { type: 'fail', failure: { code, reason, by: 'local' } };
    }),
    repeatNotices: always(repeatNotices),

    // Opening
    sendOpenChannel: step('open', opening.sendOpenChannel),
    refuseToOpen: step('open', (context, { pushMsat }) => {
      const violation = ownOpeningViolation(context.data, context.environment.policy, pushMsat);
      return opening.abandon(
        context,
        { code: violation?.code ?? 'open', reason: violation?.message ?? 'it cannot be opened', by: 'local' },
      );
    }),
    acceptChannel: step('open_channel', opening.acceptChannel),
    requestFunding: step('accept_channel', opening.requestFunding),
    createFunding: step('fundingReady', (context, { txid, outputIndex, transaction }) =>
      opening.createFunding(context, txid, outputIndex, transaction),
    ),
    signFunding: step('funding_created', opening.signFunding),
    broadcastFunding: step('funding_signed', opening.broadcastFunding),
    rebroadcastFunding: always(({ data: { fundingTransaction: transaction, confirmation } }) =>
      transaction === undefined || confirmation !== undefined
        ? {}
        : { effects: [{ type: 'broadcastFunding', transaction }] },
    ),
    noteDepth: step('fundingDepth', (context, event) => opening.noteDepth(context, event, placeOf(context.data, event))),
    noteReady: always(() => ({ data: { localReady: true } })),
    sendReady: always(() => ({ effects: [{ type: 'sendReady' }] })),
    receiveReady: step('channel_ready', opening.receiveReady),
    tellUsable: always(() => ({ effects: [{ type: 'channelUsable' }] })),
    tellUnusable: always(() => ({ effects: [{ type: 'channelUnusable' }] })),
    sendError: step(['fail', 'fundingUnavailable', 'openingTimedOut', 'fallBehind', 'fundingDepth'], (context, event) => {
      const failure = failureOf(event);
      return failure.by === 'local' ? ending.errorMessage(context, failure) : {};
    }),
    repeatError: always((context) => (context.data.failure ? ending.errorMessage(context, context.data.failure) : {})),
    abandon: always((context, event) => opening.abandon(context, failureOf(event))),

    // Announcement
    sendAnnouncement: always(({ data: { shortChannelId } }) =>
      shortChannelId === undefined
        ? {}
        : { data: { saidAnnouncement: true }, effects: [{ type: 'sendAnnouncementSignatures', shortChannelId }] },
    ),
    forgetBadAnnouncement: always(({ data }) =>
      data.remoteAnnouncement && announcementViolation(negotiated(data), data.remoteAnnouncement)
        ? { data: { remoteAnnouncement: undefined } }
        : {},
    ),
    forgetAnnouncement: always(() => ({ data: { remoteAnnouncement: undefined, saidAnnouncement: false } })),
    keepAnnouncement: step('announcement_signatures', (_context, { shortChannelId, nodeSignature, bitcoinSignature }) => ({
      data: { remoteAnnouncement: { shortChannelId, nodeSignature, bitcoinSignature } },
    })),
    announce: always(({ data: { shortChannelId, remoteAnnouncement: remote } }) =>
      shortChannelId === undefined || remote === undefined ? {} : { effects: [{ type: 'announceChannel', shortChannelId, remote }] },
    ),

    // Updates
    offerHtlc: step('addHtlc', updates.offerHtlc),
    refuseHtlc: step('addHtlc', (context, add) => updates.refuseHtlc(context, add)),
    refuseHtlcOffline: step('addHtlc', (context, add) => updates.refuseHtlc(context, add, offline)),
    refuseHtlcNotNormal: step('addHtlc', (context, add) => updates.refuseHtlc(context, add, 'the channel is not in its normal state')),
    receiveAdd: step('update_add_htlc', updates.receiveAdd),
    receiveRemoval: step(['update_fulfill_htlc', 'update_fail_htlc', 'update_fail_malformed_htlc'], updates.receiveRemoval),
    removeHtlc: removal(true),
    rememberRemoval: removal(false),
    proposeFeerate: step('setFeerate', (context, { feeratePerKw }) => updates.proposeFeerate(context, feeratePerKw)),
    receiveFeerate: step('update_fee', updates.receiveFeerate),
    signCommitment: always(signCommitment),
    receiveCommitment: step('commitment_signed', receiveCommitment),
    tellRevocationSent: tell(() => ({ type: 'revocationSent' })),
    receiveRevocation: step('revoke_and_ack', receiveRevocation),

    // Endings
    noteClose: step('close', ({ data }, { scriptpubkey, feeratePerKw }) => ({
      data: { localShutdownScript: scriptpubkey ?? data.localShutdownScript, closing: { ...data.closing, feeratePerKw } },
    })),
    sendShutdown: always(ending.sendShutdown),
    receiveShutdown: step('shutdown', ending.receiveShutdown),
    openNegotiation: always(ending.openNegotiation),
    counterFee: step('closing_signed', ending.counterFee),
    agreeOnFee: step('closing_signed', ending.agreeOnFee),
    repeatClosingSigned: always((context) => ending.repeatClosing(context, 'peer')),
    rebroadcastClosing: always((context) => ending.repeatClosing(context, 'chain')),
    noteFailure: step(['fail', 'fallBehind'], (_context, event) => ({
      data: { failure: event.failure },
      effects: [{ type: 'channelFailed', failure: event.failure }],
    })),
    noteSpend: step('fundingSpent', (_context, { transaction, blockHeight, depth }) => ({
      data: { fundingSpend: depth === 0 ? undefined : { transaction, blockHeight } },
    })),
    watchOutputs: step('fundingSpent', resolving.watchOutputs),
    endOnChain: step('fundingSpent', (context, event) => {
      const { data = {}, effects = [] } = ending.noteUnilateralClose(context, event);
      const watched = resolving.watchOutputs(context, event);
      return {
        data: { ...data, ...watched.data },
        effects: [...effects, ...(watched.effects ?? []), { type: 'channelUnusable' }],
      };
    }),
    broadcastSpend: step('fundingSpent', (_context, { transaction }) => ({
      effects: [{ type: 'broadcastTransaction', transaction }],
    })),
    broadcastCommitment: always(ending.broadcastCommitment),
    failPastDeadline: tell(({ context, event }) => {
      const failure = deadlineIn(context, event);
      if (failure === undefined) throw new RangeError(`no deadline has passed at ${event.type}`);
      return { type: 'fail', failure };
    }),
    failOnRequest: tell(() => ({
      type: 'fail',
      failure: { code: 'force_close', reason: 'this node was told to close the channel without its peer', by: 'local' },
    })),
    stepOutputs: step(['blockConnected', 'blockDisconnected'], resolving.stepOutputs),
    tellPreimage: step('removeHtlc', (context, { id, removal: end }) =>
      end.kind === 'fulfilled' ? resolving.tellPreimage(context, id, end.paymentPreimage) : {},
    ),
    repeatOutcomes: always(resolving.repeatOutcomes),
  },
});

/** The context of a new channel's machine: the live HTLC actors are children of the channel's own. */
export function channelContext({ input, self }: { input: ChannelInput; self: AnyActorRef }): ChannelContext {
  const htlcs = new HtlcTable(input.htlcs);
  htlcs.attach(self);
  return { data: input.data, htlcs, environment: input.environment };
}
