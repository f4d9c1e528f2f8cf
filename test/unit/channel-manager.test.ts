import { createHash, randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeJson } from '../../protocols/json.ts';
import type { Message } from '../../protocols/wire/messages.ts';
import { replayChannel } from '../../src/channels/replay.ts';
import { StorageError } from '../../src/storage/database.ts';
import { benches, benchWith, idOf, Remote, type Bench } from './node-bench.ts';

beforeEach(() => void (benches.length = 0));

afterEach(() => {
  for (const bench of benches) {
    // Among these would be whatever left before its turn was on disk.
    expect(bench.releaseFailures).toEqual([]);
    for (const which of ['live', 'ended'] as const) {
      for (const index of bench.store.indexes(which)) expectReplay(bench, index);
    }
  }
});

/** The journal on disk gives the row on disk. */
function expectReplay({ store }: Bench, index: number): void {
  const replayed = replayChannel(store.journal(index, 0, 100_000));
  expect(replayed).toMatchObject({ ok: true });
  if (!replayed.ok) return;
  const row = store.load(index)!;
  expect(encodeJson(replayed.snapshot.data)).toBe(encodeJson(row.data));
  expect(replayed.snapshot.value).toEqual(row.value);
  const states = (htlcs: typeof row.htlcs): string => encodeJson(htlcs.map(({ state }) => state).sort());
  expect(states(replayed.snapshot.htlcs)).toBe(states(row.htlcs));
}

const tables = ['channels', 'htlcs', 'journal', 'channel_indexes'];
/** All that is on disk of channels, as a hash. */
function onDisk({ database }: Bench): string {
  const rows = tables.map((table) => database.all(`SELECT * FROM ${table}`));
  return createHash('sha256').update(encodeJson(rows)).digest('hex');
}

/** The id by which the bench knows the channel. */
const channelIdOf = ({ data, hasFunding }: Remote): Uint8Array =>
  hasFunding && data.channelId !== undefined ? data.channelId : data.temporaryChannelId;
const warning = (remote: Remote, bytes = 60_000): Message => ({
  type: 'warning',
  channelId: channelIdOf(remote),
  data: new Uint8Array(bytes),
});
const error = (remote: Remote): Message => ({ type: 'error', channelId: channelIdOf(remote), data: new Uint8Array() });
const garbage = (remote: Remote): Message => ({
  type: 'commitment_signed',
  channelId: channelIdOf(remote),
  signature: new Uint8Array(64),
  htlcSignatures: [],
});

describe('a channel that a peer opens', () => {
  it('is not on disk before its funding may exist, and then with its whole journal', () => {
    const bench = benchWith('alice');
    const alice = new Remote(bench);
    alice.propose();
    expect(bench.channelOf('alice').lifecycle).toBe('opening');
    expect([bench.count('channels'), bench.count('journal')]).toEqual([0, 0]);
    alice.settle();
    expect(bench.channelOf('alice').lifecycle).toBe('confirming');
    expect([bench.count('channels'), bench.count('journal')]).toEqual([1, 3]);
    alice.confirm();
    expect(bench.channelOf('alice').lifecycle).toBe('normal');
  });

  it('leaves nothing behind when it is refused, given up or lost, not even the use of a key', () => {
    const bench = benchWith('alice');
    const ends: ((alice: Remote) => void)[] = [
      () => bench.disconnect('alice'),
      (alice) => bench.receive('alice', error(alice)),
      (alice) => bench.receive('alice', garbage(alice)),
    ];
    const keys = new Set<string>();
    for (let i = 0; i < 40; i++) {
      bench.connect('alice');
      const alice = new Remote(bench, { temporaryChannelId: new Uint8Array(32).fill(i + 1) });
      alice.propose();
      keys.add(encodeJson(alice.data.remote?.fundingPubkey));
      ends[i % 3]!(alice);
      expect(bench.channels.ofPeer(idOf('alice'))).toEqual([]);
    }
    expect(keys.size).toBe(1);
    expect([bench.count('channels'), bench.count('journal')]).toEqual([0, 0]);
    expect(bench.store.nextIndex()).toBeLessThanOrEqual(1);
  });

  it('has keys of its own as soon as anything was signed with them', () => {
    const bench = benchWith('alice');
    const keys = [0, 1, 2].map((channelIndex) => {
      const alice = new Remote(bench, { channelIndex });
      alice.reachConfirming();
      bench.receive('alice', error(alice));
      return encodeJson(alice.data.remote?.fundingPubkey);
    });
    expect(new Set(keys).size).toBe(3);
  });

  it('is gone after a restart while it is opened, and stays once it waits for its funding', () => {
    const bench = benchWith('alice', 'carol');
    const opening = new Remote(bench, { name: 'carol' });
    opening.propose();
    new Remote(bench).reachConfirming();
    const next = bench.restarted();
    expect([...next.channels.all()].map(({ nodeId, lifecycle }) => [nodeId, lifecycle])).toEqual([
      [idOf('alice'), 'confirming'],
    ]);
    // What the peer goes on with belongs to no channel any more.
    next.connect('carol');
    const answers = opening.outbox.flatMap((message) => next.receive('carol', message));
    expect(answers).toMatchObject([{ type: 'error', channelId: opening.data.temporaryChannelId }]);
    expect(next.channels.ofPeer(idOf('carol'))).toEqual([]);
  });
});

