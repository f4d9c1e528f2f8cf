import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeJson, encodeJson } from '../../protocols/json.ts';
import { signChannelUpdate } from '../../protocols/gossip/channel-update.ts';
import { assembleChannelAnnouncement, signChannelAnnouncement } from '../../protocols/gossip/channel-announcement.ts';
import { unsignedAnnouncement } from '../../machines/channel/announcing.ts';
import { negotiated } from '../../machines/channel/context.ts';
import { AuditError } from '../../src/audit/errors.ts';
import { entryLine } from '../../src/audit/entry-line.ts';
import { headerLine, type HeaderSignatures } from '../../src/audit/header.ts';
import { MAX_LINE_BYTES } from '../../src/audit/lines.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { entryText, hashEntry } from '../../src/channels/journal.ts';
import { auditLines, verifyTexts } from '../harness/audit-files.ts';
import { auditedChannel, entriesOf, linesOf, type Ends } from '../harness/audited-channel.ts';
import { REGTEST_CHAIN_HASH } from '../harness/channel-pair.ts';
import { rechained } from '../harness/journal-forger.ts';

let ends: Ends;
let folder: string;

beforeAll(() => void (ends = auditedChannel(20, 6)));
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'runnel-audit-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const inFile = (content: string | Uint8Array): string => {
  const path = join(folder, 'channel.audit');
  writeFileSync(path, content);
  return path;
};
const fileOf = (lines: readonly string[]): string => inFile(`${lines.join('\n')}\n`);

