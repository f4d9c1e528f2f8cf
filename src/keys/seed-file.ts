import { scryptSync } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { fromString } from 'uint8arrays/from-string';
import { toString } from 'uint8arrays/to-string';
import { z } from 'zod';
import type { RandomBytes } from '../runtime/clock.ts';
import { toStorageError } from '../storage/errors.ts';
import { writeFileDurably } from '../storage/files.ts';
import { KeysError } from './errors.ts';
import { normalizeMnemonic } from './mnemonic.ts';

const SEED_FILE = 'seed';
/** 24 words, with room for line breaks. */
const MAX_WORDS_CHARACTERS = 1_000;
const VERSION = 1;

/** scrypt's costs for new files: 128 MiB and about half a second. */
const SCRYPT = { n: 2 ** 17, r: 8, p: 1 } as const;

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const encryptedSchema = z.strictObject({
  version: z.literal(VERSION),
  kdf: z.literal('scrypt'),
  // Bounded, so that a file of someone else's making cannot take all memory.
  n: z
    .number()
    .int()
    .min(2)
    .max(2 ** 20)
    .refine((n) => Number.isInteger(Math.log2(n))),
  r: z.number().int().min(1).max(16),
  p: z.number().int().min(1).max(16),
  salt: hex(32),
  cipher: z.literal('xchacha20poly1305'),
  nonce: hex(24),
  ciphertext: z.string().regex(/^([0-9a-f]{2}){17,1024}$/),
});
const plainSchema = z.strictObject({ version: z.literal(VERSION), mnemonic: z.string().max(1_000) });
const fileSchema = z.union([plainSchema, encryptedSchema]);
type EncryptedSeed = z.infer<typeof encryptedSchema>;

/** Whether a data folder has a seed, and whether a passphrase is needed to read it. Throws as `readSeedFile` does. */
export function seedFileState(folder: string): 'absent' | 'plain' | 'encrypted' {
  if (!existsSync(join(folder, SEED_FILE))) return 'absent';
  return 'mnemonic' in parseFile(folder) ? 'plain' : 'encrypted';
}

/**
 * Writes a new data folder's seed file (mode 0600), encrypted if there is a passphrase. Never replaces one
 * (`seed_exists`). Throws `KeysError`, or `StorageError` where the disk refuses.
 */
export function writeSeedFile(
  folder: string,
  words: string,
  options: { readonly passphrase?: string | undefined; readonly randomBytes: RandomBytes },
): void {
  const path = join(folder, SEED_FILE);
  if (existsSync(path))
    throw new KeysError('seed_exists', `${path} exists and is never overwritten (move it away to start anew)`, {
      path,
    });
  const mnemonic = normalizeMnemonic(words);
  const content =
    options.passphrase === undefined
      ? { version: VERSION, mnemonic }
      : encrypt(mnemonic, options.passphrase, options.randomBytes);
  writeFileDurably(path, `${JSON.stringify(content, undefined, 2)}\n`);
}

/**
 * The mnemonic of a data folder. Throws `KeysError`: `seed_missing`, `seed_damaged`, `seed_newer`, `seed_encrypted`
 * when a passphrase is needed, `seed_not_encrypted` when one is given for nothing, `wrong_passphrase`.
 */
export function readSeedFile(folder: string, passphrase?: string): string {
  const path = join(folder, SEED_FILE);
  if (!existsSync(path)) throw new KeysError('seed_missing', `no seed at ${path}`, { path });
  const file = parseFile(folder);
  if (!('mnemonic' in file)) {
    if (passphrase !== undefined) return decrypt(file, passphrase, path);
    throw new KeysError('seed_encrypted', `${path} is encrypted: its passphrase is needed`, { path });
  }
  if (passphrase !== undefined) {
    throw new KeysError('seed_not_encrypted', `${path} is not encrypted, yet a passphrase is given (leave it out)`, {
      path,
    });
  }
  try {
    return normalizeMnemonic(file.mnemonic);
  } catch {
    throw damaged(path);
  }
}

/** The mnemonic that a user's text file holds. Throws `KeysError` (`invalid_mnemonic`), or `StorageError`. */
export function readWordsFile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw toStorageError(error, path, 'reading');
  }
  // Its text stays out of what is said about it.
  return normalizeMnemonic(text.slice(0, MAX_WORDS_CHARACTERS));
}

function parseFile(folder: string): z.infer<typeof fileSchema> {
  const path = join(folder, SEED_FILE);
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    // A parser's message quotes what it read, which may be the seed.
    if (error instanceof SyntaxError) throw damaged(path);
    throw toStorageError(error, path, 'reading');
  }
  const parsed = fileSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const version = z.object({ version: z.number() }).safeParse(content).data?.version;
  if (version !== undefined && version > VERSION) {
    throw new KeysError(
      'seed_newer',
      `${path} has format version ${version}, this program reads ${VERSION} (run a later one)`,
      { path, version },
    );
  }
  throw damaged(path);
}

function damaged(path: string): KeysError {
  return new KeysError(
    'seed_damaged',
    `${path} is damaged (restore it from a backup or from its words; it was left as it is)`,
    { path },
  );
}

function encrypt(mnemonic: string, passphrase: string, randomBytes: RandomBytes): EncryptedSeed {
  if (passphrase === '') throw new KeysError('empty_passphrase', 'an empty passphrase encrypts nothing');
  const salt = toString(randomBytes(32), 'base16');
  const nonce = randomBytes(24);
  const key = deriveKey(passphrase, { ...SCRYPT, salt });
  const ciphertext = xchacha20poly1305(key, nonce).encrypt(fromString(mnemonic));
  return {
    version: VERSION,
    kdf: 'scrypt',
    ...SCRYPT,
    salt,
    cipher: 'xchacha20poly1305',
    nonce: toString(nonce, 'base16'),
    ciphertext: toString(ciphertext, 'base16'),
  };
}

function decrypt(file: EncryptedSeed, passphrase: string, path: string): string {
  const cipher = xchacha20poly1305(deriveKey(passphrase, file), fromString(file.nonce, 'base16'));
  let mnemonic: string;
  try {
    mnemonic = toString(cipher.decrypt(fromString(file.ciphertext, 'base16')));
  } catch {
    throw new KeysError('wrong_passphrase', `the passphrase does not open ${path} (or the file is damaged)`, { path });
  }
  return normalizeMnemonic(mnemonic);
}

function deriveKey(passphrase: string, { n, r, p, salt }: Pick<EncryptedSeed, 'n' | 'r' | 'p' | 'salt'>): Uint8Array {
  const maxmem = 256 * n * r + 1024 * r * p;
  return scryptSync(passphrase.normalize('NFKD'), fromString(salt, 'base16'), 32, { N: n, r, p, maxmem });
}
