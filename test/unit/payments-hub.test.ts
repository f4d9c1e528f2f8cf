import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decodeInvoice } from '../../protocols/invoice/decode.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { contract } from '../../src/api/contract.ts';
import { paymentsApi } from '../../src/node/api/payments-api.ts';
import type { Node } from '../../src/node/node.ts';
import { DEFAULT_POLICY, FakeNet, finish, hex } from './payments-fixtures.ts';

const BALANCE = 100_000_000n;

const nets: FakeNet[] = [];
/** alice - bob - carol. */
function line(): FakeNet {
  const net = new FakeNet();
  nets.push(net);
  net.open('alice', 'bob', BALANCE, BALANCE);
  net.open('bob', 'carol', BALANCE, BALANCE);
  return net.boot();
}

/** The promise's outcome, once the net is still. */
async function after<T>(net: FakeNet, promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await net.settle();
  return promise;
}

const invoiceOf = async (net: FakeNet, name: string, amountMsat: bigint | undefined, description = 'coffee') =>
  (
    await after(
      net,
      net.node(name).hub.createInvoice({ description, ...(amountMsat === undefined ? {} : { amountMsat }) }),
    )
  ).invoice!;

afterEach(() => {
  for (const net of nets.splice(0)) finish(net);
});

describe('paying an invoice over a hop', () => {
  it('moves the amount to the payee, the fee to the forwarder, and nothing else', async () => {
    const net = line();
    const invoice = await invoiceOf(net, 'carol', 1_000_000n);
    const begun = await after(net, net.node('alice').hub.pay({ invoice }));
    expect(begun.status).toBe('inFlight');

    const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => net.node(name));
    const payment = alice!.hub.getPayment(begun.paymentHash);
    expect(payment).toMatchObject({
      status: 'succeeded',
      amountMsat: 1_000_000n,
      feeMsat: 1_100n,
      description: 'coffee',
      payee: carol!.nodeId,
    });
    expect(hex(sha256(payment.preimage!))).toBe(hex(payment.paymentHash));
    expect(payment.attempts.map(({ status, route }) => [status, route.hops.length])).toEqual([['succeeded', 2]]);

    expect(alice!.localMsat).toBe(BALANCE - 1_001_100n);
    expect(bob!.localMsat).toBe(2n * BALANCE + 1_100n);
    expect(carol!.localMsat).toBe(BALANCE + 1_000_000n);

    const { total, feeMsat, forwards } = bob!.hub.listForwards();
    expect([total, feeMsat]).toEqual([1, 1_100n]);
    expect(forwards[0]).toMatchObject({
      status: 'settled',
      incomingMsat: 1_001_100n,
      outgoingMsat: 1_000_000n,
      feeMsat: 1_100n,
    });

    expect(carol!.hub.getInvoice(begun.paymentHash)).toMatchObject({
      status: 'paid',
      receivedMsat: 1_000_000n,
      preimage: payment.preimage,
    });
    for (const node of net.nodes) {
      expect(node.hub.liveActors).toEqual({ payments: 0, invoices: 0, circuits: 0 });
      expect(node.htlcCount).toBe(0);
    }
  });

  it('tells what happened, once it is on disk', async () => {
    const net = line();
    const invoice = await invoiceOf(net, 'carol', 1_000n);
    await after(net, net.node('alice').hub.pay({ invoice }));
    const told = (name: string) =>
      net.node(name).published.map((notice) => {
        if (notice.type === 'payment') return [notice.payment.status, notice.payment.attempts.length];
        if (notice.type === 'invoice') return notice.invoice.status;
        return notice.type === 'forward' ? notice.forward.state : notice.type;
      });
    expect(told('alice')).toEqual([
      ['inFlight', 1],
      ['succeeded', 1],
    ]);
    expect(told('bob')).toEqual(['offered', 'settling', 'settled']);
    expect(told('carol')).toEqual(['open', 'paid', 'paid']);
  });

  it('pays a peer without a fee', async () => {
    const net = line();
    const invoice = await invoiceOf(net, 'bob', 5_000n);
    const { paymentHash } = await after(net, net.node('alice').hub.pay({ invoice }));
    expect(net.node('alice').hub.getPayment(paymentHash)).toMatchObject({ status: 'succeeded', feeMsat: 0n });
    expect(net.node('bob').localMsat).toBe(2n * BALANCE + 5_000n);
  });

  it('never pays a hash twice', async () => {
    const net = line();
    const { hub } = net.node('alice');
    const invoice = await invoiceOf(net, 'carol', 1_000_000n);
    const [first, second] = [hub.pay({ invoice }), hub.pay({ invoice })];
    second.catch(() => {});
    await net.settle();
    await expect(second).rejects.toMatchObject({ code: 'payment_in_flight' });
    const paid = await first;
    const again = await after(net, hub.pay({ invoice }));
    expect(again).toEqual(hub.getPayment(paid.paymentHash));
    expect(again.status).toBe('succeeded');
    expect(net.node('alice').localMsat).toBe(BALANCE - 1_001_100n);
  });

  it('refuses what cannot be paid, and sends nothing', async () => {
    const net = line();
    const { hub, notices } = net.node('alice');
    const open = await invoiceOf(net, 'carol', undefined);
    const fixed = await invoiceOf(net, 'carol', 1_000n);
    await expect(after(net, hub.pay({ invoice: open }))).rejects.toMatchObject({ code: 'amount_missing' });
    await expect(after(net, hub.pay({ invoice: open, amountMsat: 0n }))).rejects.toMatchObject({
      code: 'amount_invalid',
    });
    await expect(after(net, hub.pay({ invoice: fixed, amountMsat: 999n }))).rejects.toMatchObject({
      code: 'amount_not_asked',
    });
    await expect(after(net, hub.pay({ invoice: 'lnbcrt1nonsense' }))).rejects.toMatchObject({
      code: 'invoice_not_bech32',
    });
    const mainnet =
      'lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh';
    await expect(after(net, hub.pay({ invoice: mainnet }))).rejects.toMatchObject({ code: 'invoice_wrong_network' });
    net.clock.advance(3_600_000);
    await expect(after(net, hub.pay({ invoice: fixed }))).rejects.toMatchObject({ code: 'invoice_expired' });
    expect(() => hub.getPayment(new Uint8Array(32))).toThrowError(expect.objectContaining({ code: 'payment_unknown' }));
    expect(notices).toEqual([]);
    expect(hub.listPayments()).toEqual({ total: 0, payments: [] });
  });

  it('lets the payer choose the amount where the invoice does not', async () => {
    const net = line();
    const invoice = await invoiceOf(net, 'carol', undefined);
    const { paymentHash } = await after(net, net.node('alice').hub.pay({ invoice, amountMsat: 7_777n }));
    expect(net.node('carol').hub.getInvoice(paymentHash)).toMatchObject({
      status: 'paid',
      receivedMsat: 7_777n,
      amountMsat: undefined,
    });
  });

  it('keeps to the limit on fees, and says what stood in the way', async () => {
    const net = line();
    const invoice = await invoiceOf(net, 'carol', 1_000_000n);
    const { paymentHash } = await after(net, net.node('alice').hub.pay({ invoice, maxFeeMsat: 1_099n }));
    const { status, failure } = net.node('alice').hub.getPayment(paymentHash);
    expect(status).toBe('failed');
    expect(failure?.code).toBe('no_route');
    expect(failure?.message).toMatch(/fee limit/);
    const retried = await after(net, net.node('alice').hub.pay({ invoice, maxFeeMsat: 1_100n }));
    expect(net.node('alice').hub.getPayment(retried.paymentHash).status).toBe('succeeded');
    expect(net.node('alice').hub.listPayments({ status: 'failed' }).total).toBe(0);
  });
});

