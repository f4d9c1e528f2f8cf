import { equals, fromString } from 'uint8arrays';
import { assertEvent, assign, setup, stateIn } from 'xstate';
import { ALL_CHANNELS } from '../../protocols/wire/bolt1.ts';
import { combineFeatures, missingDependencies, missingRequired } from '../../protocols/wire/features.ts';
import type { Message, MessageOf } from '../../protocols/wire/messages.ts';

/** What a peer's machine wants done; the runtime performs it in this order. */
export type PeerEffect =
  | { readonly type: 'send'; readonly message: Message }
  | { readonly type: 'connect' }
  | { readonly type: 'disconnect'; readonly reason: string }
  /** Both `init`s are exchanged: the peer's channels may reestablish. */
  | { readonly type: 'peerUp' }
  | { readonly type: 'peerDown' }
  /** A message that is not the connection's own. */
  | { readonly type: 'deliver'; readonly message: Message; readonly bytes: Uint8Array }
  | { readonly type: 'setTimer'; readonly delayMs: number };

export interface PeerInput {
  readonly features: Uint8Array;
  readonly chainHash: Uint8Array;
  readonly timing: PeerTiming;
  readonly emit: (effect: PeerEffect) => void;
}

export interface PeerTiming {
  /** Silence after which a ping is sent, and how long its pong may take. */
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  /** How long the peer's `init` may take. */
  readonly initTimeoutMs: number;
  /** How long a connection must have lasted for the next wait to be the first again. */
  readonly lastingMs: number;
  /** Waits between attempts to reconnect double from the first to the longest. */
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
}

export interface PeerContext extends PeerInput {
  readonly theirFeatures: Uint8Array;
  readonly retryMs: number;
  readonly awaitedPongBytes: number;
}

export type PeerEvent =
  | { readonly type: 'linkUp' }
  | { readonly type: 'linkDown' }
  | { readonly type: 'connectFailed' }
  /** The peer is wanted: there is a channel with it, or the user asked. */
  | { readonly type: 'want' }
  | { readonly type: 'unwant' }
  /** The user wants no connection with it, whoever makes it. */
  | { readonly type: 'keepApart' }
  /** The user does not mind any more. */
  | { readonly type: 'admit' }
  | { readonly type: 'timer' }
  | { readonly type: 'message'; readonly message: Message; readonly bytes: Uint8Array };

const PING_BYTES = 16;
/** BOLT 1, "The ping and pong Messages": from here on a ping asks for no answer. */
const NO_PONG_FROM = 65_532;

/** A peer may set half a million bits: no BOLT numbers features this high, and to name them all would take seconds. */
const NAMED_FEATURE_BYTES = 128;
/** The even ones of a byte. */
const REQUIRED_BITS = 0b0101_0101;

type MessageEvent = Extract<PeerEvent, { type: 'message' }>;

const isMessage = (event: PeerEvent, type: Message['type']): event is MessageEvent => event.type === 'message' && event.message.type === type;

/** Why an `init` is refused (BOLT 1, "The init Message"), or undefined. */
function initFault({ features, chainHash }: PeerContext, message: MessageOf<'init'>): string | undefined {
  const theirs = combined(message);
  const split = Math.max(0, theirs.length - NAMED_FEATURE_BYTES);
  if (theirs.subarray(0, split).some((byte) => (byte & REQUIRED_BITS) !== 0)) {
    return `the peer requires features above bit ${NAMED_FEATURE_BYTES * 8 - 1}, which this node does not have`;
  }
  const missing = missingRequired(theirs.subarray(split), features);
  if (missing.length > 0) return `the peer requires features that this node does not have: ${some(missing)}`;
  const unmet = missingDependencies(theirs).map(({ feature, dependency }) => `${feature} without ${dependency}`);
  if (unmet.length > 0) return `the peer has ${some(unmet)}`;
  if (message.networks !== undefined && message.networks.length > 0 && !message.networks.some((network) => equals(network, chainHash))) {
    return 'the peer is on another chain';
  }
  return undefined;
}

/** The first few say enough. */
const some = (names: readonly string[]): string => `${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}`;

/** BOLT 1: the two bitfields are read as one. */
const combined = ({ globalfeatures, features }: MessageOf<'init'>): Uint8Array => combineFeatures(globalfeatures, features);

