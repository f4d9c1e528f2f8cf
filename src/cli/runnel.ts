#!/usr/bin/env node
/** `runnel`: the command line of a running node. Every verb is a method of its API; see `runnel --help`. */
import { runCommandLine } from './main.ts';

// A reader that has seen enough (`runnel graph | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await runCommandLine(process.argv.slice(2), {
  environment: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  ...(process.stderr.isTTY ? { terminal: process.stderr } : {}),
});
