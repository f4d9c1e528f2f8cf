import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeJson } from '../../protocols/json.ts';
import { encodeMessage } from '../../protocols/wire/messages.ts';
import { replayTo } from '../../src/channels/moment.ts';
import { ChannelReplay, replayChannel } from '../../src/channels/replay.ts';
import { rowText } from '../../src/channels/channel-store.ts';
import { ChannelEnd, openChannel } from '../../scripts/bench/channel-ends.ts';
import { batch } from '../../scripts/bench/traffic.ts';
import { rechained } from '../harness/journal-forger.ts';
import { Bench, preimage, Remote } from './node-bench.ts';

const ALL = 1_000_000;

/** A channel with HTLCs in both directions, restarts, lost connections and removals without the peer. */
function busyBench(limits: { readonly checkpointEntries: number; readonly keepEntries: number }): { bench: Bench; index: number } {
  let bench = new Bench(undefined, limits);
  bench.connect('alice');
  const alice = new Remote(bench);
  alice.reachNormal();
  const { index } = bench.channelOf('alice');
  const remove = (id: bigint): void => {
    const removal = { kind: 'fulfilled', paymentPreimage: preimage(Number(id) + 1) } as const;
    bench.dispatcher.submit({ to: 'channel', channelIndex: index, event: { type: 'removeHtlc', id, removal } });
    bench.turn();
  };
  for (let seed = 1; seed <= 6; seed++) {
    alice.offer(seed, seed % 2 === 0 ? 20_000n : 10_000_000n);
    alice.settle();
  }
  for (const id of [0n, 1n]) remove(id);
  bench.disconnect('alice');
  remove(2n);
  alice.reconnect();
  alice.settle();
  remove(3n);
  alice.settle();
  return { bench, index };
}

