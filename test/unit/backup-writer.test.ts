import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChannelData } from '../../machines/channel/data.ts';
import { defaultPolicy } from '../../machines/channel/policy.ts';
import { recoveredChannelData } from '../../machines/channel/recovering.ts';
import { decodeBackup, encodeBackup, MAX_BACKUP_BYTES } from '../../src/backup/backup-codec.ts';
import { backupFileIn, BACKUP_FILE, readBackupFile } from '../../src/backup/backup-file.ts';
import { BackupWriter } from '../../src/backup/backup-writer.ts';
import { planRestore } from '../../src/backup/restore.ts';
import type { Lifecycle, LiveChannel } from '../../src/channels/live-channel.ts';
import { hexOf } from '../../src/channels/channel-store.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { REGTEST_CHAIN_HASH, signerOf } from '../harness/channel-pair.ts';
import { backupChannel, contentOf, FakeBackupFile, nonce, ownerOf } from './backup-fixtures.ts';

const owner = ownerOf('alice');
const bob = hexOf(signerOf('bob').node.nodeId);

/** As much of a live channel as a backup looks at. */
class FakeChannel {
  readonly index: number;
  readonly nodeId = bob;
  lifecycle: Lifecycle = 'confirming';
  data;

  constructor(index: number) {
    const { addresses: _addresses, ...known } = backupChannel('alice', index, { shortChannelId: undefined });
    const node = { localNodeId: owner.nodeId, chainHash: REGTEST_CHAIN_HASH, policy: defaultPolicy };
    this.index = index;
    this.data = { ...recoveredChannelData(known, node) } as { -readonly [Key in keyof ChannelData]: ChannelData[Key] };
  }

  get live(): LiveChannel {
    return this as unknown as LiveChannel;
  }
}

function setUp(file = new FakeBackupFile()) {
  const channels: FakeChannel[] = [];
  const addresses = ['/ip4/1.2.3.4/tcp/9735'];
  const written: number[] = [];
  const problems: unknown[] = [];
  const writer = new BackupWriter({
    file,
    owner,
    clock: new VirtualClock(1_000),
    randomBytes: (size) => new Uint8Array(size).fill(file.writes + 1),
    channels: () => channels.map(({ live }) => live),
    nextChannelIndex: () => 9_000,
    addressesOf: () => addresses,
    walletHeight: () => 1_103,
    onWritten: (count) => void written.push(count),
    onProblem: (error) => void problems.push(error),
  });
  const turn = (...touched: FakeChannel[]): number => {
    for (const channel of touched) writer.note(channel.live);
    const before = file.writes;
    writer.committed();
    return file.writes - before;
  };
  const content = () => decodeBackup(file.text ?? '', owner);
  return { file, writer, channels, addresses, written, problems, turn, content };
}

describe('the backup is written', () => {
  it('when a channel is added, confirmed and over, once for all of a turn, and for nothing else', () => {
    const { channels, turn, content, written, writer } = setUp();
    writer.start(() => true);
    const [a, b] = [new FakeChannel(0), new FakeChannel(1)];
    a.lifecycle = b.lifecycle = 'opening';
    channels.push(a, b);
    expect(turn(a, b)).toBe(0);
    a.lifecycle = b.lifecycle = 'confirming';
    expect(turn(a, b)).toBe(1);
    expect(turn(a), 'a payment').toBe(0);
    a.data.shortChannelId = 5n;
    a.lifecycle = 'normal';
    expect(turn(a)).toBe(1);
    for (const lifecycle of ['shuttingDown', 'failed', 'closing'] as const) {
      a.lifecycle = lifecycle;
      expect(turn(a)).toBe(0);
    }
    expect(content().channels).toMatchObject([{ channelIndex: 0, shortChannelId: 5n }, { channelIndex: 1 }]);
    a.lifecycle = 'closed';
    channels.shift();
    expect(turn(a)).toBe(1);
    expect(content().channels).toMatchObject([{ channelIndex: 1 }]);
    expect(written).toEqual([0, 2, 2, 1]);
  });

  it('when a peer is found at another address', () => {
    const { channels, turn, content, addresses, writer } = setUp();
    channels.push(new FakeChannel(0));
    writer.start(() => true);
    writer.notePeer(bob);
    expect(turn()).toBe(0);
    addresses.unshift('/ip4/5.6.7.8/tcp/9735', 'no address', '/ip4/5.6.7.8/tcp/9735');
    writer.notePeer(bob);
    expect(turn()).toBe(1);
    expect(content().channels[0]?.addresses).toEqual(['/ip4/5.6.7.8/tcp/9735', '/ip4/1.2.3.4/tcp/9735']);
    writer.notePeer('02'.padEnd(66, '1'));
    expect(turn()).toBe(0);
  });

  it('from the first block that can matter: the wallet’s first, or that of the oldest channel', () => {
    const { channels, content, writer } = setUp();
    writer.start(() => true);
    // Less as many blocks as a reorg may take back.
    expect(content()).toMatchObject({ scanFromHeight: 1_103 - 144, nextChannelIndex: 9_000, createdAtMs: 1_000 });
    channels.push(new FakeChannel(1_000), new FakeChannel(7));
    channels[1]!.data.openedAtHeight = 300;
    writer.start(() => true);
    expect(content().scanFromHeight).toBe(300 - 144);
    channels[1]!.data.openedAtHeight = 100;
    writer.start(() => true);
    expect(content().scanFromHeight).toBe(0);
  });

  it('again after a failure, with the next block or the next change, and not in every turn', () => {
    const { file, channels, turn, writer, problems, written } = setUp();
    writer.start(() => true);
    const a = new FakeChannel(0);
    channels.push(a);
    file.failure = new Error('the disk is full');
    turn(a);
    expect(problems).toHaveLength(1);
    turn(a);
    turn();
    expect(problems).toHaveLength(1);
    writer.retry();
    expect(problems).toHaveLength(2);
    file.failure = undefined;
    writer.retry();
    expect(written).toEqual([0, 1]);
    writer.retry();
    expect(written).toEqual([0, 1]);
  });
});

