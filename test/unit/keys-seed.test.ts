import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { toString } from 'uint8arrays/to-string';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RunnelError } from '../../protocols/errors.ts';
import { generateMnemonic, normalizeMnemonic, seedFromMnemonic } from '../../src/keys/mnemonic.ts';
import { readSeedFile, seedFileState, writeSeedFile } from '../../src/keys/seed-file.ts';

const random = (size: number): Uint8Array => Uint8Array.from(randomBytes(size));
const WORDS = `${'abandon '.repeat(23)}art`;

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runnel-seed-'));
  path = join(folder, 'seed');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function failure(work: () => unknown): RunnelError {
  try {
    work();
  } catch (error) {
    if (error instanceof RunnelError) return error;
    throw error;
  }
  throw new Error('a RunnelError was expected');
}

describe('mnemonics', () => {
  it('are 24 words of the given entropy', () => {
    expect(generateMnemonic((size) => new Uint8Array(size))).toBe(WORDS);
    const mnemonic = generateMnemonic(random);
    expect(mnemonic.split(' ')).toHaveLength(24);
    expect(normalizeMnemonic(`  ${mnemonic.toUpperCase().replaceAll(' ', ' \n ')} `)).toBe(mnemonic);
  });

  it('give the seed of BIP39', () => {
    // A known vector of BIP39 without a passphrase.
    expect(toString(seedFromMnemonic(`${'abandon '.repeat(11)}about`), 'base16')).toBe(
      '5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1' +
        '9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4',
    );
  });

  it('that are wrong are refused without being repeated', () => {
    for (const words of [
      '',
      `${'abandon '.repeat(11)}about`,
      `${'abandon '.repeat(23)}abandon`,
      `${'abandon '.repeat(23)}runnel`,
    ]) {
      const error = failure(() => normalizeMnemonic(words));
      expect(error.code).toBe('invalid_mnemonic');
      expect(inspect(error)).not.toContain('abandon');
    }
  });
});

describe('the seed file', () => {
  it('holds the words for its owner alone, and is never replaced', () => {
    expect(seedFileState(folder)).toBe('absent');
    expect(failure(() => readSeedFile(folder)).code).toBe('seed_missing');
    writeSeedFile(folder, WORDS, { randomBytes: random });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['seed']);
    expect(seedFileState(folder)).toBe('plain');
    expect(readSeedFile(folder)).toBe(WORDS);
    expect(failure(() => readSeedFile(folder, 'a passphrase')).code).toBe('seed_not_encrypted');
    const before = readFileSync(path, 'utf8');
    expect(failure(() => writeSeedFile(folder, generateMnemonic(random), { randomBytes: random })).code).toBe(
      'seed_exists',
    );
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  it('is encrypted under a passphrase, which alone opens it', () => {
    writeSeedFile(folder, WORDS, { passphrase: 'naïve passphrase', randomBytes: random });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).not.toMatch(/abandon|art|mnemonic/);
    expect(seedFileState(folder)).toBe('encrypted');
    expect(failure(() => readSeedFile(folder)).code).toBe('seed_encrypted');
    const error = failure(() => readSeedFile(folder, 'wrong passphrase'));
    expect(error.code).toBe('wrong_passphrase');
    expect(inspect(error)).not.toContain('wrong passphrase');
    expect(readSeedFile(folder, 'nai\u0308ve passphrase')).toBe(WORDS); // the same letters in another normal form
  });

  it('differs for the same words and passphrase', () => {
    const other = mkdtempSync(join(tmpdir(), 'runnel-seed-'));
    for (const place of [folder, other]) writeSeedFile(place, WORDS, { passphrase: 'x', randomBytes: random });
    const [a, b] = [folder, other].map((place) => JSON.parse(readFileSync(join(place, 'seed'), 'utf8')));
    for (const field of ['salt', 'nonce', 'ciphertext']) expect(a[field]).not.toBe(b[field]);
    rmSync(other, { recursive: true });
  });

  it('takes no empty passphrase and no wrong words', () => {
    expect(failure(() => writeSeedFile(folder, WORDS, { passphrase: '', randomBytes: random })).code).toBe(
      'empty_passphrase',
    );
    expect(failure(() => writeSeedFile(folder, 'abandon', { randomBytes: random })).code).toBe('invalid_mnemonic');
    expect(seedFileState(folder)).toBe('absent');
  });

  it('that is damaged is refused, left as it is, and not quoted', () => {
    writeSeedFile(folder, WORDS, { randomBytes: random });
    const plain = readFileSync(path, 'utf8');
    rmSync(path);
    writeSeedFile(folder, WORDS, { passphrase: 'x', randomBytes: random });
    const encrypted = JSON.parse(readFileSync(path, 'utf8'));
    const contents = [
      '',
      '{',
      'abandon abandon',
      plain.slice(0, -20),
      plain.replace('art', 'arm'),
      JSON.stringify({ ...JSON.parse(plain), more: 1 }),
      ...[
        { n: 2 ** 31 },
        { n: 1_000 },
        { n: 0 },
        { r: 1e9 },
        { p: -1 },
        { salt: 'zz' },
        { nonce: '' },
        { ciphertext: 'ab' },
        { cipher: 'none' },
        { version: 0 },
      ].map((change) => JSON.stringify({ ...encrypted, ...change })),
    ];
    for (const content of contents) {
      writeFileSync(path, content);
      const error = failure(() => readSeedFile(folder, content.startsWith('{"version":1,"kdf') ? 'x' : undefined));
      expect(error.code, content).toBe('seed_damaged');
      expect(inspect(error)).not.toContain('abandon');
      expect(readFileSync(path, 'utf8')).toBe(content);
    }
    const flipped = encrypted.ciphertext.replace(/^../, encrypted.ciphertext.startsWith('00') ? '01' : '00');
    writeFileSync(path, JSON.stringify({ ...encrypted, ciphertext: flipped }));
    expect(failure(() => readSeedFile(folder, 'x')).code).toBe('wrong_passphrase');
    writeFileSync(path, JSON.stringify({ version: 2, secret: 1 }));
    expect(failure(() => readSeedFile(folder)).code).toBe('seed_newer');
  });
});
