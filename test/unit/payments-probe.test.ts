import { afterEach, describe, expect, it } from 'vitest';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { decodeInvoice } from '../../protocols/invoice/decode.ts';
import { createErrorPacket } from '../../protocols/onion/error-packet.ts';
import type { FailureMessage } from '../../protocols/onion/failures.ts';
import { peelOnion } from '../../protocols/onion/sphinx.ts';
import { isUnknownToPayee } from '../../src/payments/part-failure.ts';
import type { ProbeRequest } from '../../src/payments/probe.ts';
import { FakeNet, fates, finish, hex, quietly, revive, run, type FakeNode } from './payments-fixtures.ts';

const BALANCE = 100_000_000n;
const AMOUNT = 1_000_000n;
const FEE = 1_100n;

const nets: FakeNet[] = [];
afterEach(() => {
  for (const net of nets.splice(0)) finish(net);
});

/** alice - bob - carol. */
function line(farMsat = BALANCE): FakeNet {
  const net = new FakeNet();
  nets.push(net);
  net.open('alice', 'bob', BALANCE, BALANCE);
  net.open('bob', 'carol', farMsat, 2n * BALANCE - farMsat);
  return net.boot();
}

/** alice - bob - dave and alice - carol - dave, of which Bob's channel to Dave holds so much on his side. */
function diamond(bobMsat: bigint): FakeNet {
  const net = new FakeNet();
  nets.push(net);
  net.open('alice', 'bob', BALANCE, BALANCE);
  net.open('alice', 'carol', BALANCE, BALANCE);
  net.open('bob', 'dave', bobMsat, 4n * BALANCE - bobMsat);
  net.open('carol', 'dave', BALANCE, BALANCE);
  return net.boot();
}

async function probe(net: FakeNet, request: ProbeRequest) {
  const begun = net.node('alice').hub.probe(request);
  begun.catch(() => {});
  await net.settle();
  return net.node('alice').hub.getProbe((await begun).paymentHash);
}

const balances = (net: FakeNet): bigint[] => net.nodes.map(({ localMsat }) => localMsat);

function expectNothingLeft(net: FakeNet): void {
  for (const node of net.nodes) {
    expect(node.htlcCount).toBe(0);
    expect(node.hub.liveActors).toEqual({ payments: 0, invoices: 0, circuits: 0 });
  }
}

/** The payment hashes of all HTLCs that were ever offered. */
const hashesOffered = ({ notices }: FakeNode): string[] =>
  notices.flatMap(({ notice }) => (notice.type === 'htlcOffered' ? [hex(notice.htlc.paymentHash)] : []));

async function invoiceAt(net: FakeNet, name: string, amountMsat: bigint | undefined): Promise<string> {
  const made = net.node(name).hub.createInvoice(amountMsat === undefined ? {} : { amountMsat });
  await net.settle();
  return (await made).invoice!;
}

