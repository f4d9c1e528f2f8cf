import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bitcoind } from '../harness/bitcoind.ts';
import { Seeded } from '../harness/seeded.ts';
import { type Answer } from './pair.ts';
import { type Coin, coinOf, signed } from './plan.ts';
import { SEED } from './size.ts';
import { World } from './world.ts';

describe.skipIf(bitcoind === undefined)('the embedded chain and bitcoind', () => {
  let world: World;
  let spent: Coin;
  let unspent: Coin;
  let unconfirmed: Coin;
  let raw: string;
  let left: string;

  beforeAll(async () => {
    world = await World.start(new Seeded(`${SEED}/answers`), 50);
    spent = world.takeCoin();
    const confirmed = world.paying('confirmed', [], [spent], [{ script: world.miner.script, value: 10_000n }], 2_000n);
    await world.sendPlan(confirmed);
    await world.mine();
    unspent = coinOf(signed(confirmed), 0);
    const waiting = world.paying('waiting', [], [world.takeCoin()], [], 2_000n);
    await world.sendPlan(waiting);
    unconfirmed = coinOf(signed(waiting), 0);
    raw = signed(waiting).toHex();
    [left] = (await world.pair.mine('bitcoind', world.minerAddress)) as [string];
    await world.pair.same('', 'invalidateblock', left);
    await world.mine(2);
    await world.sendPlan(world.paying('child', [], [unconfirmed], [], 3_000n));
  }, 120_000);

  afterAll(async () => {
    await world.pair.stop();
  });

  it('answer what a node asks in the same words', { timeout: 120_000 }, async () => {
    const { pair } = world;
    const tip = hashOf(await pair.same('tip', 'getbestblockhash'));
    const block = hashOf(await pair.same('block', 'getblockhash', pair.height - 1));
    const none = 'ab'.repeat(32);
    const hashes = [tip, block, left, none, hashOf(await pair.same('first', 'getblockhash', 0))];
    for (const hash of hashes) {
      for (const verbosity of [0, 1, 2, 3]) await pair.same('block', 'getblock', hash, verbosity);
      await pair.same('header', 'getblockheader', hash);
      await pair.same('header', 'getblockheader', hash, false);
    }
    for (const height of [-1, 0, 1, pair.height, pair.height + 1, 1.5, '1', null, 2 ** 31]) {
      await pair.same('height', 'getblockhash', height);
    }
    for (const { txid, index } of [spent, unspent, unconfirmed, { txid: none, index: 0 }]) {
      for (const withMempool of [true, false]) {
        await pair.same('output', 'gettxout', txid, index, withMempool);
        await pair.same('output', 'gettxout', txid, 1_000, withMempool);
      }
      for (const verbosity of [0, 1, 2]) {
        await pair.same('transaction', 'getrawtransaction', txid, verbosity);
        await pair.same('transaction', 'getrawtransaction', txid, verbosity, block);
        await pair.same('transaction', 'getrawtransaction', txid, verbosity, none);
      }
      await pair.same('entry', 'getmempoolentry', txid);
    }
    for (const target of [0, 1, 2, 6, 144, 1_008, 1_009, 'x']) {
      await pair.same('fee', 'estimatesmartfee', target);
      await pair.same('fee', 'estimatesmartfee', target, 'economical');
      await pair.same('fee', 'estimatesmartfee', target, 'whatever');
    }
    await pair.same('mempool', 'getmempoolinfo');
    await pair.same('mempool', 'getrawmempool');
    await pair.same('mempool', 'getrawmempool', true, true);
    await pair.same('chain', 'getblockchaininfo');
    await pair.same('count', 'getblockcount');
    await pair.same('notices', 'getzmqnotifications');
    pair.expectSame(SEED);
  });

  it('refuse the same calls with the same codes', { timeout: 120_000 }, async () => {
    const { pair, minerAddress } = world;
    const calls: [string, ...unknown[]][] = [
      ['getblock'],
      ['getblock', 'zz'],
      ['getblock', 1],
      ['getblock', 'ab'.repeat(32), 1, 1],
      ['getblockhash', 'x', 'y'],
      ['getblockheader', 'ab'.repeat(31)],
      ['gettxout', 'ab'.repeat(32)],
      ['gettxout', 'ab'.repeat(32), -1],
      ['gettxout', 'ab'.repeat(32), 'x'],
      ['getrawtransaction', 'zz'.repeat(32)],
      ['getrawtransaction', '4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b'],
      ['sendrawtransaction'],
      ['sendrawtransaction', ''],
      ['sendrawtransaction', '00'],
      ['sendrawtransaction', 'zz'],
      ['sendrawtransaction', raw],
      ['sendrawtransaction', raw, -1],
      ['sendrawtransaction', raw, 1],
      ['sendrawtransaction', raw, 'x'],
      ['sendrawtransaction', raw, 0.000000001],
      ['testmempoolaccept', []],
      ['testmempoolaccept', [raw, 1]],
      ['testmempoolaccept', [raw], 2],
      ['testmempoolaccept', ['00']],
      ['testmempoolaccept', Array.from({ length: 26 }, () => raw)],
      ['submitpackage', []],
      ['submitpackage', ['00']],
      ['submitpackage', [raw]],
      ['submitpackage', [raw, raw]],
      ['submitpackage', Array.from({ length: 26 }, () => raw)],
      ['submitblock', ''],
      ['submitblock', '00'],
      ['submitblock', 'zz'],
      ['generatetoaddress', 1, 'nowhere'],
      ['generatetoaddress', 0, minerAddress],
      ['generateblock', 'nowhere', []],
      ['generateblock', minerAddress, ['00']],
      ['generateblock', minerAddress, ['ab'.repeat(32)]],
      ['invalidateblock', 'ab'.repeat(32)],
      ['reconsiderblock', 'ab'.repeat(32)],
      ['nosuchmethod'],
    ];
    for (const [method, ...params] of calls) {
      const label = `${method} ${JSON.stringify(params).slice(0, 80)}`;
      const [embedded, bitcoind] = await pair.ask(method, params);
      // The help that comes with a call of wrong parameters is bitcoind's own.
      const isHelp = codeOf(embedded) === -1 && codeOf(bitcoind) === -1;
      if (!isHelp) pair.note({ label, method, params, embedded, bitcoind });
    }
    pair.expectSame(SEED);
    expect(pair.compared).toBeGreaterThan(calls.length / 2);
  });
});

function hashOf(answer: Answer): string {
  return 'result' in answer ? String(answer.result) : '';
}

function codeOf(answer: Answer): number | undefined {
  return 'error' in answer ? answer.error.code : undefined;
}