const initOf = (event: PeerEvent): MessageOf<'init'> | undefined =>
  event.type === 'message' && event.message.type === 'init' ? event.message : undefined;

const peerSetup = setup({
  types: { context: {} as PeerContext, events: {} as PeerEvent, input: {} as PeerInput },
  guards: {
    isWanted: stateIn({ interest: 'wanted' }),
    isInit: ({ event }) => isMessage(event, 'init'),
    isRefusedInit: ({ context, event }) => {
      const init = initOf(event);
      return init !== undefined && initFault(context, init) !== undefined;
    },
    isPing: ({ event }) => isMessage(event, 'ping'),
    isAwaitedPong: ({ context, event }) =>
      event.type === 'message' && event.message.type === 'pong' && event.message.ignored.length === context.awaitedPongBytes,
    isPong: ({ event }) => isMessage(event, 'pong'),
  },
  actions: {
    sendInit: ({ context: { features, chainHash, emit } }) => {
      emit({ type: 'send', message: { type: 'init', globalfeatures: new Uint8Array(), features, networks: [chainHash] } });
    },
    noteInit: assign(({ context, event }) => {
      const init = initOf(event);
      return { theirFeatures: init === undefined ? context.theirFeatures : combined(init) };
    }),
    refuseInit: ({ context, event }) => {
      const init = initOf(event);
      const reason = (init && initFault(context, init)) ?? 'init was refused';
      // BOLT 1, "The error and warning Messages": otherwise the peer cannot know why.
      context.emit({ type: 'send', message: { type: 'warning', channelId: ALL_CHANNELS, data: fromString(reason, 'ascii') } });
      context.emit({ type: 'disconnect', reason });
    },
    refuseUnready: ({ context }) => context.emit({ type: 'disconnect', reason: 'expected init as the first message, got another' }),
    tellUp: ({ context }) => context.emit({ type: 'peerUp' }),
    tellDown: ({ context }) => context.emit({ type: 'peerDown' }),
    deliver: ({ context, event }) => {
      assertEvent(event, 'message');
      context.emit({ type: 'deliver', message: event.message, bytes: event.bytes });
    },
    answerPing: ({ context, event }) => {
      if (event.type !== 'message' || event.message.type !== 'ping') return;
      const { numPongBytes } = event.message;
      if (numPongBytes >= NO_PONG_FROM) return;
      context.emit({ type: 'send', message: { type: 'pong', ignored: new Uint8Array(numPongBytes) } });
    },
    sendPing: ({ context }) => {
      context.emit({ type: 'send', message: { type: 'ping', numPongBytes: context.awaitedPongBytes, ignored: new Uint8Array() } });
    },
    schedulePing: ({ context: { emit, timing } }) => emit({ type: 'setTimer', delayMs: timing.pingIntervalMs }),
    schedulePongTimeout: ({ context: { emit, timing } }) => emit({ type: 'setTimer', delayMs: timing.pongTimeoutMs }),
    scheduleInitTimeout: ({ context: { emit, timing } }) => emit({ type: 'setTimer', delayMs: timing.initTimeoutMs }),
    dropUnready: ({ context }) => context.emit({ type: 'disconnect', reason: 'the peer did not send init in time' }),
    dropSilent: ({ context }) => context.emit({ type: 'disconnect', reason: 'the peer did not answer a ping' }),
    connect: ({ context }) => context.emit({ type: 'connect' }),
    disconnect: ({ context }) => context.emit({ type: 'disconnect', reason: 'nothing calls for the connection any more' }),
    hangUp: ({ context }) => context.emit({ type: 'disconnect', reason: 'the user wants no connection for now' }),
    scheduleRetry: ({ context: { emit, retryMs } }) => emit({ type: 'setTimer', delayMs: retryMs }),
    waitAnew: assign(({ context: { timing } }) => ({ retryMs: timing.firstRetryMs })),
    scheduleLasting: ({ context: { emit, timing } }) => emit({ type: 'setTimer', delayMs: timing.lastingMs }),
    waitLonger: assign(({ context: { retryMs, timing } }) => ({ retryMs: Math.min(2 * retryMs, timing.longestRetryMs) })),
  },
});

