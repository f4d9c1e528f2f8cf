/** Two nodes' channel managers with one channel between them, each on a database of its own: what a busy channel's journal is made with. */
import { fromString } from 'uint8arrays';
import { defaultPolicy } from '../../machines/channel/policy.ts';
import type { HtlcNotice } from '../../machines/channel/effects.ts';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import { fundingOutput } from '../../machines/commitment/funding.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { decodeMessage } from '../../protocols/wire/messages.ts';
import { ChannelManager, type ChannelWorld } from '../../src/channels/channel-manager.ts';
import { ChannelStore, hexOf } from '../../src/channels/channel-store.ts';
import type { JournalLimits } from '../../src/channels/journal.ts';
import type { LiveChannel } from '../../src/channels/live-channel.ts';
import { createSigner } from '../../src/keys/signer.ts';
import { Dispatcher } from '../../src/runtime/dispatcher.ts';
import { openDatabase, type Database } from '../../src/storage/database.ts';

const CHAIN_HASH = fromString('06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f', 'base16');
const CAPACITY_SAT = 16_000_000n;
const FUNDING_HEIGHT = 101;

/** 32 bytes that follow from a text. */
export const digest = (text: string): Uint8Array => sha256(new TextEncoder().encode(text));

export interface EndOptions {
  readonly name: string;
  readonly peer: string;
  readonly database: string;
  readonly limits: JournalLimits;
  /** Whether the opener has the channel announced, which it has by default. */
  readonly announce?: boolean;
}

const signerOf = (name: string) => createSigner(Uint8Array.from([...digest(name), ...digest(`${name}'s`)]), 'regtest');

/** One node as far as its channel goes. Its clock moves a millisecond with each turn. */
export class ChannelEnd {
  readonly signer;
  readonly database: Database;
  readonly store: ChannelStore;
  readonly channels: ChannelManager;
  /** What left and did not yet arrive. */
  outbox: Uint8Array[] = [];
  /** HTLCs that were received for good, and wait to be removed. */
  received: bigint[] = [];
  readonly #dispatcher: Dispatcher;
  #scheduled: (() => void) | undefined;
  #time = 1_700_000_000_000;

  constructor({ name, peer, database, limits, announce = true }: EndOptions) {
    this.signer = signerOf(name);
    this.database = openDatabase({ path: database });
    this.store = new ChannelStore(this.database);
    const clock = { now: () => this.#time, setTimer: () => () => {} };
    this.channels = new ChannelManager({
      store: this.store, signer: this.signer, clock, policy: defaultPolicy, world: this.#world(), journalLimits: limits,
    });
    this.#dispatcher = new Dispatcher({
      database: this.database,
      channels: this.channels,
      payments: { handle: (event) => void (event.type === 'htlcNotice' && this.#hear(event.notice)), persist: () => {}, reset: () => {} },
      schedule: (run) => void (this.#scheduled = run),
      onDiscarded: fail,
      onReleaseFailed: fail,
    });
    this.#dispatcher.run(() =>
      void this.channels.create({
        isOpener: name < peer,
        openedAtHeight: FUNDING_HEIGHT - 1,
        remoteNodeId: signerOf(peer).node.nodeId,
        chainHash: CHAIN_HASH,
        temporaryChannelId: digest('temporary'),
        fundingSatoshis: CAPACITY_SAT,
        announce: announce && name < peer,
        feeratePerKw: 1_000,
        openingFeeratePerKw: 1_000,
        shutdownScript: Uint8Array.from([0, 20, ...digest(name).subarray(0, 20)]),
      }),
    );
    this.turn();
  }

  get channel(): LiveChannel {
    const channel = this.channels.get(0);
    if (channel === undefined) throw new Error('the channel is over');
    return channel;
  }

  /** Events of one turn. */
  turn(events: readonly ExternalChannelEvent[] = []): void {
    for (const event of events) this.#dispatcher.submit({ to: 'channel', channelIndex: 0, event });
    this.#run();
  }

  /** The peer's messages, as they came together. */
  receive(messages: readonly Uint8Array[]): void {
    for (const bytes of messages) {
      this.#dispatcher.submit({ to: 'channel', channelIndex: 0, event: { type: 'message', message: decodeMessage(bytes) }, bytes });
    }
    this.#run();
  }

  #run(): void {
    for (let run = this.#scheduled; run !== undefined; run = this.#scheduled) {
      this.#scheduled = undefined;
      this.#time += 1;
      run();
    }
  }

  #hear(notice: HtlcNotice): void {
    if (notice.type === 'htlcReceived') this.received.push(notice.htlc.id);
    if (notice.type === 'htlcRefused') throw new Error(`an HTLC was refused: ${notice.reason}`);
  }

  #world(): ChannelWorld {
    const nothing = (): void => {};
    return {
      send: (_nodeId, messages) => void this.outbox.push(...messages),
      // After a turn that was discarded, which says itself why.
      disconnect: nothing,
      fundChannel: () =>
        this.#dispatcher.submit({
          to: 'channel', channelIndex: 0, event: { type: 'fundingReady', transaction: new Uint8Array(200), txid: digest('funding'), outputIndex: 0 },
        }),
      broadcastFunding: nothing,
      broadcastEnding: nothing,
      releaseFunding: nothing,
      announce: nothing,
      changed: nothing,
    };
  }
}

/** Messages go back and forth until both are still. */
export function settle(ends: readonly [ChannelEnd, ChannelEnd]): void {
  for (let moved = true; moved; ) {
    moved = false;
    for (const [from, to] of [ends, [ends[1], ends[0]]] as const) {
      const messages = from.outbox;
      if (messages.length === 0) continue;
      from.outbox = [];
      to.receive(messages);
      moved = true;
    }
  }
}

/** A usable channel, of which each has half. */
export function openChannel(ends: readonly [ChannelEnd, ChannelEnd]): void {
  const [opener, accepter] = ends;
  opener.turn([{ type: 'open', pushMsat: CAPACITY_SAT * 500n }]);
  settle(ends);
  const keys = ends.map(({ channel }) => channel.data.local.fundingPubkey);
  const { scriptPubkey: script } = fundingOutput(keys[0] ?? new Uint8Array(), keys[1] ?? new Uint8Array());
  for (const end of [opener, accepter]) {
    end.turn([{ type: 'fundingDepth', depth: 6, blockHeight: FUNDING_HEIGHT, transactionIndex: 1, amountSat: CAPACITY_SAT, script }]);
  }
  settle(ends);
  if (!opener.channel.isUsable) throw new Error(`the channel did not open: ${hexOf(opener.channel.data.temporaryChannelId)}`);
}

function fail(error: unknown): never {
  throw error;
}
