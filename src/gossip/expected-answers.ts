import { toString } from 'uint8arrays';
import { updateDirection } from '../../protocols/gossip/channel-update.ts';
import { readMessage } from '../../protocols/wire/messages.ts';
import type { NodeId } from '../network/network.ts';
import type { ChannelGraph } from '../routing/graph.ts';
import { GossipSyncError } from './errors.ts';
import { badReply } from './sync-messages.ts';

/** Whom funding keys were stolen from may be known to the peer as other nodes than to us (see `Disputes`), of a few channels. */
const MAX_STRANGERS = 16;

/**
 * What may answer a `query_short_channel_ids` (BOLT 7): of each channel asked about the announcement and the updates, once, and
 * announcements of its two nodes. It may be less, or more than its flags ask for; it may not be of another channel.
 */
export class ExpectedAnswers {
  readonly #left = new Set<string>();
  /** Ends of the channels asked about, as they are known here or as the peer announces them. */
  readonly #nodes = new Set<NodeId>();
  readonly #toldNodes = new Set<NodeId>();
  #strangers = 0;

  constructor(shortChannelIds: readonly bigint[], graph: ChannelGraph) {
    for (const scid of shortChannelIds) {
      this.#left.add(`${scid}`).add(`${scid}/0`).add(`${scid}/1`);
      const known = graph.channel(scid);
      if (known !== undefined) this.#nodes.add(known.nodeId1).add(known.nodeId2);
    }
  }

  /** Whether a message can be an answer, which is then told. For a link that carries other gossip as well. */
  isAnswer(bytes: Uint8Array): boolean {
    try {
      return this.admit(bytes);
    } catch (error) {
      if (error instanceof GossipSyncError) return false;
      throw error;
    }
  }

  /** Whether a message is to be judged. Throws `GossipSyncError` for one that no honest peer answers. */
  admit(bytes: Uint8Array): boolean {
    // What cannot be read is admitted: whether that is a lie, or later than our time, is for the validator to say.
    const message = readMessage(bytes);
    switch (message?.type) {
      case 'channel_announcement':
        this.#take(`${message.shortChannelId}`, message.type);
        this.#nodes.add(toString(message.nodeId1, 'hex')).add(toString(message.nodeId2, 'hex'));
        return true;
      case 'channel_update':
        this.#take(`${message.shortChannelId}/${updateDirection(message)}`, message.type);
        return true;
      case 'node_announcement': {
        const nodeId = toString(message.nodeId, 'hex');
        // BOLT 7 only advises against telling one twice; on a link that others use too it is no answer, but what the peer hears meanwhile.
        if (this.#toldNodes.has(nodeId)) return false;
        if (this.#nodes.has(nodeId)) {
          this.#toldNodes.add(nodeId);
          return true;
        }
        if (++this.#strangers > MAX_STRANGERS) throw badReply('the peer announces nodes that it was not asked about');
        return false;
      }
      default:
        return true;
    }
  }

  #take(part: string, type: string): void {
    if (!this.#left.delete(part)) throw badReply(`the peer tells a ${type} that it was not asked for, or tells it twice`);
  }
}
