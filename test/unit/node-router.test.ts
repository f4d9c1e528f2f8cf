import fc from 'fast-check';
import { toString } from 'uint8arrays';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { messageTables, type Message, type MessageOf } from '../../protocols/wire/messages.ts';
import { ALL_CHANNELS } from '../../protocols/wire/bolt1.ts';
import { benches, benchWith, idOf, Remote, type Bench } from './node-bench.ts';
import { anyMessage, arbitraries } from './wire-arbitraries.ts';

beforeEach(() => void (benches.length = 0));
afterEach(() => {
  for (const { releaseFailures, discarded } of benches) expect([...releaseFailures, ...discarded]).toEqual([]);
});

type OpenChannel = MessageOf<'open_channel'>;

const text = (message: Message | undefined): string =>
  message !== undefined && 'data' in message ? toString(message.data, 'ascii') : '';

/** The open_channel that a peer may send, with changes. */
function openOf(bench: Bench, name: string, changes: Partial<OpenChannel> = {}): OpenChannel {
  const remote = new Remote(bench, { name });
  remote.send({ type: 'open', pushMsat: 0n });
  return { ...(remote.outbox[0] as OpenChannel), ...changes };
}

const id = (n: number): Uint8Array => new Uint8Array(32).fill(n);

describe('a message for a channel that is not known', () => {
  const names = Object.keys(messageTables) as Message['type'][];

  it.each(names)('%s', (name) => {
    const bench = benchWith('mallory');
    const [example] = fc.sample(arbitraries[name] as fc.Arbitrary<Message>, { numRuns: 1, seed: 1 });
    const answers = bench.receive('mallory', example!);
    const { channelId, temporaryChannelId } = example as { channelId?: Uint8Array; temporaryChannelId?: Uint8Array };
    const known = channelId ?? temporaryChannelId;
    if (known === undefined || name === 'error' || name === 'warning') expect(answers).toEqual([]);
    else expect(answers).toMatchObject([{ type: 'error', channelId: known }]);
    expect([...bench.channels.all()]).toEqual([]);
    expect(bench.store.nextIndex()).toBeLessThanOrEqual(1);
  });

  it('with an id of zeros is not answered by what would mean all channels', () => {
    const bench = benchWith('mallory');
    const shutdown = { type: 'shutdown', channelId: ALL_CHANNELS, scriptpubkey: new Uint8Array(22) } as const;
    expect(bench.receive('mallory', shutdown)).toMatchObject([{ type: 'warning', channelId: ALL_CHANNELS }]);
    const created = { type: 'funding_created', temporaryChannelId: ALL_CHANNELS, fundingTxid: id(1) } as const;
    const rest = { fundingOutputIndex: 0, signature: new Uint8Array(64) };
    expect(bench.receive('mallory', { ...created, ...rest })).toMatchObject([{ type: 'warning' }]);
  });
});

describe('an error for all channels', () => {
  it('fails those with that peer, and no others; a warning none', () => {
    const bench = benchWith('alice', 'carol');
    const remotes = [0, 1].map((channelIndex) => new Remote(bench, { channelIndex }));
    for (const remote of remotes) remote.reachNormal();
    new Remote(bench, { name: 'carol' }).reachNormal();
    const states = (): unknown[] => [...bench.channels.all()].map(({ lifecycle }) => lifecycle);
    bench.receive('alice', { type: 'warning', channelId: ALL_CHANNELS, data: new Uint8Array(3) });
    expect(states()).toEqual(['normal', 'normal', 'normal']);
    bench.receive('alice', { type: 'error', channelId: ALL_CHANNELS, data: Uint8Array.of(27, 7, 65) });
    expect(states()).toEqual(['failed', 'failed', 'normal']);
    expect(bench.channels.ofPeer(idOf('alice'))[0]?.data.failure?.reason).toBe('??A');
  });
});

