import { afterEach, describe, expect, it } from 'vitest';
import type { HtlcDetails } from '../../machines/htlc/htlc.machine.ts';
import type { LossNotice } from '../../src/payments/records.ts';
import type { Turn } from '../../src/runtime/turn.ts';
import { DEFAULT_POLICY, FakeNet, finish, quietly, run, type FakeNode } from './payments-fixtures.ts';

/*
 * HTLCs that end otherwise than by the peer's word: withdrawn before they were signed (BOLT 2, "Message
 * Retransmission"), or on chain (BOLT 5, "HTLC Output Handling"), with restarts between any two pieces of news.
 */

const BALANCE = 100_000_000n;
const AMOUNT = 1_000_000n;
const FEE = 1_100n;
/** The channels of bob. */
const TO_ALICE = 10;
const TO_CAROL = 11;

const nets: FakeNet[] = [];
afterEach(() => {
  for (const net of nets.splice(0)) finish(net);
});

interface Line {
  readonly net: FakeNet;
  readonly alice: FakeNode;
  readonly bob: FakeNode;
  readonly carol: FakeNode;
}

function line(): Line {
  const net = new FakeNet();
  nets.push(net);
  net.open('alice', 'bob', BALANCE, BALANCE);
  net.open('bob', 'carol', BALANCE, BALANCE);
  net.boot();
  return { net, alice: net.node('alice'), bob: net.node('bob'), carol: net.node('carol') };
}

/** Begins a payment from alice to carol. */
function pay({ net, alice, carol }: Line, amountMsat = AMOUNT): void {
  quietly(carol.hub.createInvoice({ amountMsat }));
  run(net);
  quietly(alice.hub.pay({ invoice: carol.hub.listInvoices({ limit: 1 }).invoices[0]!.invoice! }));
}

/** A payment whose HTLCs stand at alice and bob; carol has not heard of it, and will not. */
function standing(): Line {
  const all = line();
  pay(all);
  while (all.bob.hub.listForwards().forwards[0]?.state !== 'offered') run(all.net, 1);
  cut(all);
  return all;
}

/** What is on its way between bob and carol is lost. */
function cut({ net, bob }: Line): void {
  net.drop(bob.channels.ends.get(TO_CAROL)!.link);
}

const forwardOf = (bob: FakeNode) => bob.hub.listForwards({ limit: 1 }).forwards[0]!;
const paymentOf = (alice: FakeNode) => alice.hub.listPayments({ limit: 1 }).payments[0]!;
const lossesOf = ({ published }: FakeNode): LossNotice[] =>
  published.filter((notice): notice is LossNotice => notice.type === 'loss');
const offeredBy = (bob: FakeNode): HtlcDetails =>
  bob.notices.flatMap(({ notice }) => (notice.type === 'htlcOffered' ? [notice.htlc] : []))[0]!;

function turn({ net }: Line, node: FakeNode, work: (turn: Turn) => void): void {
  quietly(node.dispatcher.inTurn(work));
  run(net);
}

/** The preimage that carol has for the payment. */
function preimageOf({ carol }: Line): Uint8Array {
  const [row] = carol.database.all<{ preimage: Uint8Array }>('SELECT preimage FROM invoices');
  return row!.preimage;
}

