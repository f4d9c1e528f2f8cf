import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeJson } from '../../protocols/json.ts';
import { decodeMessage } from '../../protocols/wire/messages.ts';
import { inOrder } from '../../src/audit/commitment-log.ts';
import type { Committed } from '../../src/audit/committed.ts';
import { AuditError } from '../../src/audit/errors.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import type { JournalEntry } from '../../src/channels/journal.ts';
import { verifyTexts } from '../harness/audit-files.ts';
import { auditedChannel, entriesOf, linesOf, type Ends } from '../harness/audited-channel.ts';
import { effort } from '../harness/effort.ts';
import { leavesOf, mutated, rechained } from '../harness/journal-forger.ts';
import { Seeded } from '../harness/seeded.ts';

/** How many changes of each kind are tried; `RUNNEL_FORGERIES=20000` for more. */
const CHANGES = effort('RUNNEL_FORGERIES', { quick: 100, thorough: 300 });

interface Segment {
  readonly end: Ends[0];
  readonly entries: readonly JournalEntry[];
  readonly lines: readonly string[];
}

let segments: Segment[];
let folder: string;

/** Short files, each from a checkpoint to the second one after it: what a change breaks shows soon. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'runnel-forged-'));
  segments = auditedChannel(5, 8).flatMap((end) => {
    const all = entriesOf(end);
    const checkpoints = all.flatMap(({ entry }) => (entry.event.type === 'checkpoint' ? [entry.sequence] : []));
    const begins = [0, ...checkpoints.filter((sequence) => sequence > 25)];
    return begins.slice(0, -2).map((begin, index): Segment => {
      // The first goes as far as the channel is open.
      const last = begin === 0 ? checkpoints.find((sequence) => sequence > 25)! : begins[index + 2]!;
      const chained = all.slice(begin, last + 1);
      return { end, entries: chained.map(({ entry }) => entry), lines: linesOf(end, chained) };
    });
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

function holds(lines: readonly string[]): boolean {
  return verifyTexts(lines).holds;
}

/** The commitments of a file that holds, with all that they pay and who signed them. */
function commitmentsIn(lines: readonly string[]): Map<string, string> | undefined {
  const committed = new Map<string, string>();
  const onCommitted = ({ owner, request, built, signature, htlcSignatures }: Committed): void =>
    void committed.set(`${owner} ${request.commitmentNumber}`, encodeJson([built.txid, inOrder(request.spec), signature, htlcSignatures]));
  return verifyTexts(lines, { onCommitted }).holds ? committed : undefined;
}

/** What a forger who owns the node makes of other entries: hashes and header anew. */
const resigned = ({ end }: Segment, entries: readonly JournalEntry[]): string[] => linesOf(end, rechained(entries));

const numbered = (entries: readonly JournalEntry[]): JournalEntry[] => entries.map((entry, index) => ({ ...entry, sequence: (entries[0]?.sequence ?? 0) + index }));

describe('an audit file', () => {
  it('holds as it is, in each of its parts', () => {
    expect(segments.length).toBeGreaterThan(10);
    for (const segment of segments) {
      expect(verifyTexts(segment.lines)).toMatchObject({ holds: true });
      expect(resigned(segment, segment.entries)).toEqual(segment.lines);
    }
  });

  it('with any byte changed, left out or put in does not hold', () => {
    const random = new Seeded('bytes');
    const path = join(folder, 'bytes.audit');
    const missed: string[] = [];
    for (let change = 0; change < CHANGES; change++) {
      const { lines } = random.pick(segments);
      const file = Buffer.from(`${lines.join('\n')}\n`);
      const at = random.between(0, file.length - 1);
      const [kind, forged] = changedAt(file, at, random);
      writeFileSync(path, forged);
      try {
        if (verifyAudit(path).holds) missed.push(`${kind} at ${at} of ${file.length}`);
      } catch (error) {
        // It is no audit file any more.
        if (!(error instanceof AuditError)) throw error;
      }
    }
    expect(missed).toEqual([]);
  });

  it('with lines dropped, swapped, repeated or moved does not hold', () => {
    const random = new Seeded('lines');
    const missed: string[] = [];
    for (let change = 0; change < CHANGES; change++) {
      const { lines } = random.pick(segments);
      const [kind, arranged] = rearranged(lines, random);
      if (arranged.length === 0 || arranged.join() === lines.join()) continue;
      try {
        if (holds(arranged)) missed.push(kind);
      } catch (error) {
        if (!(error instanceof AuditError)) throw error;
      }
    }
    expect(missed).toEqual([]);
  });

  it('keeps all that the peer said and signed, however its owner arranges and signs it anew: it can only be made to begin later or end earlier', () => {
    const random = new Seeded('entries');
    const wires = (entries: readonly JournalEntry[]): string => entries.flatMap(({ wire }) => (wire === undefined ? [] : [encodeJson(wire)])).join();
    const missed: string[] = [];
    let held = 0;
    for (let change = 0; change < CHANGES / 2; change++) {
      const segment = random.pick(segments);
      const [kind, arranged] = rearranged(segment.entries, random);
      if (arranged.length === 0) continue;
      for (const entries of [arranged, numbered(arranged)]) {
        const committed = commitmentsIn(resigned(segment, entries));
        if (committed === undefined) continue;
        held += 1;
        const known = commitmentsIn(segment.lines)!;
        const isPart = wires(segment.entries).includes(wires(entries)) && [...committed].every(([number, what]) => known.get(number) === what);
        if (!isPart) missed.push(`${kind}: ${entries.map(({ sequence, event }) => `${sequence} ${event.type}`).join()}`);
      }
    }
    expect(missed).toEqual([]);
    expect(held).toBeGreaterThan(0);
  });

  it('with any field changed does not hold, even if all hashes and the header are made anew', () => {
    const random = new Seeded('fields');
    const missed: string[] = [];
    for (let change = 0; change < CHANGES; change++) {
      const segment = random.pick(segments);
      const at = random.between(0, segment.entries.length - 1);
      const entry = segment.entries[at]!;
      const path = random.pick(leavesOf(entry));
      const forged = mutated(entry, path, random) as JournalEntry;
      if (encodeJson(forged) === encodeJson(entry)) continue;
      const entries = segment.entries.map((each, index) => (index === at ? forged : each));
      const isProven = encodeJson(provenOf(forged, at === 0)) !== encodeJson(provenOf(entry, at === 0));
      if (isProven && holds(resigned(segment, entries))) missed.push(`${encodeJson(entry.event)} ${path.join('.')} ${encodeJson(entry.wire ?? '')} ${encodeJson(forged.wire ?? '')}`.slice(0, 900));
    }
    expect([...new Set(missed)]).toEqual([]);
  });
});

