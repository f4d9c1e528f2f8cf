import { toString } from 'uint8arrays';
import type { HtlcNotice, ReturnCode } from '../../machines/channel/effects.ts';
import type { HtlcDetails, HtlcRemoval } from '../../machines/htlc/htlc.machine.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { decodeJson, encodeJson } from '../../protocols/json.ts';
import type { NodeEvent, Turn, TurnParticipant } from '../../src/runtime/turn.ts';
import type { FakeNode } from './payments-fixtures.ts';

/**
 * What two ends of a fake channel say to each other: enough to add and remove HTLCs, and to find together again after a
 * crash.
 */
export type Message =
  | { readonly type: 'add'; readonly details: HtlcDetails }
  | { readonly type: 'remove'; readonly id: bigint; readonly removal: HtlcRemoval }
  | { readonly type: 'removed'; readonly id: bigint }
  | { readonly type: 'done'; readonly id: bigint };

interface Held {
  readonly details: HtlcDetails;
  readonly removal: HtlcRemoval | undefined;
}

/** One end of a fake channel, as it is on disk. */
export interface EndRow {
  readonly index: number;
  readonly link: string;
  readonly peer: string;
  readonly scid: bigint;
  readonly localMsat: bigint;
  readonly isShuttingDown?: boolean;
  readonly nextLocalId: bigint;
  readonly nextRemoteId: bigint;
  readonly offered: Readonly<Record<string, Held>>;
  readonly received: Readonly<Record<string, Held>>;
}

type ChannelTurnEvent = Extract<NodeEvent, { to: 'channel' }>;

/** A node's channels: rows in its database, messages to the peers once a turn is on disk. */
export class FakeChannels implements TurnParticipant<ChannelTurnEvent> {
  readonly node: FakeNode;
  readonly ends = new Map<number, EndRow>();
  readonly #changed = new Set<number>();

  constructor(node: FakeNode) {
    this.node = node;
    node.database.migrate('fakes', [
      { name: 'ends', sql: 'CREATE TABLE ends (channel_index INTEGER PRIMARY KEY, row TEXT NOT NULL) STRICT' },
    ]);
    this.reset();
  }

