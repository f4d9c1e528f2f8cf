import { createHash } from 'node:crypto';
import { TopicValidatorResult, gossipsub } from '@libp2p/gossipsub';
import type { GossipSub, GossipSubComponents } from '@libp2p/gossipsub';
import { createTopicScoreParams } from '@libp2p/gossipsub/score';
import { toString as bytesToString } from 'uint8arrays/to-string';
import { MAX_BOLT_MESSAGE_BYTES, messageTooLarge } from './errors.ts';
import type { Liars } from './liars.ts';
import type { NetworkLimits } from './limits.ts';
import type { GossipVerdict, NodeId } from './network.ts';
import { nodeIdOf } from './node-ids.ts';

/** What one RPC of gossipsub may hold, and what may wait to be sent to one peer. */
const MAX_RPC_BYTES = 4 * 1024 * 1024;
const MAX_OUTBOUND_BYTES = 8 * 1024 * 1024;
/** BOLT 1, "Lightning Message Format": every message starts with its 2-byte type. */
const MIN_MESSAGE_BYTES = 2;
/** Counters of the peer score halve in a minute (they decay once a second). */
const HALF_LIFE_OF_A_MINUTE = 0.5 ** (1 / 60);
/** Below this gossipsub looks at nothing that a peer sends. */
const GRAYLIST_THRESHOLD = -80;

/**
 * gossipsub as BOLT 7's messages need it: they carry signatures of their own, so nothing is signed again, and a
 * message is known by the hash of its content.
 */
export function gossipService(topic: string, liars: Pick<Liars, 'isDistrusted'>): (components: GossipSubComponents) => GossipSub {
  return gossipsub({
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: ({ data }) => contentHash(data),
    msgIdToStrFn: idText,
    fastMsgIdFn: ({ data }) => idText(contentHash(data ?? new Uint8Array())),
    allowedTopics: [topic],
    fallbackToFloodsub: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    maxInboundDataLength: MAX_RPC_BYTES,
    maxOutboundBufferSize: MAX_OUTBOUND_BYTES,
    scoreThresholds: { graylistThreshold: GRAYLIST_THRESHOLD },
    scoreParams: {
      appSpecificScore: (peer) => {
        const nodeId = nodeIdOf(peer);
        return nodeId !== undefined && liars.isDistrusted(nodeId) ? 2 * GRAYLIST_THRESHOLD : 0;
      },
      appSpecificWeight: 1,
      // Nodes of one host are a local cluster only where the host is this one.
      IPColocationFactorWhitelist: new Set(['127.0.0.1', '::1']),
      // A peer under load breaks a promise to deliver now and then.
      behaviourPenaltyThreshold: 6,
      topics: {
        [topic]: createTopicScoreParams({
          topicWeight: 1,
          timeInMeshWeight: 0.01,
          timeInMeshQuantum: 1_000,
          timeInMeshCap: 100,
          firstMessageDeliveriesWeight: 0.01,
          firstMessageDeliveriesDecay: HALF_LIFE_OF_A_MINUTE,
          firstMessageDeliveriesCap: 100,
          // A quiet topic is no fault of a peer.
          meshMessageDeliveriesWeight: 0,
          meshFailurePenaltyWeight: 0,
          // Squared: one rejected message costs a peer its place in the mesh.
          invalidMessageDeliveriesWeight: -12,
          invalidMessageDeliveriesDecay: HALF_LIFE_OF_A_MINUTE,
        }),
      },
    },
  });
}

export interface GossipTopicOptions {
  readonly pubsub: GossipSub;
  readonly topic: string;
  readonly limits: NetworkLimits;
  readonly liars: Pick<Liars, 'lied' | 'isDistrusted'>;
  onGossip(message: Uint8Array, from: NodeId): Promise<GossipVerdict>;
}

/** Parts of gossipsub that it does not show, for want of a way to have it publish what it has seen. */
interface InsideGossipsub {
  readonly seenCache: { readonly entries: Map<string, unknown> };
  readonly fastMsgIdCache: { readonly entries: Map<string, unknown> };
}