/**
 * An entry without what a node's owner may write into its own journal unseen, since nothing that the peer or the chain signed depends on it: docs/audit.md
 * tells of it. `isFirst`: the file begins with it.
 */
function provenOf({ time: _time, event, wire, ...rest }: JournalEntry, isFirst: boolean): unknown {
  return { ...rest, event: provenEvent(event, isFirst), message: provenMessage(wire) };
}

function provenMessage(wire: Uint8Array | undefined): unknown {
  if (wire === undefined) return undefined;
  try {
    const message = decodeMessage(wire);
    if (message.type === 'update_add_htlc') return { ...message, onionRoutingPacket: new Uint8Array(1366) };
    // It only repeats which channel it is about.
    return message.type === 'commitment_signed' ? { ...message, fundingTxid: undefined } : message;
  } catch {
    return wire;
  }
}

function provenEvent(event: JournalEntry['event'], isFirst: boolean): unknown {
  const onionRoutingPacket = new Uint8Array(1366);
  switch (event.type) {
    case 'addHtlc':
      return { ...event, reference: '', onionRoutingPacket };
    case 'created':
    case 'restored':
      return { ...event, policy: undefined };
    case 'checkpoint': {
      const { snapshot, ...others } = event;
      const htlcs = snapshot.htlcs.map(({ details, ...row }) => ({ ...row, details: { ...details, onionRoutingPacket } }));
      // Of what was before it, only what it led to is signed.
      const past = isFirst ? { policy: undefined, revokedSecrets: others.revokedSecrets.map(({ index }) => index) } : {};
      // The forger sets it right with the other hashes.
      return { ...others, ...past, previous: undefined, snapshot: { ...snapshot, htlcs } };
    }
    default:
      return event;
  }
}

function changedAt(file: Buffer, at: number, random: Seeded): readonly [string, Buffer] {
  const [before, after] = [file.subarray(0, at), file.subarray(at + 1)];
  const byte = file[at] ?? 0;
  const put = (...bytes: number[]): Buffer => Buffer.concat([before, Uint8Array.from(bytes), after]);
  switch (random.between(0, 4)) {
    case 0:
      return ['flipped', put(byte ^ (1 << random.between(0, 7)))];
    case 1:
      return ['left out', put()];
    case 2:
      return ['repeated', put(byte, byte)];
    case 3:
      return ['cut off', Buffer.from(before)];
    default:
      return ['put in', put(byte, random.between(0, 255))];
  }
}

function rearranged<T>(items: readonly T[], random: Seeded): readonly [string, T[]] {
  const copy = [...items];
  const [at, other] = [random.between(0, items.length - 1), random.between(0, items.length - 1)];
  const item = copy[at]!;
  switch (random.between(0, 4)) {
    case 0:
      copy.splice(at, 1);
      return [`dropped ${at}`, copy];
    case 1:
      copy.splice(other, 0, item);
      return [`repeated ${at} at ${other}`, copy];
    case 2:
      copy[at] = copy[other]!;
      copy[other] = item;
      return [`swapped ${at} and ${other}`, copy];
    case 3:
      copy.splice(at, 0, ...copy.splice(other, 1));
      return [`moved ${other} to ${at}`, copy];
    default:
      copy.splice(Math.min(at, other), Math.abs(at - other) + 1);
      return [`dropped ${at} to ${other}`, copy];
  }
}
