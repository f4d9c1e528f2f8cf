import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { concat } from 'uint8arrays/concat';
import { fromString } from 'uint8arrays/from-string';
import { sha256 } from '../crypto/hash.ts';
import { secp256k1 } from '../crypto/secp256k1.ts';
import { decryptWithAd, encryptWithAd, TAG_BYTES } from './aead.ts';
import { NoiseError } from './errors.ts';

const PROTOCOL_NAME = fromString('Noise_XK_secp256k1_ChaChaPoly_SHA256', 'ascii');
const PROLOGUE = fromString('lightning', 'ascii');
const VERSION = 0;
const KEY_BYTES = 33;
const EMPTY = new Uint8Array();

/** BOLT 8, "Handshake Exchange": the lengths of the three acts. */
export const ACT_ONE_BYTES = 1 + KEY_BYTES + TAG_BYTES;
export const ACT_TWO_BYTES = ACT_ONE_BYTES;
export const ACT_THREE_BYTES = 1 + KEY_BYTES + TAG_BYTES + TAG_BYTES;

/** A static key, whose secret stays where it is: the public key, and the ECDH of BOLT 8 with it. */
export interface StaticKey {
  readonly publicKey: Uint8Array;
  ecdh(publicKey: Uint8Array): Uint8Array;
}

/** What a handshake ends with: 32 bytes each. */
export interface SessionKeys {
  readonly chainingKey: Uint8Array;
  readonly sendingKey: Uint8Array;
  readonly receivingKey: Uint8Array;
}

/** After act one has been sent. */
export interface Initiated {
  readonly actOne: Uint8Array;
  /** @throws NoiseError for an act two that is none */
  readActTwo(actTwo: Uint8Array): { readonly actThree: Uint8Array; readonly session: SessionKeys };
}

/** After act one has been read. */
export interface Answered {
  readonly actTwo: Uint8Array;
  /** The initiator's node id, proven. @throws NoiseError for an act three that is none */
  readActThree(actThree: Uint8Array): { readonly remotePublicKey: Uint8Array; readonly session: SessionKeys };
}

/** BOLT 8, "Handshake State": the digest of all that was said, and the chaining key. */
interface State {
  readonly h: Uint8Array;
  readonly ck: Uint8Array;
}

/**
 * BOLT 8, "Handshake Exchange", as whoever dials. `ephemeralSecret`: 32 bytes that are a secret key, never used twice.
 */
export function initiate(own: StaticKey, remotePublicKey: Uint8Array, ephemeralSecret: Uint8Array): Initiated {
  const ephemeral = ephemeralKey(ephemeralSecret);
  const mixed = mixHash(initialState(remotePublicKey), ephemeral.publicKey);
  const one = sealEmpty(mixKey(mixed, ephemeral.ecdh(remotePublicKey)));
  return {
    actOne: act(ephemeral.publicKey, one.tag),
    readActTwo(actTwo) {
      const [remoteEphemeral, tag] = readKeyAndTag('act2', actTwo);
      const two = openEmpty('act2', mixKey(mixHash(one.state, remoteEphemeral), ephemeral.ecdh(remoteEphemeral)), tag);
      const sealedKey = encryptWithAd(two.temporaryKey, 1, two.state.h, own.publicKey);
      const three = sealEmpty(mixKey(mixHash(two.state, sealedKey), own.ecdh(remoteEphemeral)));
      const [sendingKey, receivingKey] = derive(three.state.ck, EMPTY);
      return { actThree: act(sealedKey, three.tag), session: { chainingKey: three.state.ck, sendingKey, receivingKey } };
    },
  };
}

/**
 * BOLT 8, "Handshake Exchange", as whoever was dialled: takes act one. `ephemeralSecret` as in `initiate`.
 * @throws NoiseError for an act one that is none, or was meant for another node
 */
