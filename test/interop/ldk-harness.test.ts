/** The LDK nodes that other tests have as peers, among themselves: what fails here is the harness, not Runnel. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChainProcess } from '../../src/cluster/chain-process.ts';
import { ProcessGroup } from '../../src/cluster/process.ts';
import { chainKind, compilePrograms } from '../harness/cluster.ts';
import type { LdkChannel } from '../harness/ldk/channels.ts';
import { fundLdk } from '../harness/ldk/funding.ts';
import { LdkNode } from '../harness/ldk/node.ts';

const TIMEOUT_MS = 120_000;
const CAPACITY_SAT = 1_000_000n;

const folder = mkdtempSync(join(tmpdir(), 'runnel-ldk-'));
const group = new ProcessGroup(() => {});
let chain: ChainProcess;
let alice: LdkNode;
let bob: LdkNode;
let carol: LdkNode;

beforeAll(async () => {
  compilePrograms();
  chain = await ChainProcess.start(group, { kind: chainKind, folder: join(folder, 'chain'), logPath: join(folder, 'log') });
  alice = await LdkNode.start({ name: 'alice', chain: chain.rpc, seed: 1 });
  bob = await LdkNode.start({ name: 'bob', chain: chain.rpc, seed: 2 });
  carol = await LdkNode.start({ name: 'carol', chain: chain.rpc, seed: 3 });
  await fundLdk(chain, [alice, bob]);
  await alice.connect(bob.nodeId, bob.address);
}, TIMEOUT_MS);
afterAll(async () => {
  for (const node of [alice, bob, carol]) await node?.stop();
  await group.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function mine(blocks: number): Promise<void> {
  await chain.mine(blocks);
  await Promise.all([alice, bob, carol].map((node) => node.synced()));
}

/** Mines so many blocks one by one, so that the nodes can answer to each. */
async function mineSlowly(blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) await mine(1);
}

async function open(announce: boolean, [opener, accepter] = [alice, bob]): Promise<LdkChannel> {
  const asked = { fundingSat: CAPACITY_SAT, pushMsat: 200_000_000n, announce };
  const { channelId } = await opener.openChannel(accepter.nodeId, asked);
  await mineSlowly(7);
  const find = (node: LdkNode): LdkChannel | undefined => node.channels().find((channel) => channel.channelId === channelId);
  await opener.until('the channel is usable', () => [opener, accepter].every((node) => find(node)?.isUsable));
  return find(opener)!;
}