describe('a spontaneous payment', () => {
  it('arrives without an invoice', async () => {
    const net = line();
    const carol = net.node('carol');
    const { paymentHash } = await after(
      net,
      net.node('alice').hub.keysend({ nodeId: carol.nodeId, amountMsat: 2_000_000n }),
    );
    expect(net.node('alice').hub.getPayment(paymentHash)).toMatchObject({
      status: 'succeeded',
      isKeysend: true,
      feeMsat: 1_200n,
    });
    const { total, invoices } = carol.hub.listInvoices({ status: 'paid' });
    expect(total).toBe(1);
    expect(invoices[0]).toMatchObject({
      paymentHash,
      invoice: undefined,
      receivedMsat: 2_000_000n,
      amountMsat: undefined,
    });
    expect(carol.localMsat).toBe(BALANCE + 2_000_000n);
  });

  it('is refused to a node id that is no key', async () => {
    const net = line();
    const nodeId = `02${'f'.repeat(64)}`;
    await expect(after(net, net.node('alice').hub.keysend({ nodeId, amountMsat: 1n }))).rejects.toMatchObject({
      code: 'invalid_node_id',
    });
  });
});

describe('a payment that meets obstacles', () => {
  /** alice - bob - carol, and alice - dave - carol, dearer. */
  function diamond(bobToCarolMsat: bigint): FakeNet {
    const net = new FakeNet();
    nets.push(net);
    net.open('alice', 'bob', BALANCE, BALANCE);
    net.open('bob', 'carol', bobToCarolMsat, BALANCE);
    net.open('alice', 'dave', BALANCE, BALANCE);
    const scid = net.open('dave', 'carol', BALANCE, BALANCE);
    expect(scid).toBe('dave-carol-3');
    for (const direction of [0, 1] as const) {
      net.graph.applyUpdate((103n << 40n) | (1n << 16n), direction, {
        timestamp: 2,
        disabled: false,
        ...DEFAULT_POLICY,
        feeBaseMsat: 2_000,
      });
    }
    const node = net.node('dave');
    node.policies.set(11, { ...DEFAULT_POLICY, feeBaseMsat: 2_000 });
    return net.boot();
  }

  it('takes another way, and knows who failed it and where', async () => {
    const net = diamond(500n);
    const invoice = await invoiceOf(net, 'carol', 1_000_000n);
    const { paymentHash } = await after(net, net.node('alice').hub.pay({ invoice }));
    const payment = net.node('alice').hub.getPayment(paymentHash);
    expect(payment).toMatchObject({ status: 'succeeded', feeMsat: 2_100n });
    expect(
      payment.attempts.map(({ status, failure }) => [status, failure?.code, failure?.nodeId, failure?.shortChannelId]),
    ).toEqual([
      ['failed', 'temporary_channel_failure', net.node('bob').nodeId, (101n << 40n) | (1n << 16n)],
      ['succeeded', undefined, undefined, undefined],
    ]);
    expect(net.node('bob').hub.listForwards()).toMatchObject({
      total: 1,
      feeMsat: 0n,
      forwards: [{ status: 'failed', failureCode: 'temporary_channel_failure' }],
    });
    expect(net.node('bob').localMsat).toBe(BALANCE + 500n);
    expect(net.node('alice').localMsat).toBe(2n * BALANCE - 1_002_100n);
  });

  it('keeps what each attempt taught, and shows it in words', async () => {
    const net = diamond(500n);
    const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => net.node(name));
    const invoice = await invoiceOf(net, 'carol', 1_000_000n);
    const { paymentHash } = await after(net, alice!.hub.pay({ invoice }));
    const [first, second] = alice!.hub.getPayment(paymentHash).attempts;
    const edge = { shortChannelId: (101n << 40n) | (1n << 16n), fromNodeId: bob!.nodeId, toNodeId: carol!.nodeId };
    expect(first?.learnt).toEqual([{ kind: 'failed', ...edge, amountMsat: 1_000_000n }, { kind: 'excluded', ...edge }]);
    expect(second?.learnt.map(({ kind }) => kind)).toEqual(['settled']);

    const node = { payments: alice!.hub, gossip: { store: { nodeAnnouncement: () => undefined } } } as unknown as Node;
    const shown = await paymentsApi(node).payment({ paymentHash: hex(paymentHash) });
    expect(z.decode(contract.payment.output, z.encode(contract.payment.output, shown))).toEqual(shown);
    const [bobs, carols] = [bob!, carol!].map(({ nodeId }) => nodeId.slice(0, 12));
    expect(shown.attempts[0]).toMatchObject({
      failedHop: 0,
      learnt: [
        { kind: 'failed', shortChannelId: '101x1x0', text: `101x1x0 from ${bobs} to ${carols} cannot carry 1000.000 sat for now` },
        { kind: 'excluded', text: `this payment keeps off 101x1x0 from ${bobs} to ${carols} from now on` },
      ],
    });
    expect(shown.attempts[1]?.failedHop).toBeUndefined();
  });

  it('pays a fee that has risen meanwhile, as the failure says', async () => {
    const net = line();
    net.node('bob').policies.set(11, { ...DEFAULT_POLICY, feeBaseMsat: 3_000 });
    const invoice = await invoiceOf(net, 'carol', 1_000_000n);
    const { paymentHash } = await after(net, net.node('alice').hub.pay({ invoice }));
    const payment = net.node('alice').hub.getPayment(paymentHash);
    expect(payment).toMatchObject({ status: 'succeeded', feeMsat: 3_100n });
    expect(payment.attempts[0]?.failure?.code).toBe('fee_insufficient');
  });

  it('goes at the fee that it knows, while the one that has replaced it is new', async () => {
    const net = line();
    const bob = net.node('bob');
    bob.policies.set(11, { ...DEFAULT_POLICY, feeBaseMsat: 3_000 });
    bob.olderFees.set(11, [DEFAULT_POLICY]);
    const invoice = await invoiceOf(net, 'carol', 1_000_000n);
    const { paymentHash } = await after(net, net.node('alice').hub.pay({ invoice }));
    expect(net.node('alice').hub.getPayment(paymentHash)).toMatchObject({ status: 'succeeded', feeMsat: 1_100n, attempts: [{ status: 'succeeded' }] });
    expect(bob.hub.listForwards().feeMsat).toBe(1_100n);
  });

  it('ends when the payee says no', async () => {
    const net = diamond(BALANCE);
    const carol = net.node('carol');
    const invoice = await invoiceOf(net, 'carol', 1_000_000n);
    await after(net, carol.hub.cancelInvoice(decodeInvoice(invoice).paymentHash));
    const { paymentHash } = await after(net, net.node('alice').hub.pay({ invoice }));
    const payment = net.node('alice').hub.getPayment(paymentHash);
    expect(payment).toMatchObject({
      status: 'failed',
      feeMsat: 0n,
      failure: { code: 'incorrect_or_unknown_payment_details', nodeId: carol.nodeId },
    });
    expect(payment.attempts).toHaveLength(1);
    expect(net.node('alice').localMsat).toBe(2n * BALANCE);
    expect(net.node('bob').hub.listForwards({ status: 'failed' }).forwards[0]?.failureCode).toBe('downstream');
  });

  it('tries no longer than it may', async () => {
    const net = diamond(500n);
    const invoice = await invoiceOf(net, 'carol', 1_000_000n);
    const begun = net.node('alice').hub.pay({ invoice, timeoutSeconds: 5 });
    begun.catch(() => {});
    while (net.node('alice').htlcCount === 0) await step(net);
    await begun;
    net.clock.advance(5_000);
    await net.settle();
    const payment = net.node('alice').hub.getPayment((await begun).paymentHash);
    expect(payment).toMatchObject({ status: 'failed', failure: { code: 'timeout' } });
    expect(payment.failure?.message).toMatch(/temporary_channel_failure/);
    expect(payment.attempts).toHaveLength(1);
  });

  it('says which of its own channels would not take the HTLC', async () => {
    const net = line();
    const invoice = await invoiceOf(net, 'carol', 1_000_000n);
    // The router believes in a balance that the channel denies.
    const refuse = net.node('alice').channels.handle.bind(net.node('alice').channels);
    net.node('alice').channels.handle = (event, turn) => {
      if (event.event.type !== 'addHtlc') return refuse(event, turn);
      const { reference } = event.event;
      const notice = { type: 'htlcRefused', reference, code: 'htlc_too_many', reason: 'at most 483' } as const;
      turn.dispatch({ to: 'payments', event: { type: 'htlcNotice', channelIndex: event.channelIndex, notice } });
    };
    const { paymentHash } = await after(net, net.node('alice').hub.pay({ invoice }));
    const payment = net.node('alice').hub.getPayment(paymentHash);
    expect(payment.attempts.map(({ failure }) => failure?.code)).toEqual(['htlc_too_many']);
    expect(payment).toMatchObject({ status: 'failed', failure: { code: 'no_route' } });
  });

  async function step(net: FakeNet): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    net.choices[0]?.();
  }
});