export function answer(own: StaticKey, ephemeralSecret: Uint8Array, actOne: Uint8Array): Answered {
  const ephemeral = ephemeralKey(ephemeralSecret);
  const [remoteEphemeral, tag] = readKeyAndTag('act1', actOne);
  const one = openEmpty('act1', mixKey(mixHash(initialState(own.publicKey), remoteEphemeral), own.ecdh(remoteEphemeral)), tag);
  const two = sealEmpty(mixKey(mixHash(one.state, ephemeral.publicKey), ephemeral.ecdh(remoteEphemeral)));
  return {
    actTwo: act(ephemeral.publicKey, two.tag),
    readActThree(actThree) {
      checkForm('act3', actThree, ACT_THREE_BYTES);
      const sealedKey = actThree.subarray(1, 1 + KEY_BYTES + TAG_BYTES);
      const remotePublicKey = decryptWithAd(two.temporaryKey, 1, two.state.h, sealedKey);
      if (remotePublicKey === undefined) throw new NoiseError('act3_bad_ciphertext', 'expected the key of the peer, got what cannot be decrypted');
      checkPoint('act3', remotePublicKey);
      const three = openEmpty('act3', mixKey(mixHash(two.state, sealedKey), ephemeral.ecdh(remotePublicKey)), actThree.subarray(-TAG_BYTES));
      const [receivingKey, sendingKey] = derive(three.state.ck, EMPTY);
      return { remotePublicKey, session: { chainingKey: three.state.ck, sendingKey, receivingKey } };
    },
  };
}

/** BOLT 8, "Lightning Message Key Rotation" and the handshake's HKDF: two keys of 32 bytes. */
export function derive(salt: Uint8Array, input: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const both = hkdf(nobleSha256, input, salt, undefined, 64);
  return [both.subarray(0, 32), both.subarray(32)];
}

/** BOLT 8, "Handshake State Initialization". */
function initialState(responderKey: Uint8Array): State {
  const ck = sha256(PROTOCOL_NAME);
  return mixHash(mixHash({ h: ck, ck }, PROLOGUE), responderKey);
}

const mixHash = ({ h, ck }: State, data: Uint8Array): State => ({ h: sha256(concat([h, data])), ck });

interface Keyed {
  readonly state: State;
  readonly temporaryKey: Uint8Array;
}

function mixKey({ h, ck }: State, sharedSecret: Uint8Array): Keyed {
  const [next, temporaryKey] = derive(ck, sharedSecret);
  return { state: { h, ck: next }, temporaryKey };
}

/** The tag that shows that this side has the keys. */
function sealEmpty({ state, temporaryKey }: Keyed): Keyed & { readonly tag: Uint8Array } {
  const tag = encryptWithAd(temporaryKey, 0, state.h, EMPTY);
  return { state: mixHash(state, tag), temporaryKey, tag };
}

function openEmpty(name: 'act1' | 'act2' | 'act3', { state, temporaryKey }: Keyed, tag: Uint8Array): Keyed {
  if (decryptWithAd(temporaryKey, 0, state.h, tag) === undefined) {
    throw new NoiseError(`${name}_bad_tag`, `${name}: expected a tag made with the keys of the handshake, got another`);
  }
  return { state: mixHash(state, tag), temporaryKey };
}

function readKeyAndTag(name: 'act1' | 'act2', bytes: Uint8Array): readonly [Uint8Array, Uint8Array] {
  checkForm(name, bytes, ACT_ONE_BYTES);
  const key = bytes.subarray(1, 1 + KEY_BYTES);
  checkPoint(name, key);
  return [key, bytes.subarray(1 + KEY_BYTES)];
}

function checkForm(name: 'act1' | 'act2' | 'act3', bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new NoiseError(`${name}_read_failed`, `${name}: expected ${length} bytes, got ${bytes.length}`);
  if (bytes[0] !== VERSION) throw new NoiseError(`${name}_bad_version`, `${name}: expected version ${VERSION}, got ${bytes[0]}`);
}

function checkPoint(name: 'act1' | 'act2' | 'act3', key: Uint8Array): void {
  if (!secp256k1.isPublicKey(key)) throw new NoiseError(`${name}_bad_pubkey`, `${name}: expected a point of the curve, got other bytes`);
}

const act = (key: Uint8Array, tag: Uint8Array): Uint8Array => concat([Uint8Array.of(VERSION), key, tag]);

function ephemeralKey(secret: Uint8Array): StaticKey {
  return { publicKey: secp256k1.publicKey(secret), ecdh: (publicKey) => secp256k1.ecdh(publicKey, secret) };
}