describe('a probe', () => {
  it('says that a payment would arrive, and at what price, without moving anything', async () => {
    const net = line();
    const before = balances(net);
    const found = await probe(net, { target: net.node('carol').nodeId, amountMsat: AMOUNT });
    expect(found).toMatchObject({ status: 'arrived', amountMsat: AMOUNT, failure: undefined });
    expect(found.attempts).toMatchObject([{ status: 'arrived', route: { totalFeeMsat: FEE } }]);
    expect(found.attempts[0]!.learnt).toMatchObject([{ kind: 'carried', amountMsat: AMOUNT }]);
    expect(balances(net)).toEqual(before);
    expect(net.node('carol').hub.listInvoices().total).toBe(0);
    expect(net.node('bob').hub.listForwards()).toMatchObject({ feeMsat: 0n, forwards: [{ status: 'failed', failureCode: 'downstream' }] });
    expectNothingLeft(net);
  });

  it('comes to a peer too, over our own channel alone', async () => {
    const net = line();
    const found = await probe(net, { target: net.node('bob').nodeId, amountMsat: AMOUNT });
    expect(found).toMatchObject({ status: 'arrived', attempts: [{ route: { totalFeeMsat: 0n } }] });
  });

  it('is neither listed nor told as a payment, whatever came of it', async () => {
    const net = line(0n);
    const found = await probe(net, { target: net.node('carol').nodeId, amountMsat: AMOUNT });
    const { hub, published } = net.node('alice');
    expect(found.status).toBe('failed');
    expect(hub.listPayments()).toEqual({ total: 0, payments: [] });
    for (const status of ['failed', 'succeeded', 'inFlight'] as const) expect(hub.listPayments({ status }).total).toBe(0);
    expect(() => hub.getPayment(found.paymentHash)).toThrow('no payment has');
    expect(hub.listProbes({ status: 'failed' })).toMatchObject({ total: 1, probes: [{ status: 'failed' }] });
    expect(hub.listProbes({ status: 'arrived' }).total).toBe(0);
    expect(new Set(published.map(({ type }) => type))).toEqual(new Set(['probe']));
  });

  it('tells where it stopped, and teaches what a payment would have taught', async () => {
    const lessons = async (send: (net: FakeNet) => Promise<{ attempts: readonly { learnt: unknown; failure: unknown }[] }>) => {
      const { attempts } = await send(line(0n));
      return attempts.map(({ learnt, failure }) => ({ learnt, failure }));
    };
    const ofProbe = await lessons((net) => probe(net, { target: net.node('carol').nodeId, amountMsat: AMOUNT }));
    const ofPayment = await lessons(async (net) => {
      const begun = net.node('alice').hub.keysend({ nodeId: net.node('carol').nodeId, amountMsat: AMOUNT });
      await net.settle();
      return net.node('alice').hub.getPayment((await begun).paymentHash);
    });
    expect(ofProbe).toEqual(ofPayment);
    expect(ofProbe[0]).toMatchObject({ failure: { code: 'temporary_channel_failure' }, learnt: [{ kind: 'failed', amountMsat: AMOUNT }, { kind: 'excluded' }] });
  });

  it('tries the next route where one stops', async () => {
    const net = diamond(0n);
    const { nodeId } = net.node('dave');
    const found = await probe(net, { target: nodeId, amountMsat: AMOUNT });
    expect(found.status).toBe('arrived');
    expect(found.attempts.map(({ status }) => status)).toEqual(['stopped', 'arrived']);
    expect(found.attempts[0]!.failure).toMatchObject({ nodeId: net.node('bob').nodeId });
    // What was learnt is known to the payment that follows.
    const paid = net.node('alice').hub.keysend({ nodeId, amountMsat: AMOUNT });
    await net.settle();
    expect(net.node('alice').hub.getPayment((await paid).paymentHash)).toMatchObject({ status: 'succeeded', attempts: [{ status: 'succeeded' }] });
  });

  it('makes no more attempts than it may', async () => {
    const net = diamond(0n);
    const found = await probe(net, { target: net.node('dave').nodeId, amountMsat: AMOUNT, maxAttempts: 1 });
    expect(found).toMatchObject({ status: 'failed', failure: { code: 'attempts_exhausted' } });
    expect(found.attempts).toHaveLength(1);
  });

  it('keeps to its limit on fees', async () => {
    const net = line();
    const found = await probe(net, { target: net.node('carol').nodeId, amountMsat: AMOUNT, maxFeeMsat: FEE - 1n });
    expect(found).toMatchObject({ status: 'failed', attempts: [], failure: { code: 'no_route' } });
  });

  it('does not blame the route for what its own channel would not take', async () => {
    const net = diamond(2n * BALANCE);
    const alice = net.node('alice');
    const handle = alice.channels.handle.bind(alice.channels);
    alice.channels.handle = (event, turn) => {
      if (event.event.type !== 'addHtlc' || event.channelIndex !== 10) return handle(event, turn);
      const { reference } = event.event;
      const notice = { type: 'htlcRefused', reference, code: 'htlc_unaffordable', reason: 'not so much' } as const;
      turn.dispatch({ to: 'payments', event: { type: 'htlcNotice', channelIndex: 10, notice } });
    };
    const found = await probe(net, { target: net.node('dave').nodeId, amountMsat: AMOUNT });
    expect(found.attempts.map(({ status }) => status)).toEqual(['notSent', 'arrived']);
    expect(found.attempts[0]!.learnt.map(({ kind }) => kind)).toEqual(['excluded']);
    const alone = await probe(net, { target: net.node('bob').nodeId, amountMsat: AMOUNT, maxAttempts: 1 });
    expect(alone).toMatchObject({ status: 'failed', attempts: [{ status: 'notSent' }] });
    expect(alone.failure!.message).toContain('our channel did not take the HTLC');
  });
});

