import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { contract, type Output } from '../../src/api/contract.ts';
import { formatScid } from '../../protocols/gossip/short-channel-id.ts';
import { nodeApi } from '../../src/node/api/node-api.ts';
import { directionOf, type EdgePolicy } from '../../src/routing/channel.ts';
import { Mesh } from '../harness/mesh.ts';
import { MESH_FEE_UPDATE_RATE, MESH_FORWARDING, type MeshNode } from '../harness/mesh-node.ts';

const { intervalMs } = MESH_FEE_UPDATE_RATE;

/** alice - bob - carol, whole nodes; the channel of a million sat to carol is all bob's. */
let mesh: Mesh;
let [alice, bob, carol]: MeshNode[] = [];
let scid: bigint;

beforeEach(async () => {
  mesh = await Mesh.create({ seed: 'balance fees', nodes: ['alice', 'bob', 'carol'] });
  [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => mesh.named(name));
  await mesh.outcome(mesh.openChannel(alice!, bob!, 2_000_000n));
  await mesh.outcome(mesh.openChannel(bob!, carol!, 1_000_000n));
  await mesh.mine(8);
  await mesh.until('alice knows both channels', () => alice!.node.graph.channelCount === 2 && bob!.node.graph.channelCount === 2);
  scid = toCarol().data.shortChannelId!;
  await mesh.until('alice knows what bob asks', () => told() !== undefined);
}, 60_000);

const toCarol = () => bob!.node.channels.ofPeer(carol!.nodeId)[0]!;
/** What alice has heard of bob's side of the channel to carol. */
const told = (): EdgePolicy | undefined => alice!.node.graph.policy(scid, directionOf(bob!.nodeId, carol!.nodeId));
type Policy = Output<'setpolicy'>['channels'][number]['policy'];

async function setPolicy(input: object): Promise<Policy> {
  const output = await mesh.outcome(nodeApi(bob!.node).setpolicy({ channel: formatScid(scid), ...input }));
  const schema = contract.setpolicy.output as z.ZodType;
  expect(z.decode(schema, z.encode(schema, output))).toEqual(output);
  return output.channels[0]!.policy;
}

const shown = async (): Promise<Policy> => (await nodeApi(bob!.node).channel({ channel: formatScid(scid) })).policies.local;
const follow = (): Promise<Policy> => setPolicy({ followBalance: true, minPpm: 100, maxPpm: 2_000 });
const quiet = (): boolean =>
  mesh.nodes.every(({ node }) => node.payments.liveActors.payments + node.payments.liveActors.circuits === 0);

/** alice pays carol, over bob. */
async function move(amountSat: bigint) {
  const hash = await mesh.outcome(mesh.keysend(alice!, carol!, amountSat * 1_000n));
  await mesh.until('it is over', quiet);
  await mesh.runFor(1_000);
  return alice!.node.payments.getPayment(hash);
}
const hears = (ppm: number): Promise<void> => mesh.until(`alice hears of ${ppm} ppm`, () => told()?.feeProportionalMillionths === ppm);

