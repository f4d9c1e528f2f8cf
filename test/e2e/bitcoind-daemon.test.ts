/** `runneld` on a real bitcoind: what it waits for, what it refuses, and what it outlives. */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitUntil } from '../../src/cluster/wait.ts';
import { Bitcoind, bitcoind } from '../harness/bitcoind.ts';
import { compilePrograms } from '../harness/cluster.ts';
import { Daemons, type Daemon } from '../harness/daemon.ts';
import { isThorough } from '../harness/effort.ts';

const TIMEOUT_MS = 120_000;

describe.skipIf(bitcoind === undefined || !isThorough)('a daemon on a real bitcoind', () => {
  let daemons: Daemons;
  let shared: Bitcoind;

  beforeAll(async () => {
    compilePrograms();
    daemons = new Daemons();
    shared = await Bitcoind.start();
    await shared.mine(5);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await daemons?.stop();
    await shared?.stop();
  });

  /** It ends by itself with status 1, and this as its last words. */
  async function refuses(daemon: Daemon, why: RegExp): Promise<void> {
    expect(await daemon.process.ended).toBe('ended with exit status 1');
    expect(daemon.log.trimEnd().split('\n').at(-1)).toMatch(why);
  }

  it('is paid on chain, spends it, and sees a reorg', async () => {
    const daemon = daemons.start('alice', shared);
    const client = await daemon.client();
    const { address } = await client.newaddress();
    await shared.mine(1, address);
    const fork = await shared.mine(100);
    const { height } = await shared.tip();
    await daemon.reaches(height);
    expect((await client.balance()).onchain.confirmedSat).toBe(5_000_000_000n);
    const { txid } = await client.withdraw({ address: (await client.newaddress()).address, amountSat: 1_000_000n });
    expect(await shared.rpc.call('getrawmempool')).toEqual([txid]);
    await shared.mine();
    await daemon.reaches(height + 1);
    const { onchain } = await client.balance();
    expect(onchain.confirmedSat).toBeLessThan(5_000_000_000n);
    expect(onchain.confirmedSat).toBeGreaterThan(4_999_000_000n);

    await shared.rpc.call('invalidateblock', [fork.at(-1)]);
    await daemon.reaches(height - 1);
    await shared.rpc.call('reconsiderblock', [fork.at(-1)]);
    await daemon.reaches(height + 1);
    expect((await client.balance()).onchain.confirmedSat).toBe(onchain.confirmedSat);
    await daemon.process.stop();
    expect(daemon.process.how).toBe('ended with exit status 0');
  }, TIMEOUT_MS);

  it('hears of blocks by notice, and goes on without', async () => {
    const chain = await Bitcoind.start({ zmq: true });
    try {
      const daemon = daemons.start('bob', chain, '--chain-poll-interval-ms', '600000');
      await daemon.says('bitcoind tells of new blocks by itself');
      await chain.mine(2);
      await daemon.reaches(2);
      await chain.restart();
      await daemon.says('bitcoind tells of new blocks by itself', 2);
      await chain.mine();
      await daemon.reaches(3);
      await daemon.process.stop();
      const polling = daemons.start('mallory', shared);
      await polling.says('asking for new blocks every 50 ms: bitcoind publishes no hashblock');
      await polling.process.stop();
    } finally {
      await chain.stop();
    }
  }, TIMEOUT_MS);

  it('outlives a restart with a new cookie, a crash, and a reindex', async () => {
    const chain = await Bitcoind.start();
    try {
      await chain.mine(150);
      const daemon = daemons.start('carol', chain, '--log-level', 'debug');
      await daemon.reaches(150);
      await chain.halt();
      await daemon.says('the chain does not answer');
      await chain.restart();
      await chain.mine();
      await daemon.reaches(151);
      await chain.kill();
      await chain.restart('-reindex');
      await waitUntil('the index is whole', TIMEOUT_MS, async () => {
        const { height } = await chain.tip();
        return height === 151 ? undefined : String(height);
      });
      await chain.mine();
      await daemon.reaches(152);
      // Nothing was taken back, and nothing told twice.
      const told = [...daemon.log.matchAll(/ debug block .*?height=(\d+)/g)].map(([, height]) => Number(height));
      expect(told).toEqual([151, 152]);
      await daemon.process.stop();
      expect(daemon.process.how).toBe('ended with exit status 0');
    } finally {
      await chain.stop();
    }
  }, TIMEOUT_MS);

  it('starts again after a crash of both, in which bitcoind lost blocks that it had seen', async () => {
    const chain = await Bitcoind.start();
    try {
      await chain.mine(20);
      await chain.restart();
      const lost = await chain.mine(3);
      const daemon = daemons.start('judy', chain);
      await daemon.reaches(23);
      const blocks = await Promise.all(lost.map((hash) => chain.rpc.call('getblock', [hash, 0])));
      await Promise.all([daemon.process.kill(), chain.kill()]);
      await chain.restart();
      expect((await chain.tip()).height).toBe(20);
      const again = daemons.start('judy', chain);
      await again.says('is at block 20, and this node has seen block 23: waiting until it has caught up');
      await again.keepsQuietAbout(' ready');
      for (const block of blocks) await chain.rpc.call('submitblock', [block]);
      await again.reaches(23);
      await chain.mine();
      await again.reaches(24);
      await again.process.stop();
    } finally {
      await chain.stop();
    }
  }, TIMEOUT_MS);

  it('is refused a chain of another network, and one that does not let it in', async () => {
    await refuses(daemons.start('dave', shared, '--network', 'signet'), /expected bitcoind to be on signet, but it is on regtest/);
    await refuses(daemons.start('dave', shared, '--chain-rpc-cookie-file', '/dev/null'), /does not accept the credentials/);
  }, TIMEOUT_MS);

  it('works on a pruned bitcoind that has what it needs, and refuses one that has not', async () => {
    const chain = await Bitcoind.start({ args: ['-prune=1', '-fastprune'] });
    try {
      await chain.mine(10);
      const daemon = daemons.start('erin', chain);
      await daemon.reaches(10);
      await daemon.process.stop();
      await chain.mine(990);
      const kept = (await chain.rpc.call('pruneblockchain', [600])) as number;
      expect(kept).toBeGreaterThan(100);

      await refuses(daemons.start('erin', chain), /bitcoind has pruned block 11 .*-prune=0 -reindex/);
      // It is the daemon that has missed them that cannot go on.
      const fresh = daemons.start('frank', chain);
      await fresh.reaches(1_000);
      await chain.mine(2);
      await fresh.reaches(1_002);
      await fresh.process.stop();
      const again = daemons.start('frank', chain);
      await again.reaches(1_002);
      await again.process.stop();
    } finally {
      await chain.stop();
    }
  }, TIMEOUT_MS);

  it('waits for one that is still downloading, says so, and can be ended meanwhile', async () => {
    const chain = await Bitcoind.start({ network: 'signet' });
    try {
      const daemon = daemons.start('grace', chain, '--network', 'signet');
      await daemon.says('bitcoind is still catching up with its network: it is at block 0; waiting for it');
      await daemon.keepsQuietAbout(' ready');
      await chain.halt();
      await daemon.says('cannot be reached');
      await chain.restart();
      await daemon.process.stop();
      expect(daemon.process.how).toBe('ended with exit status 0');
      expect(daemon.log).toContain('stopped before it was up');
    } finally {
      await chain.stop();
    }
  }, TIMEOUT_MS);

  it('refuses a version that lacks what it needs', async () => {
    const old = await standIn({ getnetworkinfo: { version: 250_000 } });
    try {
      await refuses(daemons.start('heidi', shared, '--chain-rpc-url', old.url), /bitcoind is version 25\.0, but version 28\.0 or later/);
    } finally {
      old.server.close();
    }
  }, TIMEOUT_MS);

  it('waits for one that is loading its index', async () => {
    const answers: Record<string, unknown> = {};
    const loading = await standIn(answers, shared);
    try {
      answers.getnetworkinfo = new Error('Loading block index…');
      const daemon = daemons.start('ivan', shared, '--chain-rpc-url', loading.url);
      await daemon.says('is still starting: Loading block index…; waiting for it');
      await daemon.keepsQuietAbout(' ready');
      delete answers.getnetworkinfo;
      await daemon.says(' ready');
      await daemon.process.stop();
    } finally {
      loading.server.close();
    }
  }, TIMEOUT_MS);
});

/** Answers these calls with these results, or -28 with an error's message, and the others as `behind` does. */
async function standIn(answers: Record<string, unknown>, behind?: Bitcoind): Promise<{ url: string; server: Server }> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += String(part);
    const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: unknown[] };
    const answer = answers[method];
    const error = answer instanceof Error ? { code: -28, message: answer.message } : null;
    const result = error === null ? (answer ?? (await behind?.rpc.call(method, params))) : null;
    response.writeHead(error === null ? 200 : 500).end(JSON.stringify({ result, error, id }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
