import { Transaction } from 'bitcoinjs-lib';
import { describe, expect, it } from 'vitest';
import { noteTransactions } from '../harness/crash-flow.ts';
import { channelOf, mine, mineUntil, openBetween, quiet, settled, tell, usable } from '../harness/endings.ts';
import { chainFaults, walletFaults } from '../harness/endings-books.ts';
import { ChannelEnding, htlcMsatOf } from '../harness/endings-channel.ts';
import { Htlc } from '../harness/endings-htlc.ts';
import { revive, telling } from '../harness/endings-pair.ts';
import { copyCommitment } from '../harness/endings-revoked.ts';
import { other, type EndingCase, type Who } from '../harness/endings-table.ts';
import { journalFaults } from '../harness/mesh-invariants.ts';
import { Mesh } from '../harness/mesh.ts';
import type { MeshNode } from '../harness/mesh-node.ts';

/*
 * Reorgs after which the chain does not hold the same again, but what stood against it: the other side's commitment, one that was revoked, or the other
 * way of taking an HTLC (docs/endings.md).
 */

const CAPACITY_SAT = 1_000_000n;
const PUSHED_MSAT = 400_000_000n;
const both = ['opener', 'accepter'] as const;
const policyOf = () => ({ toSelfDelay: 40 });

/** A pair whose channel is to end, after all, as `end` says. */
async function withPair(end: EndingCase, play: (mesh: Mesh, channel: ChannelEnding, htlc: Htlc) => Promise<void>): Promise<void> {
  const mesh = await Mesh.create({ seed: JSON.stringify(end), nodes: [...both], policyOf });
  const faults = await telling(mesh, async () => {
    const nodes = { opener: mesh.named('opener'), accepter: mesh.named('accepter') };
    await openBetween(mesh, nodes.opener, nodes.accepter, CAPACITY_SAT, PUSHED_MSAT);
    const payer = end.offeredBy ?? 'opener';
    const htlc = new Htlc(mesh, nodes[payer], nodes[other(payer)], htlcMsatOf(end));
    if (end.offeredBy !== undefined) {
      await htlc.stand();
      await settled(mesh, nodes.opener, nodes.accepter);
    }
    const channel = new ChannelEnding({ mesh, end, nodes, capacitySat: CAPACITY_SAT, pushedMsat: PUSHED_MSAT, htlcMsat: htlcMsatOf(end), htlc });
    await play(mesh, channel, htlc);
    await mineUntil(mesh, 'the channel is closed', () => channel.isOver);
    await quiet(mesh);
    await revive(mesh);
    return [...chainFaults(mesh, channel.facts), ...walletFaults(mesh, [channel.facts]), ...journalFaults(mesh)];
  });
  expect(faults).toEqual([]);
}

const copyOf = (node: MeshNode, peer: MeshNode, htlc: Htlc): Transaction =>
  copyCommitment(channelOf(node, peer), node.node.options.signer, (hash) => htlc.preimage(hash)).commitment;

describe.each(both)("the %s's commitment in the place of the other side's", (by) => {
  it.each([
    ['no HTLC', { fate: 'none', offeredBy: undefined }],
    ['an HTLC of the one that times out', { fate: 'timed out', offeredBy: by }],
    ['an HTLC of the other that times out', { fate: 'timed out', offeredBy: other(by) }],
    ['an HTLC of the one that is fulfilled', { fate: 'fulfilled before', offeredBy: by }],
    ['an HTLC of the other that is fulfilled', { fate: 'fulfilled before', offeredBy: other(by) }],
  ] as const)('%s', async (_name, { fate, offeredBy }) => {
    const end: EndingCase = { closing: 'latest', by, fate, offeredBy, reorg: true };
    await withPair(end, async (mesh, channel, htlc) => {
      const [owner, peer] = [channel.nodes[by], channel.nodes[other(by)]];
      await channel.prepare();
      const commitment = copyOf(owner, peer, htlc);
      await tell(mesh, peer, owner, { type: 'forceClose' });
      await mineUntil(mesh, 'a block holds the commitment', () => channelOf(peer, owner).lifecycle === 'closing');
      // What takes its outputs waits by now, or stands in a block already.
      await mine(mesh);
      await mesh.reorg(2, [commitment]);
      await quiet(mesh);
      channel.expectSeen();
    });
  });
});

