/** Runnel and LDK as peers: channels opened by either side, payments both ways, lost connections, restarts, changed fees, an agreed end. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeProcess } from '../../src/cluster/node-process.ts';
import { waitUntil } from '../../src/cluster/wait.ts';
import { chainKind } from '../harness/cluster.ts';
import { Interop } from '../harness/interop.ts';
import type { LdkChannel } from '../harness/ldk/channels.ts';
import type { LdkNode } from '../harness/ldk/node.ts';

const TIMEOUT_MS = 180_000;
const WAIT_MS = 60_000;
const HTLCS = 20;

let interop: Interop;
let runnel: NodeProcess;
let ldk: LdkNode;

beforeAll(async () => {
  interop = await Interop.start({ runnels: 1, ldks: 1 });
  [runnel, ldk] = [interop.cluster.nodes[0]!, interop.ldks[0]!];
}, TIMEOUT_MS);
afterAll(() => interop?.stop(), TIMEOUT_MS);

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

/** A payment of LDK's by an invoice of Runnel's. */
async function ldkPays(amountMsat: bigint): Promise<void> {
  const { invoice = '', paymentHash } = await runnel.client.invoice({ amountMsat, description: 'to Runnel' });
  expect(await ldk.pay(invoice)).toMatchObject({ status: 'paid', hash: paymentHash, feeMsat: 0n });
  const { invoices } = await runnel.client.invoices({ paymentHash });
  expect(invoices).toMatchObject([{ status: 'paid', receivedMsat: amountMsat }]);
}

/** A payment of Runnel's by an invoice of LDK's. */
async function runnelPays(amountMsat: bigint): Promise<void> {
  const invoice = await ldk.invoice({ amountMsat, description: 'to LDK' });
  expect(await runnel.client.pay({ invoice })).toMatchObject({ status: 'succeeded', amountMsat, feeMsat: 0n });
}

/** Of either side: each demands a hundredth of the channel. */
const reserveMsat = ({ capacitySat }: { capacitySat: bigint }): bigint => capacitySat * 10n;

/** Both sides believe the same of the channel, to the msat; the HTLCs of either are done with. */
async function balancesAgree({ channelId }: LdkChannel): Promise<void> {
  await waitUntil('both sides have the same balances', WAIT_MS, async () => {
    const { channels } = await runnel.client.channels();
    const ours = channels.find((channel) => channel.channelId === channelId);
    const theirs = ldk.channels().find((channel) => channel.channelId === channelId);
    if (ours?.connection !== 'online' || theirs?.isUsable !== true) return `Runnel is ${ours?.connection}, LDK usable: ${theirs?.isUsable}`;
    if (ours.numHtlcs > 0) return `${ours.numHtlcs} HTLCs pend`;
    const [outbound, inbound] = [ours.remoteMsat - reserveMsat(theirs), ours.localMsat - reserveMsat(theirs)];
    return theirs.outboundMsat === outbound && theirs.inboundMsat === inbound
      ? undefined
      : `LDK has ${theirs.outboundMsat} and ${theirs.inboundMsat} msat, Runnel says ${outbound} and ${inbound}`;
  });
}

