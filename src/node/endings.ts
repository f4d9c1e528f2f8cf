import { channelIdOf } from '../../machines/channel/context.ts';
import { formatScid, scidToParts } from '../../protocols/gossip/short-channel-id.ts';
import { hexOf } from '../channels/channel-store.ts';
import type { LiveChannel } from '../channels/live-channel.ts';
import type { ChannelManager } from '../channels/channel-manager.ts';
import type { Logger } from '../logging.ts';
import type { SweepRequest } from '../sweep/sweeper.ts';
import type { AlarmCode, Alarms } from './alarms.ts';

/** A reorg that is over by then would only have frightened people. */
const PATIENCE_BLOCKS = 6;

export interface EndingsOptions {
  readonly channels: ChannelManager;
  readonly sweeper: { update(request: SweepRequest): Promise<void> };
  readonly alarms: Pick<Alarms, 'raise' | 'clear'>;
  readonly logger: Logger;
  readonly blockHeight: () => number;
  /** Not while old blocks come: what one of them leaves to do may be done by the next. */
  readonly isCurrent: () => boolean;
  /** Calls back soon: many channels may change in one turn. */
  readonly schedule: (run: () => void) => void;
}

/** What an owner should know of a channel that ended as none should. */
const alarming: Readonly<Record<string, { readonly code: AlarmCode; readonly message: string }>> = {
  revoked: { code: 'peer_cheated', message: 'the peer broadcast a commitment that it had revoked; all of it is being taken' },
  unknown: { code: 'funding_lost', message: 'a transaction that this node cannot explain has spent the funding: find out who else has its keys' },
  ahead: { code: 'state_lost', message: 'this node has lost state of the channel; what the peer closed it with pays us, but for HTLCs' },
  orphaned: { code: 'funding_lost', message: 'a reorg has taken its funding out of the chain, and it has not come back: what was paid over it may be lost' },
  fallenBehind: { code: 'state_lost', message: 'this node has lost state of the channel and waits for the peer to close it' },
};

const frozen = {
  code: 'channel_frozen',
  message: 'a fault in this node has frozen it: it sees no block and answers no message until the node is restarted; report it',
} as const;

/**
 * Channels that end on chain, between the turns: what they may claim and what waits for a block goes to the sweeper, after
 * each block and each turn that changed one. Nothing is remembered here: all of it follows from the channels as they are on disk.
 */
export class Endings {
  readonly #options: EndingsOptions;
  #isScheduled = false;
  #isStopped = false;

  constructor(options: EndingsOptions) {
    this.#options = options;
  }

  /** A turn that touched the channel is on disk. */
  changed(channel: LiveChannel): void {
    this.#warn(channel);
    if (isEnding(channel)) this.update();
  }

  /** There is another block, or the node has started. */
  update(): void {
    if (this.#isScheduled || this.#isStopped || !this.#options.isCurrent()) return;
    this.#isScheduled = true;
    this.#options.schedule(() => {
      this.#isScheduled = false;
      if (this.#isStopped) return;
      for (const channel of this.#options.channels.all()) this.#warn(channel);
      void this.#options.sweeper.update(this.#request());
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  #request(): SweepRequest {
    const ending = [...this.#options.channels.all()].filter(isEnding);
    return {
      height: this.#options.blockHeight(),
      claims: ending.flatMap((channel) => this.#tried(channel, ({ claims }) => claims).map((claim) => ({ channelIndex: channel.index, claim }))),
      bumps: ending.flatMap((channel) =>
        this.#tried(channel, ({ bump }) => (bump === undefined ? [] : [bump])).map((bump) => ({ channelIndex: channel.index, bump })),
      ),
    };
  }

  /** A fault in one channel must not keep the others from what is theirs. */
  #tried<T>(channel: LiveChannel, read: (channel: LiveChannel) => readonly T[]): readonly T[] {
    try {
      return read(channel);
    } catch (error) {
      this.#options.logger.error({ err: error, channelIndex: channel.index }, 'what a channel may claim cannot be told');
      return [];
    }
  }

  #warn(channel: LiveChannel): void {
    const { alarms } = this.#options;
    const { index, isEnded, value: { lifecycle } } = channel;
    const ending = typeof lifecycle === 'object' && 'closing' in lifecycle ? lifecycle.closing : lifecycle;
    const place = this.#isOrphaned(channel) ? 'orphaned' : ending;
    const isFrozen = this.#options.channels.isFrozen(index);
    const due = isFrozen ? frozen : typeof place === 'string' && !isEnded ? alarming[place] : undefined;
    const key = `channel-${index}`;
    for (const { code } of [frozen, ...Object.values(alarming)]) if (code !== due?.code) alarms.clear(code, key);
    if (due !== undefined) alarms.raise(due.code, key, { message: `channel ${nameOf(channel)}: ${due.message}`, channelIndex: index });
  }

  /** Its funding stood in a block, which a reorg took out for good, as it seems. */
  #isOrphaned({ isConfirmed, lifecycle, data: { shortChannelId } }: LiveChannel): boolean {
    if (isConfirmed || shortChannelId === undefined || lifecycle === 'closing') return false;
    return this.#options.blockHeight() >= scidToParts(shortChannelId).blockHeight + PATIENCE_BLOCKS;
  }
}

/** As people call it: the number of it in this node means nothing to them. */
const nameOf = ({ data }: LiveChannel): string =>
  data.shortChannelId === undefined ? hexOf(channelIdOf(data)).slice(0, 16) : formatScid(data.shortChannelId);

const isEnding = ({ lifecycle }: LiveChannel): boolean => lifecycle === 'failed' || lifecycle === 'closing';
