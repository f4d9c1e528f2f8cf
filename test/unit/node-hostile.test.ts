import fc from 'fast-check';
import { setImmediate } from 'node:timers/promises';
import { fromString, toString } from 'uint8arrays';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeInvoice } from '../../protocols/invoice/encode.ts';
import { encodeMessage, MESSAGE_TYPE_NUMBERS, type MessageOf } from '../../protocols/wire/messages.ts';
import { nodeApi } from '../../src/node/api/node-api.ts';
import { signerOf } from '../harness/channel-pair.ts';
import { benchWith, idOf, preimage, Remote } from './node-bench.ts';
import { Rig } from './node-rig.ts';
import { anyMessage } from './wire-arbitraries.ts';

/** Whatever nobody handles ends the daemon. */
const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note).on('uncaughtException', note);
});
afterEach(async () => {
  await setImmediate();
  process.off('unhandledRejection', note).off('uncaughtException', note);
  expect(unhandled).toEqual([]);
});

type OpenChannel = MessageOf<'open_channel'>;
let template: OpenChannel | undefined;

/** An open_channel that is in order. */
function openChannel(changes: Partial<OpenChannel> = {}): OpenChannel {
  if (template === undefined) {
    const remote = new Remote(benchWith(), { name: 'mallory' });
    remote.send({ type: 'open', pushMsat: 0n });
    template = remote.outbox[0] as OpenChannel;
  }
  return { ...template, ...changes };
}

const id = (n: number): Uint8Array => Uint8Array.from([...new Uint8Array(29).fill(1), 0, n >> 8, n & 255]);

async function started(...names: string[]): Promise<Rig> {
  const rig = new Rig();
  await rig.start();
  for (const name of names) await rig.meet(name);
  return rig;
}

/** The node does all that is asked of it. */
async function expectWell(rig: Rig): Promise<void> {
  expect(rig.fatal).toEqual([]);
  expect(rig.lines.filter((line) => line.includes('discarded'))).toEqual([]);
  await rig.meet('honest');
  expect(await rig.say('honest', openChannel())).toMatchObject([{ type: 'accept_channel' }]);
  await rig.lose('honest');
}

describe('a peer', () => {
  it('cannot fill the log with errors and warnings', async () => {
    const rig = await started('mallory', 'honest peer');
    const warning = (text: string): MessageOf<'warning'> => ({ type: 'warning', channelId: new Uint8Array(32), data: fromString(text) });
    for (let i = 0; i < 200; i++) await rig.say('mallory', warning(`number ${i}`));
    await rig.say('honest peer', warning('mine'));
    const logged = rig.lines.filter((line) => line.includes('the peer sent a warning'));
    expect(logged).toHaveLength(20 + 1);
    await expectWell(rig);
  });

  it('hears why its opening is refused, and stays connected', async () => {
    const rig = await started('mallory');
    const answers = await rig.say('mallory', openChannel({ fundingSatoshis: 1_000n }));
    expect(answers).toMatchObject([{ type: 'error' }]);
    expect(toString((answers[0] as MessageOf<'error'>).data, 'ascii')).toContain('funding of');
    expect(rig.isLinked('mallory')).toBe(true);
    expect(await rig.say('mallory', openChannel())).toMatchObject([{ type: 'accept_channel' }]);
  });

  it('hears a warning before the node hangs up, and nothing is kept of it', async () => {
    const rig = await started('mallory');
    await rig.say('mallory', openChannel());
    expect(await rig.sayBytes('mallory', Uint8Array.of(0, 16, 0))).toMatchObject([{ type: 'warning' }]);
    expect(rig.isLinked('mallory')).toBe(false);
    expect(rig.node.peers.list()).toEqual([]);
    expect([...rig.node.channels.all()]).toEqual([]);
  });

  it('takes neither addresses nor room on disk with openings that come to nothing', async () => {
    const rig = await started('mallory');
    const scripts = (): unknown => rig.database.get('SELECT count(*) AS count FROM wallet_scripts');
    await rig.say('mallory', openChannel());
    const before = scripts();
    for (let n = 0; n < 300; n++) {
      const temporaryChannelId = id(n);
      const wrong = { fundingSatoshis: n % 2 === 0 ? 1_000n : 1_000_000n, temporaryChannelId };
      await rig.say('mallory', openChannel(wrong));
      await rig.say('mallory', { type: 'error', channelId: temporaryChannelId, data: new Uint8Array() });
    }
    expect(scripts()).toEqual(before);
    expect(rig.database.get('SELECT count(*) AS count FROM channels')).toEqual({ count: 0 });
    expect([...rig.node.channels.all()]).toHaveLength(1);
    await expectWell(rig);
  });

  it('breaks nothing by whatever bytes it sends', async () => {
    const types = Object.values(MESSAGE_TYPE_NUMBERS);
    const typed = fc
      .tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 300 }))
      .map(([type, rest]) => Uint8Array.from([type >> 8, type & 255, ...rest]));
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      typed,
      anyMessage.map((message) => encodeMessage(message)),
      anyMessage.map(() => encodeMessage(openChannel())),
    );
    const rig = await started();
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { minLength: 1, maxLength: 10 }), async (script) => {
        await rig.meet('mallory');
        for (const each of script) {
          if (!rig.isLinked('mallory')) await rig.meet('mallory');
          await rig.sayBytes('mallory', each);
        }
        await rig.lose('mallory');
        expect(rig.fatal).toEqual([]);
        expect(rig.node.peers.list()).toEqual([]);
        expect([...rig.node.channels.all()]).toEqual([]);
      }),
      { numRuns: 80 },
    );
    await expectWell(rig);
  });

  it('that comes and goes a thousand times is forgotten each time', async () => {
    const rig = await started();
    for (let i = 0; i < 1_000; i++) {
      await rig.meet('mallory');
      if (i % 3 === 0) await rig.say('mallory', openChannel());
      await rig.lose('mallory');
    }
    expect(rig.node.peers.list()).toEqual([]);
    expect([...rig.node.channels.all()]).toEqual([]);
    expect(rig.database.get('SELECT count(*) AS count FROM peers')).toEqual({ count: 0 });
    await expectWell(rig);
  });
});

