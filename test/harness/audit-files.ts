import { entryLine } from '../../src/audit/entry-line.ts';
import { headerLine, type AuditGossip } from '../../src/audit/header.ts';
import { signedHeader } from '../../src/audit/make-header.ts';
import type { Line } from '../../src/audit/lines.ts';
import type { AuditReport } from '../../src/audit/report.ts';
import { verifyLines, type VerifyOptions } from '../../src/audit/verify.ts';
import { entryText, type ChainedEntry } from '../../src/channels/journal.ts';
import type { Signer } from '../../src/keys/signer-api.ts';
import type { ChannelData } from '../../machines/channel/data.ts';

const NO_GOSSIP: AuditGossip = { announcement: undefined, updates: [] };

/** The lines of an audit file that gives out these entries of a channel, as its node would sign it: who owns the node may sign anything. */
export function auditLines(
  entries: readonly ChainedEntry[],
  data: ChannelData,
  signer: Pick<Signer, 'node' | 'channel'>,
  gossip = NO_GOSSIP,
): string[] {
  const { channelId, funding, remote } = data;
  const [first, last] = [entries[0], entries.at(-1)];
  if (channelId === undefined || funding === undefined || remote === undefined || first === undefined || last === undefined) {
    throw new Error('expected the journal of a funded channel');
  }
  const facts = {
    gossip,
    now: 1_700_000_000_000,
    software: 'test',
    firstSequence: first.entry.sequence,
    end: { sequence: last.entry.sequence, hash: last.hash },
    withheld: undefined,
  };
  const { text, signatures } = signedHeader({ ...data, channelId, funding, remote }, facts, signer);
  return [headerLine(text, signatures), ...entries.map(({ entry, hash }) => entryLine(entryText(entry), hash))];
}

/** Verifies lines as if they stood in a file. */
export function verifyTexts(texts: readonly string[], options: VerifyOptions = {}): AuditReport {
  const lines = function* (): IterableIterator<Line> {
    for (const [index, text] of texts.entries()) yield { text, number: index + 1, bytesRead: 0 };
  };
  return verifyLines(lines(), 0, options);
}
