import assert from 'node:assert/strict';
import { channelReserve, defaultPolicy, type ChannelPolicy } from '../../machines/channel/policy.ts';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import { openerCost } from '../../machines/commitment/fees.ts';
import type { HtlcRemoval } from '../../machines/htlc/htlc.machine.ts';
import { decodeMessage } from '../../protocols/wire/messages.ts';
import { signedClosing } from '../../src/runtime/channel-wire.ts';
import {
  addHtlc,
  ChannelPair,
  fundingDepth,
  FUNDING_TXID,
  preimageOf,
  reachConfirming,
  reachNormal,
  type Party,
} from '../harness/channel-pair.ts';
import type { Command, Name, Settings, Size } from './commands.ts';
import { expectEnding } from './endings.ts';
import { Invariants } from './invariants.ts';
import { Ledger } from './ledger.ts';
import { amountOf, pathsOf } from './measures.ts';

const names = ['alice', 'bob'] as const;
/** Events between two looks at what would be, were the channel to end now. */
const ENDINGS_EVERY = 7;
const otherOf = (name: Name): Name => (name === 'alice' ? 'bob' : 'alice');

/** Two nodes, their link and their history. Whatever breaks an invariant throws. */
export class World {
  readonly pair: ChannelPair;
  readonly ledger = new Ledger();
  /** The states that were seen, as `lifecycle.normal`. */
  readonly visited = new Set<string>();
  readonly #invariants = new Invariants();
  #events = 0;
  readonly #settings: Settings;
  readonly #pushMsat: bigint;
  readonly #wire: Record<Name, Uint8Array[]> = { alice: [], bob: [] };
  #linkUp = true;
  /** Who takes the link to be up. */
  readonly #aware: Record<Name, boolean> = { alice: true, bob: true };
  /** The opening came to nothing. */
  over = false;

