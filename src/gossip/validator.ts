import { equals, fromString, toString } from 'uint8arrays';
import { areNodesInOrder, channelAnnouncementClaims } from '../../protocols/gossip/channel-announcement.ts';
import { channelUpdateClaims, updateDirection } from '../../protocols/gossip/channel-update.ts';
import { GossipError } from '../../protocols/gossip/errors.ts';
import { decodeGossip, isGossip, type Gossip, type GossipOf } from '../../protocols/gossip/gossip-message.ts';
import { nodeAnnouncementClaims } from '../../protocols/gossip/node-announcement.ts';
import { UnknownMessageError, WireError } from '../../protocols/wire/errors.ts';
import type { NodeId } from '../network/network.ts';
import type { Clock } from '../runtime/clock.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import type { FundingCheck, FundingFault, FundingOutput } from './funding-check.ts';
import type { GossipLimits } from './limits.ts';
import { ACCEPT, ignore, later, REJECT_MALFORMED, REJECT_SIGNATURE, type GossipOutcome } from './outcome.ts';
import { PendingGossip } from './pending.ts';
import { RateLimiter } from '../runtime/rate-limiter.ts';
import { areAddressesSound, isAnnounced, knownUpdateFault, nodeFault, updateFault, type Known } from './rules.ts';
import type { SignatureChecker } from './signature-checker.ts';
import type { GossipStore } from './store.ts';

export interface GossipValidatorOptions {
  readonly self: NodeId;
  readonly chainHash: Uint8Array;
  readonly funding: FundingCheck;
  readonly store: GossipStore;
  readonly clock: Clock;
  readonly limits: GossipLimits;
  readonly signatures: SignatureChecker;
  /** A message is in the store, and is told while no other is: what speaks of a channel comes after its announcement. */
  readonly onAccepted: (gossip: Gossip, from: NodeId) => void;
  readonly onOutcome: (outcome: GossipOutcome, from: NodeId) => void;
}

/** `solicited`: we asked for it (a sync), made it ourselves, or have counted it already, so its sender's rate is not counted. */
export interface Provenance {
  readonly from: NodeId;
  readonly solicited: boolean;
}

type Announcement = GossipOf<'channel_announcement'>;

/** An announcement that is being checked, and whose announcements of the same channel wait for it. */
interface Checking {
  readonly announcement: Announcement;
  readonly done: Promise<unknown>;
  readonly waiting: Set<NodeId>;
}

/**
 * Decides what is believed and passed on, by BOLT 7's rules for receivers.
 *
 * 'reject' is for what no honest node can have passed on: what is no gossip message, and what its origin has not
 * signed. Everything that may be early, late, or true on another node's view of the chain is 'ignore': nobody is
 * punished for it. 'later' is what this node has no room for, or cannot ask its chain about, now. What is accepted is in the store when the verdict is given.
 */
export class GossipValidator {
  readonly #options: GossipValidatorOptions;
  readonly #pending: PendingGossip;
  readonly #perForwarder: RateLimiter;
  readonly #perOrigin: RateLimiter;
  readonly #blacklist: BoundedMap<NodeId, true>;
  /** Announcements that are being checked: what speaks of their channel waits, however soon it arrives. */
  readonly #inFlight = new Map<bigint, Checking>();
  /** How many blocks came so far. */
  #blocks = 0;

  constructor(options: GossipValidatorOptions) {
    const { clock, limits } = options;
    this.#options = options;
    this.#pending = new PendingGossip(options.self, limits.maxPending);
    this.#perForwarder = new RateLimiter(clock, limits.perForwarder, limits.maxRateKeys);
    this.#perOrigin = new RateLimiter(clock, limits.perOrigin, limits.maxRateKeys);
    this.#blacklist = new BoundedMap(limits.maxBlacklisted);
  }

  /** Judges one message, and stores it if it is accepted. Never throws for anything that a message holds. */
  async validate(raw: Uint8Array, provenance: Provenance): Promise<GossipOutcome> {
    const outcome = await this.#judge(raw, provenance);
    this.#options.onOutcome(outcome, provenance.from);
    return outcome;
  }

  /** A block has come: judges the announcements that are deep enough now, and gives back those that are accepted. */
  async heightReached(height: number): Promise<Uint8Array[]> {
    this.#blocks++;
    const accepted: Uint8Array[] = [];
    for (const { gossip, from } of this.#pending.takeDeepEnough(height, this.#options.limits.minConfirmations)) {
      const { verdict, released } = await this.validate(gossip.raw, { from, solicited: true });
      if (verdict === 'accept') accepted.push(gossip.raw, ...released);
      // With the next block, then.
      if (verdict === 'later') this.#pending.holdAnnouncement(gossip, from);
    }
    return accepted;
  }

  /** Whether a peer may have one more message judged, which counts as that. */
  mayForward(from: NodeId): boolean {
    return this.#perForwarder.take(from);
  }

