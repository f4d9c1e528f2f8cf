/** `runnel audit verify` and `runnel audit compare`: what others have exported, checked without a node. */
import { Argument } from 'commander';
import type { AuditReport } from '../audit/report.ts';
import type { VerifyOptions } from '../audit/verify.ts';
import { exitStatus, NotDoneError } from './exit.ts';
import { createProgress } from './follow.ts';
import type { LocalVerb } from './local-verbs.ts';
import type { Surroundings } from './main.ts';
import { json } from './text.ts';
import { UsageError } from './verbs.ts';

const verifyExample = 'runnel audit verify channel.audit';

export const auditVerifyVerb: LocalVerb = {
  words: 'audit verify',
  summary: 'Check a channel that a node has exported: every hash, signature, secret and balance',
  description:
    'Needs no node and no chain. The journal is lived again through the same statecharts: each transition, each signature of each commitment, each revocation ' +
    'secret and each balance must follow from what came before. The report says what holds, and the first entry that does not. The exit status is 1 if anything ' +
    'does not hold, and 2 if the file is no audit at all.',
  example: verifyExample,
  args: [new Argument('<file>', 'What runnel audit export wrote')],
  options: [],
  async run({ args: [file], json: asJson, surroundings }) {
    if (file === undefined) throw new UsageError('expected a file', verifyExample);
    const { renderReport } = await import('./render-audit.ts');
    const report = (await verifier(surroundings, asJson))(file, {});
    surroundings.out(`${asJson ? json(report) : renderReport(report)}\n`);
    const { failure } = report;
    if (failure !== undefined) throw new NotDoneError(exitStatus.failed, failure.code, `the audit does not hold, at line ${failure.line} of the file`);
  },
};

const compareExample = 'runnel audit compare alice.audit bob.audit';

export const auditCompareVerb: LocalVerb = {
  words: 'audit compare',
  summary: 'Hold the exports of both ends of a channel against each other',
  description:
    'Verifies both files, and then that they agree on every commitment of either side that both have: what it pays, and the signatures that were given and got. ' +
    'Where they do not, the report has the first that differs in both versions, and says who signed what. The exit status is 1 where they do not agree or a file ' +
    'does not hold, and 2 for a file that is no audit.',
  example: compareExample,
  args: [new Argument('<file>', "One end's export"), new Argument('<other-file>', "The other end's")],
  options: [],
  async run({ args: [one, other], json: asJson, surroundings }) {
    if (one === undefined || other === undefined) throw new UsageError('expected two files', compareExample);
    const [{ compareAudits }, { renderCompare }] = await Promise.all([import('../audit/compare.ts'), import('./render-audit.ts')]);
    const verify = await verifier(surroundings, asJson);
    const report = compareAudits([(options) => verify(one, options), (options) => verify(other, options)]);
    surroundings.out(`${asJson ? json(report) : renderCompare(report, [one, other])}\n`);
    if (!report.agrees) throw new NotDoneError(exitStatus.failed, report.failure?.code ?? 'audit_divergence', 'the files do not agree');
  },
};

type Verify = (file: string, options: VerifyOptions) => AuditReport;

/** Verifies with progress on a terminal; throws `NotDoneError` with the status of wrong arguments for what is no audit. */
async function verifier({ terminal }: Surroundings, asJson: boolean): Promise<Verify> {
  const [{ verifyAudit }, { AuditError }] = await Promise.all([import('../audit/verify.ts'), import('../audit/errors.ts')]);
  const progress = createProgress(asJson ? undefined : terminal);
  return (file, options) => {
    try {
      return verifyAudit(file, {
        ...options,
        onProgress: ({ bytesRead, bytes, entries }) => progress.show(`${file}: ${Math.floor((100 * bytesRead) / Math.max(bytes, 1))}%, ${entries} entries …`),
      });
    } catch (error) {
      if (!(error instanceof AuditError)) throw error;
      throw new NotDoneError(exitStatus.usage, error.code, error.message);
    } finally {
      progress.clear();
    }
  };
}
