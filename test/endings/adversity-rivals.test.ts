import { describe, expect, it } from 'vitest';
import { attempt, bigChild, closingOf, faultsAtTheEnd, mineAbove, mineOnly, mineUntil, pinByAnchor, spendElsewhere, spenderOf, statuses, toTheEnd, trial, type Trial } from '../harness/adversity.ts';
import { expiryOf, hold, learn } from '../harness/crash-flows.ts';
import { copyCommitment } from '../harness/endings-revoked.ts';
import { Mesh } from '../harness/mesh.ts';
import { channelOf, isClosed, quiet, settled, tell } from '../harness/endings.ts';

/* Endings in which somebody spends what a node is about to spend, or a reorg takes back what had been decided. */

const HTLC_MSAT = 50_000_000n;
const HTLC_SAT = HTLC_MSAT / 1_000n;
/** BOLT 2, "cltv_expiry_delta Selection". */
const BLOCKS_TO_CONFIRM = 12;
const forceClose = { type: 'forceClose' } as const;
/** A rival that is late has missed its own deadline. */
const LATE = /sends error|deadline_missed/;

const raisedBy = ({ alarms }: Trial, name: string): string[] => alarms.filter(({ node }) => node === name).map(({ code }) => code);

describe('a rival', () => {
  it('in a block takes one of two HTLCs that time out together: the batch is made anew of the other', () =>
    trial('a batch with a rival', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, offered } = pair;
      const paid = await hold(pair, opener, accepterHolds, HTLC_MSAT);
      await hold(pair, opener, accepterHolds, 2n * HTLC_MSAT);
      const cltvExpiry = expiryOf(opener, accepter);
      mesh.cut(opener, accepter);
      await tell(mesh, opener, accepter, forceClose);
      await quiet(mesh);
      await mineUntil(mesh, 'the HTLCs have expired', () => mesh.chain.height >= cltvExpiry);
      const before = new Set(offered.keys());
      const batch = [...offered.values()].find(({ ins, locktime }) => locktime === cltvExpiry && ins.length >= 2);
      expect(batch).toBeDefined();
      // The peer comes to know the preimage only now.
      await learn(pair, accepterHolds, paid);
      const rival = [...offered.values()].find((each) => !before.has(each.getId()) && accepter.broadcasts.has(each.getId()));
      expect(rival).toBeDefined();
      await mineOnly(mesh, [rival!]);
      await toTheEnd(pair);
      expect(statuses(opener)).toEqual([`${2n * HTLC_MSAT} failed`, `${HTLC_MSAT} succeeded`]);
      expect(raisedBy(pair, 'opener')).toEqual([]);
      expect(faultsAtTheEnd(pair, LATE)).toEqual([]);
    }));

  it('in the mempool that is pinned there by a large child takes none of the others with it', () =>
    trial('a pinned rival', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, offered } = pair;
      const pinned = await hold(pair, opener, accepterHolds, HTLC_MSAT);
      await hold(pair, opener, accepterHolds, 2n * HTLC_MSAT);
      const cltvExpiry = expiryOf(opener, accepter);
      mesh.cut(opener, accepter);
      await tell(mesh, opener, accepter, forceClose);
      await quiet(mesh);
      await mineUntil(mesh, 'the HTLCs are about to expire', () => mesh.chain.height >= cltvExpiry - 1);
      const before = new Set(offered.keys());
      await learn(pair, accepterHolds, pinned);
      const rival = [...offered.values()].find((each) => !before.has(each.getId()) && accepter.broadcasts.has(each.getId()))!;
      // It pays far too little by weight to be mined, and far too much altogether to be replaced.
      await bigChild(mesh, accepter, rival);
      accepter.crash();
      const closing = closingOf(pair);
      const larger = closing.outs.findIndex(({ value }) => value === 2n * HTLC_SAT);
      const taker = () => spenderOf(mesh, closing.getHash(), larger);
      await mineUntil(mesh, 'the other HTLC is taken', () => taker() !== undefined, () => mineAbove(mesh, 1_100));
      expect(taker()!.height).toBeLessThan(cltvExpiry + BLOCKS_TO_CONFIRM);
      expect(opener.broadcasts.has(taker()!.transaction.getId())).toBe(true);
      accepter.start();
      await toTheEnd(pair);
      expect(statuses(opener)).toEqual([`${2n * HTLC_MSAT} failed`, `${HTLC_MSAT} succeeded`]);
      expect(raisedBy(pair, 'opener')).toEqual([]);
      expect(faultsAtTheEnd(pair, LATE)).toEqual([]);
    }));

  it("that is the peer's commitment, pinned in the mempool, gives way to ours and its child, which pay more altogether", () =>
    trial('a pinned commitment', async (pair) => {
      const { mesh, opener, accepter, accepterHolds } = pair;
      await hold(pair, opener, accepterHolds, 4n * HTLC_MSAT);
      const cltvExpiry = expiryOf(opener, accepter);
      mesh.cut(opener, accepter);
      await tell(mesh, accepter, opener, forceClose);
      await quiet(mesh);
      await pinByAnchor(mesh, accepter, channelOf(accepter, opener));
      accepter.crash();
      const isOurs = (): boolean => channelOf(opener, accepter).lifecycle === 'closing';
      await mineUntil(mesh, 'our commitment is in a block', isOurs, () => mineAbove(mesh, 1_100));
      expect(channelOf(opener, accepter).value.lifecycle).toEqual({ closing: 'local' });
      expect(mesh.chain.height).toBeLessThan(cltvExpiry + BLOCKS_TO_CONFIRM);
      const closing = closingOf(pair);
      const at = closing.outs.findIndex(({ value }) => value === 4n * HTLC_SAT);
      await mineUntil(mesh, 'the HTLC is taken', () => spenderOf(mesh, closing.getHash(), at) !== undefined, () => mineAbove(mesh, 1_100));
      accepter.start();
      await toTheEnd(pair);
      expect(statuses(opener)).toEqual([`${4n * HTLC_MSAT} failed`]);
      expect(raisedBy(pair, 'opener')).toEqual(['broadcast_rejected']);
      expect(faultsAtTheEnd(pair, /sends error|broadcast_rejected/)).toEqual([]);
    }));
});

