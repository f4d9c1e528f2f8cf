import { describe, expect, it } from 'vitest';
import { requireBackend } from '../../src/chain/backend.ts';
import type { ChainRpc } from '../../src/chain/chain.ts';
import {
  BackendTooOldError, ChainAnswerError, ChainStartingError, ChainUnavailableError, WrongNetworkError,
} from '../../src/chain/errors.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';

const starting = new ChainStartingError('the chain backend is still starting: Loading block index…');
const away = new ChainUnavailableError('the chain backend cannot be reached');

interface Info {
  readonly chain?: string;
  readonly blocks?: number;
  readonly headers?: number;
  readonly initialblockdownload?: boolean;
}

/** Asks a bitcoind that is in these states one after the other, and in the last one for good. */
async function check(network: string, states: readonly (Error | Info)[], { version = 290_500, signal = new AbortController().signal } = {}) {
  const clock = new VirtualClock();
  const said: string[] = [];
  let asked = 0;
  const rpc: ChainRpc = {
    async call(method) {
      const state = states[Math.min(asked, states.length - 1)]!;
      if (method === 'getblockchaininfo' || state instanceof Error) asked += 1;
      if (state instanceof Error) throw state;
      if (method === 'getnetworkinfo') return { version };
      return { chain: network, blocks: 10, headers: 10, initialblockdownload: false, ...state };
    },
  };
  let outcome: unknown = 'pending';
  requireBackend({ rpc, clock, network, onWaiting: (what) => said.push(what), signal }).then(
    () => (outcome = 'usable'),
    (error: unknown) => (outcome = error),
  );
  const wait = (ms: number): Promise<unknown> => clock.run({ untilMs: clock.now() + ms });
  await wait(10_000);
  return { said, wait, outcome: () => outcome };
}

describe('a backend', () => {
  it('that is ready is taken at once', async () => {
    const { said, outcome } = await check('main', [{}]);
    expect([outcome(), said]).toEqual(['usable', []]);
  });

  it('that starts, downloads and restarts is waited for, and what for is said now and then', async () => {
    const behind = { initialblockdownload: true, blocks: 3, headers: 900 };
    const states = [starting, starting, behind, behind, away, away, behind, {}];
    const { said, outcome } = await check('main', states);
    expect(outcome()).toBe('usable');
    expect(said).toEqual([
      expect.stringMatching(/Loading block index…; waiting/),
      expect.stringMatching(/at block 3 of the 900 that it knows of; waiting/),
      expect.stringMatching(/cannot be reached; waiting/),
      expect.stringMatching(/at block 3 of the 900/),
    ]);
    const { said: often, outcome: still, wait } = await check('signet', [{ initialblockdownload: true, blocks: 7 }]);
    expect(often).toEqual([expect.stringMatching(/it is at block 7 of the 10 that it knows of/)]);
    await wait(120_000);
    expect(often.length).toBe(3);
    expect(still()).toBe('pending');
  });

  it('on regtest need not have caught up with anybody', async () => {
    const { outcome } = await check('regtest', [{ initialblockdownload: true, blocks: 0, headers: 0 }]);
    expect(outcome()).toBe('usable');
  });

  it('that does not answer at all, answers nonsense, is too old or elsewhere is refused', async () => {
    expect((await check('main', [away])).outcome()).toBe(away);
    expect((await check('main', [{ blocks: -1 }])).outcome()).toBeInstanceOf(ChainAnswerError);
    expect((await check('main', [{ chain: 'test', initialblockdownload: true }])).outcome()).toBeInstanceOf(WrongNetworkError);
    const old = (await check('main', [{}], { version: 270_100 })).outcome();
    expect(old).toBeInstanceOf(BackendTooOldError);
    expect((old as Error).message).toMatch(/^bitcoind is version 27\.1, but version 28\.0 or later is needed/);
    expect((await check('main', [{}], { version: 280_000 })).outcome()).toBe('usable');
  });

  it('is no longer waited for when the process is to end', async () => {
    const controller = new AbortController();
    const { wait, outcome } = await check('main', [starting], { signal: controller.signal });
    controller.abort(new Error('asked to end'));
    await wait(1);
    expect(outcome()).toEqual(new Error('asked to end'));
    const before = await check('main', [starting], { signal: controller.signal });
    expect(before.outcome()).toEqual(new Error('asked to end'));
  });
});
