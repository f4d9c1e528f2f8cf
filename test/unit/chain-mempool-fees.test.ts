import { Transaction } from 'bitcoinjs-lib';
import { describe, expect, it } from 'vitest';
import { improves } from '../../src/chain/embedded/mempool/diagram.ts';
import { TestChain, output, spend } from './chain-kit.ts';

const chunk = (feeSat: bigint, vsize: number) => ({ feeSat, vsize });

describe('what a miner prefers', () => {
  it('is what earns more in some space and less in none', () => {
    const old = [chunk(1_000n, 100), chunk(100n, 100)];
    expect(improves([chunk(1_200n, 100)], old)).toBe(true);
    expect(improves([chunk(1_001n, 100)], old)).toBe(false);
    // As much in all, but later.
    expect(improves([chunk(1_100n, 200)], old)).toBe(false);
    expect(improves(old, [chunk(1_100n, 200)])).toBe(true);
    expect(improves(old, old)).toBe(false);
    expect(improves([chunk(100n, 100), chunk(1_000n, 100)], old)).toBe(false);
    // More at first, less in all.
    expect(improves([chunk(1_050n, 50)], old)).toBe(false);
    expect(improves([chunk(1n, 1)], [])).toBe(true);
  });
});

describe('packages', () => {
  it('replace what one parent and its child pay more than, though the parent alone does not', () => {
    const chain = TestChain.funded(6);
    const [coin, parentOfTwo] = [chain.fund(), chain.fund()];
    const rival = spend([coin], { feeSat: 2_000n });
    const rivalChild = spend([output(rival, 0, chain.miner)], { feeSat: 3_000n });
    chain.send(rival);
    chain.send(rivalChild);
    const parent = spend([coin], { feeSat: 900n });
    const pays = (feeSat: bigint) => spend([output(parent, 0, chain.miner)], { feeSat });
    const submit = (...transactions: Transaction[]) => chain.call('submitpackage', transactions.map((t) => t.toHex()), 0);
    expect(submit(parent, pays(4_000n)).package_msg).toMatch(/^package RBF failed: insufficient anti-DoS fees, /);
    expect(chain.mempool).toHaveLength(2);
    const child = pays(5_000n);
    const result = submit(parent, child);
    expect(result.package_msg).toBe('success');
    expect(result['replaced-transactions'].toSorted()).toEqual([rival.getId(), rivalChild.getId()].sort());
    expect(chain.mempool.toSorted()).toEqual([parent.getId(), child.getId()].sort());

    // What hangs together with more than one other is not judged so.
    const wide = spend([parentOfTwo], { outputs: [{ script: chain.miner.script, value: 10_000n }] });
    chain.send(wide);
    for (const index of [0, 1]) chain.send(spend([output(wide, index, chain.miner)], { feeSat: 500n }));
    const again = spend([parentOfTwo], { feeSat: 900n });
    const payer = spend([output(again, 0, chain.miner)], { feeSat: 50_000n });
    expect(submit(again, payer).package_msg).toBe(
      `package RBF failed: ${wide.getId()} has 2 descendants, max 1 allowed`,
    );
  });
});

describe('fees that a test sets', () => {
  it('evict what pays less, and ask as much of newcomers until blocks come', () => {
    const chain = TestChain.funded(6);
    const [poor, rich] = [spend([chain.fund()], { feeSat: 500n }), spend([chain.fund()], { feeSat: 50_000n })];
    const [parent, child] = [spend([chain.fund()], { feeSat: 500n })].flatMap((transaction) => [
      transaction,
      spend([output(transaction, 0, chain.miner)], { feeSat: 50_000n }),
    ]);
    for (const transaction of [poor, rich, parent!, child!]) chain.send(transaction);
    chain.call('setmockfees', 0.0002);
    expect(chain.mempool.toSorted()).toEqual([rich, parent!, child!].map((each) => each.getId()).sort());
    expect(chain.call('getmempoolinfo').mempoolminfee).toBe(0.0002);
    expect(chain.verdict(spend([chain.fund()], { feeSat: 2_000n }))).toBe('mempool min fee not met');
    chain.mine();
    chain.clock.advance(3 * 3_600_000);
    // An almost empty mempool forgets by half in three hours.
    expect(chain.call('getmempoolinfo').mempoolminfee).toBe(0.0001);
    chain.call('setmockfees', 0);
    expect(chain.call('getmempoolinfo').mempoolminfee).toBe(0.00001);
  });

  it('are what the chain estimates', () => {
    const chain = TestChain.funded(1);
    expect(chain.call('estimatesmartfee', 6).feerate).toBe(undefined);
    chain.call('setmockfees', null, 0.0005);
    expect(chain.call('estimatesmartfee', 6)).toEqual({ feerate: 0.0005, blocks: 6 });
    expect(chain.call('getmempoolinfo').mempoolminfee).toBe(0.00001);
    chain.call('setmockfees', null, 0);
    expect(chain.call('estimatesmartfee', 6).feerate).toBe(undefined);
    expect(chain.failure('setmockfees', -1).code).toBe(-3);
  });
});

describe('an anchor that anyone can spend', () => {
  it('is spent without a witness, and with none other', () => {
    const chain = TestChain.funded();
    const script = Uint8Array.of(0x51, 2, 0x4e, 0x73);
    const parent = spend([chain.fund()], { outputs: [{ script, value: 10_000n }] });
    chain.send(parent);
    const claim = new Transaction();
    claim.version = 2;
    claim.addInput(parent.getHash(), 0);
    claim.addOutput(chain.miner.script, 9_000n);
    expect(chain.verdict(claim)).toBe('allowed');
    claim.setWitness(0, [Uint8Array.of(1)]);
    expect(chain.verdict(claim)).toBe('bad-witness-nonstandard');
  });
});
