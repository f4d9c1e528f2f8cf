import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { contract, type NodeApi, type Output } from '../../src/api/contract.ts';
import { nodeApi } from '../../src/node/api/node-api.ts';
import { Mesh } from '../harness/mesh.ts';
import { MESH_FORWARDING, type MeshNode } from '../harness/mesh-node.ts';

const AMOUNT = 10_000_000n;
const feeMsat = BigInt(MESH_FORWARDING.feeBaseMsat) + (AMOUNT * BigInt(MESH_FORWARDING.feeProportionalMillionths)) / 1_000_000n;

/** alice - bob - carol, whole nodes; bob has nothing on his side of a second channel, to dave. */
let mesh: Mesh;
let [alice, bob, carol, dave]: MeshNode[] = [];
let api: NodeApi;

beforeEach(async () => {
  mesh = await Mesh.create({ seed: 'probes', nodes: ['alice', 'bob', 'carol', 'dave'] });
  [alice, bob, carol, dave] = ['alice', 'bob', 'carol', 'dave'].map((name) => mesh.named(name));
  await mesh.outcome(mesh.openChannel(alice!, bob!, 1_000_000n));
  await mesh.outcome(mesh.openChannel(bob!, carol!, 500_000n));
  await mesh.outcome(mesh.openChannel(dave!, bob!, 500_000n));
  await mesh.mine(8);
  await mesh.until('alice knows all channels', () => alice!.node.graph.channelCount === 3 && alice!.node.gossip.store.nodeAnnouncement(dave!.nodeId) !== undefined);
  api = nodeApi(alice!.node);
}, 60_000);

type Shown = Output<'probe'>;

function checked(output: Shown): Shown {
  const schema = contract.probe.output as z.ZodType;
  expect(z.decode(schema, z.encode(schema, output))).toEqual(output);
  return output;
}

const now = async (paymentHash: string): Promise<Shown> => checked((await api.probes({ paymentHash })).probes[0]!);
const begin = (target: string, more: object = {}): Promise<Shown> => mesh.outcome(api.probe({ target, amountMsat: AMOUNT, ...more }));

async function ended(target: string): Promise<Shown> {
  const { paymentHash } = await begin(target);
  await mesh.until('the probe has ended', () => mesh.nodes.every(({ node: { payments } }) => payments.liveActors.payments + payments.liveActors.circuits === 0));
  return now(paymentHash);
}

describe('a probe through the API', () => {
  it('tells fee, time lock and way, and of the payee that it came there', async () => {
    const shown = await ended(carol!.nodeId);
    expect(shown).toMatchObject({ status: 'arrived', destination: carol!.nodeId, amountMsat: AMOUNT, feeMsat });
    expect(shown.cltvExpiryDelta).toBe(shown.route!.cltvExpiry - alice!.node.height);
    expect(shown.route!.hops.map(({ nodeId }) => nodeId)).toEqual([bob!.nodeId, carol!.nodeId]);
    expect(shown.attempts.map(({ text }) => text)).toEqual(['came to carol, the payee, over 2 hops']);
    expect(shown.attempts[0]!.learnt).toMatchObject([{ kind: 'carried', amountMsat: AMOUNT }]);
  });

  it('tells in words where it stopped, and counts as no payment anywhere', async () => {
    const shown = await ended(dave!.nodeId);
    expect(shown).toMatchObject({ status: 'failed', attempts: [{ status: 'stopped', failedHop: 0 }] });
    expect(shown.attempts[0]!.text).toMatch(/^stopped at bob, hop 1 of 2: its channel \d+x\d+x\d+ to dave cannot carry it now \(temporary_channel_failure\)$/);
    expect(shown.feeMsat).toBeUndefined();
    expect((await api.overview({})).payments).toEqual({ succeeded: 0, failed: 0, inFlight: 0 });
    expect((await api.payments({})).total).toBe(0);
  });

  it('says who may hold it, for how long, and what that locks', async () => {
    const { paymentHash } = await begin(carol!.nodeId);
    await mesh.until('bob forwards', () => bob!.node.payments.listForwards({ status: 'inFlight' }).total === 1);
    carol!.crash();
    await mesh.runFor(90_000);
    const shown = await now(paymentHash);
    expect(shown).toMatchObject({ status: 'inFlight', held: { nodeId: bob!.nodeId, amountMsat: AMOUNT + feeMsat, isWithPeer: true } });
    expect(shown.held!.blocksLeft).toBe(shown.held!.cltvExpiry - alice!.node.height);
    expect(shown.held!.text).toContain('bob, or a node behind it on the route, holds the HTLC');
    expect(shown.held!.text).toContain(`by height ${shown.held!.cltvExpiry}`);
    expect(shown.attempts[0]!.text).toBe('has not come back yet');
    carol!.start();
    await mesh.settle();
    expect((await now(paymentHash)).status).toBe('arrived');
  });

  it('says so where it stands in our own channel still', async () => {
    alice!.loses = (type, to) => type === 'commitment_signed' && to === bob!.nodeId;
    const { paymentHash } = await begin(carol!.nodeId);
    await mesh.runFor(1_000);
    const shown = await now(paymentHash);
    expect(shown).toMatchObject({ status: 'inFlight', held: { isWithPeer: false } });
    expect(shown.held!.text).toMatch(/^the HTLC stands in our own channel \d+x\d+x\d+: bob has not taken it yet\. /);
    alice!.loses = () => false;
    alice!.crash();
    alice!.start();
    await mesh.settle();
    api = nodeApi(alice!.node);
    expect((await now(paymentHash)).status).toBe('arrived');
  });
});