describe('that a probe has arrived', () => {
  const details = { type: 'incorrect_or_unknown_payment_details', htlcMsat: 1n, height: 1 } as const;
  const isBelieved = (hopIndex: number, failure: FailureMessage): boolean => {
    const hop = { nodeId: '', shortChannelId: 1n, amountToForwardMsat: 1n, outgoingCltvExpiry: 1, feeMsat: 0n };
    const route = { hops: [hop, hop], amountMsat: 1n, totalAmountMsat: 1n, totalFeeMsat: 0n, cltvExpiry: 1, totalCltvDelta: 1 };
    return isUnknownToPayee({ type: 'failed', route, hopIndex, failure });
  };

  it('is believed of the payee alone, and of what it says whatever data comes with it', () => {
    expect(isBelieved(1, details)).toBe(true);
    expect(isBelieved(1, { type: 'unknown', code: 0x400f, data: new Uint8Array() })).toBe(true);
    expect(isBelieved(0, details)).toBe(false);
    expect(isBelieved(1, { type: 'temporary_node_failure' })).toBe(false);
  });

  it('is not taken from a node on the way that says so', async () => {
    const net = line(0n);
    const bob = net.node('bob');
    const handle = bob.channels.handle.bind(bob.channels);
    bob.channels.handle = (event, turn) => {
      if (event.event.type !== 'removeHtlc') return handle(event, turn);
      const { onionRoutingPacket, paymentHash } = bob.channels.ends.get(event.channelIndex)!.received[String(event.event.id)]!.details;
      const { sharedSecret } = peelOnion(onionRoutingPacket, paymentHash, (key) => secp256k1.ecdh(key, bob.secret));
      handle({ ...event, event: { ...event.event, removal: { kind: 'failed', reason: createErrorPacket(sharedSecret, details) } } }, turn);
    };
    const found = await probe(net, { target: net.node('carol').nodeId, amountMsat: AMOUNT });
    expect(found).toMatchObject({ status: 'failed', attempts: [{ status: 'stopped', failure: { code: details.type, nodeId: bob.nodeId } }] });
  });
});

describe('a probe of an invoice', () => {
  it('never takes its payment hash: nothing is paid, and the invoice can be paid afterwards', async () => {
    const net = line();
    const [alice, carol] = [net.node('alice'), net.node('carol')];
    const invoice = await invoiceAt(net, 'carol', AMOUNT);
    const { paymentHash } = decodeInvoice(invoice);
    const before = balances(net);
    const found = await probe(net, { target: invoice });
    expect(found).toMatchObject({ status: 'arrived', amountMsat: AMOUNT, invoice, payee: carol.nodeId });
    const hashes = net.nodes.flatMap(hashesOffered);
    expect(hashes).toEqual([hex(found.paymentHash), hex(found.paymentHash)]);
    expect(hashes).not.toContain(hex(paymentHash));
    expect(carol.hub.getInvoice(paymentHash).status).toBe('open');
    expect(balances(net)).toEqual(before);
    const paid = alice.hub.pay({ invoice });
    await net.settle();
    expect(alice.hub.getPayment((await paid).paymentHash)).toMatchObject({ status: 'succeeded', feeMsat: FEE });
    expect(alice.hub.listProbes().total).toBe(1);
  });

  it('takes another random hash each time', async () => {
    const net = line();
    const invoice = await invoiceAt(net, 'carol', AMOUNT);
    const first = await probe(net, { target: invoice });
    const second = await probe(net, { target: invoice });
    expect(hex(first.paymentHash)).not.toBe(hex(second.paymentHash));
  });

  it.each([
    ['an invoice without an amount', (net: FakeNet) => invoiceAt(net, 'carol', undefined), undefined, 'amount_missing'],
    ['an invoice of another amount', (net: FakeNet) => invoiceAt(net, 'carol', AMOUNT), 5n, 'amount_not_asked'],
    ['a node without an amount', (net: FakeNet) => net.node('carol').nodeId, undefined, 'amount_missing'],
    ['a node id that is no key', () => `02${'f'.repeat(64)}`, 5n, 'invalid_node_id'],
    ['neither', () => 'carol', 5n, 'invoice_not_bech32'],
  ])('is refused: %s', async (_, target, amountMsat, code) => {
    const net = line();
    const request = { target: await target(net), ...(amountMsat !== undefined && { amountMsat }) };
    await expect(probe(net, request)).rejects.toMatchObject({ code });
    expect(hashesOffered(net.node('alice'))).toEqual([]);
  });

  it('to ourselves finds no route', async () => {
    const net = line();
    expect(await probe(net, { target: net.node('alice').nodeId, amountMsat: 5n })).toMatchObject({ status: 'failed', failure: { code: 'no_route' } });
  });
});

