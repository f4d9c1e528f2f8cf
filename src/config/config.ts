/** Reads the daemon's configuration: flags before environment before `runneld.toml` before defaults. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import { RunnelError } from '../../protocols/errors.ts';
import { configKeys, configSchema, type ConfigKey } from './keys.ts';

/** The configuration as the node gets it: complete and valid. Amounts are bigint. */
export type Config = z.output<typeof configSchema> & {
  readonly dataDir: string;
  readonly chain: { readonly rpcUrl: string };
  /** Encrypts the seed at rest; from `passphrase_file` or RUNNEL_PASSPHRASE. */
  readonly passphrase: string | undefined;
};

export interface LoadedConfig {
  readonly config: Config;
  /** What is odd but not wrong, to be logged. */
  readonly warnings: readonly string[];
}

/**
 * The configuration is wrong; the message has a line for each wrong key with what was expected, what came, and from
 * where.
 */
export class ConfigError extends RunnelError {
  constructor(problems: readonly string[], options?: ErrorOptions) {
    super('config_invalid', problems.join('\n'), { problems }, options);
  }
}

export const CONFIG_FILE = 'runneld.toml';

type Environment = Readonly<Record<string, string | undefined>>;

const usualRpcPort = { regtest: 18_443, signet: 38_332, testnet4: 48_332, test: 18_332, main: 8_332 };

interface Entry {
  readonly value: unknown;
  readonly source: string;
}

/**
 * Loads and checks the configuration of the data folder `dataDir`. `flags` are by key name (`chain.rpc_url`), as text.
 * Throws `ConfigError`, which tells all that is wrong at once. A missing `runneld.toml` is an empty one.
 */
export function loadConfig(sources: {
  readonly dataDir: string;
  readonly flags?: Readonly<Record<string, string>>;
  readonly environment?: Environment;
}): LoadedConfig {
  const { dataDir, flags = {}, environment = {} } = sources;
  const problems: string[] = [];
  const fromFile = readConfigFile(join(dataDir, CONFIG_FILE), problems);
  const entries = new Map<string, Entry>();
  for (const key of configKeys) {
    const entry = fromFlag(key, flags) ?? fromEnvironment(key, environment) ?? fromFile.get(key.name);
    if (entry !== undefined) entries.set(key.name, entry);
  }

  const result = configSchema.safeParse(assemble(entries));
  for (const issue of result.error?.issues ?? []) problems.push(describeIssue(issue, entries));
  if (result.data === undefined || problems.length > 0) throw new ConfigError(problems);
  const config = result.data;
  problems.push(...contradictions(config));
  const passphrase = readPassphrase(config.passphraseFile, environment, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  const rpcUrl = config.chain.rpcUrl ?? `http://127.0.0.1:${usualRpcPort[config.network]}`;
  return {
    config: { ...config, chain: { ...config.chain, rpcUrl }, dataDir, passphrase },
    warnings: unknownVariables(environment),
  };
}

function readConfigFile(path: string, problems: string[]): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  let table: Record<string, unknown>;
  try {
    table = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof TomlError) problems.push(`${path} is not TOML: ${error.message.trim()}`);
    else if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      problems.push(
        `${path} cannot be read: ${(error as Error).message}`,
      );
    }
    return entries;
  }
  const known = new Map(configKeys.map((key) => [key.name, key]));
  const tables = new Set(configKeys.filter((key) => key.path.length > 1).map((key) => key.name.split('.')[0]));
  const put = (name: string, value: unknown): void => {
    if (known.has(name)) entries.set(name, { value, source: path });
    else problems.push(`${name} (in ${path}): no such key; there ${siblingsOf(name)}`);
  };
  for (const [name, value] of Object.entries(table)) {
    if (!tables.has(name)) put(name, value);
    else if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      problems.push(`${name} (in ${path}): expected a table, [${name}], got ${show(value)}`);
    } else for (const [inner, innerValue] of Object.entries(value)) put(`${name}.${inner}`, innerValue);
  }
  return entries;
}

/** The keys of the table that a misspelt key stands in. */
function siblingsOf(name: string): string {
  const table = name.slice(0, name.lastIndexOf('.') + 1);
  const siblings = configKeys.map((key) => key.name).filter(
    (other) => other.slice(0, other.lastIndexOf('.') + 1) === table,
  );
  return `are ${siblings.join(', ')}`;
}

function fromFlag(key: ConfigKey, flags: Readonly<Record<string, string>>): Entry | undefined {
  const text = flags[key.name];
  if (text === undefined || key.flag === undefined) return undefined;
  return { value: fromText(key, text), source: key.flag };
}

