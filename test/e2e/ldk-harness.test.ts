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

beforeAll(async () => {
  compilePrograms();
  chain = await ChainProcess.start(group, { kind: chainKind, folder: join(folder, 'chain'), logPath: join(folder, 'log') });
  alice = await LdkNode.start({ name: 'alice', chain: chain.rpc, seed: 1 });
  bob = await LdkNode.start({ name: 'bob', chain: chain.rpc, seed: 2 });
  await fundLdk(chain, [alice, bob]);
  await alice.connect(bob.nodeId, bob.address);
}, TIMEOUT_MS);
afterAll(async () => {
  await alice?.stop();
  await bob?.stop();
  await group.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function mine(blocks: number): Promise<void> {
  await chain.mine(blocks);
  await Promise.all([alice.synced(), bob.synced()]);
}

/** Mines so many blocks one by one, so that the nodes can answer to each. */
async function mineSlowly(blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) await mine(1);
}

async function open(announce: boolean): Promise<LdkChannel> {
  const { channelId } = await alice.openChannel(bob.nodeId, { fundingSat: CAPACITY_SAT, pushMsat: 200_000_000n, announce });
  await mineSlowly(7);
  const find = (node: LdkNode): LdkChannel | undefined => node.channels().find((channel) => channel.channelId === channelId);
  await alice.until('the channel is usable', () => find(alice)?.isUsable === true && find(bob)?.isUsable === true);
  return find(alice)!;
}

describe('LDK nodes of the harness', () => {
  it('open an announced channel with anchors, and each knows it by gossip', async () => {
    const channel = await open(true);
    expect(channel).toMatchObject({ channelType: '401000', capacitySat: CAPACITY_SAT, isAnnounced: true, isOutbound: true });
    await bob.until('bob knows the channel', () => bob.knowsChannel(channel.shortChannelId!) && bob.graphSize().policies === 2);
    expect(alice.graphSize()).toEqual({ nodes: 2, channels: 1, policies: 2 });
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
    alice.setFeerate(2_500);
    await bob.until('bob has heard', () => bob.channels()[0]!.feeratePerKw === 2_500);
    alice.setFeerate(1_000);
    await bob.until('bob has heard', () => bob.channels()[0]!.feeratePerKw === 1_000);
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

  it('close by force with HTLCs pending, whose transactions the wallet pays for', async () => {
    const channel = await open(false);
    bob.holdPayments();
    const lost = alice.pay(await bob.invoice({ amountMsat: 30_000_000n }));
    const kept = alice.pay(await bob.invoice({ amountMsat: 40_000_000n }));
    await bob.until('two payments wait', () => bob.claimable.length === 2);
    const before = [alice.onchainSat(), bob.onchainSat()];
    expect(await alice.forceClose(channel.channelId)).toMatch(/force.?closed/i);
    bob.claim(bob.claimable.find(({ amountMsat }) => amountMsat === 40_000_000n)!.hash);
    await mineSlowly(10);
    expect(await kept).toMatchObject({ status: 'paid' });
    // The expiry of the other, and the delay of what is alice's.
    await mineSlowly(300);
    expect(await lost).toMatchObject({ status: 'failed' });
    const [inAlice, inBob] = [alice.onchainSat() - before[0]!, bob.onchainSat() - before[1]!];
    expect(inBob).toBeGreaterThan(235_000n);
    expect(inBob).toBeLessThanOrEqual(240_000n);
    expect(inAlice).toBeGreaterThan(750_000n);
    expect(inAlice).toBeLessThan(760_000n);
  }, TIMEOUT_MS);
});
