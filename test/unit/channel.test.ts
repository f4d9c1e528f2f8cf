import { describe, expect, it } from 'vitest';
import { addHtlc, ChannelPair, confirm, crossSign, preimageOf, reachNormal } from '../harness/channel-pair.ts';

const fulfil = (id: bigint, seed = 1) =>
  ({ type: 'removeHtlc', id, removal: { kind: 'fulfilled', paymentPreimage: preimageOf(seed) } }) as const;

describe('a channel between two machines', () => {
  it('opens', () => {
    const pair = new ChannelPair();
    reachNormal(pair);
    for (const party of [pair.alice, pair.bob]) {
      expect(party.state('lifecycle')).toBe('normal');
      expect(party.told('channelUsable')).toHaveLength(1);
    }
    expect(pair.alice.told('broadcastFunding')).toHaveLength(1);
    expect(pair.alice.data.channelId).toEqual(pair.bob.data.channelId);
  });

  it('pays, and both agree on the balances', () => {
    const pair = new ChannelPair();
    reachNormal(pair);
    addHtlc(pair.alice, 100_000_000n);
    crossSign(pair);
    const [received] = pair.bob.told('htlcReceived');
    expect(received?.htlc.amountMsat).toBe(100_000_000n);
    pair.bob.send(fulfil(0n));
    crossSign(pair);
    expect(pair.alice.told('htlcFulfilled')).toHaveLength(1);
    expect(pair.alice.data.toLocalMsat).toBe(900_000_000n);
    expect(pair.bob.data.toLocalMsat).toBe(100_000_000n);
    expect(pair.alice.data.localCommitmentNumber).toBe(2);
    expect(pair.bob.told('htlcEnded')).toHaveLength(1);
  });

  it('carries updates of both sides at once', () => {
    const pair = new ChannelPair();
    reachNormal(pair, { pushMsat: 500_000_000n });
    for (let i = 0; i < 20; i++) {
      addHtlc(pair.alice, 1_000_000n + BigInt(i), 1);
      addHtlc(pair.bob, 2_000_000n + BigInt(i), 2);
      pair.alice.send({ type: 'turnEnded' });
      pair.deliverOne(pair.alice);
      pair.deliverOne(pair.bob);
    }
    crossSign(pair);
    expect(pair.alice.told('htlcReceived')).toHaveLength(20);
    expect(pair.bob.told('htlcReceived')).toHaveLength(20);
    for (let i = 0; i < 20; i++) {
      pair.bob.send(fulfil(BigInt(i), 1));
      pair.alice.send({ type: 'removeHtlc', id: BigInt(i), removal: { kind: 'failed', reason: new Uint8Array(256) } });
    }
    crossSign(pair);
    expect(pair.alice.data.toLocalMsat).toBe(500_000_000n - 20n * 1_000_000n - 190n);
    expect(pair.bob.data.toLocalMsat).toBe(500_000_000n + 20n * 1_000_000n + 190n);
    expect(pair.bob.told('htlcFailed')).toHaveLength(20);
    expect(pair.alice.actor.getSnapshot().context.htlcs.size).toBe(0);
  });

  it('resumes after a restart at every message of a payment', () => {
    for (let cut = 0; cut < 16; cut++) {
      const pair = new ChannelPair();
      reachNormal(pair);
      let delivered = 0;
      const step = () => {
        for (const party of [pair.alice, pair.bob]) {
          party.send({ type: 'turnEnded' });
          if (delivered < cut && pair.deliverOne(party)) delivered++;
        }
      };
      addHtlc(pair.alice, 100_000_000n);
      for (let i = 0; i < 20; i++) step();
      if (pair.bob.told('htlcReceived').length > 0) pair.bob.send(fulfil(0n));
      for (let i = 0; i < 20; i++) step();
      pair.alice.restart();
      pair.bob.restart();
      pair.reconnect();
      if (pair.bob.told('htlcReceived').length > 0) pair.bob.send(fulfil(0n));
      crossSign(pair);
      expect(pair.alice.data.toLocalMsat, `cut after ${cut}`).toBe(900_000_000n);
      expect(pair.bob.data.toLocalMsat).toBe(100_000_000n);
      expect(pair.alice.state('connection')).toBe('online');
      expect(pair.alice.told('disconnect')).toEqual([]);
    }
  });

  it('changes the feerate', () => {
    const pair = new ChannelPair();
    reachNormal(pair);
    pair.alice.send({ type: 'setFeerate', feeratePerKw: 2_000 });
    crossSign(pair);
    expect(pair.alice.data.feeratePerKw).toBe(2_000);
    expect(pair.bob.data.feeratePerKw).toBe(2_000);
    expect(pair.bob.data.feeUpdates).toEqual([]);
  });

  it('closes by agreement once its HTLCs are gone', () => {
    const pair = new ChannelPair();
    reachNormal(pair);
    addHtlc(pair.alice, 100_000_000n);
    crossSign(pair);
    pair.bob.send({ type: 'close', scriptpubkey: undefined, feeratePerKw: 1_000 });
    crossSign(pair);
    expect(pair.alice.state('lifecycle')).toBe('shuttingDown.draining');
    pair.bob.send(fulfil(0n));
    crossSign(pair);
    for (const party of [pair.alice, pair.bob]) {
      expect(party.state('lifecycle')).toBe('closing.mutual');
      expect(party.told('broadcastClosing')).toHaveLength(1);
    }
  });

  it('exchanges announcement signatures at six confirmations', () => {
    const pair = new ChannelPair({ announce: true });
    reachNormal(pair);
    confirm(pair, 6);
    expect(pair.alice.told('announceChannel')).toHaveLength(1);
    expect(pair.bob.told('announceChannel')).toHaveLength(1);
  });
});
