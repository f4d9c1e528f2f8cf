import fc from 'fast-check';
import { fromString } from 'uint8arrays/from-string';
import { toString } from 'uint8arrays/to-string';
import { describe, expect, it } from 'vitest';
import { CryptoError } from '../../protocols/crypto/crypto-error.ts';
import { hash160, hash256, hmacSha256, ripemd160, sha256 } from '../../protocols/crypto/hash.ts';
import { libsecp256k1 } from '../../protocols/crypto/libsecp256k1.ts';
import { noble } from '../../protocols/crypto/noble.ts';
import { type Secp256k1, secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { SIGHASH_ALL, toWitnessSignature } from '../../protocols/crypto/witness-signature.ts';

const native = libsecp256k1!;
const implementations = [native, noble];

const hex = (text: string) => fromString(text, 'hex');
const hexOf = (bytes: Uint8Array) => toString(bytes, 'hex');
const utf8 = (text: string) => fromString(text, 'utf8');

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const scalarOf = (value: bigint) => hex(value.toString(16).padStart(64, '0'));
const valueOf = (bytes: Uint8Array) => BigInt(`0x${hexOf(bytes)}`);
const ONE = scalarOf(1n);
const ZERO = scalarOf(0n);
const MINUS_ONE = scalarOf(ORDER - 1n);
const GENERATOR = hex('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798');
const MINUS_GENERATOR = hex('0379be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798');
const GENERATOR_UNCOMPRESSED = hex(
  `04${hexOf(GENERATOR.subarray(1))}483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8`,
);
// x = 5 is not the abscissa of a point; the field's prime is 2^256 − 2^32 − 977.
const NOT_ON_CURVE = hex(`02${'05'.padStart(64, '0')}`);
const ABOVE_THE_FIELD = hex(`02${'ff'.repeat(32)}`);

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const secretKey = fc.bigInt({ min: 1n, max: ORDER - 1n }).map(scalarOf);
const anyBytes = fc.uint8Array({ maxLength: 70 });

function highS(signature: Uint8Array): Uint8Array {
  return Uint8Array.from([...signature.subarray(0, 32), ...scalarOf(ORDER - valueOf(signature.subarray(32, 64)))]);
}

it('the native library is the one in use where it loads', () => {
  expect(native.implementation).toBe('libsecp256k1');
  expect(secp256k1).toBe(native);
});

describe.each(implementations)('$implementation', (curve) => {
  // RFC 6979 over secp256k1 with SHA-256: the vectors that Bitcoin libraries share.
  it.each([
    [
      ONE,
      'Satoshi Nakamoto',
      '934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8' +
        '2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5',
    ],
    [
      ONE,
      'All those moments will be lost in time, like tears in rain. Time to die...',
      '8600dbd41e348fe5c9465ab92d23e3db8b98b873beecd930736488696438cb6b' +
        '547fe64427496db33bf66019dacbf0039c04199abb0122918601db38a72cfc21',
    ],
    [
      MINUS_ONE,
      'Satoshi Nakamoto',
      'fd567d121db66e382991534ada77a6bd3106f0a1098c231e47993447cd6af2d0' +
        '6b39cd0eb1bc8603e159ef5c20a5c8ad685a45b06ce9bebed3f153d10d93bed5',
    ],
    [
      hex('f8b8af8ce3c7cca5e300d33939540c10d45ce001b8f252bfbc57ba0342904181'),
      'Alan Turing',
      '7063ae83e7f62bbb171798131b4a0564b956930092b33b07b395615d9ec7e15c' +
        '58dfcc1e00a35e1572f366ffe34ba0fc47db1e7189759b9fb233c5b05ab388ea',
    ],
  ])('signs as RFC 6979 says (%#)', (key, message, expected) => {
    const hash = sha256(utf8(message));
    const signature = curve.sign(hash, key);
    expect(hexOf(signature)).toBe(expected);
    expect(curve.verify(signature, hash, curve.publicKey(key))).toBe(true);
  });

  it('knows the generator and the group order', () => {
    expect(curve.publicKey(ONE)).toEqual(GENERATOR);
    expect(curve.publicKey(MINUS_ONE)).toEqual(MINUS_GENERATOR);
    expect(curve.addPoints([GENERATOR, GENERATOR])).toEqual(curve.publicKey(scalarOf(2n)));
    expect(curve.addScalars(MINUS_ONE, scalarOf(2n))).toEqual(ONE);
    expect(curve.multiplyScalars(MINUS_ONE, MINUS_ONE)).toEqual(ONE);
    expect(curve.multiplyPoint(GENERATOR, MINUS_ONE)).toEqual(MINUS_GENERATOR);
  });

  it('accepts signatures with a low S alone', () => {
    fc.assert(
      fc.property(bytes32, secretKey, (hash, key) => {
        const signature = curve.sign(hash, key);
        expect(valueOf(signature.subarray(32)) <= ORDER / 2n).toBe(true);
        expect(curve.verify(signature, hash, curve.publicKey(key))).toBe(true);
        expect(curve.verify(highS(signature), hash, curve.publicKey(key))).toBe(false);
      }),
      { numRuns: 20 },
    );
  });

  it('recovers the key from a signature with a low or a high S', () => {
    fc.assert(
      fc.property(bytes32, secretKey, (hash, key) => {
        const signature = curve.signRecoverable(hash, key);
        expect(signature.subarray(0, 64)).toEqual(curve.sign(hash, key));
        expect(curve.recover(signature, hash)).toEqual(curve.publicKey(key));
        const high = Uint8Array.from([...highS(signature), signature[64]! ^ 1]);
        expect(curve.recover(high, hash)).toEqual(curve.publicKey(key));
      }),
      { numRuns: 20 },
    );
  });

  it('gives ECDH as the hash of the compressed shared point', () => {
    fc.assert(
      fc.property(secretKey, secretKey, (a, b) => {
        const shared = curve.multiplyPoint(curve.publicKey(a), b);
        expect(curve.ecdh(curve.publicKey(a), b)).toEqual(sha256(shared));
        expect(curve.ecdh(curve.publicKey(b), a)).toEqual(sha256(shared));
      }),
      { numRuns: 10 },
    );
  });

  it('works on bytes inside a larger buffer and leaves its arguments as they are', () => {
    const buffer = Uint8Array.from([9, ...scalarOf(77n), 9, ...scalarOf(78n), ...GENERATOR]);
    const before = Uint8Array.from(buffer);
    const [a, b, point] = [buffer.subarray(1, 33), buffer.subarray(34, 66), buffer.subarray(66)];
    expect(curve.addScalars(a, b)).toEqual(scalarOf(155n));
    expect(curve.multiplyScalars(a, b)).toEqual(scalarOf(77n * 78n));
    expect(curve.multiplyPoint(point, a)).toEqual(curve.publicKey(scalarOf(77n)));
    expect(curve.addPoints([point, point])).toEqual(curve.publicKey(scalarOf(2n)));
    expect(curve.verify(curve.sign(b, a), b, curve.publicKey(a))).toBe(true);
    expect(buffer).toEqual(before);
  });

  it('tells keys from other bytes', () => {
    for (const valid of [ONE, MINUS_ONE]) expect(curve.isSecretKey(valid)).toBe(true);
    for (const wrong of [ZERO, scalarOf(ORDER), new Uint8Array(31).fill(1), new Uint8Array(33).fill(1)]) {
      expect(curve.isSecretKey(wrong)).toBe(false);
    }
    for (const valid of [GENERATOR, MINUS_GENERATOR]) expect(curve.isPublicKey(valid)).toBe(true);
    const prefixed = Uint8Array.from([5, ...GENERATOR.subarray(1)]);
    const malformed = [GENERATOR_UNCOMPRESSED, prefixed, new Uint8Array(33), new Uint8Array()];
    for (const wrong of [NOT_ON_CURVE, ABOVE_THE_FIELD, ...malformed]) {
      expect(curve.isPublicKey(wrong)).toBe(false);
    }
  });

  it.each<[string, (curve: Secp256k1) => unknown, string]>([
    ['a zero secret key', (c) => c.publicKey(ZERO), 'invalid_secret_key'],
    ['a secret key above the order', (c) => c.sign(ONE, scalarOf(ORDER)), 'invalid_secret_key'],
    ['a short secret key', (c) => c.ecdh(GENERATOR, new Uint8Array(31)), 'invalid_secret_key'],
    ['a zero secret key in ECDH', (c) => c.ecdh(GENERATOR, ZERO), 'invalid_secret_key'],
    ['a point off the curve in ECDH', (c) => c.ecdh(NOT_ON_CURVE, ONE), 'invalid_public_key'],
    ['an uncompressed key in ECDH', (c) => c.ecdh(GENERATOR_UNCOMPRESSED, ONE), 'invalid_public_key'],
    ['a short hash to sign', (c) => c.sign(new Uint8Array(31), ONE), 'invalid_hash'],
    ['a long hash to verify', (c) => c.verify(new Uint8Array(64), new Uint8Array(33), GENERATOR), 'invalid_hash'],
    ['a recovery id of 4', (c) => c.recover(new Uint8Array(65).fill(4), ONE), 'invalid_signature'],
    ['a zero signature to recover', (c) => c.recover(new Uint8Array(65), ONE), 'invalid_signature'],
    ['an overflowing signature to recover', (c) => c.recover(new Uint8Array(65).fill(255), ONE), 'invalid_signature'],
    ['a short signature to recover', (c) => c.recover(new Uint8Array(64), ONE), 'invalid_signature'],
    ['no points to add', (c) => c.addPoints([]), 'invalid_result'],
    ['points that add up to infinity', (c) => c.addPoints([GENERATOR, MINUS_GENERATOR]), 'invalid_result'],
    ['a point off the curve to add', (c) => c.addPoints([GENERATOR, NOT_ON_CURVE]), 'invalid_public_key'],
    ['a point off the curve to multiply', (c) => c.multiplyPoint(NOT_ON_CURVE, ONE), 'invalid_public_key'],
    ['a multiplication by zero', (c) => c.multiplyPoint(GENERATOR, ZERO), 'invalid_scalar'],
    ['a multiplication above the order', (c) => c.multiplyPoint(GENERATOR, scalarOf(ORDER)), 'invalid_scalar'],
    ['scalars that add up to zero', (c) => c.addScalars(ONE, MINUS_ONE), 'invalid_result'],
    ['a zero scalar to add', (c) => c.addScalars(ZERO, ONE), 'invalid_scalar'],
    ['a zero scalar to add to', (c) => c.addScalars(ONE, ZERO), 'invalid_scalar'],
    ['a zero scalar to multiply', (c) => c.multiplyScalars(ONE, ZERO), 'invalid_scalar'],
    ['a scalar above the order', (c) => c.multiplyScalars(scalarOf(ORDER), ONE), 'invalid_scalar'],
    ['what is not bytes', (c) => c.publicKey('00'.repeat(16) as unknown as Uint8Array), 'invalid_secret_key'],
  ])('refuses %s', (_, operation, code) => {
    expect(() => operation(curve)).toThrow(CryptoError);
    expect(() => operation(curve)).toThrow(expect.objectContaining({ code }));
  });

  it('answers false for signatures and keys of any wrong form', () => {
    const signature = curve.sign(ONE, ONE);
    const zeroed = (from: number, to: number) => Uint8Array.from(signature).fill(0, from, to);
    const overflowing = (from: number, to: number) => Uint8Array.from(signature).fill(255, from, to);
    for (const wrong of [zeroed(0, 32), zeroed(32, 64), overflowing(0, 32), overflowing(32, 64), new Uint8Array(64)]) {
      expect(curve.verify(wrong, ONE, GENERATOR)).toBe(false);
    }
    fc.assert(
      fc.property(anyBytes, anyBytes, (noSignature, noKey) => {
        expect(curve.verify(noSignature, ONE, GENERATOR)).toBe(false);
        expect(curve.verify(signature, ONE, noKey)).toBe(false);
      }),
    );
    for (const wrong of [NOT_ON_CURVE, ABOVE_THE_FIELD, GENERATOR_UNCOMPRESSED]) {
      expect(curve.verify(signature, ONE, wrong)).toBe(false);
    }
  });
});

describe('both implementations', () => {
  it('compute the same', () => {
    fc.assert(
      fc.property(bytes32, secretKey, secretKey, (hash, a, b) => {
        const both = (compute: (curve: Secp256k1) => Uint8Array) => {
          const result = compute(native);
          expect(compute(noble)).toEqual(result);
          return result;
        };
        const publicKey = both((curve) => curve.publicKey(a));
        both((curve) => curve.sign(hash, a));
        const signature = both((curve) => curve.signRecoverable(hash, a));
        both((curve) => curve.recover(signature, hash));
        both((curve) => curve.ecdh(publicKey, b));
        both((curve) => curve.multiplyPoint(publicKey, b));
        both((curve) => curve.addPoints([publicKey, curve.publicKey(b), publicKey]));
        both((curve) => curve.multiplyScalars(a, b));
        fc.pre(valueOf(a) + valueOf(b) !== ORDER);
        both((curve) => curve.addScalars(a, b));
      }),
      { numRuns: 30 },
    );
  });

  it('judge the same signature alike, whatever was changed in it', () => {
    const key = scalarOf(4711n);
    const publicKey = native.publicKey(key);
    const signature = native.sign(ONE, key);
    fc.assert(
      fc.property(fc.nat(63), fc.integer({ min: 1, max: 255 }), (position, change) => {
        const changed = Uint8Array.from(signature);
        changed[position]! ^= change;
        expect(native.verify(changed, ONE, publicKey)).toBe(false);
        expect(noble.verify(changed, ONE, publicKey)).toBe(false);
      }),
      { numRuns: 40 },
    );
  });

  it('verify what the other signed, for hashes from zero to above the order', () => {
    for (const hash of [ZERO, MINUS_ONE, scalarOf(ORDER), new Uint8Array(32).fill(255)]) {
      for (const curve of implementations) {
        const signature = curve.sign(hash, scalarOf(99n));
        for (const other of implementations) {
          expect(other.verify(signature, hash, other.publicKey(scalarOf(99n)))).toBe(true);
        }
      }
    }
  });
});

describe('hashes', () => {
  it.each([
    ['sha256', sha256(utf8('abc')), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    ['hash256', hash256(utf8('hello')), '9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50'],
    ['ripemd160', ripemd160(utf8('abc')), '8eb208f7e05d987a9b044a8e98c6b087f15a0bfc'],
    ['hash160', hash160(GENERATOR), '751e76e8199196d454941c45d1b3a323f1433bd6'],
    [
      'hmacSha256 (RFC 4231, case 2)',
      hmacSha256(utf8('Jefe'), utf8('what do ya want for nothing?')),
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
  ])('%s', (_, hash, expected) => {
    expect(hexOf(hash)).toBe(expected);
  });
});

describe('toWitnessSignature', () => {
  it('is the DER form that libsecp256k1 itself gives, and the sighash type', async () => {
    const { default: bindings } = await import('secp256k1/bindings.js');
    fc.assert(
      fc.property(bytes32, secretKey, (hash, key) => {
        const signature = native.sign(hash, key);
        const expected = Uint8Array.from([...bindings.signatureExport(signature), SIGHASH_ALL]);
        expect(toWitnessSignature(signature, SIGHASH_ALL)).toEqual(expected);
      }),
    );
    // Leading zeros of r and s are left out.
    const short = Uint8Array.from([...scalarOf(0x80n), ...ONE]);
    expect(hexOf(toWitnessSignature(short, SIGHASH_ALL))).toBe('30070202008002010101');
  });

  it('refuses signatures of another length', () => {
    expect(() => toWitnessSignature(new Uint8Array(65), SIGHASH_ALL)).toThrow(CryptoError);
  });
});
