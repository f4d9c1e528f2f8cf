/** The CLI's verbs, derived from the API's contract: arguments, options, help, and the input that they make. */
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { contract, methodNames, type MethodName } from '../api/contract.ts';
import type { MethodSpec } from '../api/method.ts';
import { fieldOf, jsonFromText, type Field } from '../api/text-input.ts';
import { parseAmountMsat } from './amounts.ts';

/** For what a verb waits beyond the node's answer. */
export type Waiting = 'reached' | 'resolved';

/** Verbs that may wait for more than the node's answer: the flags, what they wait for, and the help. */
const waitingVerbs: Partial<Record<MethodName, readonly { flag: string; waiting: Waiting; help: string }[]>> = {
  open: [{ flag: '--wait', waiting: 'reached', help: 'Wait until the channel is usable' }],
  close: [
    { flag: '--wait', waiting: 'reached', help: 'Wait until the closing transaction is in a block' },
    { flag: '--wait-resolved', waiting: 'resolved', help: 'Wait until all of it is final, 100 blocks deep' },
  ],
};

const groupSummaries: Readonly<Record<string, string>> = {
  audit: 'Export a channel for an audit, verify one, or compare the exports of both sides',
  backup: 'Export the backup of the channels, or verify one',
};

/** A command, and how it is called: by one word, or by its group's and its own. */
export interface Verb {
  readonly words: string;
  readonly command: Command;
}

export interface VerbCall {
  readonly name: MethodName;
  /** As the client takes it: amounts are bigint. */
  readonly input: unknown;
  /** A file to write what is asked for to. */
  readonly out?: string;
  readonly waiting: Waiting | undefined;
}

/** The arguments or options of a call are wrong; the message says how, `usage` what is right. */
export class UsageError extends Error {
  readonly usage: string;

  constructor(message: string, usage: string) {
    super(message);
    this.usage = usage;
  }
}

/** A verb for each method of the contract; `run` is called with what was asked. */
export function createVerbs(run: (call: VerbCall) => Promise<void>): Verb[] {
  return methodNames.map((name) => {
    const spec: MethodSpec = contract[name];
    return { words: spec.cli.verb ?? name, command: createVerb(name, spec, run) };
  });
}

/** The commands as the program has them: verbs of two words stand below their group. */
export function inGroups(verbs: readonly Verb[]): Command[] {
  const groups = new Map<string, Command>();
  return verbs.flatMap(({ words, command }) => {
    const [group = words, word] = words.split(' ');
    if (word === undefined) return [command.name(group)];
    const known = groups.get(group);
    if (known !== undefined) {
      known.addCommand(command.name(word));
      return [];
    }
    const made = new Command(group).addCommand(command.name(word));
    groups.set(group, made.summary(groupSummaries[group] ?? group).description(`${groupSummaries[group] ?? group}.`));
    return [made];
  });
}

function createVerb(name: MethodName, spec: MethodSpec, run: (call: VerbCall) => Promise<void>): Command {
  const description = [`${spec.summary}.`, spec.description].filter(Boolean).join('\n\n');
  const command = new Command(name).summary(spec.summary).description(description);
  command.addHelpText('after', `\nExample:\n  $ ${spec.cli.example}`);
  const names = new Map<string, string>();
  const fields = Object.entries(spec.input.shape).map(([key, schema]) => ({ key, field: fieldOf(schema) }));
  const read = (key: string, field: Field) => (text: string) => fromText(field, spec.cli.flags?.[key] ?? '', text);

  for (const key of spec.cli.args) {
    const field = fields.find((candidate) => candidate.key === key)?.field;
    if (field === undefined) throw new TypeError(`${name} has no field ${key}`);
    const title = spec.cli.readsFile === key ? 'file' : kebabCase(key);
    const argument = new Argument(
      field.optional ? `[${title}]` : `<${title}>`,
      describeArgument(field, spec.cli.flags?.[key]),
    );
    if (field.choices === undefined) argument.argParser(read(key, field));
    else argument.choices(field.choices);
    command.addArgument(argument);
    names.set(key, `<${title}>`);
  }
  const optionKeys = new Map<string, string>();
  for (const { key, field } of fields) {
    if (names.has(key)) continue;
    const value = field.unit ?? (field.type === 'integer' ? 'n' : 'value');
    const flags = spec.cli.flags?.[key] ?? `--${kebabCase(key)}${field.type === 'boolean' ? '' : ` <${value}>`}`;
    const option = new Option(flags, field.description);
    if (field.choices !== undefined) option.choices(field.choices);
    else if (field.type !== 'boolean') option.argParser(read(key, field));
    option.makeOptionMandatory(!field.optional);
    command.addOption(option);
    optionKeys.set(option.attributeName(), key);
    names.set(key, option.long ?? flags);
  }
  const waits = (waitingVerbs[name] ?? []).map(({ flag, waiting, help }) => {
    const option = new Option(flag, help);
    command.addOption(option);
    return { waiting, attribute: option.attributeName() };
  });

  if (spec.cli.writesFile !== undefined) command.option('--out <file>', 'Write it to this file');

  return command.action(async () => {
    const { out, ...options } = command.opts<Record<string, unknown>>();
    // The last that is asked for is the longest.
    const waiting = waits.findLast(({ attribute }) => options[attribute] === true)?.waiting;
    for (const { attribute } of waits) delete options[attribute];
    const given: Record<string, unknown> = {};
    spec.cli.args.forEach((key, index) => {
      given[key] = command.processedArgs[index] as unknown;
    });
    for (const [attribute, value] of Object.entries(options)) given[optionKeys.get(attribute) ?? attribute] = value;
    const result = z.safeDecode(spec.input, name === 'connect' ? splitAddress(given) : given);
    if (!result.success) {
      const problems = result.error.issues.map(
        (issue) => `${names.get(String(issue.path[0])) ?? issue.path.join('.')}: ${issue.message}`,
      );
      throw new UsageError(problems.join('\n'), spec.cli.example);
    }
    await run({ name, input: result.data, waiting, ...(typeof out === 'string' && { out }) });
  });
}

/** `<node id>@<address>` is how nodes are written. */
function splitAddress(given: Record<string, unknown>): Record<string, unknown> {
  const { nodeId } = given;
  if (typeof nodeId !== 'string' || given.address !== undefined) return given;
  const at = nodeId.indexOf('@');
  return at < 0 ? given : { ...given, nodeId: nodeId.slice(0, at), address: nodeId.slice(at + 1) };
}

/** What stands on the command line, as the JSON value that the field takes. Throws for an amount that is none. */
function fromText(field: Field, flags: string, text: string): unknown {
  if (field.unit === undefined) return jsonFromText(field, text);
  const unit = field.unit === 'sat' || flags.includes('<sat>') ? 'sat' : 'msat';
  const amountMsat = parseAmountMsat(text, unit);
  if (amountMsat === undefined) throw new InvalidArgumentError(`Expected an amount in ${unit}, such as 1000.`);
  if (field.unit === 'msat') return amountMsat.toString();
  if (amountMsat % 1_000n !== 0n) throw new InvalidArgumentError('Expected whole satoshis.');
  return (amountMsat / 1_000n).toString();
}

/** An amount by position names its unit in the help; an option names it in its flag. */
function describeArgument(field: Field, flags = ''): string {
  if (field.unit === undefined) return field.description;
  return `${field.description} (${field.unit === 'sat' || flags.includes('<sat>') ? 'sat' : 'msat'})`;
}

function kebabCase(key: string): string {
  return key.replace(/(Msat|Sat)$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
