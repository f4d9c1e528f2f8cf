import { describe, expect, it } from 'vitest';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { encodePayload } from '../../protocols/onion/payload.ts';
import { createOnion } from '../../protocols/onion/sphinx.ts';
import { finalPayloadExtraBytes, hopPayloads, htlcsOf, maxHopsInOnion, type Route } from '../../src/routing/route.ts';
import { nodeNamed } from '../harness/graph.ts';

const SECRET = new Uint8Array(32).fill(9);

/** Two hops: Bob forwards 1,000 msat to Carol and keeps 5. */
const route: Route = {
  amountMsat: 1000n,
  totalAmountMsat: 1005n,
  totalFeeMsat: 5n,
  cltvExpiry: 158,
  totalCltvDelta: 58,
  hops: [
    { nodeId: nodeNamed('bob'), shortChannelId: 11n, amountToForwardMsat: 1000n, outgoingCltvExpiry: 118, feeMsat: 5n },
    {
      nodeId: nodeNamed('carol'), shortChannelId: 12n, amountToForwardMsat: 1000n, outgoingCltvExpiry: 118, feeMsat: 0n,
    },
  ],
};

describe('a route', () => {
  it('tells its HTLCs, the one that we offer first', () => {
    expect(htlcsOf(route)).toEqual([{ amountMsat: 1005n, cltvExpiry: 158 }, { amountMsat: 1000n, cltvExpiry: 118 }]);
  });

  it('gives each node its payload: the next channel, and at the end what the payee asked for', () => {
    const forward = {
      nodeId: nodeNamed('bob'), payload: { amtToForwardMsat: 1000n, outgoingCltvValue: 118, shortChannelId: 12n },
    };
    const final = { amtToForwardMsat: 1000n, outgoingCltvValue: 118 };
    const paymentMetadata = Uint8Array.of(1);
    const keysendPreimage = new Uint8Array(32);
    expect(hopPayloads(route, { paymentSecret: SECRET, paymentMetadata })).toEqual([
      forward, {
        nodeId: nodeNamed('carol'),
        payload: { ...final, paymentData: { paymentSecret: SECRET, totalMsat: 1000n }, paymentMetadata },
      },
    ]);
    expect(hopPayloads(route, { paymentSecret: SECRET, totalMsat: 1500n })[1]?.payload).toEqual({
      ...final, paymentData: { paymentSecret: SECRET, totalMsat: 1500n },
    });
    expect(hopPayloads(route, { keysendPreimage })[1]?.payload).toEqual({ ...final, keysendPreimage });
    expect(hopPayloads(route, {})[1]?.payload).toEqual(final);
  });

  it('refuses a total below its own part, parts without a payment secret, and to lead nowhere', () => {
    const refused = expect.objectContaining({ code: 'invalid_route' });
    expect(() => hopPayloads(route, { paymentSecret: SECRET, totalMsat: 999n })).toThrow(refused);
    expect(() => hopPayloads(route, { totalMsat: 2000n })).toThrow(refused);
    expect(() => hopPayloads({ ...route, hops: [] }, {})).toThrow(refused);
  });

  it('knows how many hops fit into an onion: so many do, and one more does not', () => {
    const nodeId = secp256k1.publicKey(new Uint8Array(32).fill(1));
    for (const metadataBytes of [0, 1, 200, 300, 600, 900, 1100]) {
      const payee = { paymentSecret: SECRET, paymentMetadata: new Uint8Array(metadataBytes) };
      const common = { amtToForwardMsat: 500_000_000n, outgoingCltvValue: 800_000 };
      const final = encodePayload(
        { ...common, ...payee, paymentData: { paymentSecret: SECRET, totalMsat: 500_000_000n } },
      );
      const forward = encodePayload({ ...common, shortChannelId: 2n ** 63n });
      const make = (hops: number) => createOnion({
        sessionKey: new Uint8Array(32).fill(2),
        associatedData: new Uint8Array(32),
        hops: [...Array.from({ length: hops - 1 }, () => ({ nodeId, payload: forward })), { nodeId, payload: final }],
      });
      const max = maxHopsInOnion(500_000_000n, 800_000, finalPayloadExtraBytes(payee, 500_000_000n));
      expect(() => make(max)).not.toThrow();
      expect(() => make(max + 1)).toThrow(expect.objectContaining({ code: 'onion_too_large' }));
    }
    expect(maxHopsInOnion(1n, 1, 1300)).toBe(0);
  });
});