describe('an HTLC of a forward that came to nothing in our own channel', () => {
  it.each(['temporary_channel_failure', 'permanent_channel_failure'] as const)('is failed upstream with %s', (code) => {
    const all = standing();
    const { alice, bob } = all;
    turn(all, bob, (now) => bob.channels.giveBack(TO_CAROL, 0n, code, now));
    expect(forwardOf(bob)).toMatchObject({ status: 'failed', failureCode: code });
    expect(paymentOf(alice)).toMatchObject({ status: 'failed' });
    expect(paymentOf(alice).attempts[0]?.failure).toMatchObject({ code, nodeId: bob.nodeId });
    expect([alice.localMsat, bob.localMsat]).toEqual([BALANCE, 2n * BALANCE]);
    for (const { hub } of [alice, bob]) expect(hub.liveActors).toEqual({ payments: 0, invoices: 0, circuits: 0 });
  });

  it.each([false, true])('leaves its number to another forward (a restart between: %s)', (restarts) => {
    const all = standing();
    const { net, alice, bob } = all;
    const toAlice = bob.channels.ends.get(TO_ALICE)!.link;
    const toCarol = bob.channels.ends.get(TO_CAROL)!.link;
    quietly(bob.dispatcher.inTurn((now) => bob.channels.giveBack(TO_CAROL, 0n, 'temporary_channel_failure', now)));
    while (forwardOf(bob).state !== 'failing') run(net, 1);
    // Alice does not hear that the first failed: its circuit stays.
    net.drop(toAlice);
    run(net);
    pay(all, 2n * AMOUNT);
    while (bob.hub.listForwards().total < 2) run(net, 1);
    expect(forwardOf(bob)).toMatchObject({ state: 'offered', outgoingHtlcId: 0n });
    cut(all);
    if (restarts) {
      alice.kill();
      all.carol.kill();
      bob.restart();
      run(net);
      alice.boot();
    } else {
      net.reconnect(toAlice);
    }
    run(net);
    expect(bob.hub.listForwards().forwards.map(({ state }) => state)).toEqual(['offered', 'failed']);
    if (restarts) all.carol.boot();
    else net.reconnect(toCarol);
    run(net);
    expect(bob.hub.listForwards().forwards.map(({ status, outgoingMsat }) => [status, outgoingMsat])).toEqual([
      ['settled', 2n * AMOUNT],
      ['failed', AMOUNT],
    ]);
    expect(alice.hub.listPayments().payments.map(({ status }) => status)).toEqual(['succeeded', 'failed']);
  });

  it('changes nothing where the preimage is known already', () => {
    const all = standing();
    const { bob } = all;
    const preimage = preimageOf(all);
    // Alice's channel is frozen for the moment: the circuit waits for its end.
    const handle = bob.channels.handle.bind(bob.channels);
    bob.channels.handle = (event, now) => (event.event.type === 'removeHtlc' ? undefined : handle(event, now));
    turn(all, bob, (now) => bob.channels.payOnChain(TO_CAROL, offeredBy(bob), preimage, now));
    turn(all, bob, (now) => bob.channels.giveBack(TO_CAROL, 0n, 'permanent_channel_failure', now));
    expect(forwardOf(bob).state).toBe('settling');
  });
});

