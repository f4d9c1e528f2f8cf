import { fromString } from 'uint8arrays';
import type { NodeAddress } from '../../protocols/gossip/node-address.ts';
import {
  assembleChannelAnnouncement, type AnnouncementSignatures, type UnsignedChannelAnnouncement,
} from '../../protocols/gossip/channel-announcement.ts';
import { signChannelUpdate } from '../../protocols/gossip/channel-update.ts';
import type { Sign } from '../../protocols/gossip/gossip-message.ts';
import { signNodeAnnouncement } from '../../protocols/gossip/node-announcement.ts';
import type { NodeId } from '../network/network.ts';
import { directionOf, type Direction, type EdgePolicy } from '../routing/channel.ts';
import type { Clock } from '../runtime/clock.ts';

/** What we ask of those who route through one of our channels. */
export interface ForwardingPolicy {
  readonly cltvExpiryDelta: number;
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
  /** The least that the peer accepts. */
  readonly htlcMinimumMsat: bigint;
  /** The most that we send in one HTLC; undefined: whatever the channel allows. */
  readonly htlcMaximumMsat?: bigint;
}

/** One of our channels as gossip is to tell of it. */
export interface AnnouncedChannel {
  readonly shortChannelId: bigint;
  readonly peer: NodeId;
  /**
   * Both sides have signed the announcement (`announceChannel`): the world may know. Until then only the peer is told.
   */
  readonly announced: boolean;
  /** The peer is connected and takes HTLCs. */
  readonly online: boolean;
  readonly capacityMsat: bigint;
  /** `max_htlc_value_in_flight_msat` that the peer sent. */
  readonly maxHtlcValueInFlightMsat: bigint;
  readonly policy: ForwardingPolicy;
}

export interface NodeProfile {
  readonly alias: string;
  readonly rgbColor: Uint8Array;
  readonly features: Uint8Array;
  readonly addresses: readonly NodeAddress[];
}

export interface AnnouncerTimes {
  /** A peer that is back within this time was never gone, for all the world knows. */
  readonly disableDelayMs: number;
  /** A peer that is back must stay this long before the world is told; the peer itself is told at once. */
  readonly enableDelayMs: number;
  /** Well below the two weeks after which others take a channel for abandoned. */
  readonly refreshMs: number;
}

export const defaultAnnouncerTimes: AnnouncerTimes = {
  disableDelayMs: 5 * 60_000,
  enableDelayMs: 5_000,
  refreshMs: 7 * 24 * 60 * 60_000,
};

export interface AnnouncerOptions {
  readonly self: NodeId;
  readonly chainHash: Uint8Array;
  readonly clock: Clock;
  /** With the node's key. */
  readonly sign: Sign;
  readonly profile: () => NodeProfile;
  /**
   * What we said last in an earlier run, as far as it is known: the policy of our direction, the time of our node's
   * announcement.
   */
  readonly lastPolicy: (shortChannelId: bigint, direction: Direction) => EdgePolicy | undefined;
  readonly lastNodeTimestamp: () => number | undefined;
  /** To the world, in the order of the calls. */
  readonly publish: (message: Uint8Array) => void;
  /** To the channel's peer alone. */
  readonly sendToPeer: (peer: NodeId, message: Uint8Array) => void;
  readonly times?: Partial<AnnouncerTimes>;
}

interface Entry {
  channel: AnnouncedChannel;
  /** What the world, or before the announcement the peer, was told last, and may be taken to know still. */
  told: EdgePolicy | undefined;
  toldTheWorld: boolean;
  /** Of whatever was told last. */
  timestamp: number;
  cancelTimer: () => void;
}