describe('a fee that follows the balance', () => {
  it('begins where the balance is, and gets dearer as it goes', async () => {
    expect(await follow()).toMatchObject({ feeProportionalMillionths: 100, followsBalance: { minPpm: 100, maxPpm: 2_000, step: 1, numSteps: 5 } });
    await hears(100);
    expect((await move(300_000n)).status).toBe('succeeded');
    await hears(575);
    expect(await shown()).toMatchObject({ feeProportionalMillionths: 575, followsBalance: { step: 2 } });
    // What alice pays now is the fee of the new step.
    const payment = await move(10_000n);
    expect(payment.feeMsat).toBe(BigInt(MESH_FORWARDING.feeBaseMsat) + (10_000_000n * 575n) / 1_000_000n);
  });

  it('is not moved by small payments, nor by what comes back', async () => {
    await follow();
    await hears(100);
    const { timestamp } = told()!;
    for (let round = 0; round < 5; round++) await move(20_000n);
    const hash = await mesh.outcome(mesh.probe(alice!, carol!, 600_000_000n, false));
    await mesh.until('it is over', quiet);
    expect(alice!.node.payments.getProbe(hash).status).toBe('arrived');
    await mesh.runFor(3 * intervalMs);
    expect(told()).toMatchObject({ feeProportionalMillionths: 100, timestamp });
  });

  it('changes no more often than it may, and then by itself', async () => {
    await follow();
    await move(300_000n);
    await hears(575);
    await move(300_000n);
    const waiting = await shown();
    expect(waiting).toMatchObject({ feeProportionalMillionths: 575, followsBalance: { step: 2, wantedStep: 4 } });
    expect(waiting.followsBalance!.nextChangeAt! * 1_000).toBeGreaterThan(mesh.clock.now());
    expect(told()!.feeProportionalMillionths).toBe(575);
    await mesh.runFor(intervalMs);
    await hears(1_525);
    expect((await shown()).followsBalance).toEqual({ minPpm: 100, maxPpm: 2_000, step: 4, numSteps: 5 });
  });

  it('survives a restart, which tells nobody anything new', async () => {
    await follow();
    await move(300_000n);
    await hears(575);
    const { timestamp } = told()!;
    bob!.crash();
    bob!.start();
    await mesh.until('the mesh is whole', () => mesh.isAtRest);
    await mesh.runFor(10_000);
    expect(await shown()).toMatchObject({ feeProportionalMillionths: 575, followsBalance: { step: 2 } });
    expect(told()!.timestamp).toBe(timestamp);
  });

  it('waits on where it waited before a restart', async () => {
    await follow();
    await move(300_000n);
    await move(300_000n);
    expect((await shown()).followsBalance?.wantedStep).toBe(4);
    bob!.crash();
    bob!.start();
    await mesh.until('the mesh is whole', () => mesh.isAtRest);
    expect((await shown()).feeProportionalMillionths).toBe(575);
    await mesh.runFor(intervalMs);
    await hears(1_525);
  });

  it('ends once one is fixed by hand', async () => {
    await follow();
    expect((await setPolicy({ feeProportionalMillionths: 50 })).followsBalance).toBeUndefined();
    await hears(50);
    await move(500_000n);
    await mesh.runFor(3 * intervalMs);
    expect(await shown()).toMatchObject({ feeProportionalMillionths: 50 });
    expect(told()!.feeProportionalMillionths).toBe(50);
  });

  it('is refused without its range, and then nothing is changed', async () => {
    await expect(setPolicy({ followBalance: true, minPpm: 1, feeBaseMsat: 1n })).rejects.toMatchObject({ code: 'invalid_policy' });
    expect(await shown()).toMatchObject({ feeBaseMsat: BigInt(MESH_FORWARDING.feeBaseMsat) });
  });

  it('can be the standard of all channels, of those that are there and of new ones', async () => {
    // Gossip is written a moment after it is told.
    await mesh.runFor(5_000);
    bob!.forwarding = { follow: { minPpm: 0, maxPpm: 400 } };
    bob!.crash();
    bob!.start();
    await mesh.until('the mesh is whole', () => mesh.isAtRest);
    await hears(0);
    // What others had heard before holds on for a while.
    const { feeBaseMsat, feeProportionalMillionths } = MESH_FORWARDING;
    expect(bob!.node.policies.olderFees(toCarol().index)).toMatchObject([{ feeBaseMsat, feeProportionalMillionths }]);
    await mesh.outcome(mesh.openChannel(bob!, carol!, 500_000n, { pushMsat: 250_000_000n }));
    await mesh.mine(8);
    await mesh.until('alice knows it', () => alice!.node.graph.channelCount === 3);
    const { shortChannelId } = bob!.node.channels.ofPeer(carol!.nodeId)[1]!.data;
    const first = (): EdgePolicy | undefined => alice!.node.graph.policy(shortChannelId!, directionOf(bob!.nodeId, carol!.nodeId));
    await mesh.until('alice knows what bob asks for it', () => first() !== undefined);
    expect(first()!.feeProportionalMillionths).toBe(200);
  });
});

describe('a payment at a fee that was replaced', () => {
  it('is forwarded for a while, and refused afterwards with the new one', async () => {
    const request = { nodeId: carol!.nodeId, amountMsat: 10_000_000n, maxFeeMsat: 1_000_000n };
    const node = alice!.node;
    // Alice hears of nothing: what she knows stays the old fee.
    const old = told()!;
    const isolated = node.graph.applyUpdate.bind(node.graph);
    node.graph.applyUpdate = (id, ...update) => (id === scid ? undefined : isolated(id, ...update)) as ReturnType<typeof isolated>;
    await setPolicy({ feeProportionalMillionths: 5_000 });
    await mesh.runFor(9 * 60_000);
    expect(told()).toEqual(old);
    const pay = async () => {
      const { paymentHash } = await mesh.outcome(node.payments.keysend(request));
      await mesh.until('it is over', quiet);
      return node.payments.getPayment(paymentHash);
    };
    expect((await pay()).attempts.map(({ status, route }) => [status, route.totalFeeMsat])).toEqual([
      ['succeeded', BigInt(MESH_FORWARDING.feeBaseMsat) + (10_000_000n * BigInt(MESH_FORWARDING.feeProportionalMillionths)) / 1_000_000n],
    ]);
    await mesh.runFor(2 * 60_000);
    const late = await pay();
    expect(late.attempts.map(({ status, failure }) => failure?.code ?? status)).toEqual(['fee_insufficient', 'succeeded']);
    expect(late.feeMsat).toBe(BigInt(MESH_FORWARDING.feeBaseMsat) + 50_000n);
  });
});
