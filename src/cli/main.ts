/** The command line of a running node, apart from the process that it runs in. */
import { Command, CommanderError } from 'commander';
import { dataDirectory } from '../config/data-directory.ts';
import { exitStatus, exitStatusHelp, reportFailure, type ExitStatus } from './exit.ts';
import { json } from './text.ts';
import { packageVersion } from './version.ts';
import { createLocalVerbs } from './local-verbs.ts';
import { createVerbs, inGroups, type VerbCall } from './verbs.ts';

/** Where a command line runs. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  out(text: string): void;
  err(text: string): void;
  /** A terminal to show progress on, where there is one. */
  readonly terminal?: { write(text: string): void; readonly columns: number };
}

interface GlobalOptions {
  readonly datadir?: string;
  readonly json?: boolean;
}

/**
 * Runs one command line (without the program's name) and returns its exit status. Rejects only for mistakes in the
 * program.
 */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings): Promise<ExitStatus> {
  const program = new Command('runnel');
  const settings = () => {
    const { datadir, json = false } = program.opts<GlobalOptions>();
    return { json, dataDir: dataDirectory(datadir, surroundings.environment), surroundings };
  };
  const run = async (call: VerbCall): Promise<void> => {
    // What calls the node is loaded only when it is called: help answers at once.
    const { runVerb } = await import('./run.ts');
    await runVerb(call, settings());
  };
  program
    .description('Talks to the Runnel node that runs on this machine.')
    .version(packageVersion(), '-V, --version')
    .option('--datadir <path>', 'data folder of the node (default: RUNNEL_DIR, or ~/.runnel)')
    .option('--json', 'print JSON, for scripts')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => surroundings.out(text),
      // As JSON it is said once, below.
      writeErr: (text) => (wantsJson(args) ? undefined : surroundings.err(text)),
    })
    .showHelpAfterError('(add --help for what is possible)')
    .exitOverride()
    .addHelpText('after', `${exitStatusHelp}\n\nExample:\n  $ runnel getinfo`);
  const localVerbs = createLocalVerbs((verb, call) => verb.run({ ...call, ...settings() }));
  for (const verb of inGroups([...createVerbs(run), ...localVerbs])) {
    program.addCommand(verb.copyInheritedSettings(program));
    for (const inner of verb.commands) inner.copyInheritedSettings(program);
  }

  try {
    await program.parseAsync(args, { from: 'user' });
    return exitStatus.done;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(error, settings());
    // Commander has said already what is wrong; asked-for help and version are no errors.
    if (error.exitCode === 0) return exitStatus.done;
    if (wantsJson(args)) surroundings.err(`${usageJson(error)}\n`);
    return exitStatus.usage;
  }
}

/** Whether errors are to be JSON, read off a command line that may be wrong anywhere. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).includes('--json');
}

function usageJson({ code, message }: CommanderError): string {
  const what = code === 'commander.help' ? 'expected a verb, got none' : message.replace(/^error: /, '');
  return json({ code: 'usage', message: what, hint: 'add --help for what is possible' });
}
