import { describe, expect, it } from 'vitest';
import { awayFor, drain, faultsAtTheEnd, mineAbove, mineOnly, mineUntil, paidSat, payTo, spenderOf, statuses, toTheEnd, trial } from '../harness/adversity.ts';
import { expiryOf, hold } from '../harness/crash-flows.ts';
import { FeeEstimateUnavailableError } from '../../src/chain/errors.ts';
import { copyCommitment } from '../harness/endings-revoked.ts';
import { channelOf, isClosed, quiet, settled, tell } from '../harness/endings.ts';

/* Endings when the chain is against them. Each comes to a good end, or says clearly that it cannot. */

const HTLC_MSAT = 50_000_000n;
const HTLC_SAT = HTLC_MSAT / 1_000n;
const forceClose = { type: 'forceClose' } as const;
/** BOLT 2, "cltv_expiry_delta Selection": blocks after the expiry in which what we offered is to be ours again. */
const BLOCKS_TO_CONFIRM = 12;
/** In which a victim takes what it can. */
const CHEATERS_DELAY = 40;

describe('a mempool at its limit', () => {
  it('takes a commitment below its minimum together with the child that pays for it', () =>
    trial('below the minimum', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, alarms } = pair;
      await hold(pair, opener, accepterHolds, HTLC_MSAT);
      await mesh.chain.setFees({ mempoolMinimum: 3_000, estimate: 4_000 });
      mesh.cut(opener, accepter);
      await tell(mesh, opener, accepter, forceClose);
      await quiet(mesh);
      await mineAbove(mesh, 3_500);
      expect(channelOf(opener, accepter).value.lifecycle).toEqual({ closing: 'local' });
      await mesh.chain.setFees({ mempoolMinimum: 0, estimate: 1_000 });
      await toTheEnd(pair);
      expect(statuses(opener)).toEqual([`${HTLC_MSAT} failed`]);
      expect(alarms).toEqual([]);
      expect(faultsAtTheEnd(pair)).toEqual([]);
    }));

  it('evicts what was in it already: all of it comes back at a higher fee', () =>
    trial('evicted', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, openerHolds, alarms } = pair;
      await hold(pair, opener, accepterHolds, HTLC_MSAT);
      const taken = await hold(pair, accepter, openerHolds, 2n * HTLC_MSAT);
      mesh.cut(opener, accepter);
      await openerHolds.answer(mesh, taken);
      await tell(mesh, opener, accepter, forceClose);
      await quiet(mesh);
      let feeratePerKw = 1_000;
      await mineUntil(mesh, 'both are closed', () => isClosed(opener, accepter) && isClosed(accepter, opener), async () => {
        if (mesh.chain.hasUnconfirmed && feeratePerKw < 10_000) {
          feeratePerKw += feeratePerKw >> 1;
          await mesh.chain.setFees({ mempoolMinimum: feeratePerKw, estimate: feeratePerKw });
          expect(mesh.chain.hasUnconfirmed).toBe(false);
          // What pays enough comes with the next block, or the one after it.
          await mineOnly(mesh);
          await mineOnly(mesh);
          expect(mesh.chain.hasUnconfirmed).toBe(true);
        }
        await mineAbove(mesh);
      });
      expect(feeratePerKw).toBeGreaterThan(10_000);
      await mesh.chain.setFees({ mempoolMinimum: 0, estimate: 1_000 });
      await toTheEnd(pair);
      expect(statuses(accepter)).toEqual([`${2n * HTLC_MSAT} succeeded`]);
      expect(statuses(opener)).toEqual([`${HTLC_MSAT} failed`]);
      expect(alarms).toEqual([]);
      expect(faultsAtTheEnd(pair)).toEqual([]);
    }));

  it('is an alarm where the wallet has no coins for that child, until there are some', () =>
    trial('without coins', async (pair) => {
      const { mesh, opener, accepter, openerHolds, alarms } = pair;
      await hold(pair, accepter, openerHolds, HTLC_MSAT);
      await drain(mesh, accepter, opener);
      await mesh.chain.setFees({ mempoolMinimum: 3_000, estimate: 4_000 });
      mesh.cut(opener, accepter);
      await tell(mesh, accepter, opener, forceClose);
      await quiet(mesh);
      for (let blocks = 0; blocks < 8; blocks++) await mineAbove(mesh);
      const standing = (): string[] => accepter.node.alarms.list().map(({ code }) => code).sort();
      expect(standing()).toEqual(['broadcast_rejected', 'fee_reserve_low', 'no_fee_coins']);
      expect(channelOf(accepter, opener).lifecycle).toBe('failed');
      await payTo(mesh, opener, accepter, 500_000n);
      await mineAbove(mesh);
      await mineAbove(mesh);
      expect(channelOf(accepter, opener).value.lifecycle).toEqual({ closing: 'local' });
      expect(standing()).toEqual([]);
      await toTheEnd(pair);
      expect(statuses(accepter)).toEqual([`${HTLC_MSAT} failed`]);
      expect(alarms.map(({ node }) => node)).toEqual(['accepter', 'accepter', 'accepter']);
      expect(faultsAtTheEnd(pair, /sends error|no_fee_coins|broadcast_rejected|fee_reserve_low/)).toEqual([]);
    }));
});

