import { opcodes } from 'bitcoinjs-lib';
import { describe, expect, it } from 'vitest';
import { Key, TestChain, output, spend } from './chain-kit.ts';

const other = new Key(2);

describe('a reorg', () => {
  it('takes blocks off, and a longer branch on', () => {
    const chain = TestChain.funded();
    const [first, second] = chain.mine(2) as [string, string];
    chain.call('invalidateblock', first);
    expect(chain.height).toBe(103);
    expect(chain.call('getblockheader', first).confirmations).toBe(-1);
    expect(chain.call('getblockheader', second).confirmations).toBe(-1);
    const rest = chain.mine(3);
    expect(chain.height).toBe(106);
    expect(chain.call('getblockhash', 104)).toBe(rest[0]);
    expect(chain.call('getblockheader', first).nextblockhash).toBe(undefined);
  });

  it('is undone by reconsiderblock where the old branch is as long and came first, or longer', () => {
    const chain = TestChain.funded();
    const [first, second] = chain.mine(2) as [string, string];
    chain.call('invalidateblock', first);
    const [third] = chain.mine(3) as [string];
    chain.call('reconsiderblock', second);
    // Three blocks stay ahead of two.
    expect(chain.call('getblockhash', 104)).toBe(third);
    chain.call('invalidateblock', chain.tip);
    // Now both have two, and the other came first.
    expect(chain.tip).toBe(second);
  });

  it('does not leave a branch for another of the same length', () => {
    const chain = TestChain.funded();
    const [old] = chain.mine() as [string];
    const oldHex = chain.call('getblock', old, 0);
    chain.call('invalidateblock', old);
    const [current] = chain.mine() as [string];
    const fresh = new TestChain({}, [], chain.clock);
    for (let height = 1; height <= 103; height++) fresh.call('submitblock', chain.blockHex(height));
    expect(fresh.call('submitblock', chain.call('getblock', current, 0))).toBe(null);
    expect(fresh.call('submitblock', oldHex)).toBe('inconclusive');
    expect(fresh.tip).toBe(current);
    // A block on the other branch turns the chain.
    chain.call('reconsiderblock', old);
    chain.call('invalidateblock', current);
    const [longer] = chain.mine() as [string];
    expect(fresh.call('submitblock', chain.call('getblock', longer, 0))).toBe(null);
    expect(fresh.tip).toBe(longer);
  });

  it('brings the unspent outputs back exactly', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    const before = JSON.stringify([...chain.chain.state.coins.keys()].sort());
    const parent = spend([coin]);
    const child = spend([output(parent, 0, chain.miner)]);
    chain.send(parent);
    chain.send(child);
    const [block] = chain.mine(2) as [string];
    expect(chain.call('gettxout', coin.txid, 0)).toBe(null);
    expect(chain.call('gettxout', child.getId(), 0).confirmations).toBe(2);
    expect(chain.call('getrawtransaction', child.getId(), 1).blockhash).toBe(block);
    chain.call('invalidateblock', block);
    expect(JSON.stringify([...chain.chain.state.coins.keys()].sort())).toBe(before);
    expect(chain.call('gettxout', coin.txid, 0, false).value).toBe(50);
  });

  it('puts transactions back into the mempool, parents and children', () => {
    const chain = TestChain.funded();
    const parent = spend([chain.fund()]);
    const child = spend([output(parent, 0, chain.miner)]);
    const grandchild = spend([output(child, 0, chain.miner)]);
    chain.send(parent);
    chain.send(child);
    const [block] = chain.mine() as [string];
    chain.send(grandchild);
    chain.call('invalidateblock', block);
    expect([...chain.mempool].sort()).toEqual([parent, child, grandchild].map((each) => each.getId()).sort());
    const entry = chain.call('getmempoolentry', parent.getId());
    expect(entry.descendantcount).toBe(3);
    expect(entry.spentby).toEqual([child.getId()]);
    chain.mine();
    expect(chain.mempool).toEqual([]);
    expect(chain.call('getrawtransaction', grandchild.getId(), 1).confirmations).toBe(1);
  });

  it('readmits what pays less than the relay fee, but mines it only with a child that pays', () => {
    const chain = TestChain.funded();
    const free = spend([chain.fund()], { feeSat: 0n });
    const { hash } = chain.call('generateblock', chain.miner.address, [free.toHex()]);
    chain.call('invalidateblock', hash);
    expect(chain.mempool).toEqual([free.getId()]);
    chain.mine();
    expect(chain.mempool).toEqual([free.getId()]);
    chain.send(spend([output(free, 0, chain.miner)], { feeSat: 5_000n }));
    chain.mine();
    expect(chain.mempool).toEqual([]);
  });

  it('drops transactions that spend coinbases of the old branch, or those that are young again', () => {
    const chain = new TestChain();
    chain.mine(101);
    const early = spend([chain.fund()]);
    const late = spend([chain.fund()]);
    chain.send(early);
    chain.send(late);
    chain.call('invalidateblock', chain.tip);
    // At height 100 the next block is 101, which takes the coinbase of block 1, and not that of block 2.
    expect(chain.mempool).toEqual([early.getId()]);
  });

  it('drops transactions whose lock time is again to come, and their descendants', () => {
    const chain = TestChain.funded(4);
    chain.mine();
    const absolute = spend([chain.fund()], { locktime: chain.height });
    const child = spend([output(absolute, 0, chain.miner)]);
    const funding = spend([chain.fund()]);
    chain.send(funding);
    const [block] = chain.mine(3) as [string];
    const relative = spend([output(funding, 0, chain.miner)], { sequence: 3 });
    const staying = spend([chain.fund()]);
    for (const transaction of [absolute, child, relative, staying]) chain.send(transaction);
    chain.call('invalidateblock', chain.call('getblockhash', chain.height - 1));
    expect(chain.mempool).not.toContain(relative.getId());
    expect(chain.mempool).toContain(absolute.getId());
    chain.call('invalidateblock', block);
    expect(chain.mempool).toContain(absolute.getId());
    chain.call('invalidateblock', chain.tip);
    expect([...chain.mempool].sort()).toEqual([funding, staying].map((each) => each.getId()).sort());
  });

  it('drops what conflicts with the new branch', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    const mine = spend([coin], { feeSat: 2_000n });
    const theirs = spend([coin], { feeSat: 1_000n });
    const child = spend([output(mine, 0, chain.miner)]);
    chain.send(mine);
    chain.send(child);
    chain.call('generateblock', chain.miner.address, [theirs.toHex()]);
    expect(chain.mempool).toEqual([]);
  });

  it('drops a disconnected transaction that is no longer standard, with its children', () => {
    const chain = TestChain.funded();
    const bare = spend([chain.fund()], { outputs: [{ script: Uint8Array.of(opcodes.OP_1), value: 10_000n }] });
    const { hash } = chain.call('generateblock', chain.miner.address, [bare.toHex()]);
    const child = spend([output(bare, 1, chain.miner)]);
    chain.send(child);
    chain.call('invalidateblock', hash);
    expect(chain.mempool).toEqual([]);
  });

  it('never touches the genesis block', () => {
    const chain = new TestChain();
    const genesis = chain.tip;
    chain.mine(2);
    expect(chain.call('invalidateblock', genesis)).toBe(null);
    expect(chain.height).toBe(2);
    expect(chain.failure('invalidateblock', 'ab'.repeat(32))).toEqual({ code: -5, message: 'Block not found' });
    expect(chain.failure('reconsiderblock', 'ab'.repeat(32)).code).toBe(-5);
  });

  it('onto a branch that turns out to be invalid comes back', () => {
    const chain = TestChain.funded();
    const coin = chain.fund();
    const { height } = chain;
    // Two blocks aside: the first is fine, the second spends a coin twice.
    const aside = new TestChain({}, [], chain.clock);
    for (let h = 1; h <= height; h++) aside.call('submitblock', chain.blockHex(h));
    aside.mine(1, other);
    const good = aside.call('getblock', aside.tip, 0);
    const bad = aside.chain.generateBlock([], other.script, false);
    bad.header.transactions![0]!.outs[0]!.value += 1n;
    bad.header.merkleRoot = bad.header.transactions![0]!.getHash();
    while (!bad.header.checkProofOfWork()) bad.header.nonce++;
    chain.mine(1);
    const { tip } = chain;
    expect(chain.call('submitblock', good)).toBe('inconclusive');
    expect(chain.tip).toBe(tip);
    expect(chain.call('submitblock', bad.header.toHex())).toBe('bad-cb-amount');
    expect(chain.tip).toBe(tip);
    expect(chain.call('gettxout', coin.txid, 0)).not.toBe(null);
  });

  it('gives time locks their old meaning back', () => {
    const chain = TestChain.funded();
    const { mediantime } = chain.call('getblockchaininfo');
    chain.clock.advance(10_000_000);
    const hashes = chain.mine(11);
    expect(chain.call('getblockchaininfo').mediantime).toBeGreaterThan(mediantime + 9_000);
    const timed = spend([chain.fund()], { locktime: mediantime + 5_000 });
    chain.send(timed);
    chain.call('invalidateblock', hashes[0]);
    expect(chain.mempool).toEqual([]);
  });
});