describe('a probe that is held', () => {
  /** Its HTLC stands between bob and carol, who does not answer. */
  function held(): { readonly net: FakeNet; readonly alice: FakeNode; readonly carol: FakeNode } {
    const net = line();
    const [alice, carol] = [net.node('alice'), net.node('carol')];
    quietly(alice.hub.probe({ target: carol.nodeId, amountMsat: AMOUNT, timeoutSeconds: 30 }));
    while (net.node('bob').hub.listForwards().forwards[0]?.state !== 'offered') run(net, 1);
    carol.kill();
    run(net);
    return { net, alice, carol };
  }
  const only = ({ hub }: FakeNode) => hub.listProbes().probes[0]!;

  it('is in flight, with the HTLC that stands, and no failure of anything', () => {
    const { net, alice } = held();
    net.clock.advance(60_000);
    run(net);
    expect(only(alice)).toMatchObject({ status: 'inFlight', failure: undefined, attempts: [{ status: 'inFlight', htlc: { channelIndex: 10, id: 0n } }] });
    revive(net);
    run(net);
  });

  it('still says that a payment would arrive, if the payee answers late', () => {
    const { net, alice, carol } = held();
    net.clock.advance(60_000);
    carol.boot();
    run(net);
    expect(only(alice).status).toBe('arrived');
    expectNothingLeft(net);
  });

  it('ends after its time without another attempt, if it comes back otherwise', () => {
    const { net, alice, carol } = held();
    net.clock.advance(60_000);
    const bob = net.node('bob');
    void bob.dispatcher.inTurn((turn) => bob.channels.giveBack(11, 0n, 'permanent_channel_failure', turn));
    run(net);
    expect(only(alice)).toMatchObject({ status: 'failed', failure: { code: 'timeout' }, attempts: [{ status: 'stopped' }] });
    expect(only(alice).attempts).toHaveLength(1);
    carol.boot();
    net.drop(bob.channels.ends.get(11)!.link);
    expect(alice.htlcCount).toBe(0);
    expect(alice.localMsat).toBe(BALANCE);
  });
});

describe('a probe over a node that stops', () => {
  for (const victim of ['alice', 'bob', 'carol']) {
    for (const [fate, befall] of Object.entries(fates)) {
      it(`ends, and nothing is lost, whenever ${victim} is ${fate}`, () => {
        let arrivals = 0;
        for (let steps = 0; ; steps++) {
          const net = line();
          const [alice, carol] = [net.node('alice'), net.node('carol')];
          const before = balances(net);
          quietly(alice.hub.probe({ target: carol.nodeId, amountMsat: AMOUNT }));
          const isOver = run(net, steps) < steps;
          befall(net.node(victim));
          run(net);
          revive(net);
          run(net);
          const { total, probes } = alice.hub.listProbes();
          if (probes[0]?.status === 'arrived') arrivals++;
          expect(total, `after ${steps} steps`).toBeLessThanOrEqual(1);
          expect(probes.every(({ status }) => status !== 'inFlight'), `after ${steps} steps`).toBe(true);
          expect(alice.hub.listPayments().total).toBe(0);
          expect(balances(net), `after ${steps} steps`).toEqual(before);
          expectNothingLeft(net);
          finish(nets.pop()!);
          if (isOver) break;
        }
        expect(arrivals).toBeGreaterThan(5);
      });
    }
  }
});

describe('probes that are over', () => {
  it('are forgotten when there are many, while payments stay', async () => {
    const net = line();
    const { hub, database } = net.node('alice');
    const { nodeId } = net.node('carol');
    const paid = hub.keysend({ nodeId, amountMsat: AMOUNT });
    await net.settle();
    await paid;
    await probe(net, { target: nodeId, amountMsat: AMOUNT });
    const columns = database.all<{ name: string }>("SELECT name FROM pragma_table_info('payments')").map(({ name }) => name);
    const others = columns.filter((name) => name !== 'payment_hash').join(', ');
    for (let row = 0; row < 1_005; row++) {
      database.run(`INSERT INTO payments (payment_hash, ${others}) SELECT randomblob(32), ${others} FROM payments WHERE purpose = 'probe' LIMIT 1`);
    }
    const last = await probe(net, { target: nodeId, amountMsat: AMOUNT });
    expect(hub.listProbes({ limit: 1 })).toMatchObject({ total: 1_000, probes: [{ paymentHash: last.paymentHash }] });
    expect(hub.listPayments().total).toBe(1);
    expect(database.get<{ parts: number }>('SELECT COUNT(*) AS parts FROM payment_parts')?.parts).toBe(2);
  });
});