describe('a turn', () => {
  it('writes rows and journals of all its channels at once, and only then sends', () => {
    const bench = benchWith('alice', 'carol');
    const [alice, carol] = [new Remote(bench), new Remote(bench, { name: 'carol' })];
    alice.reachNormal();
    carol.reachNormal();
    const before = { commits: bench.commits, journal: bench.count('journal'), left: bench.left.length };
    for (const remote of [alice, carol]) {
      for (const seed of [1, 2, 3]) remote.offer(seed);
      remote.send({ type: 'turnEnded' });
      for (const message of remote.outbox.splice(0)) bench.queue(remote.name, message);
    }
    expect(bench.left).toHaveLength(before.left);
    bench.turn();
    expect(bench.commits).toBe(before.commits + 1);
    // Three additions and a signature each, and our own signature, which the turn's end calls for.
    expect(bench.count('journal')).toBe(before.journal + 2 * 5);
    expect(bench.count('htlcs')).toBe(6);
    const sent = bench.left.slice(before.left).map((each) => (typeof each === 'string' ? each : each.message.type));
    const answer = ['revoke_and_ack', 'commitment_signed'];
    expect(sent).toEqual([...answer, ...answer]);
  });

  it('that changes nothing writes nothing', () => {
    const bench = benchWith('alice');
    const alice = new Remote(bench);
    alice.reachNormal();
    const before = onDisk(bench);
    const point = alice.data.local.fundingPubkey;
    for (let i = 0; i < 500; i++) {
      expect(bench.receive('alice', warning(alice))).toEqual([]);
      const ready = { type: 'channel_ready', channelId: channelIdOf(alice), secondPerCommitmentPoint: point } as const;
      expect(bench.receive('alice', ready)).toEqual([]);
    }
    expect(onDisk(bench)).toBe(before);
    bench.receive('alice', error(alice));
    expect(bench.channelOf('alice').lifecycle).toBe('failed');
    const failed = onDisk(bench);
    for (let i = 0; i < 500; i++) bench.receive('alice', error(alice));
    expect(onDisk(bench)).toBe(failed);
  });

  it('keeps nothing in memory of what changes nothing while a channel is opened', () => {
    const bench = benchWith('alice');
    const alice = new Remote(bench);
    alice.propose();
    for (let i = 0; i < 500; i++) bench.receive('alice', warning(alice));
    alice.settle();
    expect(bench.count('journal')).toBe(3);
  });

  it('hears nothing more of a peer after what made it hang up', () => {
    const bench = benchWith('alice');
    const alice = new Remote(bench);
    alice.reachNormal();
    alice.offer(1);
    alice.send({ type: 'turnEnded' });
    const left = bench.left.length;
    bench.queue('alice', garbage(alice));
    for (const message of alice.outbox) bench.queue('alice', message);
    bench.turn();
    expect(bench.left.slice(left)).toMatchObject([{ message: { type: 'warning' } }, `disconnect ${idOf('alice')}`]);
    expect(bench.count('htlcs')).toBe(0);
    alice.reconnect();
    alice.settle();
    expect(bench.count('htlcs')).toBe(1);
  });
});

describe('a restart', () => {
  it('tells each channel once that it came back, and first of all', () => {
    const bench = benchWith('alice');
    const alice = new Remote(bench);
    alice.reachNormal();
    alice.offer(1);
    alice.settle();
    const received = { type: 'htlcNotice', notice: { type: 'htlcReceived' } };
    expect(bench.payments).toMatchObject([{ type: 'blockHeight' }, { type: 'blockHeight' }, received]);
    const next = bench.restarted();
    expect(next.payments).toMatchObject([received]);
    next.dispatcher.submit({ to: 'channel', channelIndex: 0, event: { type: 'restored' } });
    next.turn();
    expect(next.payments).toHaveLength(1);
    expect(next.channelOf('alice').value.connection).toBe('offline');
  });

  it('does not take messages before the channel is reestablished', () => {
    const bench = benchWith('alice');
    const alice = new Remote(bench);
    alice.reachNormal();
    alice.offer(1);
    alice.send({ type: 'turnEnded' });
    const next = bench.restarted();
    const before = onDisk(next);
    for (const message of alice.outbox) expect(next.receive('alice', message)).toEqual([]);
    expect(onDisk(next)).toBe(before);
    next.connect('alice');
    expect(next.receive('alice', alice.outbox[0]!)).toMatchObject([{ type: 'warning' }]);
    expect(next.left.at(-1)).toBe(`disconnect ${idOf('alice')}`);
  });
});

