/** The mesh and the Lightning Network as one: payments, parts and gossip that cross from Runnel's nodes to LDK's and back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseScid } from '../../protocols/gossip/short-channel-id.ts';
import type { NodeProcess } from '../../src/cluster/node-process.ts';
import { waitUntil } from '../../src/cluster/wait.ts';
import { Interop } from '../harness/interop.ts';
import type { LdkNode } from '../harness/ldk/node.ts';

const TIMEOUT_MS = 180_000;
const WAIT_MS = 60_000;
const HTLCS = 20;

let interop: Interop;
/** alice - bob over the mesh; bob - erin and carol - erin by Lightning, twice bob - dave. */
let [alice, bob, carol]: readonly NodeProcess[] = [];
let [dave, erin]: readonly LdkNode[] = [];

beforeAll(async () => {
  interop = await Interop.start({ runnels: 3, edges: [{ opener: 0, accepter: 1, capacitySat: 1_000_000n }], ldks: 2 });
  [alice, bob, carol] = interop.cluster.nodes;
  [dave, erin] = interop.ldks;
  await interop.openFromRunnel(bob!, dave!);
  await interop.openFromLdk(dave!, bob!);
  await interop.openFromRunnel(bob!, erin!);
  await interop.openFromLdk(erin!, carol!);
  for (const node of interop.ldks) node.announceNode();
  await knownToAll(5);
}, TIMEOUT_MS);
afterAll(() => interop?.stop(), TIMEOUT_MS);

/** Waits until everybody has heard of that many channels with both policies, and of all five nodes. */
async function knownToAll(numChannels: number): Promise<void> {
  await waitUntil('gossip has reached everybody', WAIT_MS, async () => {
    for (const node of interop.cluster.nodes) {
      const { channels, nodes } = await node.client.graph();
      const complete = channels.filter(({ policy1, policy2 }) => policy1 !== undefined && policy2 !== undefined).length;
      const named = nodes.filter(({ alias }) => alias !== undefined).length;
      if (complete < numChannels || named < 5) return `${node.name} knows ${complete} channels and ${named} nodes`;
    }
    const { channels } = await alice!.client.graph();
    for (const node of interop.ldks) {
      const known = channels.filter(({ shortChannelId }) => node.policiesOf(parseScid(shortChannelId)) === 2);
      if (known.length < numChannels) return `${node.name} knows ${known.length} channels`;
    }
    return undefined;
  });
}

async function invoiceOf(node: NodeProcess, amountMsat: bigint): Promise<{ invoice: string; paymentHash: string }> {
  const { invoice = '', paymentHash } = await node.client.invoice({ amountMsat, description: 'across' });
  return { invoice, paymentHash };
}

describe('payments', () => {
  it('go from the mesh to Lightning: Runnel, Runnel, LDK', async () => {
    const invoice = await dave!.invoice({ amountMsat: 10_000_000n });
    // BOLT 7: the base fee of 1,000 msat and 100 millionths, of bob alone.
    expect(await alice!.client.pay({ invoice })).toMatchObject({ status: 'succeeded', feeMsat: 2_000n });
  }, TIMEOUT_MS);

  it('go from Lightning to the mesh: LDK, Runnel, Runnel', async () => {
    const { invoice, paymentHash } = await invoiceOf(alice!, 10_000_000n);
    expect(await dave!.pay(invoice)).toMatchObject({ status: 'paid', feeMsat: 2_000n });
    expect((await alice!.client.invoices({ paymentHash })).invoices).toMatchObject([{ status: 'paid', receivedMsat: 10_000_000n }]);
  }, TIMEOUT_MS);

  it('go over LDK: Runnel, LDK, Runnel', async () => {
    const { invoice } = await invoiceOf(carol!, 5_000_000n);
    const paid = await bob!.client.pay({ invoice });
    expect(paid).toMatchObject({ status: 'succeeded' });
    expect(paid.feeMsat).toBeGreaterThan(0n);
    expect(await carol!.client.pay({ invoice: (await invoiceOf(bob!, 1_000_000n)).invoice })).toMatchObject({ status: 'succeeded' });
  }, TIMEOUT_MS);

  it('go over Runnel: LDK, Runnel, LDK', async () => {
    expect(await dave!.pay(await erin!.invoice({ amountMsat: 20_000_000n }))).toMatchObject({ status: 'paid', feeMsat: 3_000n });
    expect(await erin!.pay(await dave!.invoice({ amountMsat: 5_000_000n }))).toMatchObject({ status: 'paid', feeMsat: 1_500n });
    expect(await dave!.keysend(erin!.nodeId, 1_000_000n)).toMatchObject({ status: 'paid', feeMsat: 1_100n });
  }, TIMEOUT_MS);

  it('go in parts over both channels, both ways', async () => {
    // More than either channel has on its payer's side.
    const toDave = await bob!.client.pay({ invoice: await dave!.invoice({ amountMsat: 750_000_000n }) });
    expect(toDave).toMatchObject({ status: 'succeeded', feeMsat: 0n });
    expect(toDave.attempts.filter(({ status }) => status === 'succeeded').length).toBeGreaterThan(1);
    const { invoice } = await invoiceOf(bob!, 1_300_000_000n);
    const toBob = await dave!.pay(invoice);
    expect(toBob).toMatchObject({ status: 'paid' });
    expect((toBob as { parts: number }).parts).toBeGreaterThan(1);
  }, TIMEOUT_MS);

  it(`keep ${HTLCS} HTLCs in flight through Runnel over lost connections and its crash`, async () => {
    erin!.holdPayments();
    const amounts = Array.from({ length: HTLCS }, (_, i) => 200_000n + BigInt(i) * 111_111n);
    const invoices = await Promise.all(amounts.map((amountMsat) => erin!.invoice({ amountMsat })));
    const paying = invoices.map((invoice) => dave!.pay(invoice));
    await erin!.until('all wait', () => erin!.claimable.length === HTLCS);
    dave!.disconnect(bob!.id);
    erin!.disconnect(bob!.id);
    for (const { hash } of erin!.claimable.slice(0, HTLCS / 2)) erin!.claim(hash);
    await bob!.kill();
    await bob!.restart();
    await erin!.until('they are connected again', () => erin!.isConnected(bob!.id) && dave!.isConnected(bob!.id));
    for (const { hash } of erin!.claimable) erin!.claim(hash);
    erin!.holdPayments(false);
    expect((await Promise.all(paying)).map(({ status }) => status)).toEqual(amounts.map(() => 'paid'));
  }, TIMEOUT_MS);

  it('that cannot go on say where they failed', async () => {
    await waitUntil('alice is usable to bob again', WAIT_MS, async () => {
      const { channels } = await alice!.client.channels();
      return channels.every(({ connection }) => connection === 'online') ? undefined : 'it is not';
    });
    await erin!.stop();
    const invoice = await invoiceOf(carol!, 1_000_000n);
    expect(await alice!.client.pay({ invoice: invoice.invoice, timeoutSeconds: 10 })).toMatchObject({ status: 'failed' });
    const refused = (await dave!.pay(invoice.invoice, { retries: 0 })) as { status: string; failures: readonly string[] };
    expect(refused.status).toBe('failed');
  }, TIMEOUT_MS);
});