/**
 * Says to the network what there is to say of this node: its channels once both sides have signed, its policies when
 * they change, itself. It makes and times the messages; keys and wires are given to it.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #times: AnnouncerTimes;
  readonly #channels = new Map<bigint, Entry>();
  #nodeTimestamp = 0;
  #cancelNodeTimer: () => void = () => {};

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#times = { ...defaultAnnouncerTimes, ...options.times };
  }

  /**
   * Publishes the channel from what both sides signed. BOLT 7: not before six confirmations, which is when the sides
   * exchange `announcement_signatures`. Our policy and our node follow; both are needed before anyone routes through
   * it.
   */
  announceChannel(
    unsigned: UnsignedChannelAnnouncement, ours: AnnouncementSignatures, theirs: AnnouncementSignatures,
  ): void {
    const { self, publish } = this.#options;
    publish(assembleChannelAnnouncement(unsigned, fromString(self, 'hex'), ours, theirs).raw);
    const entry = this.#channels.get(unsigned.shortChannelId);
    if (entry !== undefined) this.setChannel({ ...entry.channel, announced: true });
    this.announceNode();
  }

  /**
   * A channel is new, or something of it may have changed: call it as often as you like. BOLT 7: not before
   * `channel_ready` was received.
   */
  setChannel(channel: AnnouncedChannel): void {
    const known = this.#channels.get(channel.shortChannelId);
    if (known !== undefined && known.channel.announced === channel.announced
      && isSamePolicy(this.#policy(known.channel), this.#policy(channel))) return;
    const entry = known ?? this.#newEntry(channel);
    entry.channel = channel;
    this.#channels.set(channel.shortChannelId, entry);
    this.#consider(entry);
  }

  /** The channel is closing: the world is told at once that it takes no more HTLCs. */
  removeChannel(shortChannelId: bigint): void {
    const entry = this.#channels.get(shortChannelId);
    if (entry === undefined) return;
    entry.cancelTimer();
    this.#channels.delete(shortChannelId);
    entry.channel = { ...entry.channel, online: false };
    if (entry.toldTheWorld && entry.told?.disabled === false) this.#tell(entry);
  }

  /**
   * Publishes who we are and where, once a channel of ours is announced (others would ignore it before), and again
   * before that grows old. Call it when the profile changes.
   */
  announceNode(): void {
    const { self, clock, sign, profile, lastNodeTimestamp, publish } = this.#options;
    this.#cancelNodeTimer();
    if (![...this.#channels.values()].some(({ channel }) => channel.announced)) return;
    this.#nodeTimestamp = this.#timestampAfter(Math.max(this.#nodeTimestamp, lastNodeTimestamp() ?? 0));
    publish(
      signNodeAnnouncement({ ...profile(), nodeId: fromString(self, 'hex'), timestamp: this.#nodeTimestamp }, sign).raw,
    );
    this.#cancelNodeTimer = clock.setTimer(this.#times.refreshMs, () => this.announceNode());
  }

  /** Says nothing more. */
  stop(): void {
    this.#cancelNodeTimer();
    for (const { cancelTimer } of this.#channels.values()) cancelTimer();
    this.#channels.clear();
  }

  #newEntry(channel: AnnouncedChannel): Entry {
    const told = channel.announced
      ? this.#options.lastPolicy(channel.shortChannelId, this.#direction(channel))
      : undefined;
    return { channel, told, toldTheWorld: told !== undefined, timestamp: told?.timestamp ?? 0, cancelTimer: () => {} };
  }

  /** Tells what has changed: now if it is our own doing, later if it is the peer's coming and going. */
  #consider(entry: Entry): void {
    const { channel } = entry;
    entry.cancelTimer();
    if (!channel.announced && !channel.online) {
      // The peer may come back from a backup, or as another program: it is told again.
      entry.told = undefined;
      return;
    }
    if (channel.announced && !entry.toldTheWorld) return this.#tell(entry);
    const { told } = entry;
    const now = this.#policy(channel);
    if (told === undefined || !isSamePolicy({ ...now, disabled: told.disabled }, told)) return this.#tell(entry);
    if (now.disabled !== told.disabled) {
      const delayMs = now.disabled ? this.#times.disableDelayMs : this.#times.enableDelayMs;
      return this.#later(entry, delayMs);
    }
    this.#later(entry, told.timestamp * 1000 + this.#times.refreshMs - this.#options.clock.now());
  }

  #later(entry: Entry, delayMs: number): void {
    entry.cancelTimer();
    entry.cancelTimer = this.#options.clock.setTimer(Math.max(0, delayMs), () => this.#tell(entry));
  }

  /** Says what holds now, and plans the next refresh. */
  #tell(entry: Entry): void {
    const { chainHash, sign, publish, sendToPeer } = this.#options;
    const { channel } = entry;
    const direction = this.#direction(channel);
    const policy = { ...this.#policy(channel), timestamp: this.#timestampAfter(entry.timestamp) };
    // BOLT 7: an update without a `channel_announcement` before it is for the peer alone, and says so.
    const message = signChannelUpdate(
      { ...policy, chainHash, shortChannelId: channel.shortChannelId, direction, dontForward: !channel.announced },
      sign,
    ).raw;
    Object.assign(entry, { told: policy, toldTheWorld: channel.announced, timestamp: policy.timestamp });
    if (channel.announced) publish(message);
    else sendToPeer(channel.peer, message);
    if (this.#channels.get(channel.shortChannelId) === entry) this.#later(entry, this.#times.refreshMs);
  }

  /** BOLT 7: the maximum is at most the capacity and what the peer allows in flight, and at least the minimum. */
  #policy({ online, capacityMsat, maxHtlcValueInFlightMsat, policy }: AnnouncedChannel): Omit<EdgePolicy, 'timestamp'> {
    const {
      cltvExpiryDelta, feeBaseMsat, feeProportionalMillionths, htlcMinimumMsat, htlcMaximumMsat = capacityMsat,
    } = policy;
    const upper = [
      htlcMaximumMsat, capacityMsat, maxHtlcValueInFlightMsat,
    ].reduce((least, value) => (value < least ? value : least));
    return {
      disabled: !online || upper < htlcMinimumMsat,
      cltvExpiryDelta,
      feeBaseMsat,
      feeProportionalMillionths,
      htlcMinimumMsat: upper < htlcMinimumMsat ? upper : htlcMinimumMsat,
      htlcMaximumMsat: upper,
    };
  }

  #direction({ peer }: AnnouncedChannel): Direction {
    return directionOf(this.#options.self, peer);
  }

  /** BOLT 7: above zero, and above every one before. */
  #timestampAfter(previous: number): number {
    return Math.max(Math.floor(this.#options.clock.now() / 1000), previous + 1);
  }
}

function isSamePolicy(a: Omit<EdgePolicy, 'timestamp'>, b: Omit<EdgePolicy, 'timestamp'>): boolean {
  const fields = [
    'disabled', 'cltvExpiryDelta', 'feeBaseMsat', 'feeProportionalMillionths', 'htlcMinimumMsat', 'htlcMaximumMsat',
  ] as const;
  return fields.every((field) => a[field] === b[field]);
}