describe.each([
  ['Runnel', () => interop.openFromRunnel(runnel, ldk)],
  ['LDK', () => interop.openFromLdk(ldk, runnel)],
] as const)('a channel that %s opens', (opener, open) => {
  let channel: LdkChannel;

  it('is an anchor channel, usable, and announced by both', async () => {
    channel = await open();
    expect(channel).toMatchObject({ channelType: '401000', isUsable: true, isAnnounced: true, isOutbound: opener === 'LDK' });
    const scid = channel.shortChannelId!;
    await ldk.until('LDK knows both policies', () => ldk.policiesOf(scid) === 2 && ldk.aliasOf(runnel.id) === runnel.name);
    await waitUntil('Runnel knows both policies', WAIT_MS, async () => {
      const { channels, nodes } = await runnel.client.graph();
      const known = channels.filter(({ policy1, policy2 }) => policy1 !== undefined && policy2 !== undefined);
      return known.length >= 1 && nodes.length === 2 ? undefined : `it knows ${known.length} channels and ${nodes.length} nodes`;
    });
  }, TIMEOUT_MS);

  it('carries payments both ways, of dust and of more', async () => {
    for (const amountMsat of [1_000n, 353_999n, 354_000n, 25_000_001n]) {
      await runnelPays(amountMsat);
      await ldkPays(amountMsat);
    }
    await balancesAgree(channel);
  }, TIMEOUT_MS);

  it('carries payments without an invoice', async () => {
    expect(await runnel.client.keysend({ nodeId: ldk.nodeId, amountMsat: 1_234_567n })).toMatchObject({ status: 'succeeded' });
    expect(await ldk.keysend(runnel.id, 2_345_678n)).toMatchObject({ status: 'paid' });
    await balancesAgree(channel);
  }, TIMEOUT_MS);

  it('gives back what the payee refuses, and says why', async () => {
    ldk.holdPayments();
    const refused = runnel.client.pay({ invoice: await ldk.invoice({ amountMsat: 5_000_000n }) });
    await ldk.until('it waits', () => ldk.claimable.length === 1);
    ldk.failHtlc(ldk.claimable[0]!.hash);
    ldk.holdPayments(false);
    expect(await refused).toMatchObject({ status: 'failed', failure: { code: 'incorrect_or_unknown_payment_details' } });

    // Runnel takes an invoice's payment once.
    const { invoice = '' } = await runnel.client.invoice({ amountMsat: 5_000_000n });
    expect(await ldk.pay(invoice)).toMatchObject({ status: 'paid' });
    const { failures } = (await ldk.pay(invoice)) as { failures: readonly string[] };
    expect(failures.join()).toMatch(/IncorrectPaymentDetails|incorrect_or_unknown_payment_details/i);
    await balancesAgree(channel);
  }, TIMEOUT_MS);

  it(`keeps ${HTLCS} HTLCs in flight over a lost connection`, async () => {
    ldk.holdPayments();
    const amounts = Array.from({ length: HTLCS }, (_, i) => 100_000n + BigInt(i) * 777_777n);
    const before = await spendable(channel);
    const paying = amounts.map(async (amountMsat) => runnel.client.pay({ invoice: await ldk.invoice({ amountMsat }) }));
    await ldk.until('all wait', () => ldk.claimable.length === HTLCS);
    ldk.disconnect(runnel.id);
    await connected();
    for (const { hash } of ldk.claimable) ldk.claim(hash);
    // In the midst of what follows.
    ldk.disconnect(runnel.id);
    ldk.holdPayments(false);
    expect((await Promise.all(paying)).map(({ status }) => status)).toEqual(amounts.map(() => 'succeeded'));
    await balancesAgree(channel);
    expect(before - (await spendable(channel))).toBe(sum(amounts));
  }, TIMEOUT_MS);

  it('goes on after a restart of either side with HTLCs in flight', async () => {
    for (const restart of [() => runnel.restart(), () => ldk.restart(), () => runnel.kill().then(() => runnel.restart())]) {
      ldk.holdPayments();
      const before = await spendable(channel);
      // Its caller may go down with the node.
      const paying = runnel.client.pay({ invoice: await ldk.invoice({ amountMsat: 3_000_000n }) }).catch(() => {});
      await ldk.until('it waits', () => ldk.claimable.length === 1);
      await restart();
      await connected();
      ldk.claim(ldk.claimable[0]!.hash);
      ldk.holdPayments(false);
      await paying;
      await balancesAgree(channel);
      expect(before - (await spendable(channel))).toBe(3_000_000n);
      await ldkPays(3_000_000n);
    }
  }, TIMEOUT_MS);

  it.skipIf(chainKind === 'bitcoind')('takes over a feerate that the opener changes', async () => {
    const before = ldk.channels().find(({ channelId }) => channelId === channel.channelId)!.feeratePerKw!;
    const wanted = before * 3;
    await interop.cluster.chain.rpc.call('setmockfees', [0.00001, (wanted * 4) / 100_000_000]);
    ldk.setFeerate(wanted);
    await interop.mine(1);
    await ldk.until('LDK has another feerate', () => (ldk.channels().find(({ channelId }) => channelId === channel.channelId)?.feeratePerKw ?? 0) > 2 * before);
    await runnelPays(1_000_000n);
    await ldkPays(1_000_000n);
    await balancesAgree(channel);
  }, TIMEOUT_MS);

  it('ends as both agree', async () => {
    const [oursBefore, theirsBefore] = [(await runnel.client.balance()).onchain.confirmedSat, ldk.onchainSat()];
    if (opener === 'LDK') await runnel.client.close({ channel: channel.channelId });
    else void ldk.close(channel.channelId);
    await waitUntil('the closing transaction is broadcast', WAIT_MS, async () => ((await interop.cluster.chain.mempool()).length > 0 ? undefined : 'it is not'));
    await waitUntil('both have their money', WAIT_MS, async () => {
      // LDK sweeps what it got once that is six deep.
      await interop.mine(1);
      const [ours, theirs] = [(await runnel.client.balance()).onchain.confirmedSat, ldk.onchainSat()];
      return ours > oursBefore && theirs > theirsBefore ? undefined : `Runnel has ${ours - oursBefore} sat more, LDK ${theirs - theirsBefore}`;
    });
  }, TIMEOUT_MS);
});

/** Runnel's balance of the channel, in msat. */
async function spendable({ channelId }: LdkChannel): Promise<bigint> {
  const { channels } = await runnel.client.channels();
  return channels.find((channel) => channel.channelId === channelId)!.localMsat;
}

/** Runnel comes back by itself. */
async function connected(): Promise<void> {
  await waitUntil('the nodes are connected again', WAIT_MS, async () => {
    const { peers } = await runnel.client.peers();
    return ldk.isConnected(runnel.id) && peers.some((peer) => peer.nodeId === ldk.nodeId && peer.connected) ? undefined : 'they are not';
  });
}
