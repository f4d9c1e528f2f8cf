import { createHash } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { privateKeyFromRaw, publicKeyFromProtobuf, publicKeyFromRaw, publicKeyToProtobuf } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import { Uint8ArrayList } from 'uint8arraylist';
import { describe, expect, it } from 'vitest';
import { CryptoError } from '../../protocols/crypto/secp256k1.ts';
import '../../src/network/key-signatures.ts';

const bytes = (size: number, seed: string): Uint8Array => new Uint8Array(createHash('shake256', { outputLength: size }).update(seed).digest());
const hashOf = (message: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(message).digest());
const keys = Array.from({ length: 20 }, (_, i) => privateKeyFromRaw(bytes(32, `key ${i}`)));
const message = bytes(300, 'message');
// Of another version of the package than libp2p's own, to the compiler.
type Pieces = Exclude<Parameters<PrivateKey['sign']>[0], Uint8Array>;
const pieces = (at: number) => new Uint8ArrayList(message.subarray(0, at), message.subarray(at)) as unknown as Pieces;
const derOf = (key: { raw: Uint8Array }, options = {}) => secp256k1.sign(hashOf(message), key.raw, { prehash: false, format: 'der', ...options });

describe("libp2p's keys, with the library that the rest of the node uses", () => {
  it('sign what noble signs, to the byte', async () => {
    for (const key of keys) {
      expect(await key.sign(message)).toEqual(derOf(key));
      expect(await key.sign(pieces(100))).toEqual(derOf(key));
    }
  });

  it('take what was signed, of a list of pieces too', async () => {
    for (const key of keys) {
      const publicKey = publicKeyFromRaw(key.publicKey.raw);
      expect(await publicKey.verify(message, derOf(key))).toBe(true);
      expect(await publicKey.verify(pieces(7), derOf(key))).toBe(true);
    }
  });

  it('refuse what was not, or not so: another message, another key, a high S', async () => {
    const [key, other] = keys as [(typeof keys)[0], (typeof keys)[0]];
    const { publicKey } = key;
    expect(await publicKey.verify(message.subarray(1), derOf(key))).toBe(false);
    expect(await other.publicKey.verify(message, derOf(key))).toBe(false);
    const { r, s } = secp256k1.Signature.fromBytes(derOf(key), 'der');
    const high = new secp256k1.Signature(r, secp256k1.Point.CURVE().n - s).toBytes('der');
    expect(secp256k1.verify(high, hashOf(message), publicKey.raw, { prehash: false, format: 'der', lowS: false })).toBe(true);
    expect(await publicKey.verify(message, high)).toBe(false);
  });

  it('refuse bytes that are no signature in DER', async () => {
    const [key] = keys as [(typeof keys)[0]];
    const der = derOf(key);
    const changed = (at: number, to: number) => Uint8Array.from(der, (byte, i) => (i === at ? to : byte));
    const garbage = [new Uint8Array(), new Uint8Array(64), der.subarray(0, -1), Uint8Array.of(...der, 0), changed(0, 0x31), changed(1, 0x84), changed(3, 0), bytes(70, 'junk')];
    for (const signature of garbage) expect(await key.publicKey.verify(message, signature)).toBe(false);
  });

  it('are those that noise checks a peer by, and do it themselves', () => {
    const [key] = keys as [(typeof keys)[0]];
    const theirs = publicKeyFromProtobuf(publicKeyToProtobuf(key.publicKey));
    expect(theirs.verify).toBe(key.publicKey.verify);
    // libp2p's own throws here.
    expect(theirs.verify(message, 'no bytes' as never)).toBe(false);
  });

  it('give up when they are told to, and say what is no key', async () => {
    const [key] = keys as [(typeof keys)[0]];
    const signal = AbortSignal.abort();
    expect(() => key.sign(message, { signal })).toThrow('aborted');
    expect(() => key.publicKey.verify(message, derOf(key), { signal })).toThrow('aborted');
    expect(() => Object.getPrototypeOf(key).sign.call({ raw: new Uint8Array(32) }, message)).toThrow(CryptoError);
  });
});
