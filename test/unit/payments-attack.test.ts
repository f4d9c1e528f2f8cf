import fc from 'fast-check';
import { fromString } from 'uint8arrays';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { decodeInvoice } from '../../protocols/invoice/decode.ts';
import { encodePayload } from '../../protocols/onion/payload.ts';
import { createOnion } from '../../protocols/onion/sphinx.ts';
import { FakeNet, finish, type FakeNode } from './payments-fixtures.ts';

const BALANCE = 100_000_000n;
const ALICE_BOB = (100n << 40n) | (1n << 16n);
const BOB_CAROL = (101n << 40n) | (1n << 16n);

/** One HTLC of an attacker who is a peer of bob's, and keeps to nothing but the rules of the channel. */
interface Attack {
  readonly payload: Uint8Array;
  readonly isFinal: boolean;
  readonly amountMsat: bigint;
  readonly expiresIn: number;
  readonly isGarbled: boolean;
  readonly paysInvoice: boolean;
}

/** Mostly what could work, sometimes anything. */
const mostly = <T>(likely: fc.Arbitrary<T>, ...others: fc.Arbitrary<T>[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 8, arbitrary: likely }, ...others.map((arbitrary) => ({ weight: 1, arbitrary })));
const u64 = fc.bigInt(0n, 2n ** 64n - 1n);
const none = fc.constant(null);

const tlv = (type: number, value: Uint8Array): Uint8Array => Uint8Array.of(type, value.length, ...value);
/** BOLT 1: a truncated integer. */
const truncated = (value: bigint): Uint8Array => {
  const digits = value === 0n ? '' : value.toString(16);
  return fromString(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
};

const payload = (secret: Uint8Array) =>
  mostly(
    fc
      .record({
        amount: mostly<bigint | null>(fc.bigInt(0n, 1_500n), u64, none),
        cltv: mostly<bigint | null>(fc.bigInt(510n, 560n), fc.bigInt(0n, 2n ** 32n), none),
        scid: mostly<bigint | null>(fc.constant(BOB_CAROL), fc.constantFrom(0n, ALICE_BOB, 2n ** 64n - 1n), none),
        secret: mostly<[Uint8Array, bigint] | null>(
          fc.tuple(fc.constant(secret), fc.bigInt(900n, 2_100n)),
          fc.tuple(fc.constant(new Uint8Array(32)), fc.constant(1_000n)),
          fc.tuple(fc.constant(secret), u64),
          none,
        ),
        tail: mostly(fc.constant(new Uint8Array()), fc.uint8Array({ maxLength: 20 })),
      })
      .map(({ amount, cltv, scid, secret: data, tail }) => {
        const records = [
          ...(amount === null ? [] : tlv(2, truncated(amount))),
          ...(cltv === null ? [] : tlv(4, truncated(cltv))),
          ...(scid === null ? [] : tlv(6, fromString(scid.toString(16).padStart(16, '0'), 'hex'))),
          ...(data === null ? [] : tlv(8, Uint8Array.of(...data[0], ...truncated(data[1])))),
          ...tail,
        ];
        return Uint8Array.from(records.length < 2 ? [2, 0] : records);
      }),
    fc.uint8Array({ minLength: 2, maxLength: 300 }),
  );

describe('an attacker who sends HTLCs', () => {
  it('gets an end of each, whatever its onion says, and nobody loses a msat by it', async () => {
    const net = new FakeNet();
    net.open('alice', 'bob', BALANCE, BALANCE);
    net.open('bob', 'carol', BALANCE, BALANCE);
    net.boot();
    const bob = net.node('bob');
    const creating = bob.hub.createInvoice({ amountMsat: 1_000n });
    await net.settle();
    const invoice = await creating;
    const { paymentSecret } = decodeInvoice(invoice.invoice ?? '');
    const before = net.nodes.map(({ localMsat }) => localMsat);
    const hop = ({ nodeId }: FakeNode, bytes: Uint8Array) => ({ nodeId: fromString(nodeId, 'hex'), payload: bytes });
    const last = hop(net.node('carol'), encodePayload({ amtToForwardMsat: 1n, outgoingCltvValue: net.height + 30 }));
    let session = 0;
    const attacks: fc.Arbitrary<Attack> = fc.record({
      payload: payload(paymentSecret),
      isFinal: fc.boolean(),
      amountMsat: fc.bigInt(1n, 4_000n),
      expiresIn: mostly(
        fc.integer({ min: 30, max: 120 }),
        fc.integer({ min: -50, max: 3_000 }),
        fc.integer({ min: 3_000, max: 499_000_000 }),
      ),
      isGarbled: mostly(fc.constant(false), fc.constant(true)),
      paysInvoice: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(attacks, { minLength: 1, maxLength: 4 }), async (batch) => {
        for (const attack of batch) {
          const paymentHash = attack.paysInvoice ? invoice.paymentHash : sha256(Uint8Array.of(session % 256));
          const hops = [hop(bob, attack.payload), ...(attack.isFinal ? [] : [last])];
          const sessionKey = sha256(new TextEncoder().encode(`attack ${session++}`));
          const { packet } = createOnion({ sessionKey, hops, associatedData: paymentHash });
          if (attack.isGarbled) packet[session % packet.length] = (packet[session % packet.length] ?? 0) ^ 1;
          const { amountMsat, expiresIn } = attack;
          const cltvExpiry = Math.max(0, net.height + expiresIn);
          const add = { reference: `${session}`, amountMsat, paymentHash, cltvExpiry, onionRoutingPacket: packet };
          net.node('alice').dispatcher.submit({ to: 'channel', channelIndex: 10, event: { type: 'addHtlc', ...add } });
        }
        await net.settle();
        if (bob.hub.getInvoice(invoice.paymentHash).status === 'accepted') {
          net.clock.advance(61_000);
          await net.settle();
        }
        expect(net.nodes.map(({ htlcCount }) => htlcCount)).toEqual([0, 0, 0]);
        expect(net.nodes.flatMap(({ unexpected }) => unexpected)).toEqual([]);
      }),
      { numRuns: 150 },
    );
    const after = net.nodes.map(({ localMsat }) => localMsat);
    expect(after.reduce((sum, msat) => sum + msat, 0n)).toBe(before.reduce((sum, msat) => sum + msat, 0n));
    expect((after[1] ?? 0n) - (before[1] ?? 0n)).toBe(bob.hub.getInvoice(invoice.paymentHash).receivedMsat ?? 0n);
    // Some came far.
    expect(net.node('carol').notices.length).toBeGreaterThan(0);
    finish(net);
  });
});
