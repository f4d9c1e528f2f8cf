import { afterEach, describe, expect, it } from 'vitest';
import { fromString } from 'uint8arrays';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { decodeInvoice } from '../../protocols/invoice/decode.ts';
import { readErrorPacket } from '../../protocols/onion/error-packet.ts';
import type { FailureMessage } from '../../protocols/onion/failures.ts';
import { encodePayload, type FinalPayload, type ForwardPayload } from '../../protocols/onion/payload.ts';
import { createOnion } from '../../protocols/onion/sphinx.ts';
import { MPP_TIMEOUT_MS } from '../../machines/invoice/rules.ts';
import { FakeNet, finish, type FakeNode } from './payments-fixtures.ts';

const BALANCE = 100_000_000n;
const BOB_CAROL = (101n << 40n) | (1n << 16n);

const nets: FakeNet[] = [];
function line(): FakeNet {
  const net = new FakeNet();
  nets.push(net);
  net.open('alice', 'bob', BALANCE, BALANCE);
  net.open('bob', 'carol', BALANCE, BALANCE);
  return net.boot();
}

afterEach(() => {
  for (const net of nets.splice(0)) finish(net);
});

interface Sent {
  readonly sharedSecrets: readonly Uint8Array[];
  readonly packet: Uint8Array;
  readonly paymentHash: Uint8Array;
}

let sessions = 0;

/** Alice sends what she likes to bob, through the hubs of no one. */
class Sender {
  readonly node: FakeNode;
  readonly net: FakeNet;

  constructor(net: FakeNet) {
    this.net = net;
    this.node = net.node('alice');
  }

  onion(
    hops: readonly (readonly [string, Uint8Array | ForwardPayload | FinalPayload])[],
    paymentHash: Uint8Array,
  ): Sent {
    const { packet, sharedSecrets } = createOnion({
      sessionKey: sha256(new TextEncoder().encode(`session ${sessions++}`)),
      associatedData: paymentHash,
      hops: hops.map(([name, payload]) => ({
        nodeId: fromString(this.net.node(name).nodeId, 'hex'),
        payload: payload instanceof Uint8Array ? payload : encodePayload(payload),
      })),
    });
    return { packet, sharedSecrets, paymentHash };
  }

  async send({ packet, paymentHash }: Sent, amountMsat: bigint, cltvExpiry = this.net.height + 100): Promise<void> {
    const event = {
      type: 'addHtlc',
      reference: 'test',
      amountMsat,
      paymentHash,
      cltvExpiry,
      onionRoutingPacket: packet,
    } as const;
    this.node.dispatcher.submit({ to: 'channel', channelIndex: 10, event });
    await this.net.settle();
  }

  /** How its HTLCs ended, in order. */
  endings(sent: Sent): (string | FailureMessage)[] {
    return this.node.notices.flatMap(({ notice }) => {
      if (notice.type === 'htlcFulfilled') return ['fulfilled'];
      if (notice.type !== 'htlcFailed') return [];
      if (notice.removal.kind === 'malformed') return [`malformed 0x${notice.removal.failureCode.toString(16)}`];
      const read = readErrorPacket(sent.sharedSecrets, notice.removal.reason);
      return [read.readable ? read.failure : 'unreadable'];
    });
  }
}

const hash = sha256(new Uint8Array(32).fill(3));
const final = (net: FakeNet, amountMsat: bigint, changes: Partial<FinalPayload> = {}): FinalPayload => ({
  amtToForwardMsat: amountMsat,
  outgoingCltvValue: net.height + 30,
  ...changes,
});

