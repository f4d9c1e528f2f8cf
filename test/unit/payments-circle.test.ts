import { afterEach, describe, expect, it } from 'vitest';
import type { CircleRequest } from '../../src/payments/circle.ts';
import { FakeNet, finish } from './payments-fixtures.ts';

const BALANCE = 100_000_000n;
const [TO_BOB, TO_CAROL] = [0n, 2n].map((number) => ((100n + number) << 40n) | (1n << 16n)) as [bigint, bigint];

const nets: FakeNet[] = [];
afterEach(() => {
  for (const net of nets.splice(0)) finish(net);
});

/** alice - bob - carol - alice. */
function triangle(bobsBalanceMsat = BALANCE): FakeNet {
  const net = new FakeNet();
  nets.push(net);
  net.open('alice', 'bob', BALANCE, BALANCE);
  net.open('bob', 'carol', bobsBalanceMsat, BALANCE);
  net.open('carol', 'alice', BALANCE, BALANCE);
  return net.boot();
}

async function rebalance(net: FakeNet, request: CircleRequest) {
  const alice = net.node('alice');
  const begun = alice.hub.rebalance(request, { self: alice.nodeId, channels: alice.localChannels() });
  begun.catch(() => {});
  await net.settle();
  return alice.hub.getPayment((await begun).paymentHash);
}

describe('a circle', () => {
  it('moves what can be sent from one channel to another, for the fees of the nodes between', async () => {
    const net = triangle();
    const payment = await rebalance(net, { amountMsat: 20_000_000n, from: TO_BOB, to: TO_CAROL, maxFeeMsat: 100_000n });
    expect(payment).toMatchObject({ status: 'succeeded', description: 'rebalance' });
    expect(payment.attempts.at(-1)!.route.hops.map(({ nodeId }) => nodeId)).toEqual(['bob', 'carol', 'alice'].map((name) => net.node(name).nodeId));
    expect(net.node('alice').localMsat).toBe(2n * BALANCE - payment.feeMsat);
    const sendable = new Map(net.node('alice').localChannels().map(({ shortChannelId, spendableMsat }) => [shortChannelId, spendableMsat]));
    expect(sendable.get(TO_BOB)).toBe(BALANCE - 20_000_000n - payment.feeMsat);
    expect(sendable.get(TO_CAROL)).toBe(BALANCE + 20_000_000n);
    expect(net.nodes.reduce((sum, { localMsat }) => sum + localMsat, 0n)).toBe(6n * BALANCE);
  });

  it('finds the other end by itself, never the channel that it left by', async () => {
    const net = triangle();
    const payment = await rebalance(net, { amountMsat: 1_000_000n, to: TO_BOB });
    expect(payment.attempts.at(-1)!.route.hops.map(({ shortChannelId }) => shortChannelId)).toEqual([TO_CAROL, expect.anything(), TO_BOB]);
  });

  it('keeps to its limit on fees', async () => {
    const payment = await rebalance(triangle(), { amountMsat: 20_000_000n, from: TO_BOB, to: TO_CAROL, maxFeeMsat: 1n });
    expect(payment).toMatchObject({ status: 'failed', attempts: [], failure: { code: 'no_route' } });
  });

  it.each([
    ['before it was tried', 1n, BALANCE, 0],
    ['on its way', 100_000n, 0n, 1],
  ])('takes its invoice back where it fails %s', async (_, maxFeeMsat, bobsBalanceMsat, attempts) => {
    const net = triangle(bobsBalanceMsat);
    const payment = await rebalance(net, { amountMsat: 20_000_000n, from: TO_BOB, to: TO_CAROL, maxFeeMsat });
    expect(payment.status).toBe('failed');
    expect(payment.attempts).toHaveLength(attempts);
    expect(net.node('alice').hub.getInvoice(payment.paymentHash).status).toBe('canceled');
  });

  it.each([
    ['no channel named', {}],
    ['the same channel twice', { from: TO_BOB, to: TO_BOB }],
  ])('is refused with %s', async (_, circle) => {
    await expect(rebalance(triangle(), { amountMsat: 1_000_000n, ...circle })).rejects.toMatchObject({ code: 'circle_invalid' });
  });
});