describe('fees that rise tenfold', () => {
  it('between the commitment and the deadline of its HTLC: both are in blocks in time, and within their budgets', () =>
    trial('a commitment overtaken', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, alarms } = pair;
      await hold(pair, opener, accepterHolds, HTLC_MSAT);
      const cltvExpiry = expiryOf(opener, accepter);
      mesh.cut(opener, accepter);
      await tell(mesh, opener, accepter, forceClose);
      await quiet(mesh);
      const from = mesh.chain.height;
      await mesh.chain.setFees({ estimate: 10_000 });
      const { funding } = channelOf(opener, accepter).data;
      await mineUntil(mesh, 'a block holds the commitment', () => channelOf(opener, accepter).lifecycle === 'closing', () => mineAbove(mesh, 9_000));
      const closing = spenderOf(mesh, funding!.txid, funding!.outputIndex)!;
      expect(closing.height).toBeLessThan(cltvExpiry + BLOCKS_TO_CONFIRM);
      const at = closing.transaction.outs.findIndex(({ value }) => value === HTLC_SAT);
      const taker = () => spenderOf(mesh, closing.transaction.getHash(), at);
      await mineUntil(mesh, 'the HTLC is taken', () => taker() !== undefined, () => mineAbove(mesh, 9_000));
      expect(taker()!.height).toBeLessThan(cltvExpiry + BLOCKS_TO_CONFIRM);
      expect(opener.broadcasts.has(taker()!.transaction.getId())).toBe(true);
      expect(paidSat(mesh, opener, from)).toBeLessThanOrEqual(550_000n / 2n);
      await mesh.chain.setFees({ estimate: 1_000 });
      await toTheEnd(pair);
      expect(alarms).toEqual([]);
      expect(faultsAtTheEnd(pair)).toEqual([]);
    }));

  it('after an HTLC-success transaction was broadcast: it is replaced until a block before the expiry holds it', () =>
    trial('an HTLC-success overtaken', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, alarms } = pair;
      const hash = await hold(pair, opener, accepterHolds, HTLC_MSAT);
      const cltvExpiry = expiryOf(opener, accepter);
      mesh.cut(opener, accepter);
      await quiet(mesh);
      await accepterHolds.answer(mesh, hash);
      await tell(mesh, accepter, opener, forceClose);
      await quiet(mesh);
      await mineAbove(mesh);
      const { funding } = channelOf(opener, accepter).data;
      const closing = spenderOf(mesh, funding!.txid, funding!.outputIndex)!;
      const from = mesh.chain.height;
      await mesh.chain.setFees({ estimate: 10_000 });
      const at = closing.transaction.outs.findIndex(({ value }) => value === HTLC_SAT);
      const taker = () => spenderOf(mesh, closing.transaction.getHash(), at);
      await mineUntil(mesh, 'the HTLC is taken', () => taker() !== undefined, () => mineAbove(mesh, 9_000));
      expect(taker()!.height).toBeLessThan(cltvExpiry);
      expect(accepter.broadcasts.has(taker()!.transaction.getId())).toBe(true);
      expect(paidSat(mesh, accepter, from)).toBeLessThanOrEqual(HTLC_SAT / 2n);
      await mesh.chain.setFees({ estimate: 1_000 });
      await toTheEnd(pair);
      expect(statuses(opener)).toEqual([`${HTLC_MSAT} succeeded`]);
      expect(alarms).toEqual([]);
      expect(faultsAtTheEnd(pair)).toEqual([]);
    }));

  it('over a penalty: all is taken before the cheater could', () =>
    trial('a penalty overtaken', async (pair) => {
      const { mesh, opener: cheater, accepter: victim, openerHolds: cheaterHolds } = pair;
      await hold(pair, victim, cheaterHolds, HTLC_MSAT);
      const { commitment } = copyCommitment(channelOf(cheater, victim), cheater.node.options.signer, (hash) => cheaterHolds.preimage(hash));
      await tell(mesh, cheater, victim, { type: 'setFeerate', feeratePerKw: 1_500 });
      await settled(mesh, cheater, victim);
      cheater.crash();
      await mesh.chain.rpc.call('sendrawtransaction', [commitment.toHex()]);
      await mineAbove(mesh);
      const from = mesh.chain.height;
      await mesh.chain.setFees({ estimate: 10_000 });
      const takers = () => commitment.outs.flatMap(({ value }, index) => (value === 330n ? [] : [spenderOf(mesh, commitment.getHash(), index)]));
      await mineUntil(mesh, 'all is taken', () => takers().every((each) => each !== undefined), () => mineAbove(mesh, 9_000));
      for (const taker of takers()) expect(victim.broadcasts.has(taker!.transaction.getId())).toBe(true);
      expect(mesh.chain.height).toBeLessThan(from + CHEATERS_DELAY);
      await mesh.chain.setFees({ estimate: 1_000 });
      cheater.start();
      await mineUntil(mesh, 'it is over', () => isClosed(victim, cheater));
      expect(paidSat(mesh, victim, from)).toBeLessThan(20_000n);
      expect(pair.alarms.filter(({ node }) => node === 'accepter').map(({ code }) => code)).toEqual(['peer_cheated']);
    }, CHEATERS_DELAY));

  it('beyond what an HTLC is worth: that is an alarm, and it is taken once they fall', () =>
    trial('beyond the budget', async (pair) => {
      const { mesh, opener, accepter, accepterHolds } = pair;
      const hash = await hold(pair, opener, accepterHolds, 5_000_000n);
      const cltvExpiry = expiryOf(opener, accepter);
      mesh.cut(opener, accepter);
      await quiet(mesh);
      await accepterHolds.answer(mesh, hash);
      await tell(mesh, accepter, opener, forceClose);
      await quiet(mesh);
      await mineAbove(mesh);
      await mesh.chain.setFees({ estimate: 50_000 });
      await mineUntil(mesh, 'the expiry is near', () => mesh.chain.height >= cltvExpiry - 4, () => mineAbove(mesh, 40_000));
      expect(accepter.node.alarms.list().map(({ code }) => code)).toEqual(['fee_budget_exceeded']);
      await mesh.chain.setFees({ estimate: 1_000 });
      await toTheEnd(pair);
      expect(statuses(opener)).toEqual(['5000000 succeeded']);
      expect(pair.alarms.map(({ code }) => code)).toEqual(['fee_budget_exceeded']);
      expect(faultsAtTheEnd(pair, /sends error|fee_budget_exceeded/)).toEqual([]);
    }));

  it('in miners alone, while the estimate stays: what never confirms is bumped until it does, before the deadline', () =>
    trial('never until bumped', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, alarms } = pair;
      const hash = await hold(pair, opener, accepterHolds, HTLC_MSAT);
      const cltvExpiry = expiryOf(opener, accepter);
      mesh.cut(opener, accepter);
      await quiet(mesh);
      await accepterHolds.answer(mesh, hash);
      await tell(mesh, accepter, opener, forceClose);
      await quiet(mesh);
      const { funding } = channelOf(opener, accepter).data;
      const from = mesh.chain.height;
      await mineUntil(mesh, 'a block holds the commitment', () => channelOf(accepter, opener).lifecycle === 'closing', () => mineAbove(mesh, 4_000));
      const closing = spenderOf(mesh, funding!.txid, funding!.outputIndex)!;
      const at = closing.transaction.outs.findIndex(({ value }) => value === HTLC_SAT);
      const taker = () => spenderOf(mesh, closing.transaction.getHash(), at);
      await mineUntil(mesh, 'the HTLC is taken', () => taker() !== undefined, () => mineAbove(mesh, 4_000));
      expect(taker()!.height).toBeLessThan(cltvExpiry);
      expect(paidSat(mesh, accepter, from)).toBeLessThanOrEqual(HTLC_SAT);
      await toTheEnd(pair);
      expect(statuses(opener)).toEqual([`${HTLC_MSAT} succeeded`]);
      expect(alarms).toEqual([]);
      expect(faultsAtTheEnd(pair)).toEqual([]);
    }));
});

