import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signedHeader } from '../../src/audit/make-header.ts';
import { hexOf } from '../../src/channels/channel-store.ts';
import { entryView } from '../../src/node/api/channel-views.ts';
import { auditedChannel, entriesOf, linesOf, more, type Ends } from '../harness/audited-channel.ts';
import { dataDir, makeFolder, runnel, start, stop } from './cli-harness.ts';

let ends: Ends;
beforeAll(() => {
  ends = auditedChannel(20, 12);
});
beforeEach(makeFolder);
afterEach(stop);

/** A node that has this end of the channel. `pruned` says how many entries its journal has lost when it is read. */
async function startNode(end: Ends[0], { pruned = 0 } = {}): Promise<void> {
  const entries = entriesOf(end);
  const [first, last] = [entries[0]!, entries.at(-1)!];
  const { channelId, funding, remote, ...data } = end.channel.data;
  const facts = {
    gossip: { announcement: undefined, updates: [] },
    now: 1_700_000_000_000,
    software: 'test',
    firstSequence: first.entry.sequence,
    end: { sequence: last.entry.sequence, hash: last.hash },
    withheld: undefined,
  };
  const { text, signatures } = signedHeader({ ...data, channelId: channelId!, funding: funding!, remote: remote! }, facts, end.signer);
  await start({
    audit: async () => ({
      channelId: hexOf(channelId!),
      header: text,
      signatures: { funding: hexOf(signatures.funding), node: hexOf(signatures.node) },
      first: facts.firstSequence,
      numEntries: entries.length,
      headHash: hexOf(last.hash),
      numWithheld: 0,
    }),
    journal: async ({ from = 0, limit = 100 }) => ({
      channelId: hexOf(channelId!),
      first: pruned,
      total: entries.length,
      entries: entries.filter(({ entry: { sequence } }) => sequence >= Math.max(from, pruned)).slice(0, limit).map((chained) => entryView(chained)),
    }),
  });
}

describe('runnel audit export', () => {
  it('writes one file for its owner alone, page by page, that verifies', async () => {
    await startNode(ends[0]);
    const file = join(dataDir, 'alice.audit');
    expect(entriesOf(ends[0]).length).toBeGreaterThan(100);
    expect(await runnel('audit', 'export', '103x1x0', '--out', file)).toMatchObject({ status: 0 });
    expect(readFileSync(file, 'utf8')).toBe(`${linesOf(ends[0]).join('\n')}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const verified = await runnel('audit', 'verify', file, '--json');
    expect(verified).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(verified.stdout)).toMatchObject({ holds: true, checked: { entries: entriesOf(ends[0]).length } });
  });

  it('prints it without --out', async () => {
    await startNode(ends[0]);
    expect(await runnel('audit', 'export', '103x1x0')).toMatchObject({ status: 0, stdout: `${linesOf(ends[0]).join('\n')}\n` });
  });

  it('leaves no half of a file where the journal is cut short meanwhile', async () => {
    await startNode(ends[0], { pruned: 30 });
    const file = join(dataDir, 'alice.audit');
    const { status, stderr } = await runnel('audit', 'export', '103x1x0', '--out', file);
    expect(status).toBe(1);
    expect(stderr).toContain('run it again');
    expect([file, `${file}.new`].filter((path) => existsSync(path))).toEqual([]);
  });
});

describe('runnel audit verify and compare', () => {
  const write = (name: string, lines: readonly string[]): string => {
    const path = join(dataDir, name);
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  };

  it('tell of a tampered entry by its number, with exit status 1', async () => {
    const lines = linesOf(ends[0]);
    const at = lines.findIndex((line) => line.includes('"update_add_htlc"'));
    const forged = lines.with(at, lines[at]!.replace('"time":17', '"time":18'));
    const file = write('forged.audit', forged);
    const { status, stdout, stderr } = await runnel('audit', 'verify', file);
    expect(status).toBe(1);
    expect(stdout).toMatch(new RegExp(`^ +entry +${at - 1}$`, 'm'));
    expect(stderr).toContain(`line ${at + 1}`);
  });

  it('say that both ends agree, or where they part', async () => {
    const [alice, bob] = [write('alice.audit', linesOf(ends[0])), write('bob.audit', linesOf(ends[1]))];
    expect(await runnel('audit', 'compare', alice, bob)).toMatchObject({ status: 0 });
    const other = auditedChannel(20, 12);
    more(other, 1, 'another life');
    more(ends, 1, 'one life');
    const parted = await runnel('audit', 'compare', write('alice2.audit', linesOf(ends[0])), write('bob2.audit', linesOf(other[1])));
    expect(parted.status).toBe(1);
    expect(parted.stdout).toContain('signed both');
  });

  it('end with exit status 2 for what is no audit, and for a file that is not there', async () => {
    const file = write('notes.txt', ['these are notes']);
    for (const path of [file, join(dataDir, 'nothing')]) {
      const { status, stderr } = await runnel('audit', 'verify', path);
      expect([path, status]).toEqual([path, 2]);
      expect(stderr).not.toBe('');
    }
  });
});