describe('a journal with checkpoints', () => {
  it('replays to the same state as a whole and from each of them, and from nowhere else', () => {
    const { bench, index } = busyBench({ checkpointEntries: 5, keepEntries: 0 });
    const row = bench.store.load(index)!;
    const entries = bench.store.journal(index, 0, ALL);
    const beginnings = entries.flatMap(({ entry }) => (entry.event.type === 'checkpoint' ? [entry.sequence] : []));
    expect(beginnings.length).toBeGreaterThan(5);
    for (const from of [0, ...beginnings.filter((_, index) => index % 5 === 0)]) {
      const replayed = replayChannel(bench.store.journal(index, from, ALL));
      expect(replayed).toMatchObject({ ok: true });
      if (replayed.ok) expect(rowText(replayed.snapshot)).toBe(rowText(row));
    }
    const elsewhere = replayChannel(bench.store.journal(index, beginnings[1]! + 1, ALL));
    expect(elsewhere).toMatchObject({ ok: false, sequence: beginnings[1]! + 1 });
  });

  it('is told apart from one whose checkpoint says anything else', () => {
    const { bench, index } = busyBench({ checkpointEntries: 3, keepEntries: 0 });
    const entries = bench.store.journal(index, 0, ALL);
    const [from, at] = entries.flatMap(({ entry }, index) => (entry.event.type === 'checkpoint' ? [index] : [])).slice(-4) as [number, number];
    const { entry } = entries[at]!;
    if (entry.event.type !== 'checkpoint') throw new Error('expected a checkpoint');
    const { snapshot, revokedSecrets, policy } = entry.event;
    const changes: object[] = [
      { event: { ...entry.event, snapshot: { ...snapshot, data: { ...snapshot.data, toLocalMsat: 1n } } } },
      { event: { ...entry.event, snapshot: { ...snapshot, htlcs: snapshot.htlcs.toReversed() } } },
      { event: { ...entry.event, snapshot: { ...snapshot, value: { ...snapshot.value, connection: 'offline' } } } },
      { event: { ...entry.event, revokedSecrets: revokedSecrets.slice(1) } },
      { event: { ...entry.event, policy: { ...policy, minimumDepth: 9 } } },
      { signed: [] },
      { points: {} },
      { transitions: { connection: 'offline' } },
      { htlcs: { 'received:0': 'ended' } },
      { stateHash: undefined },
    ];
    for (const change of changes) {
      const forged = rechained([...entries.slice(from, at).map((chained) => chained.entry), { ...entry, ...change }]);
      expect(replayChannel(forged), encodeJson(change)).toMatchObject({ ok: false, sequence: at });
    }
    expect(replayChannel(rechained(entries.slice(from).map((chained) => chained.entry)))).toMatchObject({ ok: true });
  });

  it('is cut short at one of them, and then takes no more room however long it goes on', () => {
    const folder = mkdtempSync(join(tmpdir(), 'runnel-journal-'));
    try {
      const limits = { checkpointEntries: 50, keepEntries: 100 };
      const ends = (['alice', 'bob'] as const).map((name) =>
        new ChannelEnd({ name, peer: name === 'alice' ? 'bob' : 'alice', database: join(folder, name), limits }),
      ) as [ChannelEnd, ChannelEnd];
      openChannel(ends);
      const pages: number[] = [];
      for (let round = 0; round < 60; round++) {
        // Dust: the others are kept for as long as the channel lives, some 100 bytes each.
        batch(ends, round % 2 === 0 ? 0 : 1, 1 + (round % 4), `round ${round}`, 300_000n);
        const { store, database } = ends[0];
        const { length } = store.journalHead(0)!;
        const start = store.journalStart(0)!;
        expect(length - start).toBeGreaterThanOrEqual(Math.min(length, 100));
        // One checkpoint's distance more, and what a turn adds.
        expect(length - start).toBeLessThan(100 + 50 + 20);
        pages.push(database.get<{ page_count: number }>('PRAGMA page_count')!.page_count);
      }
      expect(ends[0].store.journalStart(0)).toBeGreaterThan(300);
      for (const { store } of ends) {
        const replayed = replayChannel(store.journal(0, 0, ALL));
        expect(replayed).toMatchObject({ ok: true });
        if (replayed.ok) expect(rowText(replayed.snapshot)).toBe(rowText(store.load(0)!));
      }
      // A journal that is kept as a whole has twice as many by then.
      expect(pages.at(-1)! / pages[29]!).toBeLessThan(1.2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('goes on from one that an earlier version wrote', () => {
    const { bench, index } = busyBench({ checkpointEntries: ALL, keepEntries: 0 });
    const before = bench.store.journal(index, 0, ALL);
    expect(before.some(({ entry }) => entry.event.type === 'checkpoint')).toBe(false);
    const { database } = bench;
    database.transaction(() => {
      for (const { entry } of before) {
        const { wire: _wire, ...rest } = entry;
        database.run('UPDATE journal SET entry = ? WHERE channel_index = ? AND sequence = ?', encodeJson(rest), index, entry.sequence);
      }
    });
    expect(encodeJson(bench.store.journal(index, 0, ALL))).toBe(encodeJson(before));
    const next = new Bench(database, { checkpointEntries: 3, keepEntries: 0 });
    next.turn();
    expect(next.store.lastCheckpoint(index, ALL)).toBe(next.store.journalHead(index)!.length - 1);
    expect(replayChannel(next.store.journal(index, 0, ALL))).toMatchObject({ ok: true });
  });
});

describe('a moment', () => {
  it('is the channel as it was after an entry, and what left with it', async () => {
    const { bench: { store }, index } = busyBench({ checkpointEntries: 7, keepEntries: 0 });
    const replay = new ChannelReplay();
    for (const chained of store.journal(index, 0, ALL)) {
      const step = replay.step(chained);
      const moment = await replayTo(store, index, chained.entry.sequence);
      expect(encodeJson(moment?.channel.snapshot)).toBe(encodeJson(replay.snapshot));
      expect(moment?.sent).toEqual(step.sent);
      expect(moment?.effects.length).toBe(step.effects.length);
      expect(moment?.hash).toEqual(chained.hash);
      const { localCommitmentNumber: number } = replay.data;
      expect(moment?.channel.localPoint(number)).toEqual(replay.localPoint(number));
    }
    expect(await replayTo(store, index, replay.next)).toBeUndefined();
  });

  it('is gone with the entries that were dropped', async () => {
    const { bench: { store }, index } = busyBench({ checkpointEntries: 5, keepEntries: 10 });
    const start = store.journalStart(index)!;
    expect(start).toBeGreaterThan(0);
    expect(await replayTo(store, index, start - 1)).toBeUndefined();
    expect(await replayTo(store, index, start)).toMatchObject({ entry: { event: { type: 'checkpoint' } } });
  });
});

describe('a message with records that this node does not know', () => {
  it('is kept without them: they are at the peer’s choice, and the disk is not', () => {
    const limits = { checkpointEntries: 100, keepEntries: 0 };
    const end = (name: string, peer: string): ChannelEnd => new ChannelEnd({ name, peer, database: ':memory:', limits });
    const [alice, bob] = [end('alice', 'bob'), end('bob', 'alice')];
    openChannel([alice, bob]);
    const message = { type: 'update_fee', channelId: alice.channel.data.channelId!, feeratePerKw: 1_100 } as const;
    const known = encodeMessage(message);
    // BOLT 1: an odd type, and a length of two bytes.
    const records = Uint8Array.of(0x65, 0xfd, 0xea, 0x60, ...new Uint8Array(60_000));
    bob.receive([Uint8Array.of(...known, ...records)]);
    const entries = bob.store.journal(0, 0, ALL);
    expect(entries.find(({ entry: { event } }) => event.type === 'message' && event.name === 'update_fee')?.entry.wire).toEqual(known);
    expect(replayChannel(entries).ok).toBe(true);
  });
});
