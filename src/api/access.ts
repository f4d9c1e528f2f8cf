/** How a client on this machine finds the daemon and shows that it may: two files in the data folder. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { RunnelError } from '../../protocols/errors.ts';
import { parseJson } from './errors.ts';
import { hash32, integer } from './fields.ts';

/** The token's file: 32 random bytes in hex, readable by its owner only. */
export const TOKEN_FILE = 'api-token';
/** Where the API of the running daemon answers. */
export const API_FILE = 'api.json';

/** A file by which a client finds the daemon is missing, damaged or open to others. */
export class ApiAccessError extends RunnelError {}

const REPLACE_TOKEN = 'delete it and restart the daemon, which makes a new one';

const apiFile = z.object({ host: z.literal('127.0.0.1'), port: integer(1, 65_535), pid: z.int() });

/**
 * The API's token, made where there is none. Throws `ApiAccessError` on a damaged file, or one that others could have
 * read.
 */
export function loadOrCreateToken(dataDir: string): string {
  const path = join(dataDir, TOKEN_FILE);
  const found = readToken(path);
  if (found !== undefined) return found;
  const token = randomBytes(32).toString('hex');
  // Made under another name, so that a crash never leaves half a token.
  const unfinished = `${path}.new`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, `${token}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(unfinished, path);
  return token;
}

function readToken(path: string): string | undefined {
  let text: string;
  let mode: number;
  try {
    text = readFileSync(path, 'utf8').trim();
    mode = statSync(path).mode & 0o777;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ApiAccessError(
      'api_token_unreadable',
      `${path} cannot be read: ${(error as Error).message}`,
      { path },
      { cause: error },
    );
  }
  if (!hash32.safeParse(text).success) {
    throw new ApiAccessError(
      'api_token_damaged',
      `${path}: expected 64 hex digits, got something else; ${REPLACE_TOKEN}`,
      { path },
    );
  }
  // Windows has no such modes.
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new ApiAccessError(
      'api_token_exposed',
      `${path}: expected mode 600, got ${mode.toString(8)}, with which others may have read it; ${REPLACE_TOKEN}`,
      { path, mode: mode.toString(8) },
    );
  }
  return text;
}

/** Compares in a time that tells nothing of where they differ. */
export function sameToken(expected: string, given: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(expected), digest(given));
}

/** Tells clients where the API answers; removed by `removeApiFile` when the daemon stops. */
export function writeApiFile(dataDir: string, port: number): void {
  const path = join(dataDir, API_FILE);
  writeFileSync(
    `${path}.new`,
    `${JSON.stringify({ host: '127.0.0.1', port, pid: process.pid } satisfies z.input<typeof apiFile>)}\n`,
  );
  chmodSync(`${path}.new`, 0o600);
  renameSync(`${path}.new`, path);
}

export function removeApiFile(dataDir: string): void {
  rmSync(join(dataDir, API_FILE), { force: true });
}

/**
 * What a client needs to reach the daemon of a data folder. Undefined where no daemon runs, or none ever ran;
 * throws `ApiAccessError` where the files are damaged or not readable for this user.
 */
export function findApi(dataDir: string): { readonly url: string; readonly token: string } | undefined {
  const path = join(dataDir, API_FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw new ApiAccessError(
      'api_file_unreadable',
      `${path} cannot be read: ${(error as Error).message}`,
      { path },
      { cause: error },
    );
  }
  const result = apiFile.safeParse(parseJson(text));
  if (!result.success) {
    throw new ApiAccessError(
      'api_file_damaged',
      `${path}: expected host, port and pid in JSON, got something else; restart the daemon, which writes it`,
      { path },
    );
  }
  const token = readToken(join(dataDir, TOKEN_FILE));
  return token === undefined ? undefined : { url: `http://${result.data.host}:${result.data.port}`, token };
}
