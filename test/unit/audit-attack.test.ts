/** Files by those who hold the keys of one end, or of none, and know the format: what the peer has not signed is found out, or the report says that it is not proven. */
import { beforeAll, describe, expect, it } from 'vitest';
import { hash256 } from '../../protocols/crypto/hash.ts';
import { openChannel, ChannelEnd } from '../../scripts/bench/channel-ends.ts';
import { batch } from '../../scripts/bench/traffic.ts';
import { compareAudits, type CompareReport } from '../../src/audit/compare.ts';
import { headerHash, headerLine, type AuditHeader } from '../../src/audit/header.ts';
import type { AuditReport } from '../../src/audit/report.ts';
import { hexOf, rowText } from '../../src/channels/channel-store.ts';
import { hashState, type Checkpoint, type JournalEntry } from '../../src/channels/journal.ts';
import { renderCompare } from '../../src/cli/render-audit.ts';
import { decodeJson, encodeJson } from '../../protocols/json.ts';
import type { ChannelSnapshot } from '../../machines/channel/channel.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { HtlcRow } from '../../machines/htlc/htlc-table.ts';
import { auditLines, verifyTexts } from '../harness/audit-files.ts';
import { auditedChannel, entriesOf, linesOf, type Ends } from '../harness/audited-channel.ts';
import { rechained } from '../harness/journal-forger.ts';

type CheckpointEntry = JournalEntry & { readonly event: Checkpoint };

let ends: Ends;
let checkpoint: CheckpointEntry;

beforeAll(() => {
  ends = auditedChannel(5, 6);
  checkpoint = checkpointOf(ends[0]);
});

/** The last checkpoint of a journal at which no HTLC is pending. */
function checkpointOf(end: Ends[0]): CheckpointEntry {
  const isQuiet = (entry: JournalEntry): entry is CheckpointEntry => entry.event.type === 'checkpoint' && entry.event.snapshot.htlcs.length === 0;
  const found = entriesOf(end).map(({ entry }) => entry).findLast(isQuiet);
  if (found === undefined) throw new Error('expected a checkpoint without HTLCs');
  return found;
}

const nodeIdOf = ({ signer }: Ends[0]): string => hexOf(signer.node.nodeId);

const compare = (one: readonly string[], other: readonly string[]): CompareReport =>
  compareAudits([(options) => verifyTexts(one, options), (options) => verifyTexts(other, options)]);

/** A file that begins, and ends, with a checkpoint of the forger's making; all that its own keys sign is right. */
function fileOf(change: (snapshot: ChannelSnapshot) => ChannelSnapshot, signed = checkpoint.signed): string[] {
  const snapshot = change(checkpoint.event.snapshot);
  const stateHash = hashState(rowText({ value: snapshot.value, data: snapshot.data }));
  return auditLines(rechained([{ ...checkpoint, event: { ...checkpoint.event, snapshot }, stateHash, signed }]), snapshot.data, ends[0].signer);
}

const withData = (change: Partial<ChannelData>) => (snapshot: ChannelSnapshot): ChannelSnapshot => ({ ...snapshot, data: { ...snapshot.data, ...change } });

function htlc(change: Partial<HtlcRow> & { readonly id?: bigint; readonly direction?: 'offered' | 'received' }): HtlcRow {
  const { id = 0n, direction = 'received', state = 'RCVD_ADD_HTLC', removal } = change;
  const details = { direction, id, amountMsat: 7_000_000n, paymentHash: hash256(Uint8Array.of(1)), cltvExpiry: 700, onionRoutingPacket: new Uint8Array(1366) };
  return { details, state, removal };
}

describe('whoever invents the peer', () => {
  let invented: Ends;
  beforeAll(() => {
    const limits = { checkpointEntries: 5, keepEntries: 0 };
    invented = [
      new ChannelEnd({ name: 'alice', peer: 'bob', database: ':memory:', limits, announce: false }),
      new ChannelEnd({ name: 'mallory', peer: 'alice', database: ':memory:', limits, announce: false }),
    ];
    openChannel(invented);
    batch(invented, 0, 2, 'invented', 3_000_000n);
  });

  it('is told that nothing in the file shows who the peer is', () => {
    const report = verifyTexts(linesOf(invented[0]));
    expect(report.notChecked[0]).toContain(`that the peer is ${nodeIdOf(ends[1])}`);
    expect(report.channel?.peerFundingKey).toBe(hexOf(invented[1].signer.channel(0).publicKeys.fundingPubkey));
  });

  it('cannot have the true peer blamed by a comparison', () => {
    const report = compare(linesOf(invented[0]), linesOf(ends[1]));
    expect(report).toMatchObject({ agrees: false, failure: { code: 'audit_other_channel' } });
    expect(report.divergence).toBeUndefined();
    expect(report.failure!.reason).toContain('other keys');
  });
});

