import { afterEach, describe, expect, it } from 'vitest';
import { FakeNet, finish, quietly, run, type FakeNode } from './payments-fixtures.ts';

/*
 * A peer that is offered an HTLC too small to be worth the fee of taking it back on chain, and lets its channel be closed for it: nobody ever takes the
 * output, so nothing ever becomes of the HTLC. The peer upstream, who has done nothing, must not have to close its channel as well.
 */

const BALANCE = 100_000_000n;
const TO_ALICE = 10;
const TO_CAROL = 11;
const nets: FakeNet[] = [];
afterEach(() => {
  for (const net of nets.splice(0)) finish(net);
});

/** A forward by bob whose HTLCs stand, and of which carol will say nothing. */
function standing(): { readonly net: FakeNet; readonly alice: FakeNode; readonly bob: FakeNode; readonly expiry: number } {
  const net = new FakeNet();
  nets.push(net);
  net.open('alice', 'bob', BALANCE, BALANCE);
  net.open('bob', 'carol', BALANCE, BALANCE);
  net.boot();
  const [alice, bob, carol] = [net.node('alice'), net.node('bob'), net.node('carol')];
  quietly(carol.hub.createInvoice({ amountMsat: 1_000_000n }));
  run(net);
  quietly(alice.hub.pay({ invoice: carol.hub.listInvoices({ limit: 1 }).invoices[0]!.invoice! }));
  while (bob.hub.listForwards().forwards[0]?.state !== 'offered') run(net, 1);
  net.drop(bob.channels.ends.get(TO_CAROL)!.link);
  run(net);
  const [received] = Object.values(bob.channels.ends.get(TO_ALICE)!.received);
  return { net, alice, bob, expiry: received!.details.cltvExpiry };
}

/** Bob's channel goes to the chain. */
function close(bob: FakeNode, index: number): void {
  const end = bob.channels.ends.get(index)!;
  bob.channels.ends.set(index, { ...end, isShuttingDown: true });
}

function mineTo(net: FakeNet, height: number): void {
  net.mine(height - net.height);
  run(net);
}

const stateOf = (bob: FakeNode) => bob.hub.listForwards({ limit: 1 }).forwards[0]!.state;

describe('a forward whose outgoing HTLC nobody takes on chain', () => {
  it('is failed upstream before its incoming HTLC would take that channel to the chain', () => {
    const { net, alice, bob, expiry } = standing();
    close(bob, TO_CAROL);
    mineTo(net, expiry - 4);
    expect(stateOf(bob)).toBe('offered');
    mineTo(net, expiry - 3);
    expect(stateOf(bob)).toBe('failed');
    expect(alice.hub.listPayments({ limit: 1 }).payments[0]).toMatchObject({ status: 'failed' });
    expect([alice.localMsat, alice.htlcCount]).toEqual([BALANCE, 0]);
  });

  it('is not while the outgoing channel is open: the peer may yet say what becomes of it', () => {
    const { net, bob, expiry } = standing();
    mineTo(net, expiry - 1);
    expect(stateOf(bob)).toBe('offered');
  });

  it('nor where the incoming one is on chain already, and may be claimed there', () => {
    const { net, bob, expiry } = standing();
    close(bob, TO_CAROL);
    close(bob, TO_ALICE);
    mineTo(net, expiry + 5);
    expect(stateOf(bob)).toBe('offered');
  });
});
