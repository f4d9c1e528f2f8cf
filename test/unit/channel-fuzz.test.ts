import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage, WireError, type Message } from '../../protocols/wire/messages.ts';
import { restoreChannel, snapshotOf, type ChannelSnapshot } from '../../machines/channel/channel.ts';
import { decodeJson, encodeJson } from '../../protocols/json.ts';
import { addHtlc, ChannelPair, confirm, FUNDING_TXID, preimageOf, type Party } from '../harness/channel-pair.ts';
import { answerTo, recover } from './channel-answers.ts';
import { close, turnEnded } from './channel-states.ts';

/*
 * What a hostile peer does to genuine messages, at every message of a channel's whole life: bytes flipped, cut off,
 * added; fields replaced by the edges of their range, by those of other messages, by noise. Whatever comes of it, the
 * machine lives, what it keeps can be written and read, and unless BOLT 2 demands an end, the channel works again with
 * an honest peer.
 *
 * RUNNEL_FUZZ_MESSAGES: how many (default 800). RUNNEL_FUZZ_SEED: another set of them (default 1).
 */
const MESSAGES = Number(process.env['RUNNEL_FUZZ_MESSAGES'] ?? 800);
const SEED = Number(process.env['RUNNEL_FUZZ_SEED'] ?? 1);

/** Before a message arrives: the pair, who sent it, and its bytes, which are no longer on their way. */
interface Moment {
  readonly pair: ChannelPair;
  readonly from: 'alice' | 'bob';
  readonly bytes: Uint8Array;
}

/** A channel's whole life, stopped before each message that arrives. */
function life(): Moment[] {
  const moments: Moment[] = [];
  const pair = new ChannelPair({ announce: true });
  const { alice, bob } = pair;
  const deliver = (party: Party): boolean => {
    if (party.outbox.length === 0) return false;
    const before = pair.clone();
    const bytes = before[party.name].outbox.shift()!;
    moments.push({ pair: before, from: party.name, bytes });
    return pair.deliverOne(party);
  };
  const settle = (): void => {
    for (let moved = true; moved; ) {
      moved = false;
      for (const party of [alice, bob]) {
        party.send(turnEnded);
        while (deliver(party)) moved = true;
      }
    }
  };
  alice.send({ type: 'open', pushMsat: 300_000_000n });
  settle();
  alice.send({ type: 'fundingReady', transaction: Uint8Array.of(1), txid: FUNDING_TXID, outputIndex: 1 });
  settle();
  pair.settle = settle;
  confirm(pair, 3);
  for (let i = 0; i < 2; i++) {
    addHtlc(alice, 10_000_000n);
    addHtlc(bob, 5_000n);
    addHtlc(bob, 20_000_000n);
  }
  alice.send({ type: 'setFeerate', feeratePerKw: 2_000 });
  settle();
  confirm(pair, 6);
  const paymentPreimage = preimageOf(1);
  alice.send({ type: 'removeHtlc', id: 0n, removal: { kind: 'fulfilled', paymentPreimage } });
  bob.send({ type: 'removeHtlc', id: 0n, removal: { kind: 'failed', reason: new Uint8Array(256) } });
  bob.send({
    type: 'removeHtlc',
    id: 1n,
    removal: { kind: 'malformed', sha256OfOnion: new Uint8Array(32), failureCode: 0xc005 },
  });
  for (const party of [alice, bob]) party.send(turnEnded);
  pair.disconnect();
  for (const party of [alice, bob]) party.send({ type: 'connected' });
  settle();
  bob.send(close);
  settle();
  for (const id of [1n, 2n, 3n]) alice.send({
    type: 'removeHtlc',
    id,
    removal: { kind: 'fulfilled', paymentPreimage },
  });
  settle();
  expect([alice, bob].map((party) => party.state('lifecycle'))).toEqual(['closing.mutual', 'closing.mutual']);
  return moments;
}

const U64_MAX = 2n ** 64n - 1n;

const moments = life();
const all = moments.map(({ bytes }) => decodeMessage(bytes));