describe('while the chain is away', () => {
  it('peers are answered, the user hears why, and blocks come when it is back', async () => {
    const rig = await started('alice');
    const api = nodeApi(rig.node);
    const height = rig.node.height;
    rig.isChainAway = true;
    await rig.pass(5_000);
    expect(await rig.say('alice', openChannel())).toMatchObject([{ type: 'accept_channel' }]);
    const opening = api.open({ nodeId: idOf('alice'), amountSat: 100_000n });
    await expect(opening).rejects.toMatchObject({ code: 'chain_unavailable' });
    await expect(api.getinfo({})).rejects.toMatchObject({ code: 'chain_unavailable' });
    rig.chain.mine(3);
    await rig.pass(60_000);
    expect(rig.node.height).toBe(height);
    rig.isChainAway = false;
    await rig.pass(60_000);
    expect(rig.node.height).toBe(height + 3);
    await expectWell(rig);
  });
});

describe('a store that fails', () => {
  it('ends the node, which sends nothing that is not on disk and goes on from there', async () => {
    const rig = await started('alice');
    await rig.say('alice', openChannel());
    const pages = rig.database.get<{ page_count: number }>('PRAGMA page_count')!.page_count;
    rig.database.get(`PRAGMA max_page_count = ${pages}`);
    rig.database.run('PRAGMA query_only = ON');
    const answers = await rig.say('alice', openChannel({ temporaryChannelId: id(7) }));
    expect(answers).toEqual([]);
    expect(rig.fatal[0]).toMatchObject({ code: expect.stringMatching(/^storage_(full|readonly)$/) });
    rig.database.run('PRAGMA query_only = OFF');
    rig.database.get('PRAGMA max_page_count = 1000000');
    await rig.node.stop();
    const next = new Rig(rig.database, rig.chain);
    await next.start();
    await expectWell(next);
  });
});

describe('the end', () => {
  it('leaves nobody waiting and does nothing more', async () => {
    const rig = await started('alice');
    const api = nodeApi(rig.node);
    const opened = api.open({ nodeId: idOf('alice'), amountSat: 100_000n });
    opened.catch(() => {});
    await rig.pass();
    const connecting = api.connect({ nodeId: idOf('carol') });
    connecting.catch(() => {});
    await rig.pass();
    await rig.node.stop();
    await expect(opened).rejects.toMatchObject({ code: 'open_failed' });
    await rig.pass(600_000);
    await expect(connecting).rejects.toMatchObject({ code: 'peer_unreachable' });
    expect(rig.fatal).toEqual([]);
  });
});

describe('what a user is given by others', () => {
  it('an invoice whose description holds a NUL ends nothing', async () => {
    const rig = await started();
    const { node } = signerOf('alice');
    const invoice = encodeInvoice(
      {
        currency: 'bcrt',
        timestamp: Math.floor(rig.clock.now() / 1_000),
        amountMsat: 1_000n,
        paymentHash: preimage(1),
        paymentSecret: preimage(2),
        description: 'a\0b',
        expirySeconds: 3_600,
        minFinalCltvExpiryDelta: 18,
        features: Uint8Array.of(0x41, 0x00),
        routeHints: [],
        fallbackAddresses: [],
      } as unknown as Parameters<typeof encodeInvoice>[0],
      (hash) => node.signInvoice(hash),
    );
    const paid = nodeApi(rig.node).pay({ invoice } as Parameters<ReturnType<typeof nodeApi>['pay']>[0]);
    const outcome = paid.then(
      ({ status }) => status,
      (error: Error) => error.message,
    );
    await rig.pass(120_000);
    expect(await outcome).toBe('failed');
    const own = nodeApi(rig.node).invoice({ amountMsat: 1_000n, description: 'a\0b' });
    await rig.pass();
    expect((await own).invoice).toMatch(/^lnbcrt/);
    await expectWell(rig);
  });
});