describe('an onion that is wrong', () => {
  it('is returned malformed where no error packet can be made, and the next node reports it', async () => {
    const net = line();
    const sender = new Sender(net);
    const sent = sender.onion([['bob', final(net, 1_000n)]], hash);
    sent.packet[100] = (sent.packet[100] ?? 0) ^ 1;
    await sender.send(sent, 1_000n);
    sent.packet[0] = 1;
    await sender.send(sent, 1_000n);
    sent.packet[0] = 0;
    sent.packet.fill(0xff, 1, 34);
    await sender.send(sent, 1_000n);
    expect(sender.endings(sent)).toEqual(['malformed 0xc005', 'malformed 0xc004', 'malformed 0xc006']);
    expect(net.node('bob').hub.liveActors).toEqual({ payments: 0, invoices: 0, circuits: 0 });
  });

  it('of the next node comes back as an error of ours', async () => {
    const net = line();
    const sender = new Sender(net);
    const sent = sender.onion(
      [
        ['bob', { amtToForwardMsat: 1_000n, outgoingCltvValue: net.height + 40, shortChannelId: BOB_CAROL }],
        // Carol cannot peel what was made for another.
        ['alice', final(net, 1_000n)],
      ],
      hash,
    );
    await sender.send(sent, 2_000n);
    const [failure] = sender.endings(sent);
    expect(failure).toMatchObject({ type: 'invalid_onion_hmac' });
    expect(net.node('bob').hub.listForwards().forwards[0]).toMatchObject({
      status: 'failed',
      failureCode: 'invalid_onion_hmac',
    });
  });

  it('with a payload that is not understood is refused by name', async () => {
    const net = line();
    const sender = new Sender(net);
    const noAmount = sender.onion([['bob', Uint8Array.of(4, 1, 9)]], hash);
    await sender.send(noAmount, 1_000n);
    expect(sender.endings(noAmount)).toEqual([{ type: 'invalid_onion_payload', tlvType: 2n, offset: 0 }]);
    const noChannel = sender.onion(
      [
        ['bob', final(net, 1_000n)],
        ['carol', final(net, 1_000n)],
      ],
      hash,
    );
    await sender.send(noChannel, 2_000n);
    expect(sender.endings(noChannel)[1]).toEqual({ type: 'invalid_onion_payload', tlvType: 6n, offset: 0 });
    const evenType = sender.onion([['bob', Uint8Array.of(2, 1, 1, 4, 1, 9, 100, 0)]], hash);
    await sender.send(evenType, 1_000n);
    expect(sender.endings(evenType)[2]).toMatchObject({ type: 'invalid_onion_payload', tlvType: 100n });
  });

  it('for a channel that is not ours, or asks too much of ours, is refused', async () => {
    const net = line();
    const sender = new Sender(net);
    const forward = (changes: Partial<ForwardPayload>) =>
      sender.onion(
        [
          [
            'bob',
            { amtToForwardMsat: 1_000n, outgoingCltvValue: net.height + 40, shortChannelId: BOB_CAROL, ...changes },
          ],
          ['carol', final(net, 1_000n)],
        ],
        hash,
      );
    const tries: [Partial<ForwardPayload>, bigint, number, string][] = [
      [{ shortChannelId: 5n }, 3_000n, 100, 'unknown_next_peer'],
      [{ amtToForwardMsat: 0n }, 3_000n, 100, 'amount_below_minimum'],
      [{}, 1_999n, 100, 'fee_insufficient'],
      [{}, 2_000n, 79, 'incorrect_cltv_expiry'],
      [{ outgoingCltvValue: net.height + 12 }, 2_000n, 100, 'expiry_too_soon'],
      [{}, 2_000n, 2_017, 'expiry_too_far'],
      [{ amtToForwardMsat: 50_000_001n }, 60_000_000n, 100, 'temporary_channel_failure'],
    ];
    for (const [changes, amountMsat, blocks, expected] of tries) {
      const sent = forward(changes);
      await sender.send(sent, amountMsat, net.height + blocks);
      expect(sender.endings(sent).at(-1)).toMatchObject({ type: expected });
    }
    const { total, forwards } = net.node('bob').hub.listForwards();
    expect(total).toBe(tries.length);
    expect(forwards.map(({ failureCode }) => failureCode).reverse()).toEqual(tries.map(([, , , code]) => code));
    expect(net.node('alice').localMsat).toBe(BALANCE);
  });

  it('that was seen before is refused, even after a restart, until it has expired', async () => {
    const net = line();
    const sender = new Sender(net);
    const sent = sender.onion([['bob', final(net, 1_000n)]], hash);
    await sender.send(sent, 1_000n, net.height + 50);
    await sender.send(sent, 1_000n, net.height + 50);
    net.node('bob').restart();
    await sender.send(sent, 1_000n, net.height + 50);
    const rows = () => net.node('bob').database.all('SELECT * FROM onions_seen').length;
    expect(rows()).toBe(1);
    expect(sender.endings(sent).map((ending) => (typeof ending === 'string' ? ending : ending.type))).toEqual([
      'incorrect_or_unknown_payment_details',
      'temporary_node_failure',
      'temporary_node_failure',
    ]);
    net.mine(51);
    await net.settle();
    expect(rows()).toBe(0);
  });

  it('is refused to a second HTLC of the same turn', async () => {
    const net = line();
    const sender = new Sender(net);
    const sent = sender.onion([['bob', final(net, 1_000n)]], hash);
    const bob = net.node('bob');
    const htlc = (id: bigint) =>
      ({
        direction: 'received',
        id,
        amountMsat: 1_000n,
        paymentHash: hash,
        cltvExpiry: net.height + 50,
        onionRoutingPacket: sent.packet,
      }) as const;
    const removals: string[] = [];
    await net.settle();
    const done = bob.dispatcher.inTurn((turn) => {
      const watched = {
        ...turn,
        dispatch: (event: Parameters<typeof turn.dispatch>[0]) => {
          if (event.to === 'channel' && event.event.type === 'removeHtlc' && event.event.removal.kind === 'failed') {
            const read = readErrorPacket(sent.sharedSecrets, event.event.removal.reason);
            removals.push(read.readable ? read.failure.type : 'unreadable');
          }
        },
        afterCommit: turn.afterCommit,
      };
      for (const id of [0n, 0n, 1n])
        bob.hub.handle(
          { type: 'htlcNotice', channelIndex: 10, notice: { type: 'htlcReceived', htlc: htlc(id) } },
          watched,
        );
    });
    await net.settle();
    await done;
    expect(removals).toEqual([
      'incorrect_or_unknown_payment_details',
      'incorrect_or_unknown_payment_details',
      'temporary_node_failure',
    ]);
  });
});