describe('an invoice', () => {
  it('expires by itself', async () => {
    const net = line();
    const { hub, published } = net.node('carol');
    const { paymentHash } = await after(net, hub.createInvoice({ amountMsat: 1n, expirySeconds: 60 }));
    await after(net, hub.createInvoice({ amountMsat: 1n, expirySeconds: 31_536_000 }));
    net.clock.advance(59_999);
    await net.settle();
    expect(hub.getInvoice(paymentHash).status).toBe('open');
    net.clock.advance(1);
    await net.settle();
    expect(hub.getInvoice(paymentHash).status).toBe('expired');
    expect(published.map((notice) => notice.type === 'invoice' && notice.invoice.status)).toEqual([
      'open',
      'open',
      'expired',
    ]);
    net.clock.advance(31_536_000_000);
    await net.settle();
    expect(hub.listInvoices({ status: 'expired' }).total).toBe(2);
    expect(net.clock.pending).toBe(0);
  });

  it('is remembered over a restart, and expires then', async () => {
    const net = line();
    const { paymentHash } = await after(
      net,
      net.node('carol').hub.createInvoice({ amountMsat: 1n, expirySeconds: 60 }),
    );
    net.node('carol').kill();
    net.clock.advance(100_000);
    net.node('carol').restart();
    await net.settle();
    net.clock.advance(0);
    await net.settle();
    expect(net.node('carol').hub.getInvoice(paymentHash).status).toBe('expired');
  });

  it('can be taken back, once', async () => {
    const net = line();
    const { hub } = net.node('carol');
    const { paymentHash } = await after(net, hub.createInvoice({ amountMsat: 1n }));
    expect((await after(net, hub.cancelInvoice(paymentHash))).status).toBe('canceled');
    await expect(after(net, hub.cancelInvoice(paymentHash))).rejects.toMatchObject({ code: 'invoice_not_open' });
    await expect(after(net, hub.cancelInvoice(new Uint8Array(32)))).rejects.toMatchObject({ code: 'invoice_unknown' });
    expect(hub.liveActors.invoices).toBe(0);
  });

  it('says what it is', async () => {
    const net = line();
    const { hub } = net.node('carol');
    const text = await invoiceOf(net, 'carol', 1_234n, 'tea');
    const { isExpired, ...decoded } = hub.decode(text);
    expect(isExpired).toBe(false);
    expect(decoded).toMatchObject({
      amountMsat: 1_234n,
      description: 'tea',
      currency: 'bcrt',
      minFinalCltvExpiryDelta: 24,
      routeHints: [],
    });
    expect(hex(decoded.payeeNodeId)).toBe(net.node('carol').nodeId);
    net.clock.advance(3_600_000);
    expect(hub.decode(text).isExpired).toBe(true);
    await expect(after(net, hub.createInvoice({ amountMsat: 0n }))).rejects.toMatchObject({ code: 'amount_invalid' });
    await expect(after(net, hub.createInvoice({ description: 'x'.repeat(640) }))).rejects.toMatchObject({
      code: 'invoice_bad_field',
    });
  });

  it('leads the payer over channels that nobody knows', async () => {
    const net = new FakeNet();
    nets.push(net);
    net.open('alice', 'bob', BALANCE, BALANCE);
    net.open('bob', 'carol', BALANCE, BALANCE, { isPrivate: true });
    net.boot();
    const invoice = await invoiceOf(net, 'carol', 1_000_000n);
    expect(decodeInvoice(invoice).routeHints).toHaveLength(1);
    const { paymentHash } = await after(net, net.node('alice').hub.pay({ invoice }));
    expect(net.node('alice').hub.getPayment(paymentHash)).toMatchObject({ status: 'succeeded', feeMsat: 1_100n });
  });
});

describe('the books', () => {
  it('list the newest first, in pages', async () => {
    const net = line();
    const { hub } = net.node('alice');
    for (let amountMsat = 1n; amountMsat <= 5n; amountMsat++) {
      await after(net, hub.pay({ invoice: await invoiceOf(net, 'carol', amountMsat * 1_000n) }));
    }
    const page = hub.listPayments({ limit: 2, offset: 1, status: 'succeeded' });
    expect(page.total).toBe(5);
    expect(page.payments.map(({ amountMsat }) => amountMsat)).toEqual([4_000n, 3_000n]);
    expect(net.node('carol').hub.listInvoices({ limit: 1 }).invoices[0]?.amountMsat).toBe(5_000n);
    expect(net.node('bob').hub.listForwards({ limit: 1, status: 'settled' })).toMatchObject({
      total: 5,
      feeMsat: 5_000n,
      forwards: [{ outgoingMsat: 5_000n }],
    });
  });
});
