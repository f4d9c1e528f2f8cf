import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { contract, type NodeApi, type Output } from '../../src/api/contract.ts';
import { hexOf } from '../../src/channels/channel-store.ts';
import { alarmAdvice } from '../../src/node/alarm-advice.ts';
import { nodeApi } from '../../src/node/api/node-api.ts';
import { NodeMetrics } from '../../src/node/metrics.ts';
import { Mesh } from '../harness/mesh.ts';
import { MESH_FORWARDING } from '../harness/mesh-node.ts';
import { ask, start, stop } from './api-http.ts';

/** What a hop of the mesh asks for an amount (BOLT 7). */
const feeOf = (amountMsat: bigint): bigint =>
  BigInt(MESH_FORWARDING.feeBaseMsat) + (amountMsat * BigInt(MESH_FORWARDING.feeProportionalMillionths)) / 1_000_000n;

/** alice - bob - carol: alice has paid carol twice over bob, and once in vain. */
let mesh: Mesh;
let api: NodeApi;

beforeAll(async () => {
  mesh = await Mesh.create({ seed: 'overview', nodes: ['alice', 'bob', 'carol'] });
  const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => mesh.named(name));
  await mesh.outcome(mesh.openChannel(alice!, bob!, 1_000_000n));
  await mesh.outcome(mesh.openChannel(bob!, carol!, 500_000n));
  await mesh.mine(8);
  await mesh.until('alice knows both channels', () => alice!.node.graph.channelCount === 2);
  for (const amountMsat of [10_000_000n, 20_000_000n]) {
    await mesh.outcome(mesh.pay(alice!, carol!, amountMsat));
    await mesh.until('it is paid', () => alice!.node.payments.liveActors.payments === 0 && bob!.node.payments.liveActors.circuits === 0);
  }
  const { invoice, paymentHash } = await mesh.outcome(carol!.node.payments.createInvoice({ amountMsat: 1_000_000n, description: 'no' }));
  await mesh.outcome(carol!.node.payments.cancelInvoice(paymentHash));
  await mesh.outcome(alice!.node.payments.pay({ invoice: invoice ?? '' }));
  await mesh.until('it failed', () => alice!.node.payments.liveActors.payments === 0 && bob!.node.payments.liveActors.circuits === 0);
  api = nodeApi(bob!.node);
}, 60_000);

async function answer<Name extends 'overview' | 'forwards'>(name: Name, input: Parameters<NodeApi[Name]>[0]): Promise<Output<Name>> {
  const output = (await (api[name] as (given: unknown) => Promise<unknown>)(input)) as Output<Name>;
  const schema = contract[name].output as z.ZodType;
  expect(z.decode(schema, z.encode(schema, output))).toEqual(output);
  return output;
}

const earnedMsat = feeOf(10_000_000n) + feeOf(20_000_000n);

describe('the overview', () => {
  it('has liquidity in and out, and balances that make up the capacity', async () => {
    const overview = await answer('overview', {});
    expect(overview).toMatchObject({ alias: 'bob', network: 'regtest', capacitySat: 1_500_000n, numPeers: 2 });
    expect(overview.numChannels).toEqual({ opening: 0, normal: 2, closing: 0, frozen: 0 });
    expect(overview.localMsat + overview.remoteMsat).toBe(1_500_000_000n);
    expect(overview.liquidity).toHaveLength(2);
    const sum = (key: 'spendableMsat' | 'receivableMsat' | 'localMsat'): bigint => overview.liquidity.reduce((total, channel) => total + channel[key], 0n);
    expect([overview.spendableMsat, overview.receivableMsat, overview.localMsat]).toEqual([sum('spendableMsat'), sum('receivableMsat'), sum('localMsat')]);
    expect(overview.localMsat).toBe(500_000_000n + earnedMsat);
  });

  it('has the fees earned by day, week, month and ever', async () => {
    expect((await answer('overview', {})).fees).toEqual({ dayMsat: earnedMsat, weekMsat: earnedMsat, monthMsat: earnedMsat, totalMsat: earnedMsat, lostMsat: 0n });
    const { payments } = mesh.named('bob').node;
    const [{ finishedAtMs = 0 } = {}] = payments.listForwards({ status: 'settled', limit: 1 }).forwards;
    expect([payments.earnedSince(finishedAtMs), payments.earnedSince(finishedAtMs + 1)]).toEqual([feeOf(20_000_000n), 0n]);
  });

  it('counts forwards, payments and invoices', async () => {
    expect(await answer('overview', {})).toMatchObject({
      forwards: { settled: 2, failed: 1, inFlight: 0, lost: 0 },
      payments: { succeeded: 0, failed: 0, inFlight: 0 },
      invoices: { paid: 0, open: 0 },
    });
    const carols = await nodeApi(mesh.named('carol').node).overview({});
    expect(carols).toMatchObject({ invoices: { paid: 2, open: 0 } });
    const alices = await nodeApi(mesh.named('alice').node).overview({});
    expect(alices).toMatchObject({ payments: { succeeded: 2, failed: 1 }, fees: { totalMsat: 0n } });
  });

  it('has alarms, since when they stand, and what to do', async () => {
    const { alarms } = mesh.named('bob').node;
    alarms.raise('chain_away', 'chain', { message: 'the chain does not answer' });
    const sinceMs = mesh.clock.now();
    await mesh.runFor(1_000);
    alarms.raise('chain_away', 'chain', { message: 'it still does not' });
    const shown = (await answer('overview', {})).alarms.find(({ code }) => code === 'chain_away');
    expect(shown).toEqual({ code: 'chain_away', message: 'it still does not', sinceMs, advice: alarmAdvice.chain_away });
    alarms.clear('chain_away', 'chain');
  });
});

