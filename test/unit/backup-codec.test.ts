import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeJson } from '../../protocols/json.ts';
import { decodeBackup, encodeBackup, MAX_BACKUP_BYTES } from '../../src/backup/backup-codec.ts';
import type { BackupContent } from '../../src/backup/backup-content.ts';
import { BackupError } from '../../src/backup/errors.ts';
import { createSigner } from '../../src/keys/signer.ts';
import { signerOf } from '../harness/channel-pair.ts';
import { backupChannel, contentOf, nonce, ownerOf } from './backup-fixtures.ts';

const alice = ownerOf('alice');
const content = contentOf('alice', [backupChannel('alice', 0), backupChannel('alice', 3, { shortChannelId: undefined, addresses: [] })]);
const text = encodeBackup(content, alice, nonce);

/** The code of the error that reading it gives; 'none' if it is read. */
function codeOf(changed: string, owner = alice): string {
  try {
    decodeBackup(changed, owner);
    return 'none';
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return error.code;
  }
}

/** Sealed like a backup, whatever it holds. */
const seal = (value: unknown): string => encodeBackup(value as BackupContent, alice, nonce);

describe('a channel backup', () => {
  it('comes back as it was', () => {
    expect(decodeBackup(text, alice)).toEqual(content);
    expect(decodeBackup(text.trimEnd(), alice)).toEqual(content);
    const empty = contentOf('alice', []);
    expect(decodeBackup(encodeBackup(empty, alice, nonce), alice)).toEqual(empty);
  });

  it('is one line of text that tells nothing but the network and which seed it is of', () => {
    expect(text).toMatch(/^runnel-channel-backup v1 regtest [0-9a-f]{16} [A-Za-z0-9+/]+={0,2}\n$/);
    const nodeId = Buffer.from(alice.nodeId);
    expect(text).not.toContain(nodeId.toString('hex'));
    expect(Buffer.from(text.split(' ')[4] ?? '', 'base64').includes(nodeId)).toBe(false);
  });

  it('holds no secret: neither the key that seals it nor one of a channel', () => {
    const plain = encodeJson(content);
    const keys = ['fundingPubkey', 'revocationBasepoint', 'paymentBasepoint', 'delayedPaymentBasepoint', 'htlcBasepoint'] as const;
    // All that it has of keys is public: each is what the signer gives out.
    for (const key of keys) expect(plain).toContain(Buffer.from(signerOf('alice').channel(0).publicKeys[key]).toString('hex'));
    const blobs = [...plain.matchAll(/"\$x":"([0-9a-f]*)"/g)].map((match) => match[1] ?? '');
    const allowed = new Set([0, 22, 32, 33]);
    expect(blobs.every((blob) => allowed.has(blob.length / 2))).toBe(true);
    const txids = content.channels.map(({ funding }) => Buffer.from(funding.txid).toString('hex'));
    expect(blobs.filter((blob) => blob.length === 64).every((blob) => txids.includes(blob))).toBe(true);
  });

  it('is refused if any one of its bytes is another', () => {
    for (let at = 0; at < text.length - 1; at++) {
      const flipped = String.fromCharCode(text.charCodeAt(at) ^ 1);
      const changed = text.slice(0, at) + flipped + text.slice(at + 1);
      expect(codeOf(changed), `byte ${at}`).toMatch(/^backup_(damaged|version|of_another_network|of_another_seed)$/);
    }
  });

  it('is refused wherever it is cut off, and with anything added', () => {
    for (let end = 0; end < text.length - 1; end++) expect(codeOf(text.slice(0, end)), `to ${end}`).not.toBe('none');
    for (const more of [' ', '\n', 'A', '\0']) expect(codeOf(text + more)).toBe('backup_damaged');
    expect(codeOf(` ${text}`)).toBe('backup_damaged');
  });

  it('has one text: the bits that base64 has to spare are zero', () => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    const next = (last: string): string => letters[letters.indexOf(last) + 1] ?? '';
    const padded = [1, 10, 100].map((scanFromHeight) => encodeBackup({ ...content, scanFromHeight }, alice, nonce).trimEnd());
    // Of three lengths in a row, two leave bits.
    for (const whole of padded.filter((each) => each.endsWith('='))) {
      expect(codeOf(whole)).toBe('none');
      expect(codeOf(whole.replace(/([A-Za-z0-9+/])(=+)$/, (_, last: string, pad: string) => `${next(last)}${pad}`))).toBe('backup_damaged');
    }
    expect(padded.filter((each) => each.endsWith('='))).toHaveLength(2);
  });

  it('of another seed, network or version is called so', () => {
    expect(codeOf(encodeBackup(contentOf('bob', []), ownerOf('bob'), nonce))).toBe('backup_of_another_seed');
    expect(codeOf(encodeBackup(content, ownerOf('alice', 'signet'), nonce))).toBe('backup_of_another_network');
    expect(codeOf(text.replace(' v1 ', ' v2 '))).toBe('backup_version');
    expect(codeOf(text, { ...alice, nodeId: ownerOf('bob').nodeId })).toBe('backup_damaged');
  });

  it('is of another seed on mainnet, whose keys are others', () => {
    const seed = new Uint8Array(64).fill(9);
    const [main, test] = ['main', 'test'].map((network) => createSigner(seed, network));
    expect(main!.backup.fingerprint).not.toEqual(test!.backup.fingerprint);
    expect(createSigner(seed, 'regtest').backup.fingerprint).toEqual(test!.backup.fingerprint);
  });

  it('is not read if it is larger than any backup', () => {
    expect(codeOf(text.padEnd(MAX_BACKUP_BYTES + 1, 'A'))).toBe('backup_damaged');
  });

  it('is no backup, whatever else it is', () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (other) => codeOf(other) === 'backup_damaged'));
    fc.assert(
      fc.property(fc.base64String({ maxLength: 300 }), (base64) => {
        const header = text.slice(0, text.lastIndexOf(' '));
        return codeOf(`${header} ${base64}`) === 'backup_damaged';
      }),
    );
  });
});