describe("whoever makes another's file their own", () => {
  it('lacks the funding key that signs the header', () => {
    const [alice] = ends;
    const mallory = new ChannelEnd({ name: 'mallory', peer: 'bob', database: ':memory:', limits: { checkpointEntries: 5, keepEntries: 0 } }).signer;
    const data = { ...alice.channel.data, localNodeId: mallory.node.nodeId };
    const report = verifyTexts(auditLines(entriesOf(alice), data, mallory));
    expect(report).toMatchObject({ holds: false, failure: { line: 1, code: 'audit_signature', reason: 'the header is not signed by the funding key that it names' } });
  });
});

describe('a first checkpoint', () => {
  const failureOf = (lines: readonly string[]): AuditReport['failure'] => {
    const { holds, failure } = verifyTexts(lines);
    expect(holds).toBe(false);
    return failure;
  };

  it('holds as the node wrote it', () => {
    expect(verifyTexts(fileOf((snapshot) => snapshot)).holds).toBe(true);
  });

  it('needs the signature of the peer', () => {
    expect(failureOf(fileOf(withData({ localSignatures: undefined }), []))?.code).toBe('audit_checkpoint');
    const recovered = withData({ localSignatures: undefined, isRecovered: true });
    expect(failureOf(fileOf(recovered, []))).toMatchObject({ code: 'audit_balance' });
    expect(failureOf(fileOf(withData({ isRecovered: true })))?.code).toBe('audit_checkpoint');
  });

  it('has no HTLC that moves a balance without a signature', () => {
    const paymentPreimage = Uint8Array.from({ length: 32 }, () => 1);
    const rows: readonly HtlcRow[] = [
      htlc({ state: 'SENT_REMOVE_ACK_REVOCATION', removal: { kind: 'fulfilled', paymentPreimage } }),
      htlc({ direction: 'offered', state: 'RCVD_REMOVE_ACK_REVOCATION', removal: { kind: 'failed', reason: new Uint8Array() } }),
      htlc({ direction: 'offered', state: 'RCVD_ADD_HTLC' }),
      htlc({ state: 'free' }),
      htlc({ state: 'RCVD_ADD_HTLC', removal: { kind: 'fulfilled', paymentPreimage } }),
      htlc({ state: 'RCVD_REMOVE_ACK_COMMIT' }),
      htlc({ state: 'RCVD_REMOVE_ACK_COMMIT', removal: { kind: 'fulfilled', paymentPreimage } }),
      htlc({ id: 1_000_000n }),
    ];
    for (const row of rows) expect(failureOf(fileOf((snapshot) => ({ ...snapshot, htlcs: [row] })))?.code, encodeJson(row)).toBe('audit_checkpoint');
    expect(failureOf(fileOf((snapshot) => ({ ...snapshot, htlcs: [htlc({}), htlc({})] })))?.code).toBe('audit_checkpoint');
  });

  it('shows the balances that the peer has signed, whatever it says of HTLCs that are on their way out', () => {
    const { toLocalMsat, toRemoteMsat } = checkpoint.event.snapshot.data;
    const row = htlc({ state: 'RCVD_REMOVE_ACK_COMMIT', removal: { kind: 'failed', reason: new Uint8Array() } });
    const { holds, state } = verifyTexts(fileOf((snapshot) => ({ ...snapshot, htlcs: [row] })));
    expect({ holds, state }).toMatchObject({ holds: true, state: { localMsat: String(toLocalMsat), remoteMsat: String(toRemoteMsat), inHtlcsMsat: '0' } });
    const richer = withData({ toLocalMsat: toLocalMsat + 1_000_000n, toRemoteMsat: toRemoteMsat - 1_000_000n });
    expect(failureOf(fileOf(richer))).toBeDefined();
  });

  it('makes nobody a cheater, and agrees on no close, without a signature of theirs', () => {
    const closing = (change: Partial<ChannelData>) => (snapshot: ChannelSnapshot): ChannelSnapshot =>
      withData(change)({ ...snapshot, value: { ...snapshot.value, lifecycle: { closing: 'revoked' } } } as ChannelSnapshot);
    expect(failureOf(fileOf(closing({})))?.reason).toContain('no revoked commitment shows that the peer cheated');
    const agreedClosing = { feeSatoshis: 1_000n, remoteSignature: new Uint8Array(64).fill(1) };
    expect(failureOf(fileOf(withData({ agreedClosing, remoteShutdownScript: Uint8Array.of(0, 20, ...new Uint8Array(20)) })))).toBeDefined();
    // A transaction that spends the funding output, and that nobody signed.
    const { txid, outputIndex } = checkpoint.event.snapshot.data.funding!;
    const unsigned = Uint8Array.of(
      2, 0, 0, 0, 1, ...txid, outputIndex, 0, 0, 0, 0, 255, 255, 255, 255, 1, 232, 3, 0, 0, 0, 0, 0, 0, 1, 0x51, 0, 0, 0, 0,
    );
    expect(failureOf(fileOf(closing({ fundingSpend: { transaction: unsigned, blockHeight: 200 } })))?.code).toMatch(/audit_(checkpoint|spend)/);
    expect(failureOf(fileOf(withData({ fundingSpend: { transaction: unsigned, blockHeight: 200 } })))?.code).toBe('audit_spend');
    expect(failureOf(fileOf(withData({ fundingSpend: { transaction: Uint8Array.of(1), blockHeight: 200 } })))?.code).toBe('audit_spend');
  });

  it('is of no more than what a channel has', () => {
    const { data } = checkpoint.event.snapshot;
    const large: readonly Partial<ChannelData>[] = [
      { funding: { ...data.funding!, outputIndex: 2 ** 40 } },
      { failure: { code: 'x', reason: 'x'.repeat(100_000), by: 'local' } },
      { fundingTransaction: new Uint8Array(500_000) },
      { feeUpdates: Array.from({ length: 100 }, () => ({ feeratePerKw: 1, state: 'SENT_ADD_HTLC' })) },
      { localShutdownScript: new Uint8Array(20_000) },
    ];
    for (const change of large) expect(failureOf(fileOf(withData(change)))?.code).toBe('audit_malformed');
  });
});