/** How the bytes of a message, or one of its fields, are changed. */
const byteChange = fc.oneof(
  fc.record({ do: fc.constant('flip' as const), at: fc.nat(2_000), bit: fc.nat(7) }),
  fc.record({ do: fc.constant('cut' as const), at: fc.nat(2_000) }),
  fc.record({ do: fc.constant('add' as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
  fc.record({
    do: fc.constant('retype' as const),
    type: fc.constantFrom(32, 33, 34, 35, 36, 38, 39, 128, 130, 131, 132, 133, 134, 135, 136, 259),
  }),
);
type Edge = 'zero' | 'one' | 'most' | 'next' | 'previous';
type Noise = { readonly noise: Uint8Array };
interface FieldChange {
  readonly field: number;
  readonly with: Edge | 'absent' | Noise | { readonly from: number };
}
const fieldChange: fc.Arbitrary<FieldChange> = fc.record({
  field: fc.nat(20),
  with: fc.oneof(
    fc.constantFrom<Edge | 'absent'>('zero', 'one', 'most', 'next', 'previous', 'absent'),
    fc.record({ noise: fc.uint8Array({ minLength: 0, maxLength: 40 }) }),
    fc.record({ from: fc.nat(200) }),
  ),
});
const change = fc.oneof(
  { weight: 1, arbitrary: fc.record({ bytes: byteChange }) },
  { weight: 2, arbitrary: fc.record({ field: fieldChange }) },
);
type Drawn<A> = A extends fc.Arbitrary<infer T> ? T : never;
type ByteChange = Drawn<typeof byteChange>;
type Change = Drawn<typeof change>;

function changedBytes(bytes: Uint8Array, how: ByteChange): Uint8Array {
  switch (how.do) {
    case 'flip': {
      const copy = Uint8Array.from(bytes);
      const at = how.at % copy.length;
      copy[at]! ^= 1 << how.bit;
      return copy;
    }
    case 'cut':
      return bytes.subarray(0, how.at % bytes.length);
    case 'add':
      return Uint8Array.from([...bytes, ...how.bytes]);
    case 'retype':
      return Uint8Array.from([how.type >> 8, how.type & 0xff, ...bytes.subarray(2)]);
  }
}

function changedField(message: Message, { field, with: by }: FieldChange): Message {
  const fields = Object.keys(message).filter((key) => key !== 'type' && key !== 'channelId');
  const key = fields[field % fields.length] ?? 'channelId';
  const old = (message as unknown as Record<string, unknown>)[key];
  return { ...message, [key]: changedValue(key, old, by) } as Message;
}

function changedValue(key: string, old: unknown, by: FieldChange['with']): unknown {
  if (typeof by === 'object' && 'from' in by) {
    const other = all[by.from % all.length] as unknown as Record<string, unknown>;
    const alike = Object.values(other).find((value) => typeof value === typeof old && value !== other['type']);
    return other[key] ?? alike ?? old;
  }
  if (by === 'absent') return undefined;
  if (old instanceof Uint8Array) return changedOctets(old, by);
  if (Array.isArray(old)) {
    const items = old as unknown[];
    return by === 'zero' ? [] : by === 'most' ? [...items, ...items] : items.slice(1);
  }
  if (typeof by === 'object') return old;
  if (typeof old === 'bigint') return { zero: 0n, one: 1n, most: U64_MAX, next: old + 1n, previous: old - 1n }[by];
  if (typeof old === 'number') return { zero: 0, one: 1, most: 0xffff, next: old + 1, previous: old - 1 }[by];
  return old;
}

function changedOctets(old: Uint8Array, by: Edge | Noise): Uint8Array {
  if (typeof by === 'object') return old.map((byte, i) => by.noise[i % Math.max(by.noise.length, 1)] ?? byte);
  if (by === 'zero' || by === 'one') return new Uint8Array(old.length).fill(by === 'one' ? 1 : 0);
  return old.map((byte) => (by === 'most' ? 0xff : by === 'next' ? byte + 1 : byte - 1));
}

/**
 * The changed message as it would come off the wire; undefined where the peer's part of the node refuses it already.
 */
function mangled({ bytes }: Moment, how: Change): Message | undefined {
  try {
    return decodeMessage(
      'bytes' in how ? changedBytes(bytes, how.bytes) : encodeMessage(changedField(decodeMessage(bytes), how.field)),
    );
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

describe('genuine messages that a hostile peer has changed', () => {
  it(`never break a machine (${MESSAGES} of them)`, { timeout: 0 }, () => {
    const outcomes = new Set<string>();
    const attack = (at: number, how: Change, goOn: boolean): void => {
      const moment = moments[at % moments.length]!;
      const message = mangled(moment, how);
      if (message === undefined) return;
      const pair = moment.pair.clone();
      const victim = pair.other(pair[moment.from]);
      const { kind } = answerTo(victim, message);
      outcomes.add(kind);
      // What is on disk can be read again, and leads to the same place.
      const saved = encodeJson(snapshotOf(victim.actor));
      const again = restoreChannel(
        decodeJson(saved) as ChannelSnapshot,
        victim.actor.getSnapshot().context.environment,
      );
      again.send({ type: 'restored' });
      expect(again.getSnapshot().status).toBe('active');
      // What was taken and is not what the other side has: they will quarrel, but neither machine may break.
      if (kind === 'taken') pair.settle();
      // A refused or ignored message is forgotten: the two go on.
      const isFunded = [pair.alice, pair.bob].every((party) => !/^(opening|abandoned)/.test(party.state('lifecycle')));
      if (goOn && isFunded && (kind === 'warning' || kind === 'ignored')) recover(pair);
    };
    fc.assert(fc.property(fc.nat(1_000), change, fc.boolean(), attack), { numRuns: MESSAGES, seed: SEED });
    expect([...outcomes].sort()).toEqual(['abandoned', 'error', 'taken', 'warning']);
  });
});
