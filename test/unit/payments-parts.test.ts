import { afterEach, describe, expect, it } from 'vitest';
import { MPP_TIMEOUT_MS } from '../../machines/invoice/rules.ts';
import { FakeNet, fates, finish, quietly, revive, run } from './payments-fixtures.ts';

const BALANCE = 100_000_000n;

const nets: FakeNet[] = [];
afterEach(() => {
  for (const net of nets.splice(0)) finish(net);
});

interface Far {
  readonly bob?: bigint;
  readonly carol?: bigint;
}

/** alice - bob - dave and alice - carol - dave, of which the channels to Dave hold so much on the near side. */
function diamond({ bob = BALANCE, carol = BALANCE }: Far = {}): FakeNet {
  const net = new FakeNet();
  nets.push(net);
  net.open('alice', 'bob', BALANCE, BALANCE);
  net.open('alice', 'carol', BALANCE, BALANCE);
  net.open('bob', 'dave', bob, 2n * BALANCE - bob);
  net.open('carol', 'dave', carol, 2n * BALANCE - carol);
  return net.boot();
}

async function pay(net: FakeNet, amountMsat: bigint, limits: object = {}) {
  const made = net.node('dave').hub.createInvoice({ amountMsat });
  await net.settle();
  const { invoice } = await made;
  const begun = net.node('alice').hub.pay({ invoice: invoice!, ...limits });
  begun.catch(() => {});
  await net.settle();
  return net.node('alice').hub.getPayment((await begun).paymentHash);
}

const sumOf = (net: FakeNet): bigint => net.nodes.reduce((sum, { localMsat }) => sum + localMsat, 0n);
const TOTAL = 8n * BALANCE;

describe('a payment that no channel carries alone', () => {
  it('arrives in parts, all or nothing, and each msat is where the books say', async () => {
    const net = diamond();
    const payment = await pay(net, 150_000_000n);
    expect(payment).toMatchObject({ status: 'succeeded', amountMsat: 150_000_000n });
    const parts = payment.attempts.filter(({ status }) => status === 'succeeded');
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.reduce((sum, { route }) => sum + route.amountMsat, 0n)).toBe(150_000_000n);
    expect(net.node('dave').localMsat).toBe(2n * BALANCE + 150_000_000n);
    expect(net.node('alice').localMsat).toBe(2n * BALANCE - 150_000_000n - payment.feeMsat);
    expect(net.node('bob').hub.listForwards().feeMsat + net.node('carol').hub.listForwards().feeMsat).toBe(payment.feeMsat);
    expect(sumOf(net)).toBe(TOTAL);
  });

  it('goes another way with what failed, while the rest stands', async () => {
    // Nobody but Carol knows that she has little left on the way to Dave.
    const net = diamond({ bob: 190_000_000n, carol: 20_000_000n });
    const payment = await pay(net, 90_000_000n, { maxFeeMsat: 5_000_000n });
    expect(payment.status).toBe('succeeded');
    expect(net.node('dave').localMsat).toBe(2n * 2n * BALANCE - 210_000_000n + 90_000_000n);
    expect(sumOf(net)).toBe(TOTAL);
  });

  it('fails as a whole, and all comes back, where the network holds too little', async () => {
    const net = diamond({ bob: 50_000_000n, carol: 50_000_000n });
    const begun = await pay(net, 150_000_000n);
    // Parts that arrived are given back once the payee has waited for the rest.
    for (let round = 0; round < 3 && net.node('alice').hub.getPayment(begun.paymentHash).status === 'inFlight'; round++) {
      net.clock.advance(MPP_TIMEOUT_MS);
      run(net);
      await net.settle();
    }
    expect(net.node('alice').hub.getPayment(begun.paymentHash)).toMatchObject({ status: 'failed', feeMsat: 0n });
    expect(net.node('alice').localMsat).toBe(2n * BALANCE);
    expect(net.node('alice').htlcCount).toBe(0);
    expect(sumOf(net)).toBe(TOTAL);
  });

  it('stays one part where one is asked for', async () => {
    const net = diamond();
    const payment = await pay(net, 150_000_000n, { maxParts: 1 });
    expect(payment).toMatchObject({ status: 'failed', failure: { code: 'no_route' }, attempts: [] });
    expect(payment.failure!.message).toContain('in parts');
  });

  for (const victim of ['alice', 'bob', 'dave'])
    for (const [fate, befall] of Object.entries(fates)) {
      it(`ends alike everywhere, whenever ${victim} is ${fate}`, () => {
        let paidTimes = 0;
        for (let steps = 0; ; steps++) {
          const net = diamond();
          const [alice, dave] = [net.node('alice'), net.node('dave')];
          quietly(dave.hub.createInvoice({ amountMsat: 150_000_000n }));
          run(net);
          quietly(alice.hub.pay({ invoice: dave.hub.listInvoices({ limit: 1 }).invoices[0]!.invoice! }));
          const isOver = run(net, steps) < steps;
          befall(net.node(victim));
          // Parts that arrived are given back once the payee has waited for the rest.
          for (let round = 0; round < 4; round++) {
            revive(net);
            run(net);
            net.clock.advance(MPP_TIMEOUT_MS);
            run(net);
          }
          const [payment] = alice.hub.listPayments().payments;
          const isPaid = payment?.status === 'succeeded';
          if (isPaid) paidTimes++;
          expect(payment?.status, `after ${steps} steps`).not.toBe('inFlight');
          expect(dave.hub.listInvoices({ status: 'paid' }).total, `after ${steps} steps`).toBe(isPaid ? 1 : 0);
          expect([alice.localMsat, dave.localMsat], `after ${steps} steps`).toEqual(
            isPaid ? [2n * BALANCE - 150_000_000n - payment.feeMsat, 2n * BALANCE + 150_000_000n] : [2n * BALANCE, 2n * BALANCE],
          );
          expect(sumOf(net)).toBe(TOTAL);
          for (const node of net.nodes) {
            expect(node.htlcCount).toBe(0);
            expect(node.hub.liveActors).toEqual({ payments: 0, invoices: 0, circuits: 0 });
          }
          finish(nets.pop()!);
          if (isOver) break;
        }
        expect(paidTimes).toBeGreaterThan(5);
      });
    }

  it.each(['failing', 'settling', 'sending'])('is ended though a part of it that was asked for was never answered: %s', (state) => {
    const net = diamond();
    const [alice, dave] = [net.node('alice'), net.node('dave')];
    quietly(dave.hub.createInvoice({ amountMsat: 150_000_000n }));
    run(net);
    quietly(alice.hub.pay({ invoice: dave.hub.listInvoices({ limit: 1 }).invoices[0]!.invoice!, timeoutSeconds: 1 }));
    run(net);
    const [payment] = alice.hub.listPayments().payments;
    expect(payment!.attempts.length).toBeGreaterThan(1);
    // As a turn would have left it whose channel did not answer for the first part.
    alice.database.run(
      'UPDATE payments SET state = ?, finished_ms = NULL, failure = ? WHERE payment_hash = ?',
      state, state === 'failing' ? '{"code":"timeout","message":"late"}' : null, payment!.paymentHash,
    );
    alice.database.run(
      'UPDATE payment_parts SET outcome = NULL, htlc_u64 = NULL, onion_hash = ? WHERE number = 0 AND payment_hash = ?',
      new Uint8Array(32), payment!.paymentHash,
    );
    alice.restart();
    net.clock.advance(2_000);
    run(net);
    expect(alice.hub.listPayments().payments[0]!.status).toBe(state === 'settling' ? 'succeeded' : 'failed');
    expect(alice.hub.liveActors.payments).toBe(0);
  });
});