describe('a header', () => {
  const resigned = (change: Partial<AuditHeader>): string[] => {
    const [end] = ends;
    const [first, ...rest] = linesOf(end);
    const { header } = decodeJson(first!) as { header: AuditHeader };
    const text = encodeJson({ ...header, ...change });
    const hash = headerHash(text);
    return [headerLine(text, { funding: end.signer.channel(0).signAudit(hash), node: end.signer.node.signAudit(hash) }), ...rest];
  };

  it('withholds what follows, or nothing', () => {
    const { length } = entriesOf(ends[0]);
    for (const withheld of [{ firstSequence: 0, numEntries: 0 }, { firstSequence: 0, numEntries: 1 }, { firstSequence: length, numEntries: 0 }]) {
      expect(verifyTexts(resigned({ withheld, shortChannelId: 1n })).holds).toBe(false);
    }
    const report = verifyTexts(resigned({ withheld: { firstSequence: length, numEntries: 1 }, shortChannelId: 1n }));
    expect(report.holds).toBe(true);
    expect(report.channel?.shortChannelId).not.toBe('0x0x1');
  });

  it('is not read where it is as long as no header is', () => {
    const [first, ...rest] = linesOf(ends[0]);
    expect(() => verifyTexts([`{"header":{"format":"runnel-audit","x":[${'{},'.repeat(500_000)}{}]}}`, ...rest])).toThrow('longer than');
    expect(() => verifyTexts([first!.replace('"version":1', `"version":{"$n":"${'9'.repeat(10_000)}"}`), ...rest])).toThrow();
  });
});

describe('what is printed', () => {
  it('has nothing in it that a terminal would take for more than text', () => {
    const [first, second, ...rest] = linesOf(ends[0]);
    const painted = second!.replace('"entry":{', '"entry":{"\\u001b[2J\\u001b]0;x\\u0007":1,');
    const report = compare([first!, painted, ...rest], linesOf(ends[1]));
    expect(report.agrees).toBe(false);
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    expect(renderCompare(report, ['one', 'other'])).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});