/**
 * The topic of one chain. Each new message goes through `onGossip`, some at a time, before it is passed on. Messages
 * that would have to wait behind too many others, of the same peer or of all, are left for later: gossipsub has no way to slow
 * a peer down, and what was missed comes from another peer or with the next sync.
 */
export class GossipTopic {
  readonly #options: GossipTopicOptions;
  readonly #turns: (() => void)[] = [];
  readonly #pendingOf = new Map<NodeId, number>();
  #pending = 0;
  #running = 0;

  constructor(options: GossipTopicOptions) {
    this.#options = options;
  }

  start(): void {
    const { pubsub, topic, liars } = this.#options;
    pubsub.topicValidators.set(topic, async (peer, { data }) => {
      const from = nodeIdOf(peer.toString());
      if (from === undefined) return TopicValidatorResult.Reject;
      const verdict = await this.#validate(data, from);
      if (verdict === 'reject') liars.lied(from);
      // Or whoever comes first, with a message that we have no room for from him, would keep it from us.
      if (verdict === 'later') this.#forgetSeen(data);
      return verdicts[verdict];
    });
    pubsub.subscribe(topic);
  }

  /**
   * Also what was received before: what came too early was ignored, so that it went no further, and is published once its
   * time has come. gossipsub itself publishes nothing that it has seen.
   * @throws NetworkError `message_too_large`
   */
  async publish(message: Uint8Array): Promise<void> {
    if (message.length > MAX_BOLT_MESSAGE_BYTES) throw messageTooLarge(message.length);
    this.#forgetSeen(message);
    await this.#options.pubsub.publish(this.#options.topic, message);
  }

  #forgetSeen(message: Uint8Array): void {
    const { seenCache, fastMsgIdCache } = this.#inside;
    const id = idText(contentHash(message));
    for (const { entries } of [seenCache, fastMsgIdCache]) entries.delete(id);
  }

  get #inside(): InsideGossipsub {
    return this.#options.pubsub as unknown as InsideGossipsub;
  }

  async #validate(message: Uint8Array, from: NodeId): Promise<GossipVerdict> {
    // gossipsub looks at a score once in a while, and takes much in between.
    if (this.#options.liars.isDistrusted(from)) return 'later';
    if (message.length < MIN_MESSAGE_BYTES || message.length > MAX_BOLT_MESSAGE_BYTES) return 'reject';
    const { limits, liars, onGossip } = this.#options;
    const pendingOfPeer = this.#pendingOf.get(from) ?? 0;
    if (pendingOfPeer >= limits.maxGossipQueuePerPeer || this.#pending >= limits.maxGossipQueue) return 'later';
    this.#pendingOf.set(from, pendingOfPeer + 1);
    this.#pending += 1;
    if (this.#running < limits.gossipConcurrency) {
      this.#running += 1;
    } else {
      // Whoever is done hands its place on.
      await new Promise<void>((resolve) => {
        this.#turns.push(resolve);
      });
    }
    try {
      // What came before it may have told who it comes from.
      if (liars.isDistrusted(from)) return 'later';
      // A copy: the data is a view into the buffer that it arrived in.
      return await onGossip(message.slice(), from);
    } finally {
      this.#done(from);
      const next = this.#turns.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #done(from: NodeId): void {
    this.#pending -= 1;
    const left = (this.#pendingOf.get(from) ?? 1) - 1;
    if (left === 0) this.#pendingOf.delete(from);
    else this.#pendingOf.set(from, left);
  }
}

const verdicts: Record<GossipVerdict, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  reject: TopicValidatorResult.Reject,
  ignore: TopicValidatorResult.Ignore,
  later: TopicValidatorResult.Ignore,
};

const idText = (hash: Uint8Array): string => bytesToString(hash, 'base64');

function contentHash(data: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(data).digest());
}