  handle({ channelIndex, event }: ChannelTurnEvent, turn: Turn): void {
    const end = this.ends.get(channelIndex);
    if (end === undefined) return;
    if (event.type === 'restored') this.#repeat(end, turn);
    if (event.type === 'addHtlc') {
      const { reference, amountMsat, paymentHash, cltvExpiry, onionRoutingPacket } = event;
      if (amountMsat > end.localMsat || !this.node.isOnline(end.link)) {
        this.#tell(end, turn, { type: 'htlcRefused', reference, code: 'htlc_unaffordable', reason: 'not so much' });
        return;
      }
      const details: HtlcDetails = {
        direction: 'offered',
        id: end.nextLocalId,
        amountMsat,
        paymentHash,
        cltvExpiry,
        onionRoutingPacket,
      };
      this.#change(end, {
        nextLocalId: end.nextLocalId + 1n,
        localMsat: end.localMsat - amountMsat,
        offered: { ...end.offered, [String(details.id)]: { details, removal: undefined } },
      });
      this.#send(end, turn, { type: 'add', details });
      this.#tell(end, turn, { type: 'htlcOffered', reference, htlc: details });
    }
    if (event.type === 'removeHtlc') {
      const held = end.received[String(event.id)];
      if (held === undefined || held.removal !== undefined) return;
      this.#change(end, { received: { ...end.received, [String(event.id)]: { ...held, removal: event.removal } } });
      this.#send(end, turn, { type: 'remove', id: event.id, removal: event.removal });
    }
  }

  receive(index: number, message: Message, turn: Turn): void {
    const end = this.ends.get(index)!;
    switch (message.type) {
      case 'add': {
        const { details } = message;
        if (details.id !== end.nextRemoteId) return;
        const htlc: HtlcDetails = { ...details, direction: 'received' };
        this.#change(end, {
          nextRemoteId: end.nextRemoteId + 1n,
          received: { ...end.received, [String(details.id)]: { details: htlc, removal: undefined } },
        });
        this.#tell(end, turn, { type: 'htlcReceived', htlc });
        return;
      }
      case 'remove': {
        const held = end.offered[String(message.id)];
        if (held !== undefined && held.removal === undefined) {
          const { removal } = message;
          const { details } = held;
          const fulfilled = removal.kind === 'fulfilled';
          if (fulfilled && toString(sha256(removal.paymentPreimage), 'hex') !== toString(details.paymentHash, 'hex'))
            throw new Error('wrong preimage');
          this.#change(end, {
            localMsat: fulfilled ? end.localMsat : end.localMsat + details.amountMsat,
            offered: { ...end.offered, [String(message.id)]: { ...held, removal } },
          });
          if (fulfilled)
            this.#tell(end, turn, { type: 'htlcFulfilled', htlc: details, paymentPreimage: removal.paymentPreimage });
          else this.#tell(end, turn, { type: 'htlcFailed', htlc: details, removal });
        }
        this.#send(end, turn, { type: 'removed', id: message.id });
        return;
      }
      case 'removed': {
        const { [String(message.id)]: held, ...received } = end.received;
        if (held?.removal !== undefined) {
          const gainMsat = held.removal.kind === 'fulfilled' ? held.details.amountMsat : 0n;
          this.#change(end, { received, localMsat: end.localMsat + gainMsat });
          this.#tell(end, turn, { type: 'htlcEnded', htlc: held.details, removal: held.removal });
        }
        this.#send(end, turn, { type: 'done', id: message.id });
        return;
      }
      case 'done': {
        const { [String(message.id)]: _done, ...offered } = end.offered;
        this.#change(end, { offered });
      }
    }
  }

  /** What we offered came to nothing: it was withdrawn, and its number is free again, or the chain gave it back. */
  giveBack(index: number, id: bigint, code: ReturnCode, turn: Turn): void {
    const end = this.ends.get(index)!;
    const { [String(id)]: held, ...offered } = end.offered;
    if (held === undefined) throw new Error(`no HTLC ${id} is offered`);
    const { details } = held;
    const nextLocalId = code === 'temporary_channel_failure' ? id : end.nextLocalId;
    this.#change(end, { offered, nextLocalId, localMsat: end.localMsat + details.amountMsat });
    this.#tell(end, turn, { type: 'htlcReturned', htlc: details, code });
  }

  /** The chain shows the preimage of what we offered. */
  payOnChain(index: number, htlc: HtlcDetails, paymentPreimage: Uint8Array, turn: Turn): void {
    this.#tell(this.ends.get(index)!, turn, { type: 'htlcFulfilled', htlc, paymentPreimage });
  }

  /** What we received ends on chain: as it was decided, or it goes back to the peer. */
  endOnChain(index: number, id: bigint, end: 'paid' | 'givenBack', turn: Turn): void {
    const row = this.ends.get(index)!;
    const { [String(id)]: held, ...received } = row.received;
    if (held === undefined) throw new Error(`no HTLC ${id} is received`);
    const removal = end === 'paid' ? held.removal : ({ kind: 'failed', reason: new Uint8Array() } as const);
    if (removal === undefined) throw new Error('who did not decide it is not paid');
    this.#change(row, { received, localMsat: row.localMsat + (end === 'paid' ? held.details.amountMsat : 0n) });
    this.#tell(row, turn, { type: 'htlcEnded', htlc: held.details, removal });
  }

  shutDown(index: number): void {
    this.#change(this.ends.get(index)!, { isShuttingDown: true });
  }

  /** BOLT 2, "Message Retransmission", in short. */
  resend(index: number): void {
    const end = this.ends.get(index)!;
    const byId = (held: Readonly<Record<string, Held>>) =>
      Object.values(held).sort((a, b) => (a.details.id < b.details.id ? -1 : 1));
    for (const { details, removal } of byId(end.offered)) {
      this.node.transmit(
        end.link,
        removal === undefined ? { type: 'add', details } : { type: 'removed', id: details.id },
      );
    }
    for (const { details, removal } of byId(end.received)) {
      if (removal !== undefined) this.node.transmit(end.link, { type: 'remove', id: details.id, removal });
    }
  }

  open(row: EndRow): void {
    this.ends.set(row.index, row);
    this.node.database.run('INSERT INTO ends (channel_index, row) VALUES (?, ?)', row.index, encodeJson(row));
  }

  persist(): void {
    for (const index of this.#changed)
      this.node.database.run(
        'UPDATE ends SET row = ? WHERE channel_index = ?',
        encodeJson(this.ends.get(index)),
        index,
      );
    this.#changed.clear();
  }

  reset(): void {
    this.#changed.clear();
    for (const { row } of this.node.database.all<{ row: string }>('SELECT row FROM ends')) {
      const end = decodeJson(row) as EndRow;
      this.ends.set(end.index, end);
    }
  }

  #repeat(end: EndRow, turn: Turn): void {
    for (const { details, removal } of Object.values(end.received))
      if (removal === undefined) this.#tell(end, turn, { type: 'htlcReceived', htlc: details });
    for (const { details, removal } of Object.values(end.offered)) {
      if (removal?.kind === 'fulfilled')
        this.#tell(end, turn, { type: 'htlcFulfilled', htlc: details, paymentPreimage: removal.paymentPreimage });
    }
  }

  #change({ index }: EndRow, changes: Partial<EndRow>): void {
    this.ends.set(index, { ...this.ends.get(index)!, ...changes });
    this.#changed.add(index);
  }

  #tell({ index }: EndRow, turn: Turn, notice: HtlcNotice): void {
    this.node.notices.push({ channelIndex: index, notice });
    turn.dispatch({ to: 'payments', event: { type: 'htlcNotice', channelIndex: index, notice } });
  }

  #send({ link }: EndRow, turn: Turn, message: Message): void {
    turn.afterCommit(() => this.node.transmit(link, message));
  }
}
