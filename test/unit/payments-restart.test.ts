import { afterEach, describe, expect, it } from 'vitest';
import { decodeInvoice } from '../../protocols/invoice/decode.ts';
import { FakeNet, fates, finish, quietly, revive, run, type FakeNode } from './payments-fixtures.ts';

const BALANCE = 100_000_000n;

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

/** An invoice, once it is on disk. */
function invoiceAt(net: FakeNet, node: FakeNode, amountMsat: bigint): string {
  quietly(node.hub.createInvoice({ amountMsat }));
  run(net);
  return node.hub.listInvoices({ limit: 1 }).invoices[0]!.invoice!;
}

describe('a payment over a node that stops', () => {
  /** Both ways, since a node's channels come back one after the other: the incoming one first, or the outgoing one. */
  const cases = [
    { from: 'alice', victim: 'alice', to: 'carol' },
    { from: 'alice', victim: 'bob', to: 'carol' },
    { from: 'carol', victim: 'bob', to: 'alice' },
    { from: 'alice', victim: 'carol', to: 'carol' },
  ];
  for (const { from, victim, to } of cases) {
    for (const [fate, befall] of Object.entries(fates)) {
      it(`from ${from} ends alike everywhere, whenever ${victim} is ${fate}`, () => {
        let outcomes = 0;
        for (let steps = 0; ; steps++) {
          const net = line();
          const [payer, bob, payee] = [from, 'bob', to].map((name) => net.node(name)) as [FakeNode, FakeNode, FakeNode];
          const invoice = invoiceAt(net, payee, 1_000_000n);
          const { paymentHash } = decodeInvoice(invoice);
          quietly(payer.hub.pay({ invoice }));
          const isOver = run(net, steps) < steps;
          befall(net.node(victim));
          run(net);
          revive(net);
          run(net);
          const { total, payments } = payer.hub.listPayments();
          const paid = total === 1 && payments[0]!.status === 'succeeded';
          if (paid) outcomes++;
          expect(
            payments.every(({ status }) => status !== 'inFlight'),
            `after ${steps} steps`,
          ).toBe(true);
          expect(payee.hub.getInvoice(paymentHash).status).toBe(paid ? 'paid' : 'open');
          expect([payer.localMsat, bob.localMsat, payee.localMsat], `after ${steps} steps`).toEqual(
            paid
              ? [BALANCE - 1_001_100n, 2n * BALANCE + 1_100n, BALANCE + 1_000_000n]
              : [BALANCE, 2n * BALANCE, BALANCE],
          );
          expect(bob.hub.listForwards().feeMsat).toBe(paid ? 1_100n : 0n);
          for (const node of net.nodes) {
            expect(node.htlcCount).toBe(0);
            expect(node.hub.liveActors).toEqual({ payments: 0, invoices: 0, circuits: 0 });
          }
          finish(nets.pop()!);
          if (isOver) break;
        }
        expect(outcomes).toBeGreaterThan(5);
      });
    }
  }
});