describe('at the start', () => {
  it('a backup with channels that nobody knows here is left as it is, and the node does not start', () => {
    const { file, writer } = setUp();
    const text = encodeBackup(contentOf('alice', [backupChannel('alice', 0), backupChannel('alice', 1)]), owner, nonce);
    file.text = text;
    expect(() => writer.start(({ channelIndex }) => channelIndex === 0)).toThrow(expect.objectContaining({ code: 'backup_not_restored' }));
    expect(file).toMatchObject({ text, writes: 0, aside: [] });
  });

  it.each([
    ['of another seed', encodeBackup(contentOf('bob', []), ownerOf('bob'), nonce)],
    ['damaged', 'runnel-channel-backup v1'],
    ['of a later version', encodeBackup(contentOf('alice', []), owner, nonce).replace(' v1 ', ' v9 ')],
  ])('one %s is set aside', (_, text) => {
    const { file, writer, content } = setUp();
    file.text = text;
    expect(writer.start(() => false)).toBe('aside 1');
    expect(file.aside).toEqual([text]);
    expect(content().channels).toEqual([]);
  });
});

describe('the file in the data folder', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'runnel-backup-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is there whole, for its owner alone, in place of the one before', () => {
    const file = backupFileIn(folder);
    expect(file.read()).toBeUndefined();
    file.write('one\n');
    file.write('two\n');
    expect(file.read()).toBe('two\n');
    expect(readdirSync(folder)).toEqual([BACKUP_FILE]);
    expect(statSync(join(folder, BACKUP_FILE)).mode & 0o777).toBe(0o600);
  });

  it('is never lost when it is set aside', () => {
    const file = backupFileIn(folder);
    for (const text of ['one', 'two']) {
      file.write(text);
      file.setAside();
    }
    expect(readdirSync(folder).sort()).toEqual([`${BACKUP_FILE}.1`, `${BACKUP_FILE}.2`]);
    expect(readFileSync(join(folder, `${BACKUP_FILE}.2`), 'utf8')).toBe('two');
  });

  it('is not read where it is none, or larger than any', () => {
    const path = join(folder, 'other');
    expect(() => readBackupFile(path)).toThrow(expect.objectContaining({ code: 'backup_unreadable' }));
    expect(() => readBackupFile(folder)).toThrow(expect.objectContaining({ code: 'backup_unreadable' }));
    writeFileSync(path, Buffer.alloc(MAX_BACKUP_BYTES + 1));
    expect(() => readBackupFile(path)).toThrow(expect.objectContaining({ code: 'backup_damaged' }));
  });
});

describe('what a restore would do', () => {
  const signer = signerOf('alice');
  const channels = [backupChannel('alice', 0), backupChannel('alice', 1), backupChannel('alice', 2)];
  const content = contentOf('alice', channels);

  it('leaves alone what has the same index or the same funding', () => {
    const known = [
      { channelIndex: 1, funding: undefined },
      { channelIndex: 77, funding: channels[2]!.funding },
      { channelIndex: 78, funding: { ...channels[0]!.funding, outputIndex: 2 } },
    ];
    const plan = planRestore(content, known, signer);
    expect(plan.restored).toEqual([channels[0]]);
    expect(plan.refused).toEqual([channels[1], channels[2]]);
  });

  it('passes over indexes that a backup may not know of, as far as there are any', () => {
    expect(planRestore(content, [], signer).nextChannelIndex).toBe(100_010);
    expect(planRestore({ ...content, nextChannelIndex: 2 ** 31 - 1 }, [], signer).nextChannelIndex).toBe(2 ** 31 - 1);
  });

  it('is nothing where the keys are not this seed’s', () => {
    const foreign = { ...content, channels: [backupChannel('bob', 0)] };
    expect(() => planRestore(foreign, [], signer)).toThrow(expect.objectContaining({ code: 'backup_damaged' }));
  });
});
