import { toString, fromString } from 'uint8arrays';
import { decodeJson, encodeJson } from '../../protocols/json.ts';
import type { BackupCipher } from '../keys/signer-api.ts';
import { backupContent, type BackupContent } from './backup-content.ts';
import { BackupError } from './errors.ts';

/** Of the text. Some ten thousand channels; bounds what is taken from a stranger's file. */
export const MAX_BACKUP_BYTES = 32 * 1024 * 1024;

const VERSION = 1;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
/** The header, which is authenticated, and what only the seed opens; a line break at most after it. */
const FORMAT = /^(runnel-channel-backup v([1-9][0-9]{0,8}) ([a-z0-9]{1,16}) ([0-9a-f]{16})) ([A-Za-z0-9+/]+={0,2})(?:\r?\n)?$/;

export interface BackupOwner {
  /** The chain's name as bitcoind has it. */
  readonly network: string;
  readonly nodeId: Uint8Array;
  readonly cipher: BackupCipher;
}

/**
 * A backup as text, in one line: `runnel-channel-backup v1 <network> <fingerprint of the seed> <base64>`. `nonce`: 24 random
 * bytes.
 */
export function encodeBackup(content: BackupContent, { network, cipher }: BackupOwner, nonce: Uint8Array): string {
  const header = `runnel-channel-backup v${VERSION} ${network} ${toString(cipher.fingerprint, 'base16')}`;
  const sealed = cipher.seal(bytes(encodeJson(content)), nonce, bytes(header));
  return `${header} ${toString(Uint8Array.from([...nonce, ...sealed]), 'base64pad')}\n`;
}

/**
 * Reads what `encodeBackup` wrote. The text is anybody's: throws `BackupError` for all that this node's own seed did not
 * seal, as it is, for this network.
 */
export function decodeBackup(text: string, { network, nodeId, cipher }: BackupOwner): BackupContent {
  if (text.length > MAX_BACKUP_BYTES) {
    throw damaged(`expected at most ${MAX_BACKUP_BYTES} bytes, got ${text.length}`);
  }
  const [, header = '', version, itsNetwork = '', fingerprint = '', base64 = ''] = FORMAT.exec(text) ?? [];
  if (version === undefined) throw damaged('it is no channel backup of Runnel, or not a whole one');
  if (Number(version) !== VERSION) {
    throw new BackupError(
      'backup_version',
      `expected a channel backup of format version ${VERSION}, got ${version} (a later version of Runnel reads it)`,
      { expected: VERSION, got: Number(version) },
    );
  }
  if (itsNetwork !== network) {
    throw new BackupError(
      'backup_of_another_network',
      `expected a channel backup for ${network}, got one for ${itsNetwork}`,
      { expected: network, got: itsNetwork },
    );
  }
  const ours = toString(cipher.fingerprint, 'base16');
  if (fingerprint !== ours) {
    throw new BackupError(
      'backup_of_another_seed',
      `expected a channel backup of this node's seed (${ours}), got one of the seed ${fingerprint}`,
      { expected: ours, got: fingerprint },
    );
  }
  const content = open(base64, cipher, header);
  if (toString(content.nodeId, 'base16') !== toString(nodeId, 'base16')) throw damaged('it names another node');
  return content;
}

function open(base64: string, cipher: BackupCipher, header: string): BackupContent {
  const sealed = fromBase64(base64);
  if (sealed.length <= NONCE_BYTES + TAG_BYTES) throw damaged('it ends too early');
  const plaintext = cipher.open(sealed.subarray(NONCE_BYTES), sealed.subarray(0, NONCE_BYTES), bytes(header));
  if (plaintext === undefined) throw damaged('it was altered after it was made');
  let value: unknown;
  try {
    value = decodeJson(toString(plaintext));
  } catch (error) {
    throw damaged(`what it holds is no JSON of ours: ${(error as Error).message}`);
  }
  const content = backupContent.safeParse(value);
  if (content.success) return content.data;
  const [issue] = content.error.issues;
  throw damaged(`what it holds is not what a backup holds: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** One text for one content: the bits that the last character has to spare must be zero. */
function fromBase64(base64: string): Uint8Array {
  let decoded: Uint8Array;
  try {
    decoded = fromString(base64, 'base64pad');
  } catch {
    throw damaged('it is no base64');
  }
  if (toString(decoded, 'base64pad') !== base64) throw damaged('it is no base64 as it is written');
  return decoded;
}

const bytes = (text: string): Uint8Array => fromString(text);

const damaged = (why: string): BackupError => new BackupError('backup_damaged', `the channel backup is damaged: ${why}`);
