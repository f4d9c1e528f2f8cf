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

const peerError = ({ data }: Party) =>
  ({ type: 'error', channelId: data.channelId ?? new Uint8Array(32), data: new Uint8Array() }) as const;

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

describe('an HTLC that we offered and did not sign (BOLT 2, Message Retransmission)', () => {
  /** Alice signed her second HTLC and waits for the revocation; the third and fourth came after. */
  function waiting(): ChannelPair {
    const pair = paying();
    addHtlc(pair.alice, 5_000_000n, 2);
    pair.alice.send(turnEnded);
    addHtlc(pair.alice, 6_000_000n, 3);
    addHtlc(pair.alice, 7_000_000n, 4);
    pair.alice.send(turnEnded);
    while (pair.deliverOne(pair.alice));
    expect(pair.bob.data.nextRemoteHtlcId).toBe(4n);
    return pair;
  }

  const ids = ({ effects, life }: Party, type: 'htlcReturned' | 'htlcReceived'): bigint[] =>
    effects.slice(life).flatMap((effect) => (effect.type === type ? [effect.htlc.id] : []));

  it.each(['the connection is lost', 'the node restarts', 'the channel fails'] as const)(
    'is withdrawn when %s: whoever asked for it is told, and its number is free again',
    (when) => {
      const pair = waiting();
      const { alice } = pair;
      if (when === 'the connection is lost') pair.disconnect();
      else if (when === 'the node restarts') alice.restart();
      else alice.send({ type: 'message', message: peerError(alice) });
      expect(ids(alice, 'htlcReturned')).toEqual([2n, 3n]);
      expect(alice.told('htlcReturned').map(({ code, htlc }) => [code, htlc.amountMsat])).toEqual([
        ['temporary_channel_failure', 6_000_000n],
        ['temporary_channel_failure', 7_000_000n],
      ]);
      const { data, htlcs } = alice.actor.getSnapshot().context;
      expect(data.nextLocalHtlcId).toBe(2n);
      expect([...htlcs.rows()].map(({ details }) => details.id)).toEqual([0n, 1n]);
    },
  );

  it('gives way to another with the same number on the next connection', () => {
    const pair = waiting();
    pair.disconnect();
    expect(pair.bob.data.nextRemoteHtlcId).toBe(2n);
    pair.reconnect();
    expect(ids(pair.bob, 'htlcReceived')).toEqual([0n, 1n]);
    addHtlc(pair.alice, 8_000_000n, 5);
    crossSign(pair);
    expect(pair.bob.told('htlcReceived').map(({ htlc }) => [htlc.id, htlc.amountMsat])).toEqual([
      [0n, 100_000_000n],
      [1n, 5_000_000n],
      [2n, 8_000_000n],
    ]);
    expectPeace(pair);
  });

  it('is told of once, however often the connection is lost after it', () => {
    const pair = waiting();
    pair.disconnect();
    pair.alice.restart();
    pair.disconnect();
    expect(pair.alice.told('htlcReturned')).toHaveLength(2);
  });

  it('does not take with it a removal that we decided, which is sent again', () => {
    const pair = new ChannelPair();
    reachNormal(pair, { pushMsat: 200_000_000n });
    addHtlc(pair.alice, 100_000_000n);
    crossSign(pair);
    addHtlc(pair.bob, 1_000_000n, 2);
    pair.bob.send(remove(fulfilled));
    while (pair.deliverOne(pair.bob));
    pair.disconnect();
    expect(ids(pair.bob, 'htlcReturned')).toEqual([0n]);
    pair.reconnect();
    expect(pair.alice.told('htlcFulfilled')).toHaveLength(1);
    expect(pair.alice.data.toLocalMsat).toBe(700_000_000n);
    expectPeace(pair);
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

  it('that the opener had not signed is forgotten by both with the connection', () => {
    const pair = paying();
    pair.alice.send({ type: 'setFeerate', feeratePerKw: 2_000 });
    while (pair.deliverOne(pair.alice));
    expect(pair.bob.data.feeUpdates).toHaveLength(1);
    pair.disconnect();
    for (const party of [pair.alice, pair.bob]) expect(party.data.feeUpdates).toEqual([]);
    pair.reconnect();
    expect(pair.bob.data.feeratePerKw).toBe(1_000);
    pair.alice.send({ type: 'setFeerate', feeratePerKw: 3_000 });
    crossSign(pair);
    expect(pair.bob.data.feeratePerKw).toBe(3_000);
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
   * Alice, the opener, proposes as much as she may and signs it; what she sent then is lost after many HTLCs of Bob's
   * came and were revoked into place.
   */
  function race(propose: (pair: ChannelPair) => void): ChannelPair {
    const pair = new ChannelPair({ fundingSatoshis: 200_000n, feeratePerKw: 2_500 });
    reachNormal(pair, { pushMsat: 150_000_000n });
    propose(pair);
    pair.alice.send(turnEnded);
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
    expect(pair.alice.told('htlcReturned')).toEqual([]);
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