/** One peer: the connection, `init`, pings, and reconnection while there is a reason for it. */
export const peerMachine = peerSetup.createMachine({
  id: 'peer',
  description: 'One peer: the connection, init, pings, and reconnection while there is a reason for it.',
  context: ({ input }) => ({
    ...input,
    theirFeatures: new Uint8Array(),
    retryMs: input.timing.firstRetryMs,
    awaitedPongBytes: PING_BYTES,
  }),
  type: 'parallel',
  states: {
    interest: {
      description: 'Does anything call for a connection?',
      initial: 'unwanted',
      states: {
        unwanted: {
          description: 'Nothing calls for a connection; one that the peer makes is welcome all the same.',
          on: { want: 'wanted' },
        },
        wanted: {
          description: 'BOLT 2, Message Retransmission: a channel must survive a lost connection, so that it is made again.',
          on: { unwant: 'unwanted' },
        },
      },
    },
    link: {
      description: 'Is there a connection, and may it be used?',
      initial: 'down',
      on: {
        linkUp: { target: '.initializing', actions: ['sendInit', 'scheduleInitTimeout'] },
        keepApart: { target: '.apart', actions: 'hangUp' },
      },
      states: {
        apart: {
          description: 'The user keeps the peer apart: none is dialled, and a connection that the peer makes is hung up at once.',
          on: {
            linkUp: { actions: 'hangUp' },
            keepApart: {},
            admit: [{ guard: 'isWanted', target: 'waiting', actions: ['waitAnew', 'scheduleRetry'] }, { target: 'down' }],
          },
        },
        down: {
          description: 'No connection and no attempt at one.',
          on: { want: { target: 'connecting', actions: 'connect' } },
        },
        connecting: {
          description: 'An attempt is under way.',
          on: { connectFailed: { target: 'waiting', actions: ['scheduleRetry', 'waitLonger'] }, unwant: 'down' },
        },
        waiting: {
          description: 'There is a reason for a connection and none stands; the next attempt waits, each time longer.',
          on: { timer: { target: 'connecting', actions: 'connect' }, unwant: 'down' },
        },
        initializing: {
          description: 'BOLT 1, The init Message: ours is sent; the first message of the peer must be its own.',
          on: {
            message: [
              { guard: 'isRefusedInit', actions: 'refuseInit' },
              { guard: 'isInit', target: 'up', actions: ['noteInit', 'tellUp', 'scheduleLasting'] },
              { actions: 'refuseUnready' },
            ],
            timer: { actions: 'dropUnready' },
            linkDown: 'lost',
          },
        },
        up: {
          description: 'BOLT 1, The init Message: both are exchanged; anything may be sent.',
          initial: 'fresh',
          exit: 'tellDown',
          on: {
            message: [
              { guard: 'isInit' },
              { guard: 'isPing', actions: 'answerPing' },
              { guard: 'isPong' },
              { actions: 'deliver' },
            ],
            linkDown: 'lost',
            // A connection that the peer or the user made without such a reason stays.
            unwant: { guard: 'isWanted', actions: 'disconnect' },
          },
          states: {
            fresh: {
              description: 'BOLT 2, Message Retransmission: who hangs up right after init is dialled ever more rarely; the connection has to last a while for that to end.',
              on: { timer: { target: 'heard', actions: ['waitAnew', 'schedulePing'] } },
            },
            heard: {
              description: 'BOLT 1, The ping and pong Messages: the peer was heard of since the last timer.',
              on: { timer: { target: 'pinged', actions: ['sendPing', 'schedulePongTimeout'] } },
            },
            pinged: {
              description: 'BOLT 1, The ping and pong Messages: a ping waits for its pong.',
              on: {
                message: { guard: 'isAwaitedPong', target: 'answered' },
                timer: { actions: 'dropSilent' },
              },
            },
            answered: {
              description: 'BOLT 1, The ping and pong Messages: the pong came before its time was up.',
              on: { timer: { target: 'heard', actions: 'schedulePing' } },
            },
          },
        },
        lost: {
          description: 'BOLT 2, Message Retransmission: the connection ended; it is made again if there is a reason for it.',
          always: [
            { guard: 'isWanted', target: 'waiting', actions: ['scheduleRetry', 'waitLonger'] },
            { target: 'down' },
          ],
        },
      },
    },
  },
});