describe('an HTLC of our own payment that came to nothing in our own channel', () => {
  /** alice - bob - carol, and alice - dave - carol, dearer. */
  function diamond(): Line {
    const net = new FakeNet();
    nets.push(net);
    net.open('alice', 'bob', BALANCE, BALANCE);
    net.open('bob', 'carol', BALANCE, BALANCE);
    net.open('alice', 'dave', BALANCE, BALANCE);
    net.open('dave', 'carol', BALANCE, BALANCE);
    const dearer = { timestamp: 2, disabled: false, ...DEFAULT_POLICY, feeBaseMsat: 2_000 };
    for (const direction of [0, 1] as const) net.graph.applyUpdate((103n << 40n) | (1n << 16n), direction, dearer);
    net.node('dave').policies.set(11, { ...DEFAULT_POLICY, feeBaseMsat: 2_000 });
    net.boot();
    return { net, alice: net.node('alice'), bob: net.node('bob'), carol: net.node('carol') };
  }

  it.each(['temporary_channel_failure', 'permanent_channel_failure'] as const)('(%s) goes another way', (code) => {
    const all = diamond();
    const { net, alice } = all;
    pay(all);
    while (alice.hub.listPayments().payments[0]?.attempts.length !== 1 || alice.htlcCount === 0) run(net, 1);
    net.drop(alice.channels.ends.get(10)!.link);
    turn(all, alice, (now) => alice.channels.giveBack(10, 0n, code, now));
    const { status, attempts } = paymentOf(alice);
    expect(status).toBe('succeeded');
    expect(attempts.map(({ failure }) => [failure?.code, failure?.shortChannelId])).toEqual([
      [code, (100n << 40n) | (1n << 16n)],
      [undefined, undefined],
    ]);
    expect(alice.localMsat).toBe(2n * BALANCE - AMOUNT - 2_100n);
  });

  it('leaves its number to another payment, which learns what becomes of its own', () => {
    const all = diamond();
    const { net, alice, carol } = all;
    const toBob = alice.channels.ends.get(10)!.link;
    pay(all);
    while (alice.htlcCount === 0) run(net, 1);
    net.drop(toBob);
    // The first goes over dave, whom it does not reach.
    quietly(alice.dispatcher.inTurn((now) => alice.channels.giveBack(10, 0n, 'temporary_channel_failure', now)));
    while (paymentOf(alice).attempts.length < 2) run(net, 1);
    const toDave = alice.channels.ends.get(11)!.link;
    net.drop(toDave);
    quietly(carol.hub.createInvoice({ amountMsat: 3n * AMOUNT }));
    run(net);
    quietly(alice.hub.pay({ invoice: carol.hub.listInvoices({ limit: 1 }).invoices[0]!.invoice! }));
    while (Object.keys(alice.channels.ends.get(10)!.offered).length === 0) run(net, 1);
    net.drop(toBob);
    net.reconnect(toDave);
    run(net);
    expect(alice.hub.listPayments().payments.map(({ status }) => status)).toEqual(['inFlight', 'succeeded']);
    net.reconnect(toBob);
    run(net);
    expect(alice.hub.listPayments().payments.map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
    expect(alice.hub.liveActors.payments).toBe(0);
  });

  it('is paid after all if a reorg brings the preimage', () => {
    const all = line();
    const { net, alice } = all;
    pay(all);
    while (alice.htlcCount === 0) run(net, 1);
    net.drop(alice.channels.ends.get(10)!.link);
    const htlc = offeredBy(alice);
    turn(all, alice, (now) => alice.channels.giveBack(10, 0n, 'permanent_channel_failure', now));
    expect(paymentOf(alice).status).toBe('failed');
    turn(all, alice, (now) => alice.channels.payOnChain(10, htlc, preimageOf(all), now));
    expect(paymentOf(alice)).toMatchObject({ status: 'succeeded', failure: undefined, preimage: preimageOf(all) });
    expect(alice.hub.liveActors.payments).toBe(0);
  });
});

describe('a forward whose channels end on chain', () => {
  const news = {
    paid: (all: Line) =>
      turn(all, all.bob, (now) => all.bob.channels.payOnChain(TO_CAROL, offeredBy(all.bob), preimageOf(all), now)),
    givenBack: (all: Line) =>
      turn(all, all.bob, (now) => all.bob.channels.giveBack(TO_CAROL, 0n, 'permanent_channel_failure', now)),
    incomingPaid: (all: Line) => turn(all, all.bob, (now) => all.bob.channels.endOnChain(TO_ALICE, 0n, 'paid', now)),
    incomingGivenBack: (all: Line) =>
      turn(all, all.bob, (now) => all.bob.channels.endOnChain(TO_ALICE, 0n, 'givenBack', now)),
  };
  /** The news in their order, how the forward ends, and what it earns. */
  const cases: readonly (readonly [readonly (keyof typeof news)[], string, bigint])[] = [
    [['paid', 'incomingPaid'], 'settled', FEE],
    [['paid', 'incomingGivenBack'], 'lost', -AMOUNT],
    [['givenBack', 'incomingGivenBack'], 'failed', 0n],
    [['incomingGivenBack', 'givenBack'], 'failed', 0n],
    [['incomingGivenBack', 'paid'], 'lost', -AMOUNT],
    [['givenBack', 'incomingGivenBack', 'paid'], 'lost', -AMOUNT],
  ];
  for (const [order, status, feeMsat] of cases) {
    it.each([false, true])(`is ${status} after ${order.join(', ')} (restarts between: %s)`, (restarts) => {
      const all = standing();
      const { net, alice, bob, carol } = all;
      // Neither peer has a word in it.
      for (const peer of [alice, carol]) peer.kill();
      for (const name of order) {
        if (restarts) bob.restart();
        run(net);
        news[name](all);
      }
      expect(forwardOf(bob)).toMatchObject({ status, feeMsat });
      expect(bob.hub.listForwards().feeMsat).toBe(feeMsat);
      expect(bob.hub.listForwards({ status: status as 'lost' }).total).toBe(1);
      expect(bob.hub.liveActors.circuits).toBe(0);
      const certain = lossesOf(bob).filter(({ isCertain }) => isCertain);
      expect(certain.map(({ amountMsat }) => amountMsat)).toEqual(status === 'lost' ? [AMOUNT] : []);
    });
  }

  it('is no secret while its outgoing HTLC stands alone', () => {
    const all = standing();
    const { bob } = all;
    for (const peer of [all.alice, all.carol]) peer.kill();
    news.incomingGivenBack(all);
    expect(forwardOf(bob)).toMatchObject({ status: 'inFlight', state: 'stranded' });
    expect(lossesOf(bob)).toMatchObject([{ isCertain: false, amountMsat: AMOUNT }]);
    const [{ key } = { key: '' }] = lossesOf(bob);
    bob.restart();
    run(all.net);
    // The alarms of the process before are gone with it.
    expect(lossesOf(bob).filter((loss) => loss.key === key && !loss.isCertain)).toHaveLength(2);
    news.givenBack(all);
    expect(bob.published.filter(({ type }) => type === 'lossAverted')).toEqual([{ type: 'lossAverted', key }]);
  });

  it('is not made anew by a channel that tells of the HTLC again', () => {
    const all = standing();
    const { net, bob } = all;
    const received = bob.channels.ends.get(TO_ALICE)!.received['0']!.details;
    all.alice.kill();
    bob.channels.shutDown(TO_ALICE);
    news.givenBack(all);
    news.incomingGivenBack(all);
    expect(forwardOf(bob).status).toBe('failed');
    const notice = { type: 'htlcReceived', htlc: received } as const;
    const again = { type: 'htlcNotice', channelIndex: TO_ALICE, notice } as const;
    turn(all, bob, (now) => now.dispatch({ to: 'payments', event: again }));
    run(net);
    expect(bob.hub.listForwards().total).toBe(1);
    expect(bob.hub.liveActors.circuits).toBe(0);
    expect(bob.channels.ends.get(TO_CAROL)!.offered).toEqual({});
  });
});

describe('an invoice whose channel ends on chain', () => {
  it('gives the preimage to a channel that is closing, and is paid once the chain has it', () => {
    const all = standing();
    const { net, bob, carol } = all;
    net.reconnect(bob.channels.ends.get(TO_CAROL)!.link);
    while (carol.hub.listInvoices().invoices[0]?.status !== 'paid') run(net, 1);
    cut(all);
    expect(carol.channels.ends.get(10)!.received['0']?.removal).toMatchObject({ kind: 'fulfilled' });
    turn(all, carol, (now) => carol.channels.endOnChain(10, 0n, 'paid', now));
    expect(carol.hub.listInvoices().invoices[0]).toMatchObject({ status: 'paid', receivedMsat: AMOUNT });
    expect(carol.hub.liveActors.invoices).toBe(0);
    expect(lossesOf(carol)).toEqual([]);
  });

  it('is not paid if the chain gave its HTLC back, and the loss is told', () => {
    const all = standing();
    const { net, bob, carol } = all;
    net.reconnect(bob.channels.ends.get(TO_CAROL)!.link);
    while (carol.hub.listInvoices().invoices[0]?.status !== 'paid') run(net, 1);
    cut(all);
    carol.restart();
    cut(all);
    turn(all, carol, (now) => carol.channels.endOnChain(10, 0n, 'givenBack', now));
    expect(carol.hub.listInvoices().invoices[0]).toMatchObject({ status: 'canceled', receivedMsat: undefined });
    expect(carol.hub.listInvoices({ status: 'canceled' }).total).toBe(1);
    expect(carol.hub.liveActors.invoices).toBe(0);
    expect(lossesOf(carol)).toMatchObject([{ isCertain: true, amountMsat: AMOUNT }]);
  });
});

describe('an HTLC that comes over a channel that shuts down (BOLT 2, Closing Initiation)', () => {
  it.each(['forwarded', 'taken'] as const)('is failed, not %s', (what) => {
    const all = line();
    const { net, alice, bob, carol } = all;
    const [node, index] = what === 'forwarded' ? [bob, TO_ALICE] : [carol, 10];
    quietly(node.dispatcher.inTurn(() => node.channels.shutDown(index)));
    run(net);
    pay(all);
    run(net);
    expect(paymentOf(alice).status).toBe('failed');
    const { nodeId } = node;
    expect(paymentOf(alice).attempts[0]?.failure).toMatchObject({ code: 'temporary_node_failure', nodeId });
    expect(bob.hub.listForwards().forwards.map(({ status }) => status)).toEqual(what === 'forwarded' ? [] : ['failed']);
    expect([alice.localMsat, bob.localMsat, carol.localMsat]).toEqual([BALANCE, 2n * BALANCE, BALANCE]);
  });
});