describe('a channel at fault', () => {
  it('is frozen, nothing of its turn is written or sent, and the others go on', () => {
    const bench = benchWith('alice', 'carol');
    const [alice, carol] = [new Remote(bench), new Remote(bench, { name: 'carol' })];
    alice.reachNormal();
    carol.reachNormal();
    const before = onDisk(bench);
    const left = bench.left.length;
    const { index } = bench.channelOf('alice');
    bench.fate.onSigner = (asked) => {
      if (asked === index) throw new Error('a bug');
    };
    for (const remote of [carol, alice]) {
      remote.offer(1);
      remote.send({ type: 'turnEnded' });
      for (const message of remote.outbox.splice(0)) bench.queue(remote.name, message);
    }
    bench.turn();
    expect(bench.discarded).toMatchObject([{ code: 'channel_fault', channelIndex: index }]);
    // Both links end, since what was said in that turn was not taken.
    expect(bench.left.slice(left)).toEqual([`disconnect ${idOf('carol')}`, `disconnect ${idOf('alice')}`]);
    expect([bench.channels.isFrozen(index), bench.channelOf('carol').isUsable]).toEqual([true, false]);
    // All that the others do about it is to note that they came back.
    expect(bench.count('htlcs')).toBe(0);
    carol.reconnect();
    carol.settle();
    expect(bench.count('htlcs')).toBe(1);
    expect(bench.discarded).toHaveLength(1);

    const frozen = (): unknown[] => bench.store.journal(index, 0, 1_000);
    const journal = frozen();
    alice.reconnect();
    bench.receive('alice', error(alice));
    bench.block();
    expect(frozen()).toEqual(journal);
    expect(bench.channelOf('alice').lifecycle).toBe('normal');
    expect(before).not.toBe(onDisk(bench));

    // A new process tries again.
    delete bench.fate.onSigner;
    const next = bench.restarted();
    expect(next.channels.isFrozen(index)).toBe(false);
    expect(next.channelOf('alice').lifecycle).toBe('normal');
  });

  it('that cannot be written is frozen too', () => {
    const bench = benchWith('alice', 'carol');
    const [alice, carol] = [new Remote(bench), new Remote(bench, { name: 'carol' })];
    alice.reachNormal();
    carol.reachNormal();
    const { index } = bench.channelOf('alice');
    const { store } = bench;
    const save = store.saveHtlcs.bind(store);
    store.saveHtlcs = (data, changes) => {
      const isBad = data.channelIndex === index && changes.size > 0;
      if (isBad) throw new StorageError('storage_misuse', 'a row that does not fit');
      save(data, changes);
    };
    alice.offer(1);
    alice.settle();
    expect(bench.discarded).toMatchObject([{ code: 'channel_fault', channelIndex: index }]);
    expect(bench.channels.isFrozen(index)).toBe(true);
    carol.offer(1);
    carol.settle();
    expect(bench.discarded).toHaveLength(1);
    expect(bench.count('htlcs')).toBe(1);
  });

  it('while it is opened is gone, with its coins free again', async () => {
    const bench = benchWith('alice', 'carol');
    const request = { pushMsat: 0n, announce: false, fundingFeeratePerKw: 1_000, feeratePerKw: 1_000 };
    const opened = bench.opener.open({ ...request, nodeId: idOf('alice'), amountSat: 1_000_000n });
    const other = bench.opener.open({ ...request, nodeId: idOf('carol'), amountSat: 1_000_000n });
    const states: string[] = [];
    opened.catch((reason: Error) => states.push(reason.message));
    other.catch(() => states.push('other'));
    bench.turn();
    const { index } = bench.channelOf('alice');
    bench.fate.onSigner = (asked) => {
      if (asked === index) throw new Error('a bug');
    };
    const txid = new Uint8Array(32).fill(1);
    const { temporaryChannelId } = bench.channelOf('alice').data;
    const accepter = new Remote(bench, { isOpener: false, temporaryChannelId });
    const open = bench.left.find((each) => typeof each !== 'string' && each.to === idOf('alice'));
    accepter.send({ type: 'message', message: (open as { message: Message }).message });
    bench.receive('alice', accepter.outbox[0]!);
    expect(bench.left.at(-1)).toBe(`fund ${index}`);
    bench.dispatcher.submit({
      to: 'channel',
      channelIndex: index,
      event: { type: 'fundingReady', transaction: new Uint8Array(10), txid, outputIndex: 0 },
    });
    bench.turn();
    expect(bench.left.slice(-2)).toEqual([`release ${index}`, `disconnect ${idOf('alice')}`]);
    expect(bench.channels.ofPeer(idOf('alice'))).toEqual([]);
    await setImmediate();
    // Who waits for the other channel goes on waiting for it.
    expect(states).toEqual(['the turn was discarded']);
    expect(bench.channelOf('carol').lifecycle).toBe('opening');
  });
});