describe('a deadline that is missed', () => {
  it('is an alarm until the HTLC is taken after all', () =>
    trial('a missed deadline', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, alarms } = pair;
      await hold(pair, opener, accepterHolds, HTLC_MSAT);
      const cltvExpiry = expiryOf(opener, accepter);
      mesh.cut(opener, accepter);
      await tell(mesh, opener, accepter, forceClose);
      await quiet(mesh);
      await mineAbove(mesh);
      await mineUntil(mesh, 'the deadline is over', () => mesh.chain.height >= cltvExpiry + BLOCKS_TO_CONFIRM, () => mineOnly(mesh));
      expect(opener.node.alarms.list().map(({ code }) => code)).toEqual(['deadline_missed']);
      expect(alarms.map(({ code }) => code)).toEqual(['deadline_missed']);
      expect(alarms[0]!.height).toBeGreaterThanOrEqual(cltvExpiry + BLOCKS_TO_CONFIRM - 1);
      await toTheEnd(pair);
      expect(statuses(opener)).toEqual([`${HTLC_MSAT} failed`]);
      expect(faultsAtTheEnd(pair, /sends error|deadline_missed/)).toEqual([]);
    }));
});

describe('a chain backend', () => {
  it('that is away for 20 blocks is an alarm, and what was missed is done once it is back', () =>
    trial('away', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, openerHolds, alarms } = pair;
      await hold(pair, opener, accepterHolds, HTLC_MSAT);
      const taken = await hold(pair, accepter, openerHolds, 2n * HTLC_MSAT);
      mesh.cut(opener, accepter);
      await openerHolds.answer(mesh, taken);
      await awayFor(mesh, opener, async () => {
        await tell(mesh, accepter, opener, forceClose);
        await quiet(mesh);
        for (let blocks = 0; blocks < 20; blocks++) {
          await mineAbove(mesh);
          await mesh.runFor(10_000);
        }
        expect(opener.node.alarms.list().map(({ code }) => code)).toEqual(['chain_away']);
      });
      expect(opener.node.alarms.list()).toEqual([]);
      expect(channelOf(opener, accepter).value.lifecycle).toEqual({ closing: { remote: 'current' } });
      await toTheEnd(pair);
      expect(statuses(accepter)).toEqual([`${2n * HTLC_MSAT} succeeded`]);
      expect(statuses(opener)).toEqual([`${HTLC_MSAT} failed`]);
      expect(alarms.map(({ code }) => code)).toEqual(['chain_away']);
      expect(faultsAtTheEnd(pair, /sends error|chain_away/)).toEqual([]);
    }));

  it('that is away over the deadline of an HTLC: its channel goes to the chain as soon as it is back', () =>
    trial('away over a deadline', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, alarms } = pair;
      await hold(pair, opener, accepterHolds, HTLC_MSAT);
      const cltvExpiry = expiryOf(opener, accepter);
      await mineUntil(mesh, 'the expiry is near', () => mesh.chain.height >= cltvExpiry - 10);
      await awayFor(mesh, opener, async () => {
        for (let blocks = 0; blocks < 20; blocks++) {
          await mineAbove(mesh);
          await mesh.runFor(10_000);
        }
      });
      expect(channelOf(opener, accepter).lifecycle).toBe('failed');
      await toTheEnd(pair);
      expect(statuses(opener)).toEqual([`${HTLC_MSAT} failed`]);
      expect(alarms.map(({ code }) => code)).toEqual(['chain_away']);
      expect(faultsAtTheEnd(pair, /sends error|chain_away/)).toEqual([]);
    }));

  it('that has no estimate is no hindrance: what was known last counts, or a feerate of old experience', () =>
    trial('no estimates', async (pair) => {
      const { mesh, opener, accepter, accepterHolds, openerHolds, alarms } = pair;
      await hold(pair, opener, accepterHolds, HTLC_MSAT);
      const taken = await hold(pair, accepter, openerHolds, 2n * HTLC_MSAT);
      const { chain } = opener.node.options;
      chain.feeratePerKw = (targetBlocks) => Promise.reject(new FeeEstimateUnavailableError(targetBlocks));
      mesh.cut(opener, accepter);
      await openerHolds.answer(mesh, taken);
      await tell(mesh, opener, accepter, forceClose);
      await quiet(mesh);
      const from = mesh.chain.height;
      await toTheEnd(pair);
      expect(statuses(accepter)).toEqual([`${2n * HTLC_MSAT} succeeded`]);
      expect(statuses(opener)).toEqual([`${HTLC_MSAT} failed`]);
      expect(paidSat(mesh, opener, from)).toBeLessThan(20_000n);
      expect(alarms).toEqual([]);
      expect(faultsAtTheEnd(pair)).toEqual([]);
    }));
});
