import { describe, expect, it } from 'vitest';
import { ChannelPair, FUNDING_TXID } from '../harness/channel-pair.ts';

/** The steps of an opening, up to the one before the funding transaction may leave. */
const steps: readonly ((pair: ChannelPair) => void)[] = [
  ({ alice }) => alice.send({ type: 'open', pushMsat: 0n }),
  (pair) => void pair.deliverOne(pair.alice),
  (pair) => void pair.deliverOne(pair.bob),
  ({ alice }) => alice.send({
    type: 'fundingReady',
    transaction: Uint8Array.of(1),
    txid: FUNDING_TXID,
    outputIndex: 1,
  }),
];

describe('an opening that ends before the funding', () => {
  it.each([1, 2, 3, 4])('is abandoned by both when the connection is lost after step %i', (count) => {
    const pair = new ChannelPair();
    for (const step of steps.slice(0, count)) step(pair);
    pair.disconnect();
    expect(pair.alice.state('lifecycle')).toBe('abandoned');
    expect(pair.alice.told('channelAbandoned').map(({ failure }) => failure.code)).toEqual(['connection_lost']);
    expect(pair.alice.told('releaseFunding')).toHaveLength(1);
    expect(pair.bob.state('lifecycle')).toBe('abandoned');
    expect(pair.alice.told('broadcastFunding')).toEqual([]);
  });

  it('tells the peer when the wallet cannot fund it', () => {
    const pair = new ChannelPair();
    for (const step of steps.slice(0, 3)) step(pair);
    pair.alice.send({ type: 'fundingUnavailable', reason: 'not enough coins' });
    pair.settle();
    expect(pair.alice.state('lifecycle')).toBe('abandoned');
    expect(pair.bob.state('lifecycle')).toBe('abandoned');
    expect(pair.bob.told('channelAbandoned').map(({ failure }) => failure)).toMatchObject([
      { code: 'peer_error', reason: 'not enough coins' },
    ]);
  });
});