  async #judge(raw: Uint8Array, provenance: Provenance): Promise<GossipOutcome> {
    let gossip: Gossip;
    try {
      gossip = decodeGossip(raw);
    } catch (error) {
      return this.#undecodable(error);
    }
    if (raw.length > this.#options.limits.maxMessageBytes) return ignore('oversized');
    if (this.#options.store.isFull) return later('storage_unavailable');
    if (isGossip(gossip, 'channel_announcement')) return this.#announcement(gossip, provenance);
    if (isGossip(gossip, 'channel_update')) return this.#update(gossip, provenance);
    return this.#node(gossip, provenance);
  }

  #undecodable(error: unknown): GossipOutcome {
    // It's OK to be odd, and a later version may know what we do not.
    if (error instanceof UnknownMessageError) return error.ignorable ? ignore('unknown_type') : REJECT_MALFORMED;
    if (error instanceof WireError) {
      return error.code === 'wire_unknown_even_tlv' ? ignore('unknown_type') : REJECT_MALFORMED;
    }
    if (error instanceof GossipError) return REJECT_MALFORMED;
    throw error;
  }

  /** BOLT 7, "The `channel_announcement` Message". */
  async #announcement(gossip: Announcement, provenance: Provenance): Promise<GossipOutcome> {
    const { chainHash, store, limits } = this.#options;
    const { message } = gossip;
    const scid = message.shortChannelId;
    if (!equals(message.chainHash, chainHash)) return ignore('other_chain');
    // Whichever comes first of several at once is judged first: it may be a lie, and the next one true.
    for (let other = this.#inFlight.get(scid); other !== undefined; other = this.#inFlight.get(scid)) {
      if (!this.#mayWait(other, provenance)) return later('busy');
      await other.done;
    }
    if (isAnnounced(gossip, store)) return ignore('duplicate');
    if (this.#isBlacklisted(message.nodeId1) || this.#isBlacklisted(message.nodeId2)) return ignore('blacklisted');
    if (this.#inFlight.size >= limits.maxChainLookups) return later('busy');
    if (!this.#mayForward(provenance)) return later('rate_limited');
    if (!areNodesInOrder(message)) return REJECT_SIGNATURE;

    const done = this.#checkAnnouncement(gossip);
    this.#inFlight.set(scid, { announcement: gossip, done, waiting: new Set() });
    let output: Awaited<typeof done>;
    try {
      output = await done;
    } finally {
      this.#inFlight.delete(scid);
    }
    if (output === 'bad_signature') return REJECT_SIGNATURE;
    if (typeof output === 'string') {
      if (output === 'unconfirmed') this.#pending.holdAnnouncement(gossip, provenance.from);
      return output === 'chain_unavailable' ? later(output) : ignore(output);
    }
    const known = store.channel(scid);
    if (known?.fundingTxid === output.txid) return this.#equivocation(gossip);
    // A reorg has put another transaction there, with another channel.
    if (known !== undefined) store.removeChannel(scid);
    // Meanwhile one of the two may have been found out.
    if (this.#isBlacklisted(message.nodeId1) || this.#isBlacklisted(message.nodeId2)) return ignore('blacklisted');
    const addedAt = this.#nowSeconds();
    store.addChannel(
      gossip, { capacitySat: output.amountSat, fundingTxid: output.txid, addedAt, spentHeight: undefined },
    );
    this.#options.onAccepted(gossip, provenance.from);
    return { verdict: 'accept', reason: 'new', released: await this.#release(gossip) };
  }

  /** Each peer has one place in the queue for a channel: no liar can fill it, or have others wait for ever. */
  #mayWait({ waiting }: Checking, { from }: Provenance): boolean {
    if (waiting.has(from) || waiting.size >= this.#options.limits.maxWaitingForChannel) return false;
    waiting.add(from);
    return true;
  }

  /** Signatures first: a forger shall not have the chain asked. */
  async #checkAnnouncement(gossip: Announcement): Promise<'bad_signature' | FundingOutput | FundingFault> {
    const { funding, signatures } = this.#options;
    if (!(await signatures.areValid(channelAnnouncementClaims(gossip)))) return 'bad_signature';
    for (;;) {
      const blocks = this.#blocks;
      const output = await funding.check(gossip.message);
      // A block that came meanwhile may have spent it, and was told before the channel was known.
      if (blocks === this.#blocks) return output;
    }
  }

  /**
   * BOLT 7: two valid announcements of one output, by different nodes, mean that funding keys have leaked. All nodes in
   * them are blacklisted and their channels forgotten. Who passed the second one on may not have seen the first.
   */
  #equivocation({ message }: Announcement): GossipOutcome {
    const { store, self } = this.#options;
    const known = store.graph.channel(message.shortChannelId);
    const nodeIds = [message.nodeId1, message.nodeId2].map((nodeId) => toString(nodeId, 'hex'));
    for (const nodeId of [...nodeIds, known?.nodeId1, known?.nodeId2]) {
      if (nodeId === undefined || nodeId === self) continue;
      this.#blacklist.set(nodeId, true);
      for (const scid of store.graph.channelsOf(nodeId)) store.removeChannel(scid);
    }
    return ignore('equivocation');
  }

  /** BOLT 7, "The `channel_update` Message". */
  async #update(gossip: GossipOf<'channel_update'>, provenance: Provenance): Promise<GossipOutcome> {
    const { store, signatures } = this.#options;
    const { message } = gossip;
    const scid = message.shortChannelId;
    const fault = updateFault(gossip, this.#known);
    if (fault !== undefined) return ignore(fault);
    const announcing = this.#inFlight.get(scid);
    if (announcing !== undefined) await announcing.done;

    const early = knownUpdateFault(gossip, this.#known);
    if (early === 'unknown_channel') this.#pending.holdUpdate(gossip, provenance.from);
    const channel = store.graph.channel(scid);
    if (early !== undefined || channel === undefined) return ignore(early ?? 'unknown_channel');
    if (!this.#mayForward(provenance)) return later('rate_limited');
    const direction = updateDirection(message);
    const nodeId = direction === 0 ? channel.nodeId1 : channel.nodeId2;
    if (!(await signatures.areValid(channelUpdateClaims(gossip, fromString(nodeId, 'hex'))))) {
      // After a reorg another channel may stand there, which its nodes announce to those who see that chain.
      return store.channel(scid)?.spentHeight === undefined ? REJECT_SIGNATURE : ignore('spent');
    }
    // Meanwhile a newer one may have come, or the channel may have gone, and another may stand there.
    const late = knownUpdateFault(gossip, this.#known);
    if (late !== undefined) return ignore(late);
    const now = store.graph.channel(scid);
    if (now?.nodeId1 !== channel.nodeId1 || now.nodeId2 !== channel.nodeId2) return ignore('unknown_channel');
    // Only now: a forger must not use up what its victim may send.
    if (!this.#mayPublish(`${scid}/${direction}`, provenance)) return ignore('origin_limited');
    store.addUpdate(gossip);
    this.#options.onAccepted(gossip, provenance.from);
    return ACCEPT;
  }

  /** BOLT 7, "The `node_announcement` Message". */
  async #node(gossip: GossipOf<'node_announcement'>, provenance: Provenance): Promise<GossipOutcome> {
    const { store, limits, signatures } = this.#options;
    const { nodeId, timestamp } = gossip.message;
    if (timestamp - this.#nowSeconds() > limits.maxFutureSeconds) return ignore('future');
    const announcing = this.#announcing(nodeId);
    if (announcing !== undefined) await announcing;

    const early = nodeFault(gossip, this.#known);
    if (early === 'unknown_node') this.#pending.holdNode(gossip, provenance.from);
    if (early !== undefined) return ignore(early);
    if (!this.#mayForward(provenance)) return later('rate_limited');
    if (!(await signatures.areValid(nodeAnnouncementClaims(gossip)))) return REJECT_SIGNATURE;
    if (!areAddressesSound(gossip)) return ignore('bad_addresses');
    const late = nodeFault(gossip, this.#known);
    if (late !== undefined) return ignore(late);
    if (!this.#mayPublish(toString(nodeId, 'hex'), provenance)) return ignore('origin_limited');
    store.addNode(gossip);
    this.#options.onAccepted(gossip, provenance.from);
    return ACCEPT;
  }

  /** Judges what had waited for this channel; what is accepted had not been passed on. */
  async #release({ message }: Announcement): Promise<Uint8Array[]> {
    const accepted: Uint8Array[] = [];
    for (const { gossip: { raw }, from } of this.#pending.takeFor(message)) {
      const { verdict } = await this.validate(raw, { from, solicited: true });
      if (verdict === 'accept') accepted.push(raw);
    }
    return accepted;
  }

  /** The announcement of some channel of the node that is being checked. */
  #announcing(nodeId: Uint8Array): Promise<unknown> | undefined {
    for (const { announcement: { message }, done } of this.#inFlight.values()) {
      if (equals(message.nodeId1, nodeId) || equals(message.nodeId2, nodeId)) return done;
    }
    return undefined;
  }

  #isBlacklisted(nodeId: Uint8Array): boolean {
    return this.#blacklist.has(toString(nodeId, 'hex'));
  }

  #mayForward({ from, solicited }: Provenance): boolean {
    return solicited || this.mayForward(from);
  }

  /** The rate of others: what we make ourselves is for the announcer to space out. */
  #mayPublish(origin: string, { from }: Provenance): boolean {
    return from === this.#options.self || this.#perOrigin.take(origin);
  }

  get #known(): Known {
    const { store, chainHash, limits } = this.#options;
    return { store, chainHash, limits, nowSeconds: this.#nowSeconds() };
  }

  #nowSeconds(): number {
    return Math.floor(this.#options.clock.now() / 1000);
  }
}
