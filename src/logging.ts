/** The daemon's log: pino, as JSON lines or readable. */
import { pino, stdSerializers, type DestinationStream, type Logger } from 'pino';
import type { Config } from './config/config.ts';

export type { Logger } from 'pino';

/** Fields that must never be logged, wherever an object that holds one is logged. */
const keySecrets = ['passphrase', 'seed', 'mnemonic', 'secret', 'secretKey'];
const paymentSecrets = ['preimage', 'paymentPreimage', 'paymentSecret'];
const accessSecrets = ['password', 'rpcPassword', 'token', 'authorization'];
const secrets = [...keySecrets, ...paymentSecrets, ...accessSecrets];
const redact = { paths: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[secret]' };

/** JSON has no bigint: amounts are logged as decimal strings, and bytes as hex. */
function loggable(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null || depth > 3) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex');
  if (Array.isArray(value)) return value.map((item) => loggable(item, depth + 1));
  if (value instanceof Error) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, loggable(inner, depth + 1)]));
}

const LABELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

/** One log line for people: time, level, component, message, then the other fields as `name=value`. */
export function readableLine(line: string): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { level, time, msg, component, err, pid: _pid, hostname: _hostname, ...fields } = record;
  const at = new Date(Number(time)).toISOString().replace('T', ' ').slice(0, 23);
  const rest = Object.entries(fields).map(
    ([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const stack = (err as { stack?: string } | undefined)?.stack;
  const label = (LABELS[Number(level)] ?? String(level)).padEnd(5);
  const from = component === undefined ? '' : `[${String(component)}] `;
  return `${at} ${label} ${from}${String(msg ?? '')}${rest.join('')}${stack === undefined ? '' : `\n${stack}`}\n`;
}

/**
 * Makes the log; `destination` is standard output unless a test gives another. `child({ component })` names a part of
 * the node.
 */
export function createLogger(options: Config['log'], destination: DestinationStream = process.stdout): Logger {
  const readable = { write: (line: string) => destination.write(readableLine(line)) };
  const children = new Set<WeakRef<Logger>>();
  const logger = pino(
    {
      level: options.level,
      onChild: (child) => children.add(new WeakRef(child)),
      base: null,
      redact,
      serializers: { err: stdSerializers.err },
      formatters: { log: (fields) => loggable(fields) as Record<string, unknown> },
    },
    options.format === 'json' ? destination : readable,
  );
  childrenOf.set(logger, children);
  return logger;
}

/**
 * The children that each log has made: they keep the level that they were made with, so a change must reach each of
 * them.
 */
const childrenOf = new WeakMap<Logger, Set<WeakRef<Logger>>>();

/** Changes the level of a log made by `createLogger` and of all that descend from it. */
export function setLogLevel(logger: Logger, level: Config['log']['level']): void {
  logger.level = level;
  const children = childrenOf.get(logger) ?? new Set();
  for (const reference of children) {
    const child = reference.deref();
    if (child === undefined) children.delete(reference);
    else child.level = level;
  }
}