describe('a payment in several parts', () => {
  async function invoiceOf(net: FakeNet, amountMsat: bigint) {
    await net.settle();
    const made = net.node('bob').hub.createInvoice({ amountMsat });
    await net.settle();
    return decodeInvoice((await made).invoice!);
  }

  const part = (
    sender: Sender,
    invoice: { paymentHash: Uint8Array; paymentSecret: Uint8Array },
    amountMsat: bigint,
    totalMsat: bigint,
  ) => {
    const paymentData = { paymentSecret: invoice.paymentSecret, totalMsat };
    return sender.onion([['bob', final(sender.net, amountMsat, { paymentData })]], invoice.paymentHash);
  };

  it('is taken when all of it is there, and not before', async () => {
    const net = line();
    const sender = new Sender(net);
    const invoice = await invoiceOf(net, 1_000n);
    await sender.send(part(sender, invoice, 400n, 1_000n), 400n);
    await sender.send(part(sender, invoice, 500n, 1_000n), 510n);
    const { hub } = net.node('bob');
    expect(hub.getInvoice(invoice.paymentHash).status).toBe('accepted');
    expect(net.node('bob').localMsat).toBe(2n * BALANCE);
    net.node('bob').restart();
    await net.settle();
    await sender.send(part(sender, invoice, 99n, 1_000n), 99n);
    expect(net.node('bob').hub.getInvoice(invoice.paymentHash).status).toBe('accepted');
    const last = part(sender, invoice, 1n, 1_000n);
    await sender.send(last, 1n);
    expect(sender.endings(last)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled']);
    expect(net.node('bob').hub.getInvoice(invoice.paymentHash)).toMatchObject({ status: 'paid', receivedMsat: 1_010n });
    expect(net.node('bob').localMsat).toBe(2n * BALANCE + 1_010n);
    const more = part(sender, invoice, 1_000n, 1_000n);
    await sender.send(more, 1_000n);
    expect(sender.endings(more)[4]).toMatchObject({ type: 'incorrect_or_unknown_payment_details' });
    expect(net.node('bob').hub.liveActors.invoices).toBe(0);
  });

  it('is given back after a minute, also if the node was away in between', async () => {
    for (const restart of [false, true]) {
      const net = line();
      const sender = new Sender(net);
      const invoice = await invoiceOf(net, 1_000n);
      const some = part(sender, invoice, 999n, 1_000n);
      await sender.send(some, 999n);
      net.clock.advance(MPP_TIMEOUT_MS - 1);
      await net.settle();
      expect(sender.endings(some)).toEqual([]);
      if (restart) net.node('bob').restart();
      await net.settle();
      net.clock.advance(1);
      await net.settle();
      expect(sender.endings(some)).toEqual([{ type: 'mpp_timeout' }]);
      expect(net.node('bob').hub.getInvoice(invoice.paymentHash).status).toBe('open');
      const whole = part(sender, invoice, 1_000n, 1_000n);
      await sender.send(whole, 1_000n);
      expect(sender.endings(whole)[1]).toBe('fulfilled');
    }
  });

  it('is refused as a whole where its parts disagree', async () => {
    const net = line();
    const sender = new Sender(net);
    const invoice = await invoiceOf(net, 1_000n);
    const one = part(sender, invoice, 400n, 1_000n);
    await sender.send(one, 400n);
    const other = part(sender, invoice, 600n, 1_200n);
    await sender.send(other, 600n);
    expect(sender.endings(one)).toEqual([
      expect.objectContaining({ type: 'incorrect_or_unknown_payment_details' }),
      'unreadable',
    ]);
    expect(net.node('bob').hub.getInvoice(invoice.paymentHash).status).toBe('open');
  });

  it('is failed when the first part comes near its expiry', async () => {
    const net = line();
    const sender = new Sender(net);
    const invoice = await invoiceOf(net, 1_000n);
    const some = part(sender, invoice, 999n, 1_000n);
    await sender.send(some, 999n, net.height + 30);
    net.mine(9);
    await net.settle();
    expect(sender.endings(some)).toEqual([]);
    net.mine();
    await net.settle();
    expect(sender.endings(some)).toEqual([
      { type: 'incorrect_or_unknown_payment_details', htlcMsat: 999n, height: net.height },
    ]);
  });

  it('needs the secret of the invoice', async () => {
    const net = line();
    const sender = new Sender(net);
    const invoice = await invoiceOf(net, 1_000n);
    const guessed = part(sender, { ...invoice, paymentSecret: new Uint8Array(32) }, 1_000n, 1_000n);
    await sender.send(guessed, 1_000n);
    const none = sender.onion([['bob', final(net, 1_000n)]], invoice.paymentHash);
    await sender.send(none, 1_000n);
    expect(sender.endings(guessed)[0]).toMatchObject({
      type: 'incorrect_or_unknown_payment_details',
      height: net.height,
    });
    expect(sender.endings(none)[1]).toMatchObject({ type: 'incorrect_or_unknown_payment_details' });
  });
});

describe('a spontaneous payment', () => {
  it('must bring the preimage of its hash, enough time, and comes once', async () => {
    const net = line();
    const sender = new Sender(net);
    const preimage = new Uint8Array(32).fill(8);
    const keysend = (paymentHash: Uint8Array) =>
      sender.onion([['bob', final(net, 1_000n, { keysendPreimage: preimage })]], paymentHash);
    await sender.send(keysend(hash), 1_000n);
    await sender.send(keysend(sha256(preimage)), 1_000n, net.height + 17);
    const { hub } = net.node('bob');
    expect(hub.listInvoices().total).toBe(0);
    await sender.send(keysend(sha256(preimage)), 1_000n);
    await sender.send(keysend(sha256(preimage)), 1_000n);
    expect(sender.endings(keysend(hash)).map((ending) => (ending === 'fulfilled' ? ending : 'failed'))).toEqual([
      'failed',
      'failed',
      'fulfilled',
      'failed',
    ]);
    expect(hub.listInvoices().total).toBe(1);
    expect(net.node('bob').published.filter(({ type }) => type === 'invoice')).toHaveLength(2);
    expect(hub.liveActors.invoices).toBe(0);
  });
});
