import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The data folder: the flag, or RUNNEL_DIR, or `~/.runnel`. */
export function dataDirectory(
  flag: string | undefined,
  environment: Readonly<Record<string,
  string | undefined>>,
): string {
  return resolve(flag ?? (environment.RUNNEL_DIR || join(homedir(), '.runnel')));
}