describe.each(both)('a commitment that the %s had revoked', (by) => {
  it('in the place of its own latest one', async () => {
    await withPair({ closing: 'revoked', by, fate: 'still standing', offeredBy: by, reorg: true }, async (mesh, channel, htlc) => {
      const [cheater, victim] = [channel.nodes[by], channel.nodes[other(by)]];
      const revoked = copyOf(cheater, victim, htlc);
      // It makes the cheater go down before anything is broadcast.
      await channel.prepare();
      cheater.start();
      await mesh.until('the cheater is back', () => channelOf(cheater, victim).value.connection === 'online');
      await tell(mesh, cheater, victim, { type: 'forceClose' });
      await mineUntil(mesh, 'a block holds the commitment', () => channelOf(victim, cheater).lifecycle === 'closing');
      cheater.crash();
      await mesh.reorg(1, [revoked]);
      await quiet(mesh);
      channel.expectSeen();
    });
  });

  it('in the place of a mutual close', async () => {
    await withPair({ closing: 'revoked', by, fate: 'none', offeredBy: undefined, reorg: true }, async (mesh, channel, htlc) => {
      const [cheater, victim] = [channel.nodes[by], channel.nodes[other(by)]];
      const revoked = copyOf(cheater, victim, htlc);
      await channel.prepare();
      cheater.start();
      await mesh.until('the cheater is back', () => channelOf(cheater, victim).value.connection === 'online');
      await mesh.outcome(mesh.close(victim, 0));
      await mineUntil(mesh, 'a block holds the mutual close', () => channelOf(victim, cheater).data.fundingSpend !== undefined);
      cheater.crash();
      await mesh.reorg(1, [revoked]);
      await quiet(mesh);
      channel.expectSeen();
    });
  });
});

describe('an HTLC that was taken after its expiry, and then by its preimage', () => {
  /** Payer → forwarder → payee; the channel to the payee ends with `by`'s commitment, and both ways of taking its HTLC are there. */
  async function play(by: Who, depth: number, check: (line: Line) => string[]): Promise<void> {
    const mesh = await Mesh.create({ seed: `${by} ${depth}`, nodes: ['payer', 'forwarder', 'payee'], policyOf });
    const offered = noteTransactions(mesh);
    const faults = await telling(mesh, async () => {
      const [payer, forwarder, payee] = ['payer', 'forwarder', 'payee'].map((name) => mesh.named(name)) as [MeshNode, MeshNode, MeshNode];
      await openBetween(mesh, payer, forwarder, CAPACITY_SAT, PUSHED_MSAT);
      await openBetween(mesh, forwarder, payee, CAPACITY_SAT, PUSHED_MSAT);
      await usable(mesh);
      const end: EndingCase = { closing: 'latest', by, fate: 'fulfilled after', offeredBy: 'opener', reorg: true };
      const nodes = { opener: forwarder, accepter: payee };
      const htlcMsat = htlcMsatOf(end);
      const htlc = new Htlc(mesh, payer, payee, htlcMsat);
      await htlc.stand();
      await settled(mesh, forwarder, payee);
      const channel = new ChannelEnding({ mesh, end, nodes, capacitySat: CAPACITY_SAT, pushedMsat: PUSHED_MSAT, htlcMsat, htlc });
      await channel.prepare();
      await channel.toTheChain();
      const { cltvExpiry } = channel.facts;
      await mineUntil(mesh, 'the HTLC has expired', () => mesh.chain.height >= cltvExpiry);
      const takes = (node: MeshNode, known: ReadonlySet<string>): Transaction =>
        [...offered.values()].find((each) => node.broadcasts.has(each.getId()) && !known.has(each.getId()))!;
      const timeout = [...offered.values()].find((each) => forwarder.broadcasts.has(each.getId()) && each.locktime === cltvExpiry)!;
      const known = new Set(offered.keys());
      await htlc.learn();
      const fulfilment = takes(payee, known);
      expect([timeout, fulfilment].map((each) => each === undefined)).toEqual([false, false]);
      mesh.chain.mineOnly([timeout]);
      await mesh.everybodySees();
      for (let left = depth - 1; left > 0; left--) {
        mesh.chain.mineOnly([]);
        await mesh.everybodySees();
      }
      await quiet(mesh);
      await mesh.reorg(depth, [fulfilment]);
      await quiet(mesh);
      mesh.heal(forwarder, payee);
      await mineUntil(mesh, 'the channel is closed', () => channel.isOver);
      await quiet(mesh);
      return [...chainFaults(mesh, channel.facts).filter((fault) => !/though it could be/.test(fault)), ...walletFaults(mesh, [channel.facts]), ...journalFaults(mesh), ...check({ payer, forwarder, htlc })];
    });
    expect(faults).toEqual([]);
  }

  interface Line {
    readonly payer: MeshNode;
    readonly forwarder: MeshNode;
    readonly htlc: Htlc;
  }

  const expectation = (line: Line, payment: string, forward: string, alarms: string): string[] => {
    const seen = [
      line.htlc.payment?.status,
      line.forwarder.node.payments.listForwards().forwards[0]?.status,
      line.forwarder.node.alarms.list().map(({ code }) => code).join(),
    ];
    return seen.join(' ') === [payment, forward, alarms].join(' ') ? [] : [`payment, forward and alarms: ${seen.join(' ')}`];
  };

  it.each(both)("on the %s's commitment: the payer's HTLC is fulfilled, which was not failed yet", async (by) => {
    await play(by, 1, (line) => expectation(line, 'succeeded', 'settled', ''));
  });

  it.each(both)("on the %s's commitment, deeper than what the forwarder waits for: it has lost the HTLC, and says so", async (by) => {
    await play(by, 2, (line) => expectation(line, 'failed', 'lost', 'money_lost'));
  });
});