describe('open_channel', () => {
  it('may come thousands of times and leaves four channels in memory, and nothing on disk', () => {
    const bench = benchWith('mallory');
    const open = openOf(bench, 'mallory');
    const refusals = new Set<string>();
    for (let i = 0; i < 2_000; i++) {
      const temporaryChannelId = Uint8Array.from([...id(1).subarray(2), i >> 8, i & 255]);
      const [answer] = bench.receive('mallory', { ...open, temporaryChannelId });
      if (answer?.type === 'error') refusals.add(text(answer));
    }
    expect(bench.channels.ofPeer(idOf('mallory'))).toHaveLength(4);
    expect([...refusals]).toEqual(['at most 4 channels may wait for their funding at once']);
    expect([bench.count('channels'), bench.count('journal'), bench.store.nextIndex()]).toEqual([0, 0, 4]);
    bench.disconnect('mallory');
    expect([...bench.channels.all()]).toEqual([]);
  });

  it('with fundings that do not exist leaves four channels, even if each failed', () => {
    const bench = benchWith('mallory');
    const answers: string[] = [];
    for (let channelIndex = 0; channelIndex < 8; channelIndex++) {
      const mallory = new Remote(bench, { name: 'mallory', channelIndex });
      if (channelIndex >= 4) {
        mallory.send({ type: 'open', pushMsat: 0n });
        answers.push(text(bench.receive('mallory', mallory.outbox[0]!)[0]));
        continue;
      }
      mallory.reachConfirming();
      bench.receive('mallory', { type: 'error', channelId: mallory.data.channelId!, data: new Uint8Array() });
    }
    expect(new Set(answers)).toEqual(new Set(['at most 4 channels may wait for their funding at once']));
    expect(bench.count('channels')).toBe(4);
  });

  it('is refused while a hundred wait for their funding, but not from who has a funded channel', () => {
    const bench = benchWith('alice');
    new Remote(bench).reachNormal();
    const open = openOf(bench, 'mallory');
    for (let i = 0; i < 30; i++) {
      const name = `sybil ${i}`;
      bench.connect(name);
      for (const n of [1, 2, 3, 4]) bench.receive(name, { ...open, temporaryChannelId: id(n) });
    }
    expect([...bench.channels.all()]).toHaveLength(101);
    bench.connect('carol');
    expect(text(bench.receive('carol', open)[0])).toBe('too many channels wait for their funding: try again later');
    const [answer] = bench.receive('alice', { ...open, temporaryChannelId: id(9) });
    expect(answer?.type).toBe('accept_channel');
    for (let i = 0; i < 30; i++) bench.disconnect(`sybil ${i}`);
    expect(bench.receive('carol', open)).toMatchObject([{ type: 'accept_channel' }]);
  });

  it('that names an id in use ends what has it, if that is not yet a channel', () => {
    const bench = benchWith('mallory');
    const open = openOf(bench, 'mallory');
    bench.receive('mallory', open);
    const answers = bench.receive('mallory', open);
    expect(answers).toHaveLength(1);
    expect(['error', 'warning']).toContain(answers[0]?.type);
    expect([...bench.channels.all()]).toEqual([]);
  });

  it("that names a channel's id gets no second channel of that id", () => {
    const bench = benchWith('alice');
    const alice = new Remote(bench);
    alice.reachNormal();
    const open = openOf(bench, 'alice', { temporaryChannelId: alice.data.channelId! });
    expect(bench.receive('alice', open)).toMatchObject([{ type: 'warning' }]);
    expect(bench.channelOf('alice').lifecycle).toBe('normal');
    alice.reconnect();
    expect(bench.channelOf('alice').isUsable).toBe(true);
  });

  it('with an id of zeros is refused', () => {
    const bench = benchWith('mallory');
    const open = openOf(bench, 'mallory', { temporaryChannelId: ALL_CHANNELS });
    const [answer] = bench.receive('mallory', open);
    expect(answer?.type).not.toBe('accept_channel');
    expect([...bench.channels.all()]).toEqual([]);
  });

  it('that is not followed by its funding in time is given up, with an error', () => {
    const bench = benchWith('mallory');
    const mallory = new Remote(bench, { name: 'mallory' });
    mallory.propose();
    bench.clock.advance(299_999);
    bench.turn();
    expect([...bench.channels.all()]).toHaveLength(1);
    bench.clock.advance(1);
    bench.turn();
    expect([...bench.channels.all()]).toEqual([]);
    const { temporaryChannelId: channelId } = mallory.data;
    expect(bench.left.at(-1)).toMatchObject({ message: { type: 'error', channelId } });
    expect(bench.clock.pending).toBe(0);
  });

  it('of any values is accepted or refused, and never more', () => {
    fc.assert(
      fc.property(arbitraries.open_channel, fc.boolean(), (message, isPlausible) => {
        const bench = benchWith('mallory');
        const { chainHash, channelType, fundingPubkey: key } = openOf(bench, 'mallory');
        const keys = { fundingPubkey: key, revocationBasepoint: key, paymentBasepoint: key };
        const more = { delayedPaymentBasepoint: key, htlcBasepoint: key, firstPerCommitmentPoint: key };
        const plausible = isPlausible ? { chainHash, channelType, ...keys, ...more } : {};
        const answers = bench.receive('mallory', { ...message, ...plausible } as Message);
        expect(answers.map(({ type }) => type)).toEqual([expect.stringMatching(/^(accept_channel|error|warning)$/)]);
        expect(bench.discarded).toEqual([]);
        expect(bench.count('channels')).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});

describe('accept_channel', () => {
  const amounts = { amountSat: 1_000_000n, pushMsat: 0n };
  const request = { ...amounts, announce: false, fundingFeeratePerKw: 1_000, feeratePerKw: 1_000 };

  it('for an opening of ours is taken from the peer that was asked, and from nobody else', async () => {
    const bench = benchWith('alice', 'mallory');
    const opened = bench.opener.open({ ...request, nodeId: idOf('alice') });
    opened.catch(() => {});
    bench.turn();
    const { temporaryChannelId } = bench.channelOf('alice').data;
    const accepter = new Remote(bench, { isOpener: false, temporaryChannelId });
    const open = bench.left.find((each) => typeof each !== 'string')!;
    accepter.send({ type: 'message', message: (open as { message: Message }).message });
    const accept = accepter.outbox[0]!;
    expect(bench.receive('mallory', accept)).toMatchObject([{ type: 'error', channelId: temporaryChannelId }]);
    expect(bench.channelOf('alice').value.lifecycle).toEqual({ opening: 'awaitingAcceptance' });
    bench.receive('alice', accept);
    expect(bench.left.at(-1)).toBe('fund 0');
    // A second one, while the wallet makes the funding transaction, ends the attempt and frees the coins.
    bench.receive('alice', accept);
    expect(bench.left).toContain('release 0');
    await expect(opened).rejects.toMatchObject({ code: 'open_failed' });
  });

  it('that does not come in time ends the opening for whoever waits', async () => {
    const bench = benchWith('alice');
    const opened = bench.opener.open({ ...request, nodeId: idOf('alice') });
    bench.turn();
    bench.clock.advance(300_000);
    bench.turn();
    await expect(opened).rejects.toThrow('did not go on with the opening in time');
    expect(bench.left.some((each) => typeof each !== 'string' && each.message.type === 'error')).toBe(true);
  });

  it('is not waited for with a peer that is not there, or that goes away', async () => {
    const bench = benchWith('alice');
    const nobody = bench.opener.open({ ...request, nodeId: idOf('carol') });
    const opened = bench.opener.open({ ...request, nodeId: idOf('alice') });
    bench.turn();
    bench.disconnect('alice');
    await expect(nobody).rejects.toMatchObject({ code: 'open_peer_offline' });
    await expect(opened).rejects.toMatchObject({ code: 'open_failed' });
    expect(bench.clock.pending).toBe(0);
  });
});

describe('whatever a peer says, in whatever order', () => {
  const stages = ['nothing', 'opening', 'confirming', 'normal', 'closing'] as const;
  const whose = fc.constantFrom('temporary', 'channel', 'zero', 'other', 'own');

  function reach(bench: Bench, alice: Remote, stage: (typeof stages)[number]): void {
    if (stage === 'nothing') return;
    if (stage === 'opening') alice.propose();
    else if (stage === 'confirming') alice.reachConfirming();
    else alice.reachNormal();
    if (stage !== 'closing') return;
    alice.send({ type: 'close', scriptpubkey: undefined, feeratePerKw: 1_000 });
    for (const message of alice.outbox.splice(0)) bench.receive('alice', message);
  }

  it('no turn is discarded, other peers notice nothing, and what is on disk can be started from', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...stages),
        fc.array(fc.tuple(anyMessage, whose, fc.boolean()), { minLength: 1, maxLength: 12 }),
        (stage, script) => {
          const bench = benchWith('alice', 'carol');
          const carol = new Remote(bench, { name: 'carol' });
          carol.reachNormal();
          const alice = new Remote(bench);
          reach(bench, alice, stage);
          const { temporaryChannelId, channelId = temporaryChannelId } = alice.data;
          const ids = {
            temporary: temporaryChannelId,
            channel: channelId,
            zero: ALL_CHANNELS,
            other: carol.data.channelId,
          };
          for (const [message, which, isReconnected] of script) {
            const named = which === 'own' ? undefined : ids[which];
            const changed = { ...message } as Record<string, unknown>;
            for (const field of ['channelId', 'temporaryChannelId']) {
              if (field in changed && named !== undefined) changed[field] = named;
            }
            bench.receive('alice', changed as unknown as Message);
            if (!isReconnected) continue;
            bench.disconnect('alice');
            bench.connect('alice');
          }
          expect(bench.discarded).toEqual([]);
          expect(bench.releaseFailures).toEqual([]);
          carol.offer(1);
          carol.settle();
          expect(bench.channelOf('carol').htlcs.size).toBe(1);
          const next = bench.restarted();
          expect(next.discarded).toEqual([]);
          expect(next.channelOf('carol').lifecycle).toBe('normal');
        },
      ),
      { numRuns: 40 },
    );
  });
});