describe('an audit file', () => {
  it('holds as a node makes it, and the report counts what was checked', () => {
    for (const end of ends) {
      const entries = entriesOf(end);
      const progress: number[] = [];
      const report = verifyAudit(fileOf(linesOf(end)), { onProgress: ({ entries: done }) => void progress.push(done) });
      expect(report).toMatchObject({ holds: true, channel: { network: 'regtest', capacitySat: '16000000' }, state: { lifecycle: 'normal', pendingHtlcs: 0 } });
      const { data } = end.channel;
      const { checked } = report;
      expect(checked.entries).toBe(entries.length);
      expect(checked.turns + checked.checkpoints).toBe(entries.filter(({ entry }) => entry.stateHash !== undefined).length);
      expect(checked.checkpoints).toBeGreaterThan(2);
      expect(checked.commitmentsSignedByPeer).toBe(data.localCommitmentNumber + 1);
      expect(checked.commitmentsSignedByUs).toBe(data.remoteCommitmentNumber + 1);
      expect(checked.revocationSecretsOfOurs).toBe(data.localCommitmentNumber);
      expect(checked.revocationSecretsOfPeers).toBe(data.remoteRevocations);
      expect(checked.htlcsOffered + checked.htlcsReceived).toBe(12);
      // Both have announced it: two signatures of each.
      expect(checked.gossipSignatures).toBe(4);
      expect(checked.refusedMessages).toBe(0);
      expect(checked.htlcSignaturesByPeer).toBeGreaterThan(4);
      expect(report.state?.localMsat).toBe(data.toLocalMsat.toString());
    }
    const [a, b] = ends.map((end) => verifyTexts(linesOf(end)).checked);
    expect([a!.htlcSignaturesByPeer, a!.htlcSignaturesByUs]).toEqual([b!.htlcSignaturesByUs, b!.htlcSignaturesByPeer]);
  });

  it('holds from a checkpoint on, and says that what was before is not there', () => {
    const [end] = ends;
    const from = end.store.lastCheckpoint(0, 80)!;
    const report = verifyTexts(linesOf(end, entriesOf(end, from)));
    expect(report).toMatchObject({ holds: true, entries: { first: from } });
    expect(report.notChecked.join()).toContain(`entries 0 to ${from - 1}`);
    // Both latest commitments are in the checkpoint.
    expect(report.checked.commitmentsSignedByPeer).toBeGreaterThan(1);
  });

  it('may have the gossip of the channel, which must be right', () => {
    const [end, peer] = ends;
    const { data } = end.channel;
    const scid = data.shortChannelId!;
    const unsigned = unsignedAnnouncement(negotiated(data), scid);
    const sign = (of: typeof end, what = unsigned) =>
      signChannelAnnouncement(what, of.signer.node.signGossip, (hash) => of.signer.channel(0).signChannelAnnouncement(hash));
    const announced = (what = unsigned): Uint8Array => assembleChannelAnnouncement(what, data.localNodeId, sign(end, what), sign(peer, what)).raw;
    const update = (of: typeof end, direction: 0 | 1, shortChannelId = scid): Uint8Array =>
      signChannelUpdate(
        {
          chainHash: data.chainHash, shortChannelId, direction, disabled: false, dontForward: false, timestamp: 1, cltvExpiryDelta: 40, htlcMinimumMsat: 1n,
          htlcMaximumMsat: 1_000n, feeBaseMsat: 1, feeProportionalMillionths: 1,
        },
        of.signer.node.signGossip,
      ).raw;
    const verify = (gossip: { announcement: Uint8Array | undefined; updates: Uint8Array[] }) => verifyTexts(auditLines(entriesOf(end), data, end.signer, gossip));
    const [first, second] = Buffer.compare(data.localNodeId, data.remoteNodeId) < 0 ? [end, peer] : [peer, end];
    expect(verify({ announcement: announced(), updates: [update(first, 0), update(second, 1)] })).toMatchObject({ holds: true, checked: { gossipSignatures: 10 } });
    const forged = Uint8Array.from(announced());
    forged[70]! ^= 1;
    const wrong: Parameters<typeof verify>[0][] = [
      { announcement: forged, updates: [] },
      { announcement: announced({ ...unsigned, shortChannelId: scid + 1n }), updates: [] },
      { announcement: announced({ ...unsigned, bitcoinKey1: unsigned.bitcoinKey2 }), updates: [] },
      { announcement: update(first, 0), updates: [] },
      { announcement: announced(), updates: [update(first, 1)] },
      { announcement: announced(), updates: [update(first, 0, scid + 1n)] },
      { announcement: undefined, updates: [Uint8Array.of(1, 2, 3)] },
    ];
    for (const gossip of wrong) expect(verify(gossip)).toMatchObject({ holds: false, failure: { code: 'audit_gossip' } });
  });

  it('names the first entry that does not hold, and why', () => {
    const [end] = ends;
    const entries = entriesOf(end).map(({ entry }) => entry);
    const at = entries.findIndex(({ event }) => event.type === 'addHtlc');
    const { event } = entries[at]!;
    if (event.type !== 'addHtlc') throw new Error('expected an HTLC');
    const forged = entries.map((entry, index) => (index === at ? { ...entry, event: { ...event, amountMsat: event.amountMsat + 1n } } : entry));
    const { failure, checked } = verifyTexts(linesOf(end, rechained(forged)));
    // Our signature for the peer's commitment comes with the end of the same turn.
    expect(failure).toMatchObject({ sequence: at + 1, line: at + 3, reason: expect.stringContaining('does not carry our signature') });
    expect(checked.entries).toBe(at + 1);
  });

  it('with a preimage that is none does not hold', () => {
    const [, end] = ends;
    const entries = entriesOf(end).map(({ entry }) => entry);
    const at = entries.findIndex((entry) => entry.event.type === 'removeHtlc');
    const { event } = entries[at]!;
    if (event.type !== 'removeHtlc' || event.removal.kind !== 'fulfilled') throw new Error('expected a preimage');
    const forged = { ...event, removal: { ...event.removal, paymentPreimage: new Uint8Array(32) } };
    const { failure } = verifyTexts(linesOf(end, rechained(entries.map((entry, index) => (index === at ? { ...entry, event: forged } : entry)))));
    expect(failure).toMatchObject({ sequence: at, reason: expect.stringContaining('preimage') });
  });
});

