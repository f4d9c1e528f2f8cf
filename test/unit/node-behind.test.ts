import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/storage/database.ts';
import type { MeshNode } from '../harness/mesh-node.ts';
import { closeChannel } from '../../src/node/api/close-api.ts';
import { anchorOf, channelsOf, LossyMesh, paidTo, statesOf, toRemoteOf, walletSat } from './restore-kit.ts';

const TIMEOUT_MS = 120_000;

const copies: Database[] = [];
afterEach(() => {
  for (const copy of copies.splice(0)) {
    copy.close();
    rmSync(dirname(copy.path), { recursive: true });
  }
});

function copyOf(node: MeshNode): Database {
  const copy = node.copyDatabase();
  copies.push(copy);
  return copy;
}

/** The database of one of the two is put back to where it was before some payments; it is down then. */
async function goBack(name: 'alice' | 'bob') {
  const lossy = await LossyMesh.create(`behind ${name}`, ['alice', 'bob']);
  const [alice, bob] = [lossy.named('alice'), lossy.named('bob')];
  await lossy.openAndPay(alice, bob);
  const behind = lossy.named(name);
  const peer = behind === alice ? bob : alice;
  const old = copyOf(behind);
  const oldLocal = channelsOf(behind)[0]!.data.localCommitmentNumber;
  for (let payment = 0; payment < 3; payment++) await lossy.pay(alice, bob, 11_000_000n + BigInt(payment));
  expect(channelsOf(behind)[0]!.data.localCommitmentNumber).toBeGreaterThan(oldLocal);
  const inChannelSat = channelsOf(behind)[0]!.data.toLocalMsat / 1_000n;
  const inWalletSat = walletSat(behind);
  behind.crash();
  behind.database = old;
  behind.broadcasts.clear();
  return { lossy, mesh: lossy.mesh, behind, peer, inChannelSat, inWalletSat };
}

describe.each(['alice', 'bob'] as const)('%s runs on an old copy of its database', (name) => {
  it('finds out from the peer, never broadcasts, and gets to_remote of the commitment that it asks for', async () => {
    const { lossy, mesh, behind, peer, inChannelSat, inWalletSat } = await goBack(name);
    behind.start();
    await mesh.until('both know', () => behind.isUp && statesOf(behind)[0] === 'fallenBehind' && statesOf(peer)[0] === 'failed');
    const channel = channelsOf(behind)[0]!;
    expect(channel.data.failure?.code).toBe('fallen_behind');
    // Not by force, not after a restart, not by a deadline.
    await expect(async () => closeChannel(behind.node, channel, { force: true })).rejects.toMatchObject({ code: expect.stringMatching(/./) });
    behind.crash();
    behind.start();
    await mesh.runFor(5_000);
    expect(statesOf(behind)).toEqual(['fallenBehind']);
    expect(behind.broadcasts.size).toBe(0);
    await lossy.mineUntil('the commitment is in a block', () => lossy.spendOf(channel) !== undefined);
    const commitment = lossy.spendOf(channel)!;
    expect(peer.broadcasts.has(commitment.getId())).toBe(true);
    expect(channelsOf(behind)[0]!.value.lifecycle).toEqual({ closing: 'ahead' });
    if (name === 'bob') expect(paidTo(commitment, toRemoteOf(channel))).toBe(inChannelSat);
    await lossy.mineUntil('all is resolved', () => channelsOf(behind).length === 0);
    expect(walletSat(behind)).toBe(inWalletSat + lossy.gainSat([channel], [toRemoteOf(channel), anchorOf(channel)]));
    expect(lossy.problems()).toEqual([]);
  }, TIMEOUT_MS);

  it('finds out from a peer that has closed the channel already and whose commitment waits for a block', async () => {
    const { lossy, mesh, behind, peer, inWalletSat } = await goBack(name);
    await mesh.outcome(closeChannel(peer.node, channelsOf(peer)[0]!, { force: true }));
    expect(statesOf(peer)).toEqual(['failed']);
    behind.start();
    await mesh.until('it knows', () => behind.isUp && statesOf(behind)[0] === 'fallenBehind');
    expect(behind.broadcasts.size).toBe(0);
    const channel = channelsOf(behind)[0]!;
    await lossy.mineUntil('all is resolved', () => channelsOf(behind).length === 0);
    expect(lossy.spendOf(channel)).toBeDefined();
    expect(walletSat(behind)).toBe(inWalletSat + lossy.gainSat([channel], [toRemoteOf(channel), anchorOf(channel)]));
  }, TIMEOUT_MS);

  it('finds out from the chain, if the peer’s commitment is there', async () => {
    const { mesh, behind, peer } = await goBack(name);
    await mesh.outcome(closeChannel(peer.node, channelsOf(peer)[0]!, { force: true }));
    await mesh.runFor(1_000);
    await mesh.mine(2);
    peer.crash();
    behind.start();
    await mesh.until('it knows', () => behind.isUp && statesOf(behind)[0] === 'closing');
    expect(channelsOf(behind)[0]!.value.lifecycle).toEqual({ closing: 'ahead' });
    expect(behind.broadcasts.size).toBe(0);
  }, TIMEOUT_MS);
});

describe('an old database with an HTLC whose deadline has passed since', () => {
  /** Alice's copy has an HTLC that she offered and that bob fulfilled later; it has expired by now. */
  async function expired() {
    const lossy = await LossyMesh.create('deadline', ['alice', 'bob']);
    const { mesh } = lossy;
    const [alice, bob] = [lossy.named('alice'), lossy.named('bob')];
    await lossy.openAndPay(alice, bob);
    let isCut = false;
    bob.loses = (type) => (isCut ||= type === 'update_fulfill_htlc');
    await mesh.outcome(mesh.keysend(alice, bob, 50_000_000n));
    await mesh.until('bob has the HTLC', () => [...channelsOf(bob)[0]!.htlcs.rows()].some(({ removal }) => removal?.kind === 'fulfilled'));
    const old = copyOf(alice);
    expect(channelsOf(alice)[0]!.htlcs.size).toBe(1);
    bob.loses = () => false;
    bob.crash();
    bob.start();
    await mesh.until('it is settled', () => [alice, bob].every((node) => node.isUp && channelsOf(node)[0]?.htlcs.size === 0));
    await lossy.pay(bob, alice, 1_000_000n);
    alice.crash();
    alice.database = old;
    alice.broadcasts.clear();
    await mesh.mine(200);
    return { lossy, mesh, alice, bob };
  }

  it('is not broadcast at the start: the peer has time to show that it is old', async () => {
    const { mesh, alice } = await expired();
    alice.start();
    await mesh.until('it knows', () => alice.isUp && statesOf(alice)[0] === 'fallenBehind');
    await mesh.runFor(120_000);
    expect(statesOf(alice)).toEqual(['fallenBehind']);
    expect(alice.broadcasts.size).toBe(0);
  }, TIMEOUT_MS);

  it('goes to the chain if the peer is not there: nobody could tell that it is old', async () => {
    const { mesh, alice, bob } = await expired();
    bob.crash();
    alice.start();
    await mesh.runFor(20_000);
    expect(statesOf(alice)).toEqual(['normal']);
    await mesh.runFor(60_000);
    expect(statesOf(alice)).toEqual(['failed']);
    expect(channelsOf(alice)[0]!.data.failure?.code).toBe('htlc_timed_out');
  }, TIMEOUT_MS);
});