  constructor(settings: Settings) {
    this.#settings = settings;
    const { fundingSatoshis, feeratePerKw, announce, pushPercent } = settings;
    const policy: Partial<ChannelPolicy> = {
      maxAcceptedHtlcs: settings.maxAcceptedHtlcs,
      maxHtlcValueInFlightPpm: settings.maxHtlcValueInFlightPpm,
      maxDustHtlcExposureMsat: settings.maxDustHtlcExposureMsat,
    };
    const policies = {
      alice: { dustLimitSatoshis: settings.aliceDustLimitSatoshis },
      bob: { dustLimitSatoshis: settings.bobDustLimitSatoshis },
    };
    this.pair = new ChannelPair({ fundingSatoshis, feeratePerKw, announce, policy, policies });
    // An opener keeps what its first commitment costs and a reserve, or the opening is refused.
    const keepMsat = (openerCost('anchors', feeratePerKw, 0) + channelReserve(
      fundingSatoshis,
      defaultPolicy,
    ) + 1n) * 1000n;
    const wanted = (fundingSatoshis * 1000n * BigInt(pushPercent)) / 100n;
    this.#pushMsat = wanted > fundingSatoshis * 1000n - keepMsat ? 0n : wanted;
    if (settings.begin === 'unconfirmed') reachConfirming(this.pair, { pushMsat: this.#pushMsat });
    if (settings.begin === 'normal') reachNormal(this.pair, { pushMsat: this.#pushMsat });
    for (const name of names) this.#note(this.pair[name]);
    if (settings.begin === 'opening') this.#send('alice', { type: 'open', pushMsat: this.#pushMsat });
  }

  apply(command: Command): void {
    if (this.over) return;
    switch (command.do) {
      case 'fund':
        if (this.pair.alice.state('lifecycle') !== 'opening.fundingTransaction') return;
        this.#send(
          'alice',
          { type: 'fundingReady', transaction: Uint8Array.of(1), txid: FUNDING_TXID, outputIndex: 1 },
        );
        return;
      case 'depth':
        if (this.pair.alice.data.remote !== undefined) this.#send(command.by, fundingDepth(this.pair, command.depth));
        return;
      case 'add':
        this.#add(command.by, command.size, command.seed);
        return;
      case 'remove':
        this.#remove(command.by, command.which, command.how);
        return;
      case 'fee': {
        const before = this.pair.alice.data.feeUpdates;
        this.#send('alice', { type: 'setFeerate', feeratePerKw: command.to }, () => {
          if (this.pair.alice.data.feeUpdates !== before) this.#invariants.spends('alice');
        });
        return;
      }
      case 'turn':
        this.#send(command.by, { type: 'turnEnded' });
        return;
      case 'deliver':
        this.#deliver(command.from);
        return;
      case 'run':
        for (let step = 0; step < command.steps; step++) {
          for (const by of names) this.#send(by, { type: 'turnEnded' });
          for (const from of names) this.#deliver(from);
        }
        return;
      case 'cut':
        if (!this.#linkUp) return;
        this.#linkUp = false;
        this.#notice(command.by);
        return;
      case 'notice':
        if (!this.#linkUp && this.#aware[command.by]) this.#notice(command.by);
        return;
      case 'connect':
        this.#connect(command.first);
        return;
      case 'restart':
        this.#restart(command.by);
        return;
      case 'close':
        if (this.#settings.closes) this.#send(
          command.by,
          { type: 'close', scriptpubkey: undefined, feeratePerKw: command.feeratePerKw },
        );
    }
  }

  /**
   * The link comes back, everything that is under way runs to its end, and what both have then is right to the msat.
   */
  finish(): void {
    if (this.over) return;
    this.#connect('alice');
    this.#settle();
    if (this.over || this.pair.alice.state('lifecycle').startsWith('opening')) return;
    if (names.some((name) => this.pair[name].state('lifecycle').startsWith('confirming'))) {
      for (const name of names) this.#send(name, fundingDepth(this.pair, 6));
      this.#settle();
    }
    this.#drain();
    this.#expectBalances();
    if (this.pair.alice.state('lifecycle') === 'normal') this.#payOnceMore();
    else this.#expectClosed();
  }

  #payOnceMore(): void {
    for (const name of names) {
      this.#add(name, 'msat', 3);
      this.#add(name, 'some', 4);
    }
    this.#drain();
    this.#expectBalances();
    if (!this.#settings.announce) return;
    for (const name of names) this.#send(name, fundingDepth(this.pair, 6));
    this.#settle();
    for (const name of names) assert.equal(this.pair[name].state('announcement'), 'announced');
  }

  /** Every HTLC is decided and gone, on both sides. */
  #drain(): void {
    for (let round = 0; ; round++) {
      assert.ok(round < 100, 'the channel does not come to rest');
      this.#settle();
      let decided = 0;
      for (const name of names) {
        for (const entry of this.ledger.receivedBy(name)) {
          if (entry.decision !== undefined) continue;
          this.#decide(name, entry, entry.seed % 3 === 0 ? 'fail' : 'fulfil');
          decided += 1;
        }
      }
      if (decided === 0) break;
    }
    for (const name of names) {
      const { context, value } = this.pair[name].actor.getSnapshot();
      assert.equal(context.htlcs.size, 0, `${name} keeps HTLCs`);
      assert.deepEqual(context.data.feeUpdates, []);
      assert.deepEqual(
        [value.connection, value.remoteCommitment, value.localCommitment],
        ['online', 'signed', 'current'],
      );
    }
    assert.equal(this.ledger.unanswered, 0);
    this.#invariants.quiescent(this.pair.alice, this.pair.bob);
  }

  #expectBalances(): void {
    const toBob = this.ledger.close();
    const { alice, bob } = this.pair;
    assert.equal(alice.data.toLocalMsat, alice.data.fundingSatoshis * 1000n - this.#pushMsat - toBob);
    assert.equal(bob.data.toLocalMsat, this.#pushMsat + toBob);
  }

  /** Both hold a mutual close that pays each what it has, and see it buried. */
  #expectClosed(): void {
    for (const name of names) {
      const party = this.pair[name];
      assert.equal(party.state('lifecycle'), 'closing.mutual');
      const closing = party.told('broadcastClosing').at(-1)!;
      const transaction = signedClosing(
        closing.closing,
        closing.remoteSignature,
        { node: party.signer.node, channel: party.signer.channel(0) },
      );
      for (const owner of [this.pair.alice, this.pair.bob]) {
        const paid = transaction.outs.find(({ script }) => Buffer.from(script).equals(
          owner.data.localShutdownScript,
        ))?.value ?? 0n;
        const due = owner.data.toLocalMsat / 1000n - (owner.data.isOpener ? closing.closing.feeSatoshis : 0n);
        assert.ok(paid === due || (paid === 0n && due < 1_000n), `${owner.name} is paid ${paid} of ${due} sat`);
      }
      const spent = { type: 'fundingSpent', transaction: transaction.toBuffer(), blockHeight: 200 } as const;
      this.#send(name, { ...spent, depth: 1 });
      this.#send(name, { type: 'blockConnected', height: 199 + party.policy.irrevocableDepth, transactions: [] });
      assert.equal(party.state('lifecycle'), 'closed');
    }
  }

  #settle(): void {
    for (let moved = true, round = 0; moved; round++) {
      assert.ok(round < 1_000, 'the two do not stop talking');
      moved = false;
      for (const name of names) {
        this.#send(name, { type: 'turnEnded' });
        while (this.#deliver(name)) moved = true;
      }
    }
  }

  #deliver(from: Name): boolean {
    const to = otherOf(from);
    const bytes = this.#aware[to] ? this.#wire[from].shift() : undefined;
    if (bytes === undefined) return false;
    this.#send(to, { type: 'message', message: decodeMessage(bytes) });
    return true;
  }

  #notice(name: Name): void {
    this.#aware[name] = false;
    this.#wire[otherOf(name)] = [];
    this.#send(name, { type: 'disconnected' });
  }