function fromEnvironment(key: ConfigKey, environment: Environment): Entry | undefined {
  const text = environment[key.environment];
  // An empty variable is how shells and service files unset one.
  if (text === undefined || text === '') return undefined;
  return { value: fromText(key, text), source: key.environment };
}

/** Flags and variables are text: numbers and lists (comma-separated) become what the file would hold. */
function fromText(key: ConfigKey, text: string): unknown {
  if (key.type === 'list') return text === '' ? [] : text.split(',').map((part) => part.trim());
  if (key.type === 'number' && /^-?[0-9]{1,15}$/.test(text)) return Number(text);
  return text;
}

function assemble(entries: ReadonlyMap<string, Entry>): Record<string, unknown> {
  const config: Record<string, unknown> = {};
  for (const { path: [first = '', second], name } of configKeys) {
    const value = entries.get(name)?.value;
    if (second === undefined) config[first] = value;
    else config[first] = { ...(config[first] as object | undefined), [second]: value };
  }
  return config;
}

function describeIssue(issue: z.core.$ZodIssue, entries: ReadonlyMap<string, Entry>): string {
  const key = configKeys.find((candidate) => candidate.path.every((part, index) => issue.path[index] === part));
  const entry = key === undefined ? undefined : entries.get(key.name);
  if (key === undefined || entry === undefined) return `${issue.path.join('.')}: ${issue.message}`;
  const index = issue.path[key.path.length];
  const value = Array.isArray(entry.value) && typeof index === 'number' ? entry.value[index] : entry.value;
  const got = key.flag === undefined ? 'something else' : show(value);
  return `${key.name} (from ${entry.source}): ${issue.message}, got ${got}`;
}

function contradictions(config: z.output<typeof configSchema>): string[] {
  const problems: string[] = [];
  const { chain, channel, policy } = config;
  if (chain.rpcCookieFile !== undefined && (chain.rpcUser !== undefined || chain.rpcPassword !== undefined)) {
    problems.push('chain.rpc_cookie_file: expected either a cookie file or rpc_user and rpc_password, got both');
  }
  if ((chain.rpcUser === undefined) !== (chain.rpcPassword === undefined)) {
    problems.push('chain.rpc_user and chain.rpc_password: expected both or neither, got one');
  }
  const { followMinPpm, followMaxPpm } = policy;
  if ((followMinPpm === undefined) !== (followMaxPpm === undefined)) {
    problems.push('policy.follow_min_ppm and policy.follow_max_ppm: expected both or neither, got one');
  }
  if (followMinPpm !== undefined && followMaxPpm !== undefined && followMinPpm > followMaxPpm) {
    problems.push(`policy.follow_min_ppm: expected at most ${followMaxPpm} (follow_max_ppm), got ${followMinPpm}`);
  }
  if (channel.minFundingSat > channel.maxFundingSat) {
    problems.push(
      `channel.min_funding_sat: expected at most ${channel.maxFundingSat} (max_funding_sat), got ${channel.minFundingSat}`,
    );
  }
  return problems;
}

function readPassphrase(path: string | undefined, environment: Environment, problems: string[]): string | undefined {
  const variable = environment.RUNNEL_PASSPHRASE || undefined;
  if (path === undefined) return variable;
  if (variable !== undefined) {
    problems.push('passphrase_file: expected either a passphrase file or RUNNEL_PASSPHRASE, got both');
    return undefined;
  }
  try {
    const passphrase = readFileSync(path, 'utf8').split(/\r?\n/, 1)[0];
    if (passphrase) return passphrase;
    problems.push(`passphrase_file: expected a passphrase in the first line of ${path}, got an empty line`);
  } catch (error) {
    problems.push(`passphrase_file: ${path} cannot be read: ${(error as Error).message}`);
  }
  return undefined;
}

/** Not refused, since Runnel's other programs have variables of their own, but a misspelt one must not go unnoticed. */
function unknownVariables(environment: Environment): string[] {
  const known = new Set([...configKeys.map((key) => key.environment), 'RUNNEL_DIR', 'RUNNEL_PASSPHRASE', 'RUNNEL_BITCOIND']);
  return Object.keys(environment)
    .filter((name) => name.startsWith('RUNNEL_') && !known.has(name))
    .map(
      (name) => `environment variable ${name} sets no key of the configuration (runneld --help lists those that do)`,
    );
}

function show(value: unknown): string {
  const plain = (_: string, inner: unknown): unknown => (typeof inner === 'bigint' ? inner.toString() : inner);
  return JSON.stringify(value, plain) ?? 'nothing';
}