describe('a restart that finds a question without its answer', () => {
  /** A payment whose HTLCs all stand: carol does not hear of it. */
  function standing(): { net: FakeNet; alice: FakeNode; bob: FakeNode; carol: FakeNode } {
    const net = line();
    const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => net.node(name)) as [
      FakeNode,
      FakeNode,
      FakeNode,
    ];
    const invoice = invoiceAt(net, carol, 1_000_000n);
    quietly(alice.hub.pay({ invoice }));
    while (bob.hub.listForwards().forwards[0]?.state !== 'offered') run(net, 1);
    return { net, alice, bob, carol };
  }

  it('takes the HTLC that the outgoing channel has offered', () => {
    const { net, alice, bob } = standing();
    bob.kill();
    bob.database.run("UPDATE circuits SET state = 'offering', outgoing_htlc_u64 = NULL");
    bob.boot();
    run(net);
    expect(alice.hub.listPayments().payments[0]?.status).toBe('succeeded');
    expect(bob.hub.listForwards().feeMsat).toBe(1_100n);
  });

  it('fails the incoming HTLC where no outgoing one was offered', () => {
    const { net, alice, bob, carol } = standing();
    bob.kill();
    // As if the turn had ended between the question and the channel's taking it.
    bob.database.run("UPDATE circuits SET state = 'offering', outgoing_htlc_u64 = NULL, onion_hash = x'00'");
    carol.kill();
    bob.boot();
    run(net);
    expect(alice.hub.listPayments().payments[0]).toMatchObject({ status: 'failed' });
    expect(alice.hub.listPayments().payments[0]?.attempts[0]?.failure?.code).toBe('temporary_channel_failure');
    expect(bob.hub.listForwards().forwards[0]).toMatchObject({
      status: 'failed',
      failureCode: 'temporary_channel_failure',
    });
  });

  it('does the same for a payment of its own', () => {
    for (const found of [true, false]) {
      const { net, alice, bob } = standing();
      alice.kill();
      alice.database.run("UPDATE payments SET state = 'sending'");
      alice.database.run(`UPDATE payment_parts SET htlc_u64 = NULL${found ? '' : ", onion_hash = x'00'"}`);
      if (!found) bob.kill();
      alice.boot();
      run(net);
      const [payment] = alice.hub.listPayments().payments;
      expect(payment?.status).toBe(found ? 'succeeded' : 'failed');
      expect(payment?.attempts[0]?.failure?.code).toBe(found ? undefined : 'htlc_lost');
    }
  });

  it('looks again for a way that it was looking for', () => {
    const net = line();
    const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => net.node(name)) as [
      FakeNode,
      FakeNode,
      FakeNode,
    ];
    const invoice = invoiceAt(net, carol, 1_000_000n);
    bob.kill();
    quietly(alice.hub.pay({ invoice }));
    run(net);
    expect(alice.hub.listPayments().payments[0]?.failure?.code).toBe('no_route');
    alice.kill();
    alice.database.run("UPDATE payments SET state = 'routing', finished_ms = NULL, failure = NULL");
    bob.boot();
    alice.boot();
    run(net);
    expect(alice.hub.listPayments().payments[0]?.status).toBe('succeeded');
  });

  it('ends the doubt at the next turn where a channel does not answer at all', () => {
    for (const victim of ['alice', 'bob']) {
      const net = line();
      const [alice, node, carol] = ['alice', victim, 'carol'].map((name) => net.node(name)) as [
        FakeNode,
        FakeNode,
        FakeNode,
      ];
      const invoice = invoiceAt(net, carol, 1_000_000n);
      // A frozen channel hears nothing.
      const handle = node.channels.handle.bind(node.channels);
      node.channels.handle = (event, turn) => (event.event.type === 'addHtlc' ? undefined : handle(event, turn));
      quietly(alice.hub.pay({ invoice }));
      run(net);
      expect(alice.hub.listPayments().payments[0]?.status).toBe('inFlight');
      net.mine();
      run(net);
      const [payment] = alice.hub.listPayments().payments;
      expect(payment?.status).toBe('failed');
      expect(payment?.attempts[0]?.failure?.code).toBe(victim === 'alice' ? 'htlc_lost' : 'temporary_channel_failure');
      expect(alice.localMsat).toBe(BALANCE);
      for (const { hub } of net.nodes) expect(hub.liveActors).toEqual({ payments: 0, invoices: 0, circuits: 0 });
    }
  });

  it('fulfills again what the incoming channel did not take', () => {
    const { net, alice, bob } = standing();
    // The channel is frozen for a moment: it hears nothing.
    const handle = bob.channels.handle.bind(bob.channels);
    bob.channels.handle = (event, turn) => (event.event.type === 'removeHtlc' ? undefined : handle(event, turn));
    run(net);
    expect(bob.hub.listForwards().forwards[0]?.state).toBe('settling');
    expect(alice.hub.listPayments().payments[0]?.status).toBe('inFlight');
    bob.restart();
    run(net);
    expect(bob.hub.listForwards().forwards[0]?.state).toBe('settled');
    expect(alice.hub.listPayments().payments[0]?.status).toBe('succeeded');
  });
});