describe('a file that somebody else made', () => {
  it.each([
    ['is empty', ''],
    ['is text', 'hello\n'],
    ['is JSON of something else', '{"a":1}\n'],
    ['is one number', '7\n'],
    ['is null', 'null\n'],
    ['is not UTF-8', Uint8Array.of(0xff, 0xfe, 0x0a)],
  ])('that %s is none', (_name, content) => {
    expect(() => verifyAudit(inFile(content))).toThrow(AuditError);
  });

  it('that cannot be read is none', () => {
    expect(() => verifyAudit(join(folder, 'missing'))).toThrow(expect.objectContaining({ code: 'audit_unreadable' }));
    expect(() => verifyAudit(folder)).toThrow(expect.objectContaining({ code: 'audit_unreadable' }));
  });

  it('of a later version is refused as such', () => {
    const [line] = linesOf(ends[0]);
    expect(() => verifyAudit(inFile(`${line!.replace('"version":1', '"version":2')}\n`))).toThrow(expect.objectContaining({ code: 'audit_newer' }));
  });

  it('with an endless line costs no memory', () => {
    const [line] = linesOf(ends[0]);
    const path = inFile(`${line!}\n${'['.repeat(MAX_LINE_BYTES + 1)}`);
    expect(verifyAudit(path)).toMatchObject({ holds: false, failure: { code: 'audit_line_too_long', line: 2 } });
  });

  it('written otherwise than Runnel writes does not hold, whatever it says', () => {
    const lines = linesOf(ends[0]);
    const instead = (index: number, line: string): string[] => lines.map((each, at) => (at === index ? line : each));
    const tellings: [string, string[]][] = [
      ['a space', instead(1, lines[1]!.replace(':', ': '))],
      ['another order', instead(1, `{"hash":${lines[1]!.slice(lines[1]!.indexOf(',"hash":') + 8, -1)},"entry":${entryText(entriesOf(ends[0])[0]!.entry)}}`)],
      ['an escape', instead(1, lines[1]!.replace('created', '\\u0063reated'))],
      ['a field more', instead(1, `${lines[1]!.slice(0, -1)},"more":1}`)],
      ['no entry', instead(1, '{}')],
      ['an array', instead(1, '[]')],
      ['deep nesting', instead(1, '['.repeat(100_000))],
      ['a mark of byte order', instead(1, `\ufeff${lines[1]!}`)],
      ['no end of the last line', lines],
    ];
    for (const [name, told] of tellings) {
      const path = name.startsWith('no end') ? inFile(told.join('\n')) : fileOf(told);
      expect(verifyAudit(path), name).toMatchObject({ holds: false });
    }
  });

  it('signed by a node of another name does not hold', () => {
    const [alice, bob] = ends;
    const lines = auditLines(entriesOf(alice), alice.channel.data, bob.signer);
    expect(verifyTexts(lines)).toMatchObject({ holds: false, failure: { code: 'audit_signature', line: 1 } });
  });

  /** Every leaf of a value, replaced by things of other kinds. */
  function* nonsense(value: unknown, rebuild: (inner: unknown) => unknown): Generator<unknown> {
    const strange = [null, -1, 1.5, 2 ** 60, '', 'x', true, [], {}, 10n ** 30n, -1n, new Uint8Array(), new Uint8Array(5_000)];
    for (const each of strange) yield rebuild(each);
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    for (const [key, inner] of Object.entries(value)) {
      const put = (other: unknown): unknown =>
        rebuild(Array.isArray(value) ? value.map((item: unknown, index) => (String(index) === key ? other : item)) : { ...value, [key]: other });
      yield* nonsense(inner, put);
      if (!Array.isArray(value)) yield rebuild(Object.fromEntries(Object.entries(value).filter(([name]) => name !== key)));
    }
  }

  it('with nonsense in any field is told so, and crashes nothing', () => {
    const [end] = ends;
    const entries = entriesOf(end);
    const [header] = linesOf(end);
    const told = new Set<string>();
    // One entry of each kind, as the first one, where only its form decides.
    const kinds = new Map(entries.map((chained) => [`${chained.entry.event.type}`, chained]));
    let count = 0;
    for (const { entry } of kinds.values()) {
      for (const changed of nonsense(decodeJson(entryText(entry)), (value) => value)) {
        // All would take minutes; what one kind of entry misses, another has.
        if (changed === undefined || count++ % 17 !== 0) continue;
        const line = entryLine(encodeJson(changed), hashEntry(new Uint8Array(32), encodeJson(changed)));
        const report = verifyTexts([header!, line]);
        expect(report.holds).toBe(false);
        told.add(report.failure!.code);
      }
    }
    expect(told).toContain('audit_malformed');
  });

  it('with nonsense in its header is told so', () => {
    const [end] = ends;
    const [line, ...others] = linesOf(end);
    const { header, signatures } = decodeJson(line!) as { header: object; signatures: HeaderSignatures };
    let count = 0;
    for (const changed of nonsense(header, (value) => value)) {
      if (count++ % 3 !== 0) continue;
      const forged = [headerLine(encodeJson(changed), signatures), ...others.slice(0, 1)];
      let holds = false;
      try {
        ({ holds } = verifyTexts(forged));
      } catch (error) {
        expect(error).toBeInstanceOf(AuditError);
      }
      expect(holds).toBe(false);
    }
  });

  it('is of the chain that it says', () => {
    expect(ends[0].channel.data.chainHash).toEqual(REGTEST_CHAIN_HASH);
  });
});
