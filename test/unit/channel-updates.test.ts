import { describe, expect, it } from 'vitest';
import { spendableMsat } from '../../machines/channel/balances.ts';
import { negotiated } from '../../machines/channel/context.ts';
import type { HtlcRemoval } from '../../machines/htlc/htlc.machine.ts';
import { addHtlc, ChannelPair, crossSign, preimageOf, reachNormal, type Party } from '../harness/channel-pair.ts';

const turnEnded = { type: 'turnEnded' } as const;
const fulfilled: HtlcRemoval = { kind: 'fulfilled', paymentPreimage: preimageOf(1) };
const failed: HtlcRemoval = { kind: 'failed', reason: new Uint8Array(256) };
const remove = (removal: HtlcRemoval, id = 0n) => ({ type: 'removeHtlc', id, removal }) as const;

function paying(amountMsat = 100_000_000n): ChannelPair {
  const pair = new ChannelPair();
  reachNormal(pair);
  addHtlc(pair.alice, amountMsat);
  crossSign(pair);
  return pair;
}

const spendable = (party: Party): bigint => {
  const { data, htlcs } = party.actor.getSnapshot().context;
  return spendableMsat(negotiated(data), htlcs, 'local');
};

function expectPeace({ alice, bob }: ChannelPair): void {
  for (const party of [alice, bob]) expect(party.told('disconnect')).toEqual([]);
}

describe('a preimage (BOLT 2, Removing an HTLC; Message Retransmission)', () => {
  it('is told once, though the message that brought it is sent again after the connection was lost', () => {
    const pair = paying();
    pair.bob.send(remove(fulfilled));
    pair.deliverOne(pair.bob);
    expect(pair.alice.told('htlcFulfilled')).toHaveLength(1);
    pair.disconnect();
    pair.reconnect();
    expect(pair.alice.told('htlcFulfilled')).toHaveLength(1);
    expect(pair.alice.data.toLocalMsat).toBe(900_000_000n);
    expectPeace(pair);
  });

  it('is told again after a restart, since those who are to know may have missed it', () => {
    const pair = paying();
    pair.bob.send(remove(fulfilled));
    pair.deliverOne(pair.bob);
    pair.alice.restart();
    pair.bob.send({ type: 'disconnected' });
    expect(pair.alice.told('htlcFulfilled')).toHaveLength(2);
    pair.reconnect();
    expect(pair.alice.told('htlcFulfilled')).toHaveLength(2);
  });

  it('cannot be taken back by a failure on the next connection', () => {
    const pair = paying();
    const before = pair.bob.clone();
    pair.bob.send(remove(fulfilled));
    pair.deliverOne(pair.bob);
    pair.disconnect();
    // Bob pretends that he never sent the preimage.
    before.send({ type: 'disconnected' });
    before.send(remove(failed));
    Object.assign(pair, { bob: before });
    pair.reconnect();
    expect(pair.alice.told('htlcFailed')).toEqual([]);
    expect(pair.alice.told('disconnect').map(({ reason }) => reason)).toEqual([
      expect.stringContaining('the preimage of HTLC 0 again'),
    ]);
    expect(pair.alice.state('lifecycle')).toBe('normal');
  });
});

describe('a feerate', () => {
  // Alice keeps 290,000 sat above her reserve: 660 for anchors, the rest for 1124 + 2 * 172 weight units.
  it.each([
    [252, false],
    [253, true],
    [197_098, true],
    [197_099, false],
    [250_001, false],
  ])('of %i: proposed if it is within bounds and the opener has it (%s)', (feeratePerKw, proposed) => {
    const pair = paying(700_000_000n);
    pair.alice.send({ type: 'setFeerate', feeratePerKw });
    expect(pair.alice.outbox).toHaveLength(proposed ? 1 : 0);
    crossSign(pair);
    expect(pair.bob.data.feeratePerKw).toBe(proposed ? feeratePerKw : 1_000);
    expectPeace(pair);
  });

  it('that the opener had not signed is forgotten with the connection, as its HTLCs are', () => {
    const pair = paying();
    const before = pair.alice.clone();
    addHtlc(pair.alice, 5_000_000n);
    pair.alice.send({ type: 'setFeerate', feeratePerKw: 2_000 });
    while (pair.deliverOne(pair.alice));
    expect(pair.bob.data.feeUpdates).toHaveLength(1);
    // An opener that does not send them again, as BOLT 2 allows.
    Object.assign(pair, { alice: before });
    pair.disconnect();
    expect(pair.bob.data.feeUpdates).toEqual([]);
    pair.reconnect();
    addHtlc(pair.alice, 6_000_000n);
    crossSign(pair);
    expect(pair.bob.told('htlcReceived').map(({ htlc }) => [htlc.id, htlc.amountMsat])).toEqual([
      [0n, 100_000_000n],
      [1n, 6_000_000n],
    ]);
    expectPeace(pair);
  });

  it('is not proposed by the accepter', () => {
    const pair = paying();
    pair.bob.send({ type: 'setFeerate', feeratePerKw: 2_000 });
    expect(pair.bob.outbox).toEqual([]);
  });
});

describe('the opener and the HTLCs that the other side offers at the same time (BOLT 2, Updating Fees)', () => {
  /**
   * Alice, the opener, proposes as much as she may; what she sent then is lost after many HTLCs of Bob's came and were
   * revoked into place.
   */
  function race(propose: (pair: ChannelPair) => void): ChannelPair {
    const pair = new ChannelPair({ fundingSatoshis: 200_000n, feeratePerKw: 2_500 });
    reachNormal(pair, { pushMsat: 150_000_000n });
    propose(pair);
    pair.alice.outbox = [];
    for (let i = 0; i < 25; i++) addHtlc(pair.bob, 1_500_000n, 2);
    pair.bob.send(turnEnded);
    while (pair.deliverOne(pair.bob));
    pair.disconnect();
    pair.reconnect();
    return pair;
  }

  it('do not make an HTLC that was right when it was offered wrong when it is sent again', () => {
    const pair = race(({ alice }) => void addHtlc(alice, spendable(alice)));
    expectPeace(pair);
    expect(pair.alice.told('htlcReceived')).toHaveLength(25);
    expect(pair.bob.told('htlcReceived')).toHaveLength(1);
  });

  it('do not make a feerate that was right when it was proposed wrong when it is sent again', () => {
    const pair = race(({ alice }) => {
      addHtlc(alice, spendable(alice));
      alice.send({ type: 'setFeerate', feeratePerKw: 5_000 });
    });
    expectPeace(pair);
    expect(pair.bob.data.feeratePerKw).toBe(5_000);
  });
});