describe('forwards', () => {
  it('are listed newest first, with both channels, fee and failure', async () => {
    const { forwards, total, feeMsat, lostMsat } = await answer('forwards', {});
    expect([total, feeMsat, lostMsat]).toEqual([3, earnedMsat, 0n]);
    const channels = [...mesh.named('bob').node.channels.all()].map(({ data }) => hexOf(data.channelId!));
    expect(forwards.map(({ status, feeMsat: fee, failureCode }) => [status, fee, failureCode])).toEqual([
      ['failed', 0n, 'downstream'],
      ['settled', feeOf(20_000_000n), undefined],
      ['settled', feeOf(10_000_000n), undefined],
    ]);
    expect([forwards[1]?.incoming.channelId, forwards[1]?.outgoing.channelId]).toEqual(channels);
    expect(forwards[1]).toMatchObject({ outgoing: { amountMsat: 20_000_000n }, incoming: { amountMsat: 20_000_000n + feeOf(20_000_000n) } });
  });

  it('can be asked for by how they ended, and by page', async () => {
    expect(await answer('forwards', { status: 'failed' })).toMatchObject({ total: 1, forwards: [{ status: 'failed' }] });
    expect(await answer('forwards', { limit: 1, offset: 2 })).toMatchObject({ total: 3, forwards: [{ outgoing: { amountMsat: 10_000_000n } }] });
  });
});

describe('metrics', () => {
  it('are what Prometheus reads, with the numbers of the node and of its process', async () => {
    const { node } = mesh.named('bob');
    const metrics = new NodeMetrics();
    metrics.timed(() => {});
    const { contentType, text } = await metrics.scrape(node);
    expect(contentType).toContain('text/plain');
    const values = new Map(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]));
    expect(Object.fromEntries(values)).toMatchObject({
      'runnel_channels{state="normal"}': '2',
      'runnel_channels{state="closing"}': '0',
      runnel_channels_capacity_sat: '1500000',
      runnel_channels_local_msat: `${500_000_000n + earnedMsat}`,
      runnel_forwarding_fees_msat_total: `${earnedMsat}`,
      'runnel_forwards_total{outcome="settled"}': '2',
      'runnel_forwards_total{outcome="failed"}': '1',
      'runnel_htlcs{direction="offered"}': '0',
      runnel_peers: '2',
      runnel_block_height: `${node.height}`,
      'runnel_alarms{code="peer_cheated"}': '0',
      runnel_turn_duration_seconds_count: '1',
    });
    for (const name of ['process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds', 'process_cpu_seconds_total', 'runnel_journal_entries_total']) {
      expect(Number(values.get(name)), name).toBeGreaterThanOrEqual(0);
    }
    // A second scrape counts nothing twice.
    expect((await metrics.scrape(node)).text).toContain(`runnel_forwarding_fees_msat_total ${earnedMsat}`);
    // Base units and no name twice, as Prometheus wants it.
    const names = text.split('\n').filter((line) => line.startsWith('# TYPE runnel_')).map((line) => line.split(' ').slice(2));
    for (const [name, type] of names) expect(name?.endsWith('_total')).toBe(type === 'counter');
    expect(new Set(names.map(([name]) => name)).size).toBe(names.length);
  });

  it('are given with the token alone', async () => {
    await start();
    try {
      expect((await ask('GET', '/metrics', { headers: { authorization: undefined } })).status).toBe(401);
      const { status, headers, body } = await ask('GET', '/metrics');
      expect([status, headers['content-type'], body]).toEqual([200, 'text/plain; version=0.0.4', 'runnel_peers 2\n']);
    } finally {
      await stop();
    }
  });
});

describe('a channel while it is paid over', () => {
  it('tells its balances as they change, at most once a turn', async () => {
    const [alice, carol] = [mesh.named('alice'), mesh.named('carol')];
    const told: { localMsat: bigint; remoteMsat: bigint; timeMs: number }[] = [];
    const unsubscribe = alice.node.options.events.subscribe((event) => {
      if (event.type === 'channel') told.push(event);
    });
    const before = [...alice.node.channels.all()][0]!.data.toLocalMsat;
    await mesh.outcome(mesh.pay(alice, carol, 5_000_000n));
    await mesh.until('it is paid', () => alice.node.payments.liveActors.payments === 0);
    await mesh.runFor(1_000);
    unsubscribe();
    const spentMsat = 5_000_000n + feeOf(5_000_000n);
    expect(told[0]?.localMsat).toBe(before - spentMsat);
    expect(told.at(-1)?.localMsat).toBe(before - spentMsat);
    expect(told.at(-1)!.localMsat + told.at(-1)!.remoteMsat).toBe(1_000_000_000n);
    expect(told.length).toBeLessThanOrEqual(4);
  });

  it('tells the way of a payment with its event', async () => {
    const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => mesh.named(name));
    const routes: unknown[] = [];
    const unsubscribe = alice!.node.options.events.subscribe((event) => {
      if (event.type === 'payment') routes.push(event.route?.map(({ nodeId }) => nodeId));
    });
    await mesh.outcome(mesh.keysend(alice!, carol!, 1_000_000n));
    await mesh.until('it is paid', () => alice!.node.payments.liveActors.payments === 0);
    unsubscribe();
    expect(routes.at(-1)).toEqual([bob!.nodeId, carol!.nodeId]);
  });
});