describe('a store that fails', () => {
  interface Failure {
    readonly fail: (bench: Bench) => void;
    readonly heal: (bench: Bench) => void;
    readonly code: string | undefined;
  }
  const failures: Record<string, Failure> = {
    'is full': {
      fail: ({ database }) => {
        const pages = database.get<{ page_count: number }>('PRAGMA page_count')?.page_count ?? 0;
        database.get(`PRAGMA max_page_count = ${pages}`);
      },
      heal: ({ database }) => void database.get('PRAGMA max_page_count = 1000000'),
      code: 'storage_full',
    },
    'is read-only': {
      fail: ({ database }) => void database.run('PRAGMA query_only = ON'),
      heal: ({ database }) => void database.run('PRAGMA query_only = OFF'),
      code: 'storage_readonly',
    },
    'throws when all is written': {
      fail: ({ fate }) => {
        fate.beforeCommit = () => {
          throw new Error('the disk is on fire');
        };
      },
      heal: ({ fate }) => void delete fate.beforeCommit,
      code: undefined,
    },
  };

  it.each(Object.keys(failures))('%s: sends nothing, and goes on when it recovers', (name) => {
    const { fail, heal, code } = failures[name]!;
    const bench = benchWith('alice', 'carol');
    const [alice, carol] = [new Remote(bench), new Remote(bench, { name: 'carol' })];
    alice.reachNormal();
    carol.reachConfirming();
    alice.offer(1);
    alice.settle();
    const index = bench.channelOf('alice').index;
    const htlcs = (): unknown[] => bench.database.all('SELECT * FROM htlcs');
    const before = { htlcs: htlcs(), journal: bench.store.journalHead(index)!.length };
    const left = bench.left.length;
    fail(bench);
    for (let seed = 2; seed < 12; seed++) alice.offer(seed);
    alice.send({ type: 'turnEnded' });
    for (const message of alice.outbox.splice(0)) bench.queue('alice', message);
    // Too much for the room that is left in the pages that there are.
    const removal = { kind: 'failed', reason: randomBytes(10_000) } as const;
    bench.dispatcher.submit({ to: 'channel', channelIndex: index, event: { type: 'removeHtlc', id: 0n, removal } });
    bench.turn();
    if (code === undefined) expect(bench.discarded[0]).toBeInstanceOf(Error);
    else expect(bench.discarded[0]).toMatchObject({ code });
    expect(new Set(bench.left.slice(left))).toEqual(new Set([`disconnect ${idOf('alice')}`]));
    expect(htlcs()).toEqual(before.htlcs);
    // A full disk may have had room for as much as that the channel came back.
    const since = bench.store.journal(index, before.journal, 100);
    expect(since.every(({ entry }) => entry.event.type === 'restored')).toBe(true);
    expect(bench.channels.isFrozen(index)).toBe(false);

    heal(bench);
    alice.reconnect();
    alice.settle();
    expect(bench.count('htlcs')).toBe(11);
    expect(bench.channelOf('alice').isUsable).toBe(true);
    carol.confirm();
    expect(bench.channelOf('carol').lifecycle).toBe('normal');
    const all = [...bench.channelOf('alice').htlcs.rows()];
    expect(all.every(({ state }) => state === 'RCVD_ADD_ACK_REVOCATION')).toBe(true);
  });
});

describe('peers', () => {
  it('reach no channel but their own, whatever ids they name', () => {
    const bench = benchWith('alice', 'mallory');
    const alice = new Remote(bench);
    alice.reachNormal();
    const before = onDisk(bench);
    for (const message of [error(alice), warning(alice), garbage(alice)]) {
      const expected = message.type === 'commitment_signed' ? [{ type: 'error', channelId: alice.data.channelId }] : [];
      expect(bench.receive('mallory', message)).toMatchObject(expected);
    }
    expect(onDisk(bench)).toBe(before);
    const opening = new Remote(bench, { channelIndex: 1 });
    opening.propose();
    expect(bench.receive('mallory', opening.outbox[0]!)).toMatchObject([{ type: 'error' }]);
    opening.settle();
    expect(bench.channels.ofPeer(idOf('alice')).map(({ lifecycle }) => lifecycle)).toEqual(['normal', 'confirming']);
  });
});
