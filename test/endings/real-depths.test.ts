import { describe, expect, it } from 'vitest';
import { defaultPolicy } from '../../machines/channel/policy.ts';
import { mine, mineUntil, openBetween, quiet, settled, usable } from '../harness/endings.ts';
import { chainFaults, sweepsOf, walletFaults } from '../harness/endings-books.ts';
import { ChannelEnding, htlcMsatOf } from '../harness/endings-channel.ts';
import { Htlc } from '../harness/endings-htlc.ts';
import { telling } from '../harness/endings-pair.ts';
import { takingsOf, type EndingCase } from '../harness/endings-table.ts';
import { journalFaults } from '../harness/mesh-invariants.ts';
import { Mesh } from '../harness/mesh.ts';
import type { MeshNode } from '../harness/mesh-node.ts';

/*
 * Endings with the depths that a daemon has: 6 blocks before anything is failed upstream, 100 before all is over, and a reorg when one more
 * block would have made it so. Blocks that deep give nothing back to the mempool: the nodes have to see to it.
 */

const CAPACITY_SAT = 1_000_000n;
const PUSHED_MSAT = 400_000_000n;
const { reasonableDepth, irrevocableDepth } = defaultPolicy;

/** Payer → forwarder → payee; the channel to the payee ends. */
async function play(end: EndingCase, check: (scene: Scene) => Promise<void>): Promise<void> {
  const mesh = await Mesh.create({
    seed: `real ${end.by} ${end.fate}`,
    nodes: ['payer', 'forwarder', 'payee'],
    policyOf: () => ({ reasonableDepth, irrevocableDepth, toSelfDelay: 10 }),
  });
  const faults = await telling(mesh, async () => {
    const [payer, forwarder, payee] = ['payer', 'forwarder', 'payee'].map((name) => mesh.named(name)) as [MeshNode, MeshNode, MeshNode];
    await openBetween(mesh, payer, forwarder, CAPACITY_SAT, PUSHED_MSAT);
    await openBetween(mesh, forwarder, payee, CAPACITY_SAT, PUSHED_MSAT);
    await usable(mesh);
    const nodes = { opener: forwarder, accepter: payee };
    const htlcMsat = htlcMsatOf(end);
    const htlc = new Htlc(mesh, payer, payee, htlcMsat);
    await htlc.stand();
    await settled(mesh, forwarder, payee);
    const channel = new ChannelEnding({ mesh, end, nodes, capacitySat: CAPACITY_SAT, pushedMsat: PUSHED_MSAT, htlcMsat, htlc });
    await channel.prepare();
    await channel.toTheChain();
    await mine(mesh);
    channel.expectSeen();
    mesh.heal(forwarder, payee);
    await check({ mesh, channel, htlc });
    const lowest = (): number => Math.max(...sweepsOf(mesh, channel.facts).map(({ height }) => height));
    const depth = (height: number): number => mesh.chain.height - height + 1;
    const isAllTaken = (): boolean => sweepsOf(mesh, channel.facts).length === takingsOf(end).length;
    await mineUntil(mesh, 'all is one block from irrevocable', () => isAllTaken() && depth(lowest()) === irrevocableDepth - 1);
    await channel.reorg(irrevocableDepth - 1);
    expect(isAllTaken()).toBe(false);
    expect(channel.isOver).toBe(false);
    await mineUntil(mesh, 'the channel is closed', () => channel.isOver);
    expect(isAllTaken()).toBe(true);
    expect(depth(lowest())).toBe(irrevocableDepth);
    await quiet(mesh);
    // The reorg put off what would have been done at once, and what was late by then was worth a higher fee.
    const late = /though it could be|pays \d+ sat, \d+ sat\/kw/;
    return [...chainFaults(mesh, channel.facts).filter((fault) => !late.test(fault)), ...walletFaults(mesh, [channel.facts]), ...journalFaults(mesh)];
  });
  expect(faults).toEqual([]);
}

interface Scene {
  readonly mesh: Mesh;
  readonly channel: ChannelEnding;
  readonly htlc: Htlc;
}

describe("with a daemon's depths", () => {
  it("the forwarder's commitment with an HTLC that times out: what stands upstream is failed six blocks later, not before", async () => {
    await play({ closing: 'latest', by: 'opener', fate: 'timed out', offeredBy: 'opener', reorg: true }, async ({ mesh, channel, htlc }) => {
      const taken = (): number | undefined => sweepsOf(mesh, channel.facts).find(({ transaction }) => transaction.locktime > 0)?.height;
      await mineUntil(mesh, 'the HTLC is taken', () => taken() !== undefined);
      while (mesh.chain.height - taken()! + 1 < reasonableDepth) {
        expect(htlc.payment?.status).toBe('inFlight');
        await mine(mesh);
      }
      await mesh.until('the payer hears of it', () => htlc.payment?.status === 'failed');
    });
  });

  it("the peer's commitment with an HTLC that is fulfilled: what stands upstream is fulfilled with the block that shows the preimage", async () => {
    await play({ closing: 'latest', by: 'accepter', fate: 'fulfilled before', offeredBy: 'opener', reorg: true }, async ({ mesh, channel, htlc }) => {
      const taken = (): boolean => sweepsOf(mesh, channel.facts).some(({ transaction }) => transaction.ins[0]?.witness[3]?.length === 32);
      await mineUntil(mesh, 'the HTLC is taken', () => {
        if (!taken()) expect(htlc.payment?.status).toBe('inFlight');
        return taken();
      });
      await mesh.until('the payer hears of it', () => htlc.payment?.status === 'succeeded');
    });
  });
});