describe('LDK nodes of the harness', () => {
  it('open an announced channel with anchors, and each knows it by gossip', async () => {
    const channel = await open(true);
    expect(channel).toMatchObject({ channelType: '401000', capacitySat: CAPACITY_SAT, isAnnounced: true, isOutbound: true });
    await bob.until('bob knows the channel', () => bob.policiesOf(channel.shortChannelId!) === 2);
    expect(alice.knowsChannel(channel.shortChannelId!)).toBe(true);
    expect(alice.graphSize()).toEqual({ nodes: 2, channels: 1 });
  }, TIMEOUT_MS);

  it('pay one another by invoice and by keysend', async () => {
    const there = await alice.pay(await bob.invoice({ amountMsat: 5_000_000n, description: 'there' }));
    expect(there).toMatchObject({ status: 'paid', feeMsat: 0n, parts: 1 });
    expect(await bob.pay(await alice.invoice({ description: 'back' }), { amountMsat: 1_000_000n })).toMatchObject({ status: 'paid' });
    expect(await alice.keysend(bob.nodeId, 7_000n)).toMatchObject({ status: 'paid', preimage: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(bob.payments.received.map(({ amountMsat }) => amountMsat)).toEqual([5_000_000n, 7_000n]);
    expect(await alice.pay(await bob.invoice({ amountMsat: 900_000_000n }))).toMatchObject({ status: 'failed', reason: 'RouteNotFound' });
  }, TIMEOUT_MS);

  it('hold payments, and give them back', async () => {
    bob.holdPayments();
    const paying = alice.pay(await bob.invoice({ amountMsat: 3_000_000n }));
    await bob.until('a payment waits', () => bob.claimable.length === 1);
    expect(alice.channels()[0]!.pendingHtlcs).toEqual({ inbound: 0, outbound: 1 });
    bob.failHtlc(bob.claimable[0]!.hash);
    bob.holdPayments(false);
    const result = await paying;
    expect(result).toMatchObject({ status: 'failed', reason: 'RecipientRejected' });
    expect(result.status === 'failed' && result.failures.join()).toMatch(/permanently.*incorrect_or_unknown_payment_details/);
  }, TIMEOUT_MS);

  it('tell their peers of a new feerate', async () => {
    for (const feerate of [2_500, 1_000]) {
      alice.setFeerate(feerate);
      // Its own tells when the change is through; LDK begins no other before.
      const isKnown = (node: LdkNode): boolean => node.channels()[0]!.feeratePerKw === feerate;
      await alice.until(`both are at ${feerate}`, () => isKnown(alice) && isKnown(bob));
    }
  }, TIMEOUT_MS);

  it('start anew with what they have written down, and pay', async () => {
    await chain.mine(1);
    await bob.restart();
    await bob.connect(alice.nodeId, alice.address);
    await mine(1);
    await bob.until('the channel is usable', () => bob.channels()[0]!.isUsable);
    expect(await alice.pay(await bob.invoice({ amountMsat: 11_000n }))).toMatchObject({ status: 'paid' });
    expect(await bob.pay(await alice.invoice({ amountMsat: 12_000n }))).toMatchObject({ status: 'paid' });
  }, TIMEOUT_MS);

  it('close by agreement, and sweep what was theirs', async () => {
    const [channel] = alice.channels();
    const before = [alice.onchainSat(), bob.onchainSat()];
    expect(await alice.close(channel!.channelId)).toMatch(/cooperative/i);
    await mineSlowly(8);
    const [inAlice, inBob] = [alice.onchainSat() - before[0]!, bob.onchainSat() - before[1]!];
    const feesSat = CAPACITY_SAT - inAlice - inBob;
    expect(feesSat).toBeGreaterThan(0n);
    expect(feesSat).toBeLessThan(5_000n);
    // 200,000 of the opening, and 5,000 - 1,000 + 7 + 11 - 12 of the payments.
    expect(inBob).toBeGreaterThan(203_000n);
  }, TIMEOUT_MS);

  it('close by force with HTLCs pending, and their wallets pay for the transactions', async () => {
    const { channelId } = await open(false);
    alice.holdPayments();
    bob.holdPayments();
    const lost = alice.pay(await bob.invoice({ amountMsat: 30_000_000n }));
    const kept = bob.pay(await alice.invoice({ amountMsat: 40_000_000n }));
    await alice.until('two payments wait', () => alice.claimable.length === 1 && bob.claimable.length === 1);
    const before = [alice.onchainSat(), bob.onchainSat()];

    // Nobody hears of the new feerate, so that the commitment pays too little by itself.
    alice.disconnect(bob.nodeId);
    alice.setFeerate(5_000);
    expect(await alice.forceClose(channelId)).toMatch(/force-closed/);
    await alice.synced();
    const mempool = await chain.mempool();
    expect(mempool).toHaveLength(2);
    alice.claim(alice.claimable[0]!.hash);
    await mineSlowly(10);
    expect(await kept).toMatchObject({ status: 'paid' });

    // The expiry of the other, which LDK chooses far off, and the delay of what is alice's.
    const ended = lost.then(() => true);
    while (!(await Promise.race([ended, false]))) await mine(10);
    expect(await lost).toMatchObject({ status: 'failed' });
    for (let i = 0; i < 20; i++) await mine(10);
    const [inAlice, inBob] = [alice.onchainSat() - before[0]!, bob.onchainSat() - before[1]!];
    expect(inBob).toBeGreaterThan(158_000n);
    expect(inBob).toBeLessThanOrEqual(160_000n);
    expect(inAlice).toBeGreaterThan(800_000n);
    expect(inAlice).toBeLessThan(840_000n);
  }, TIMEOUT_MS);

  it('forward for others, who find the way by gossip', async () => {
    alice.setFeerate(1_000);
    await alice.connect(bob.nodeId, bob.address);
    await carol.connect(bob.nodeId, bob.address);
    const channels = [await open(true), await open(true, [bob, carol])];
    bob.holdPayments(false);
    await alice.until('alice knows the way', () =>
      channels.every(({ shortChannelId }) => alice.policiesOf(shortChannelId!) === 2));
    const paid = await alice.pay(await carol.invoice({ amountMsat: 2_000_000n }));
    expect(paid).toMatchObject({ status: 'paid', feeMsat: 1_000n, parts: 1 });
    expect(bob.forwarded).toEqual([{ feeMsat: 1_000n, outboundMsat: 2_000_000n }]);
    bob.announceNode();
    await alice.until('alice knows of bob what he says of himself', () => alice.aliasOf(bob.nodeId) === 'bob');

    const invoice = await carol.invoice({ amountMsat: 3_000_000n });
    await carol.stop();
    await bob.until('carol is gone', () => !bob.isConnected(carol.nodeId));
    const failed = await alice.pay(invoice);
    expect(failed).toMatchObject({ status: 'failed' });
    expect(failed.status === 'failed' && failed.failures[0]).toMatch(/for now at \d+: .*temporary_channel_failure/);
  }, TIMEOUT_MS);
});