  #connect(first: Name): void {
    if (this.#linkUp) return;
    for (const name of names) if (this.#aware[name]) this.#notice(name);
    if (this.over) return;
    this.#linkUp = true;
    for (const name of names) {
      this.#wire[name] = [];
      this.#aware[name] = true;
    }
    for (const name of [first, otherOf(first)]) this.#send(name, { type: 'connected' });
  }

  #restart(name: Name): void {
    this.#linkUp = false;
    this.#aware[name] = false;
    this.#wire[otherOf(name)] = [];
    this.ledger.restarted(name);
    this.#observe(this.pair[name], 'restored', () => this.pair[name].restart());
  }

  #add(by: Name, size: Size, seed: number): void {
    const party = this.pair[by];
    if (party.data.remote === undefined) return;
    const amountMsat = amountOf(party, size);
    this.#observe(party, 'addHtlc', () => {
      const before = party.data.nextLocalHtlcId;
      const reference = addHtlc(party, amountMsat, seed);
      this.ledger.asked(reference, seed);
      if (party.data.nextLocalHtlcId !== before) this.#invariants.spends(by);
    });
  }

  #remove(by: Name, which: number, how: 'fulfil' | 'fail' | 'malformed'): void {
    const received = this.ledger.receivedBy(by);
    const entry = received[which % received.length];
    if (entry !== undefined) this.#decide(by, entry, how);
  }

  #decide(by: Name, entry: ReturnType<Ledger['receivedBy']>[number], how: 'fulfil' | 'fail' | 'malformed'): void {
    const removals: Record<typeof how, HtlcRemoval> = {
      fulfil: { kind: 'fulfilled', paymentPreimage: preimageOf(entry.seed) },
      fail: { kind: 'failed', reason: new Uint8Array(256).fill(entry.seed) },
      malformed: { kind: 'malformed', sha256OfOnion: new Uint8Array(32), failureCode: 0xc005 },
    };
    const removal = removals[how];
    this.ledger.decide(entry, removal);
    this.#send(by, { type: 'removeHtlc', id: entry.details.id, removal });
  }

  #send(name: Name, event: ExternalChannelEvent, after?: () => void): void {
    this.#observe(this.pair[name], event.type, () => {
      this.pair[name].send(event);
      after?.();
    });
  }

  /** Lets one machine take one event, and looks at everything that it did. */
  #observe(party: Party, event: ExternalChannelEvent['type'], run: () => void): void {
    const before = party.data;
    const wasOpening = party.state('lifecycle').startsWith('opening');
    const from = party.effects.length;
    run();
    const sent = party.outbox.splice(0);
    if (this.#linkUp) this.#wire[party.name].push(...sent);
    const other = this.pair[otherOf(party.name)];
    for (const effect of party.effects.slice(from)) {
      const mayAbandon = wasOpening && (event === 'disconnected' || event === 'restored');
      this.#perform(party, other, effect, mayAbandon);
    }
    this.#invariants.check(party, other, before);
    // Costs more than all the rest, and a walk comes by the same states often.
    this.#events += 1;
    if (this.#events % ENDINGS_EVERY === 0) {
      expectEnding(party, other);
      expectEnding(other, party);
    }
    this.#note(party);
  }

  #perform(party: Party, other: Party, effect: ChannelEffect, mayAbandon: boolean): void {
    switch (effect.type) {
      case 'disconnect':
        throw new Error(`${party.name} hangs up: ${effect.reason}`);
      case 'channelFailed':
        throw new Error(`${party.name} fails the channel: ${effect.failure.reason}`);
      case 'channelAbandoned':
        if (!mayAbandon) throw new Error(`${party.name} abandons the channel: ${effect.failure.reason}`);
        this.over = true;
        return;
      case 'broadcastCommitment':
        throw new Error(`${party.name} goes on chain`);
      case 'sendSigned':
      case 'sendRevocation':
        this.#invariants.leaving(party, other, effect);
        return;
      case 'htlcOffered':
      case 'htlcRefused':
      case 'htlcReceived':
      case 'htlcFulfilled':
      case 'htlcFailed':
      case 'htlcReturned':
      case 'htlcEnded':
        this.ledger.told(party.name, effect);
        return;
      default:
    }
  }

  #note(party: Party): void {
    for (const path of pathsOf(party.actor.getSnapshot().value)) this.visited.add(path);
  }
}
