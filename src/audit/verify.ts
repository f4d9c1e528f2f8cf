import { equals } from 'uint8arrays';
import { negotiated } from '../../machines/channel/context.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { RunnelError } from '../../protocols/errors.ts';
import type { JournalEntry } from '../channels/journal.ts';
import { ChannelReplay } from '../channels/replay.ts';
import { committedIn, type Committed } from './committed.ts';
import { expectConserved, expectWhole } from './conservation.ts';
import { readEntryLine } from './entry-line.ts';
import { AuditError } from './errors.ts';
import { expectProven } from './first-checkpoint.ts';
import { checkGossip, isPeerProven } from './gossip.ts';
import { readHeader, type AuditHeader } from './header.ts';
import { openLines, type Line } from './lines.ts';
import { expectFresh, expectSameChannel } from './parameters.ts';
import { reportOf, type AuditReport } from './report.ts';
import { expectSigned } from './spend.ts';
import { Tally } from './tally.ts';

export interface VerifyOptions {
  /** Told now and then how much of the file is read. */
  readonly onProgress?: (progress: { readonly bytesRead: number; readonly bytes: number; readonly entries: number }) => void;
  /** Told of the header, once its signatures hold. */
  readonly onHeader?: (header: AuditHeader) => void;
  /** Told of each commitment that holds. */
  readonly onCommitted?: (committed: Committed) => void;
}

/** Entries between two reports of progress. */
const PROGRESS_EVERY = 200;

/**
 * Checks an audit file from its first byte to its last, line by line. Answers what holds, or the first that does not. Throws `AuditError` for a file
 * that cannot be read, or is none (`audit_unreadable`, `audit_not_one`, `audit_newer`).
 */
export function verifyAudit(path: string, options: VerifyOptions = {}): AuditReport {
  const { size, lines } = openLines(path);
  return verifyLines(lines, size, options);
}

/** The same of a file's lines, `size` bytes in all. */
export function verifyLines(lines: Iterator<Line> & Iterable<Line>, size: number, options: VerifyOptions = {}): AuditReport {
  const first = lines.next();
  if (first.done === true) throw new AuditError('audit_not_one', 'this is not a file of runnel audit export: it is empty');
  const audit = new Audit(options);
  let line: Line = first.value;
  try {
    audit.begin(line.text);
    for (line of lines) {
      audit.take(line.text);
      if (audit.tally.counts.entries % PROGRESS_EVERY === 0) options.onProgress?.({ bytesRead: line.bytesRead, bytes: size, entries: audit.tally.counts.entries });
    }
    audit.end();
    return audit.report(undefined);
  } catch (error) {
    if (audit.header === undefined && error instanceof AuditError && (error.code === 'audit_not_one' || error.code === 'audit_newer')) throw error;
    return audit.report({ line: line.number, ...failureOf(error) });
  } finally {
    lines.return?.();
  }
}

/** One pass over a file's lines. */
class Audit {
  header: AuditHeader | undefined;
  readonly tally = new Tally();
  readonly #replay = new ChannelReplay();
  readonly #options: VerifyOptions;
  #isPeerProven = false;
  #times: { readonly firstMs: number; readonly lastMs: number } | undefined;

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  begin(line: string): void {
    this.header = readHeader(line);
    this.#options.onHeader?.(this.header);
  }

  take(line: string): void {
    const { header } = this;
    if (header === undefined) throw new RangeError('the header comes first');
    const { entry, hash, text } = readEntryLine(line);
    const { entries } = this.tally.counts;
    if (entries === header.numEntries) throw new AuditError('audit_chain', `the header speaks of ${header.numEntries} entries, and there are more`);
    const due = header.firstSequence + entries;
    if (entry.sequence !== due) throw new AuditError('audit_chain', `expected entry ${due}, got ${entry.sequence}`);
    if (entry.event.type === 'created') expectFresh(entry.event.data, entry.event.policy);
    if (entries === 0 && entry.event.type === 'checkpoint') expectProven(entry.event.snapshot);
    this.#expectPreimage(entry);
    const step = this.#replay.step({ entry, hash }, text);
    const { data } = this.#replay;
    if (data.fundingSpend !== step.before?.fundingSpend) expectSigned(data);
    const commitments = committedIn(step, this.#replay);
    expectWhole(data);
    for (const committed of commitments) {
      expectConserved(committed.request.spec, committed.built);
      this.#options.onCommitted?.(committed);
    }
    this.tally.take(step, data, commitments);
    this.#times = { firstMs: this.#times?.firstMs ?? entry.time, lastMs: entry.time };
  }

  end(): void {
    const { header } = this;
    if (header === undefined) throw new RangeError('the header comes first');
    const { entries } = this.tally.counts;
    if (entries !== header.numEntries) throw new AuditError('audit_incomplete', `the header speaks of ${header.numEntries} entries, and there are ${entries}`);
    const { data } = this.#replay.end();
    if (!equals(this.#replay.hash, header.headHash)) throw new AuditError('audit_chain', 'the last entry has another hash than the header names');
    expectSameChannel(header, data);
    const channel = negotiated(data);
    this.tally.counts.gossipSignatures += checkGossip(header.gossip, channel);
    this.#isPeerProven = isPeerProven(header.gossip, channel);
  }

  /** The replay takes this node's word for a preimage that it has; the peer checks it, and so does this. */
  #expectPreimage({ event }: JournalEntry): void {
    if (event.type !== 'removeHtlc' || event.removal.kind !== 'fulfilled' || this.tally.counts.entries === 0) return;
    const htlc = this.#replay.htlcs.get('received', event.id);
    if (htlc === undefined || equals(sha256(event.removal.paymentPreimage), htlc.details.paymentHash)) return;
    throw new AuditError('audit_replay', `the preimage of HTLC ${event.id} does not hash to its payment hash`);
  }

  report(failure: AuditReport['failure']): AuditReport {
    const { entries } = this.tally.counts;
    const isPlaced = failure !== undefined && this.header !== undefined && failure.line > 1 && entries < this.header.numEntries;
    const sequence = isPlaced ? (this.header?.firstSequence ?? 0) + entries : undefined;
    return reportOf({
      header: this.header,
      replay: entries > 0 ? this.#replay : undefined,
      checked: this.tally.counts,
      times: this.#times,
      isPeerProven: this.#isPeerProven,
      failure: failure && { ...failure, ...(sequence !== undefined && { sequence }) },
    });
  }
}

/** What is wrong, whatever was thrown: a hostile journal may make a machine throw anything. */
function failureOf(error: unknown): { readonly code: string; readonly reason: string; readonly line?: number } {
  const reason = (error instanceof Error ? error.message : String(error)).slice(0, MAX_REASON);
  if (!(error instanceof RunnelError)) return { code: 'audit_replay', reason };
  // What cannot be read as a line is the one after the last that could.
  const { line } = error.details;
  return { code: error.code, reason, ...(error instanceof AuditError && typeof line === 'number' && { line }) };
}

const MAX_REASON = 2_000;
