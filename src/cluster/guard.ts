#!/usr/bin/env node
/**
 * Runs a program that knows nothing of the cluster, such as bitcoind, as one of its processes: it ends in order when the
 * guard is told to, and the guard is told to when the cluster's process ends, however that died (`end-with-parent.ts`).
 */
import { spawn } from 'node:child_process';

/** Less than the time after which the guard itself is ended by force. */
const DEADLINE_MS = 9_000;

const [program = '', ...args] = process.argv.slice(2);
const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
child.once('error', (error) => {
  console.error(`${program} could not be started: ${error.message}`);
  process.exit(1);
});
child.once('exit', (status, signal) => {
  if (signal !== null) console.error(`${program} was ended by ${signal}`);
  process.exit(status ?? 1);
});
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS).unref();
  });
}