describe('a reorg', () => {
  it('that takes out the funding of a channel in use, which comes back: its HTLCs and its close go on', () =>
    trial('the funding comes back', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, alarms } = pair;
      const hash = await hold(pair, opener, accepterHolds, HTLC_MSAT);
      const before = channelOf(opener, accepter).data;
      const depth = mesh.chain.height - before.confirmation!.blockHeight + 1;
      await mesh.reorg(depth);
      await quiet(mesh);
      expect(channelOf(opener, accepter).isUsable).toBe(false);
      expect(channelOf(accepter, opener).isUsable).toBe(false);
      await mineAbove(mesh);
      const after = channelOf(opener, accepter);
      expect(after.isUsable).toBe(true);
      expect(after.data.shortChannelId).not.toBe(before.shortChannelId);
      await accepterHolds.answer(mesh, hash);
      await mesh.outcome(mesh.pay(opener, accepter, HTLC_MSAT));
      await quiet(mesh);
      await mesh.outcome(mesh.close(opener, 0));
      await toTheEnd(pair);
      expect(alarms).toEqual([]);
      expect(faultsAtTheEnd(pair)).toEqual([]);
    }));

  it('that puts announced channels into another place: they are announced anew, and payments find them', async () => {
    const mesh = await Mesh.create({ seed: 'announced anew', nodes: ['payer', 'forwarder', 'payee'] });
    await attempt(mesh, async () => {
      const [payer, forwarder, payee] = [mesh.named('payer'), mesh.named('forwarder'), mesh.named('payee')];
      await mesh.outcome(mesh.openChannel(payer, forwarder, 1_000_000n));
      await mesh.outcome(mesh.openChannel(forwarder, payee, 1_000_000n));
      await mesh.until('the fundings are broadcast', () => mesh.chain.hasUnconfirmed);
      await mesh.mine(6);
      await mesh.runFor(10_000);
      const before = channelOf(forwarder, payee).data.shortChannelId;
      expect(payer.node.graph.channel(before!)).toBeDefined();
      await mesh.reorg(6);
      await mesh.runFor(1_000);
      await mesh.mine(7);
      await mesh.runFor(10_000);
      const after = channelOf(forwarder, payee).data.shortChannelId;
      expect(after).not.toBe(before);
      expect(payer.node.graph.channel(after!)).toBeDefined();
      expect(payer.node.graph.channel(before!)?.usable).not.toBe(true);
      const paymentHash = await mesh.outcome(mesh.pay(payer, payee, HTLC_MSAT));
      await mesh.runFor(1_000);
      expect(payer.node.payments.getPayment(paymentHash).status).toBe('succeeded');
      // Six blocks are deep enough to say so at once.
      expect(mesh.problems.filter((problem) => !/funding_lost/.test(problem))).toEqual([]);
      expect(mesh.nodes.flatMap(({ node }) => node.alarms.list())).toEqual([]);
    });
  });

  it('that takes out the funding for good, since its coins were spent elsewhere, is an alarm', () =>
    trial('the funding is gone', async (pair) => {
      const { mesh, opener, accepter, accepterHolds } = pair;
      await hold(pair, opener, accepterHolds, HTLC_MSAT);
      const { confirmation, fundingTransaction } = channelOf(opener, accepter).data;
      const rival = spendElsewhere(opener, fundingTransaction!);
      mesh.cut(opener, accepter);
      await mesh.reorg(mesh.chain.height - confirmation!.blockHeight + 1, [rival]);
      await quiet(mesh);
      expect(channelOf(accepter, opener).isUsable).toBe(false);
      await mineUntil(mesh, 'some blocks are there', () => mesh.chain.height >= confirmation!.blockHeight + 6);
      for (const node of [opener, accepter]) expect(node.node.alarms.list().map(({ code }) => code)).toEqual(['funding_lost']);
      // The HTLC comes to its deadline all the same; nothing crashes over a commitment that no block can hold.
      await mineUntil(mesh, 'the HTLC has expired', () => mesh.chain.height >= expiryOf(opener, accepter) + 20);
      expect(channelOf(opener, accepter).lifecycle).toBe('failed');
      expect(opener.node.alarms.list().map(({ code }) => code)).toEqual(['funding_lost']);
    }));

  it("that takes out our commitment, and puts the peer's in its place: all goes on from that one", () =>
    trial('the other commitment', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, openerHolds } = pair;
      await hold(pair, opener, accepterHolds, HTLC_MSAT);
      const taken = await hold(pair, accepter, openerHolds, 2n * HTLC_MSAT);
      const theirs = copyCommitment(channelOf(accepter, opener), accepter.node.options.signer, (hash) => accepterHolds.preimage(hash)).commitment;
      mesh.cut(opener, accepter);
      await openerHolds.answer(mesh, taken);
      await tell(mesh, opener, accepter, forceClose);
      await quiet(mesh);
      await mineAbove(mesh);
      await mineAbove(mesh);
      expect(channelOf(opener, accepter).value.lifecycle).toEqual({ closing: 'local' });
      // The HTLC-success transaction is in a block by now.
      await mesh.reorg(2, [theirs]);
      await quiet(mesh);
      expect(channelOf(opener, accepter).value.lifecycle).toEqual({ closing: { remote: 'current' } });
      expect(channelOf(accepter, opener).value.lifecycle).toEqual({ closing: 'local' });
      await toTheEnd(pair);
      expect(statuses(accepter)).toEqual([`${2n * HTLC_MSAT} succeeded`]);
      expect(statuses(opener)).toEqual([`${HTLC_MSAT} failed`]);
      expect(pair.alarms).toEqual([]);
      expect(faultsAtTheEnd(pair)).toEqual([]);
    }));

  it.each(['mutual', 'local'] as const)("that takes out a %s close, and puts a commitment that the peer had revoked in its place: all of it is taken", (kind) =>
    trial(`a cheat in the place of a ${kind} close`, async (pair) => {
      const { mesh, opener: cheater, accepter: victim } = pair;
      const { commitment } = copyCommitment(channelOf(cheater, victim), cheater.node.options.signer, () => undefined);
      await tell(mesh, cheater, victim, { type: 'setFeerate', feeratePerKw: 1_500 });
      await settled(mesh, cheater, victim);
      if (kind === 'mutual') await mesh.outcome(mesh.close(victim, 0));
      else await tell(mesh, victim, cheater, forceClose);
      await mesh.runFor(1_000);
      await mineAbove(mesh);
      expect(channelOf(victim, cheater).value.lifecycle).toEqual({ closing: kind });
      cheater.crash();
      await mesh.reorg(1, [commitment]);
      await quiet(mesh);
      expect(channelOf(victim, cheater).value.lifecycle).toEqual({ closing: 'revoked' });
      await mineUntil(mesh, 'it is over', () => isClosed(victim, cheater));
      const takers = commitment.outs.flatMap(({ value }, index) => (value === 330n ? [] : [spenderOf(mesh, commitment.getHash(), index)]));
      expect(takers).toHaveLength(2);
      for (const taker of takers) expect(victim.broadcasts.has(taker!.transaction.getId())).toBe(true);
      expect(raisedBy(pair, 'accepter')).toEqual(['peer_cheated']);
      expect(victim.node.alarms.list()).toEqual([]);
    }, 40));

  it('that takes out each sweep once: it comes back', () =>
    trial('sweeps taken back', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, openerHolds } = pair;
      await hold(pair, opener, accepterHolds, HTLC_MSAT);
      const taken = await hold(pair, accepter, openerHolds, 2n * HTLC_MSAT);
      mesh.cut(opener, accepter);
      await openerHolds.answer(mesh, taken);
      await tell(mesh, opener, accepter, forceClose);
      await quiet(mesh);
      await mineAbove(mesh);
      const undone = new Set<string>();
      const isOver = (): boolean => isClosed(opener, accepter) && isClosed(accepter, opener);
      await mineUntil(mesh, 'both are closed', isOver, async () => {
        await mineAbove(mesh);
        const latest = mesh.chain.transactions.filter(({ height }) => height === mesh.chain.height).map(({ transaction }) => transaction.getId());
        if (latest.every((txid) => undone.has(txid))) return;
        for (const txid of latest) undone.add(txid);
        await mesh.reorg(1);
        await quiet(mesh);
      });
      for (let blocks = 0; blocks < 8; blocks++) await mineAbove(mesh);
      expect(undone.size).toBeGreaterThan(3);
      expect(statuses(accepter)).toEqual([`${2n * HTLC_MSAT} succeeded`]);
      expect(statuses(opener)).toEqual([`${HTLC_MSAT} failed`]);
      expect(pair.alarms).toEqual([]);
      expect(faultsAtTheEnd(pair)).toEqual([]);
    }));
});

