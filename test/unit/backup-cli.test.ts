import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contract } from '../../src/api/contract.ts';
import { BackupError } from '../../src/backup/errors.ts';
import { generateMnemonic } from '../../src/keys/mnemonic.ts';
import { readWordsFile } from '../../src/keys/seed-file.ts';
import { fake, makeFolder, runnel, start, stop } from './cli-harness.ts';

let folder: string;
beforeEach(() => {
  makeFolder();
  folder = mkdtempSync(join(tmpdir(), 'runnel-backup-cli-'));
});
afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true });
});

const { backup } = contract.exportbackup.example.output;

describe('runnel backup', () => {
  it('has two words, which its help lists; without one it does nothing', async () => {
    const help = await runnel('backup', '--help');
    expect(help.status).toBe(0);
    for (const word of ['export', 'verify']) expect(help.stdout).toMatch(new RegExp(`^  ${word}\\b`, 'm'));
    expect(await runnel('backup')).toMatchObject({ status: 2, stdout: '' });
    expect(await runnel('backup', 'burn')).toMatchObject({ status: 2, stdout: '' });
  });

  it('export prints the backup and nothing else', async () => {
    await start();
    expect(await runnel('backup', 'export')).toEqual({ status: 0, stdout: `${backup}\n`, stderr: '' });
    const asJson = await runnel('backup', 'export', '--json');
    expect(JSON.parse(asJson.stdout)).toEqual({ backup, numChannels: 2 });
  });

  it('export --out writes it whole, for its owner alone, and leaves no other file', async () => {
    await start();
    const path = join(folder, 'kept');
    writeFileSync(path, 'an older one');
    expect(await runnel('backup', 'export', '--out', path)).toEqual({ status: 0, stdout: '', stderr: `written to ${path}\n` });
    expect(readFileSync(path, 'utf8')).toBe(backup);
    expect(readdirSync(folder)).toEqual(['kept']);
    const asJson = await runnel('backup', 'export', '--out', path, '--json');
    expect(asJson).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(asJson.stdout)).toMatchObject({ out: path, numChannels: expect.any(Number) });
    expect(asJson.stdout).not.toContain(backup.trimEnd());
    expect(await runnel('backup', 'export', '--out', join(folder, 'no', 'folder'))).toMatchObject({ status: 1, stdout: '' });
  });

  it('verify sends what the file holds, also far more than other requests may', async () => {
    await start();
    const path = join(folder, 'large');
    const text = `${'runnel-channel-backup '.repeat(40_000)}\n`;
    writeFileSync(path, text);
    const { status, stdout } = await runnel('backup', 'verify', path);
    expect(status).toBe(0);
    expect(stdout).toContain('The backup is good.');
    expect(fake.calls.at(-1)).toEqual({ name: 'verifybackup', input: { backup: text } });
  });

  it('verify ends with status 1 for what is bad, or is not there', async () => {
    await start({
      verifybackup: () => Promise.reject(new BackupError('backup_damaged', 'the channel backup is damaged: it ends too early')),
    });
    const path = join(folder, 'bad');
    writeFileSync(path, 'bad');
    const bad = await runnel('backup', 'verify', path, '--json');
    expect(bad).toMatchObject({ status: 1, stdout: '' });
    expect(JSON.parse(bad.stderr)).toMatchObject({ code: 'backup_damaged' });
    expect(await runnel('backup', 'verify', join(folder, 'none'))).toMatchObject({ status: 1, stderr: expect.stringContaining('cannot be read') });
    expect(await runnel('backup', 'verify')).toMatchObject({ status: 2 });
  });
});

describe('a file with the 24 words', () => {
  const mnemonic = generateMnemonic((size) => new Uint8Array(size).fill(5));

  it('may have them on lines of their own, numbered by nothing but their order', () => {
    const path = join(folder, 'words');
    for (const text of [mnemonic, `${mnemonic.toUpperCase()}\n`, mnemonic.replaceAll(' ', '\r\n'), `\n  ${mnemonic.replaceAll(' ', '   ')}`]) {
      writeFileSync(path, text);
      expect(readWordsFile(path)).toBe(mnemonic);
    }
  });

  it.each([
    ['23 of them', mnemonic.split(' ').slice(1).join(' ')],
    ['one that is no word of BIP 39', mnemonic.replace(/^\w+/, 'runnel')],
    ['nothing', ''],
    ['something else', 'x'.repeat(100_000)],
  ])('is refused with %s, and what it holds is not repeated', (_, text) => {
    const path = join(folder, 'words');
    writeFileSync(path, text);
    const read = (): string => readWordsFile(path);
    expect(read).toThrow(expect.objectContaining({ code: 'invalid_mnemonic' }));
    try {
      read();
    } catch (error) {
      const [first = ''] = text.split(' ');
      if (first !== '') expect((error as Error).message).not.toContain(first);
    }
  });

  it('must be there', () => {
    expect(() => readWordsFile(join(folder, 'none'))).toThrow(expect.objectContaining({ code: expect.stringMatching(/^storage_/) }));
  });
});
