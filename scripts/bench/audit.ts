/**
 * How fast a long journal is verified, and what an update costs on disk. Two nodes' channel managers move HTLCs between them in batches of mixed size,
 * with real signatures, on databases of their own; then one end's audit file is verified, as `runnel audit verify` does it.
 *
 * Arguments: how many updates (default 100,000), and a folder to keep what is made (default: a temporary one, removed at the end).
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyAudit } from '../../src/audit/verify.ts';
import { countArgument } from './arguments.ts';
import { writeAudit } from './audit-file.ts';
import { ChannelEnd, openChannel } from './channel-ends.ts';
import { batch } from './traffic.ts';

/** HTLCs that come in one turn: most alone, some in crowds. */
const SIZES = [1, 3, 1, 10, 2, 30, 1, 5, 80, 1];
const LIMITS = { checkpointEntries: 1_000, keepEntries: 0 };

type Ends = readonly [ChannelEnd, ChannelEnd];

const updates = countArgument(process.argv[2], 100_000, 'a number of updates');
const kept = process.argv[3];
const folder = kept ?? mkdtempSync(join(tmpdir(), 'runnel-bench-'));
mkdirSync(folder, { recursive: true });

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const show = (text: string): void => void (process.stderr.isTTY && process.stderr.write(`\r\u001b[K${text}`));
const seconds = (since: number): number => (performance.now() - since) / 1_000;

function newEnds(name: string): Ends {
  const end = (own: string, peer: string): ChannelEnd =>
    new ChannelEnd({ name: own, peer, database: join(folder, `${name}-${own}.db`), limits: LIMITS });
  const ends: Ends = [end('alice', 'bob'), end('bob', 'alice')];
  openChannel(ends);
  return ends;
}

/** What the journal takes on disk, in bytes. */
const journalBytes = ({ database }: ChannelEnd): number =>
  database.get<{ bytes: number }>('SELECT sum(length(entry) + coalesce(length(wire), 0) + length(hash)) AS bytes FROM journal')?.bytes ?? 0;

/** What one HTLC costs the journals of payer and payee, from update_add_htlc to its removal. */
function costs(): void {
  const ends = newEnds('costs');
  for (const size of [1, 10, 100]) {
    const before = ends.map(journalBytes);
    const rounds = Math.ceil(300 / size);
    for (let round = 0; round < rounds; round++) batch(ends, 0, size, `cost ${size} ${round}`, 1_000_000n);
    const [payer = 0, payee = 0] = ends.map((end, index) => Math.round((journalBytes(end) - (before[index] ?? 0)) / (rounds * size)));
    say(`an HTLC that comes and goes, ${size === 1 ? 'alone' : `${size} at a time`}: ${payer} bytes on the payer's disk, ${payee} on the payee's`);
  }
}

function live(ends: Ends): void {
  const since = performance.now();
  let done = 0;
  for (let round = 0; done < updates; round++) {
    const size = SIZES[round % SIZES.length] ?? 1;
    // Who has more pays, so that neither runs dry. Every third batch is dust, which has no output and no signature of its own.
    const [alice, bob] = ends;
    const payer = alice.channel.data.toLocalMsat >= bob.channel.data.toLocalMsat ? 0 : 1;
    batch(ends, payer, size, `round ${round}`, round % 3 === 0 ? 300_000n : 2_000_000n);
    done += 2 * size;
    show(`${done} of ${updates} updates`);
  }
  show('');
  const entries = ends[0].store.journalHead(0)?.length ?? 0;
  const cost = Math.round(journalBytes(ends[0]) / done);
  say(`made ${done} updates, ${entries} entries, in ${seconds(since).toFixed(0)} s; ${cost} bytes an update in the journal`);
}

function verify(path: string): boolean {
  const since = performance.now();
  const cpu = process.cpuUsage();
  let peak = 0;
  const report = verifyAudit(path, {
    onProgress: ({ bytesRead, bytes, entries }) => {
      peak = Math.max(peak, process.memoryUsage.rss());
      show(`${Math.floor((100 * bytesRead) / bytes)}%, ${entries} entries`);
    },
  });
  show('');
  const { user, system } = process.cpuUsage(cpu);
  const { entries, commitmentsSignedByPeer, commitmentsSignedByUs, htlcSignaturesByPeer, htlcSignaturesByUs } = report.checked;
  say(
    `verified ${entries} entries of a file of ${(statSync(path).size / 1e6).toFixed(0)} MB in ${seconds(since).toFixed(0)} s (${((user + system) / 1e6).toFixed(0)} s of one core): ` +
      `${(entries / seconds(since)).toFixed(0)} entries/s, ${commitmentsSignedByPeer + commitmentsSignedByUs} commitments, ${htlcSignaturesByPeer + htlcSignaturesByUs} HTLC signatures, ` +
      `${(peak / 1e6).toFixed(0)} MB at most`,
  );
  if (!report.holds) say(`it does not hold: ${JSON.stringify(report.failure)}`);
  return report.holds;
}

try {
  costs();
  const ends = newEnds('long');
  live(ends);
  const path = join(folder, 'channel.audit');
  await writeAudit(ends[0], path);
  process.exitCode = verify(path) ? 0 : 1;
} finally {
  if (kept === undefined) rmSync(folder, { recursive: true, force: true });
}
