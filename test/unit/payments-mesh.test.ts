import fc from 'fast-check';
import { fromString } from 'uint8arrays';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { decodeInvoice } from '../../protocols/invoice/decode.ts';
import { encodePayload } from '../../protocols/onion/payload.ts';
import { createOnion } from '../../protocols/onion/sphinx.ts';
import { MPP_TIMEOUT_MS } from '../../machines/invoice/rules.ts';
import { FakeNet, fates, finish, hex, quietly, revive, run, type FakeNode } from './payments-fixtures.ts';

const BALANCE = 100_000_000n;

describe('payments in any order, over nodes that stop at any time', () => {
  const names = ['alice', 'bob', 'carol', 'dave'] as const;
  /** Erin splits her payments, which no hub does yet: her HTLCs are made by hand. */
  const erin = 'erin';

  function mesh(): FakeNet {
    const net = new FakeNet();
    net.open('alice', 'bob', BALANCE, BALANCE);
    net.open('bob', 'carol', 2_000_000n, BALANCE);
    net.open('carol', 'alice', BALANCE, 3_000_000n);
    net.open('carol', 'dave', BALANCE, BALANCE);
    net.open('bob', 'dave', BALANCE, BALANCE);
    net.open(erin, 'bob', BALANCE, BALANCE);
    return net.boot();
  }

  let sessions = 0;
  function sendPart(net: FakeNet, amountMsat: bigint): void {
    const bob = net.node('bob');
    const [open] = [
      ...bob.hub.listInvoices({ status: 'open' }).invoices,
      ...bob.hub.listInvoices({ status: 'accepted' }).invoices,
    ];
    if (open?.amountMsat === undefined || !net.node(erin).isUp) return;
    const { paymentHash, paymentSecret } = decodeInvoice(open.invoice!);
    const { packet } = createOnion({
      sessionKey: sha256(new TextEncoder().encode(`erin ${sessions++}`)),
      associatedData: paymentHash,
      hops: [
        {
          nodeId: fromString(bob.nodeId, 'hex'),
          payload: encodePayload({
            amtToForwardMsat: amountMsat,
            outgoingCltvValue: net.height + 30,
            paymentData: { paymentSecret, totalMsat: open.amountMsat },
          }),
        },
      ],
    });
    const event = {
      type: 'addHtlc',
      reference: 'erin',
      amountMsat,
      paymentHash,
      cltvExpiry: net.height + 60,
      onionRoutingPacket: packet,
    } as const;
    net.node(erin).dispatcher.submit({ to: 'channel', channelIndex: 10, event });
  }

  /** One of the things that may happen: mostly, what is due anyway. */
  function act(net: FakeNet, choice: number, detail: number): void {
    const all = net.nodes;
    const node = all[detail % all.length]!;
    const other = net.node(names[(detail >> 3) % names.length]!);
    const amountMsat = BigInt(1 + ((detail * 7_919) % 2_500_000));
    if (choice < 60) {
      const { choices } = net;
      choices[detail % Math.max(1, choices.length)]?.();
    } else if (choice < 66 && node.isUp) quietly(node.hub.createInvoice({ amountMsat }));
    else if (choice < 78 && node.isUp && node.name !== erin && other.isUp) {
      const { invoices } = other.hub.listInvoices({ status: 'open' });
      const invoice = invoices[(detail >> 6) % Math.max(1, invoices.length)]?.invoice;
      if (invoice !== undefined) quietly(node.hub.pay({ invoice }));
    } else if (choice < 82 && node.isUp && node.name !== erin)
      quietly(node.hub.keysend({ nodeId: other.nodeId, amountMsat }));
    else if (choice < 88) sendPart(net, amountMsat);
    else if (choice < 90) fates.killed(node);
    else if (choice < 93) node.fate = 'die';
    else if (choice < 95) node.fate = 'discard';
    else if (choice < 97 && !node.isUp) node.boot();
    else if (choice < 98) net.clock.advance(detail * 100);
    else if (choice < 99 && all.every(({ isUp }) => isUp)) net.mine();
  }

  /** Until every payment has ended one way or the other. */
  function comeToRest(net: FakeNet): void {
    for (let round = 0; round < 3; round++) {
      revive(net);
      run(net);
      net.clock.advance(MPP_TIMEOUT_MS);
      run(net);
    }
  }

  /** What a node's own books say that its balance has changed by. */
  function booked(node: FakeNode): bigint {
    const spent = node.hub
      .listPayments({ status: 'succeeded', limit: 1_000 })
      .payments.reduce((sum, { amountMsat, feeMsat }) => sum + amountMsat + feeMsat, 0n);
    const received = node.hub
      .listInvoices({ status: 'paid', limit: 1_000 })
      .invoices.reduce((sum, { receivedMsat }) => sum + receivedMsat!, 0n);
    return received - spent + node.hub.listForwards().feeMsat;
  }

  function fulfilledBy(node: FakeNode): bigint {
    const amounts = new Map(
      node.notices.flatMap(({ notice }) =>
        notice.type === 'htlcFulfilled' ? [[notice.htlc.id, notice.htlc.amountMsat] as const] : [],
      ),
    );
    return [...amounts.values()].reduce((sum, amountMsat) => sum + amountMsat, 0n);
  }

  it('settle once, on both sides alike, and every book agrees with the channels to the msat', () => {
    const numRuns = Number(process.env['RUNNEL_RUNS'] ?? 20);
    let paidTotal = 0;
    let failedTotal = 0;
    let partsTotal = 0n;
    const steps = fc.array(fc.tuple(fc.nat({ max: 99 }), fc.nat({ max: 4_095 })), {
      minLength: 150,
      maxLength: 400,
      size: 'max',
    });
    fc.assert(
      fc.property(steps, (sequence) => {
        const net = mesh();
        const before = new Map(net.nodes.map((node) => [node.name, node.localMsat]));
        for (const [choice, detail] of sequence) act(net, choice, detail);
        comeToRest(net);

        const total = net.nodes.reduce((sum, node) => sum + node.localMsat, 0n);
        expect(total).toBe([...before.values()].reduce((sum, value) => sum + value, 0n));
        for (const node of net.nodes) {
          expect(node.htlcCount, node.name).toBe(0);
          expect(node.hub.liveActors, node.name).toEqual({ payments: 0, invoices: 0, circuits: 0 });
          const change = node.localMsat - before.get(node.name)!;
          expect(change, node.name).toBe(booked(node) - (node.name === erin ? fulfilledBy(node) : 0n));
        }

        const payments = net.nodes.flatMap((node) => node.hub.listPayments({ limit: 1_000 }).payments);
        const paid = new Set(
          net.nodes.flatMap((node) =>
            node.hub.listInvoices({ status: 'paid', limit: 1_000 }).invoices.map(({ paymentHash }) => hex(paymentHash)),
          ),
        );
        const settled = new Map<string, number>();
        for (const { status, paymentHash, preimage } of payments) {
          expect(status).not.toBe('inFlight');
          if (status !== 'succeeded') continue;
          expect(hex(sha256(preimage!))).toBe(hex(paymentHash));
          expect(paid.has(hex(paymentHash))).toBe(true);
          settled.set(hex(paymentHash), (settled.get(hex(paymentHash)) ?? 0) + 1);
        }
        for (const [, count] of settled) expect(count).toBe(1);
        paidTotal += settled.size;
        failedTotal += payments.length - settled.size;
        partsTotal += fulfilledBy(net.node(erin));
        finish(net);
      }),
      { numRuns, endOnFailure: true },
    );
    // The property is worth nothing if nothing happens in it. (A run pays three invoices on average, and fails to pay four.)
    expect(paidTotal).toBeGreaterThan(numRuns / 2);
    expect(failedTotal).toBeGreaterThan(numRuns / 2);
    expect(partsTotal).toBeGreaterThan(0n);
  });
});