describe('what a sealed backup holds is checked all the same', () => {
  const [channel] = content.channels;
  const wrong: [string, unknown][] = [
    ['nothing', {}],
    ['a list', []],
    ['a field too many', { ...content, more: 1 }],
    ['a node id that is no point', { ...content, nodeId: new Uint8Array(33) }],
    ['a height below zero', { ...content, scanFromHeight: -1 }],
    ['a height that is no number', { ...content, scanFromHeight: '1' }],
    ['an index twice', { ...content, channels: [channel, channel] }],
    ['an index above the next', { ...content, nextChannelIndex: 3 }],
    ['an index that BIP 32 has not', { ...content, nextChannelIndex: 2 ** 31 }],
    ['a key that is no point', { ...content, channels: [{ ...channel, local: { ...channel!.local, htlcBasepoint: new Uint8Array(33) } }] }],
    ['a short txid', { ...content, channels: [{ ...channel, funding: { txid: new Uint8Array(31), outputIndex: 0 } }] }],
    ['an output index of three bytes', { ...content, channels: [{ ...channel, funding: { txid: new Uint8Array(32), outputIndex: 65_536 } }] }],
    ['more than all bitcoin', { ...content, channels: [{ ...channel, fundingSatoshis: 2_100_000_000_000_001n }] }],
    ['an amount that is no bigint', { ...content, channels: [{ ...channel, fundingSatoshis: 5 }] }],
    ['an address that is none', { ...content, channels: [{ ...channel, addresses: ['rm -rf /'] }] }],
    ['too many addresses', { ...content, channels: [{ ...channel, addresses: Array.from({ length: 9 }, () => '/ip4/1.2.3.4/tcp/1') }] }],
    ['no peer', { ...content, channels: [{ ...channel, remote: undefined }] }],
  ];
  it.each(wrong)('%s', (_, value) => expect(codeOf(seal(value))).toBe('backup_damaged'));
});
