/** The CLI's verbs that are no methods of the API: what they do, they do by themselves. */
import { Argument, Command, Option } from 'commander';
import { dashboardVerb } from './dashboard.ts';
import { auditCompareVerb, auditVerifyVerb } from './audit.ts';
import type { Surroundings } from './main.ts';
import { statechartVerb } from './statechart.ts';
import type { Verb } from './verbs.ts';

/** What was asked for on the command line. */
export interface LocalCall {
  readonly args: readonly (string | undefined)[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** A verb that is no method of the API. */
export interface LocalVerb {
  /** How it is called: by one word, or by its group's and its own. */
  readonly words: string;
  readonly summary: string;
  readonly description?: string;
  readonly example: string;
  readonly args: readonly Argument[];
  readonly options: readonly Option[];
  /**
   * Prints the answer on `surroundings`, as JSON where `json` says so. Throws `UsageError` for arguments that are wrong, and
   * `NotDoneError` where what was asked for did not come about. What it needs is imported here: help answers at once.
   */
  run(call: LocalCall & { readonly json: boolean; readonly dataDir: string; readonly surroundings: Surroundings }): Promise<void>;
}

const localVerbs: readonly LocalVerb[] = [statechartVerb, dashboardVerb, auditVerifyVerb, auditCompareVerb];

/** A command for each of them; `run` is called with what was asked. */
export function createLocalVerbs(run: (verb: LocalVerb, call: LocalCall) => Promise<void>): Verb[] {
  return localVerbs.map((verb) => {
    const description = [`${verb.summary}.`, verb.description].filter(Boolean).join('\n\n');
    const command = new Command().summary(verb.summary).description(description);
    command.addHelpText('after', `\nExample:\n  $ ${verb.example}`);
    for (const argument of verb.args) command.addArgument(argument);
    for (const option of verb.options) command.addOption(option);
    command.action(() => run(verb, { args: command.processedArgs as (string | undefined)[], options: command.opts() }));
    return { words: verb.words, command };
  });
}
