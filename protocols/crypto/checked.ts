import { CryptoError, type CryptoErrorCode } from './crypto-error.ts';
import type { Secp256k1 } from './secp256k1-api.ts';

/**
 * What a library must offer so that `checked` can make a `Secp256k1` of it: the same functions, called only with
 * arguments of the right length, free to throw anything at a value out of range.
 */
export type Secp256k1Library = Omit<Secp256k1, 'implementation' | 'sign' | 'signRecoverable'> & {
  /** 64 bytes r ‖ s, low-S, RFC 6979 nonce, and the recovery id. */
  signWithRecoveryId(hash: Uint8Array, secretKey: Uint8Array): { signature: Uint8Array; recoveryId: number };
};

interface Kind {
  readonly code: CryptoErrorCode;
  readonly name: string;
  readonly length: number;
}

const SECRET_KEY: Kind = { code: 'invalid_secret_key', name: 'secret key', length: 32 };
const PUBLIC_KEY: Kind = { code: 'invalid_public_key', name: 'public key', length: 33 };
const HASH: Kind = { code: 'invalid_hash', name: 'message hash', length: 32 };
const SCALAR: Kind = { code: 'invalid_scalar', name: 'scalar', length: 32 };
const RECOVERABLE: Kind = { code: 'invalid_signature', name: 'recoverable signature', length: 65 };

/**
 * A library behind the checks that both implementations share, so that the same wrong argument gives the same
 * `CryptoError` whichever library is loaded. Why a library refused is looked into only after it has.
 */
export function checked(implementation: Secp256k1['implementation'], library: Secp256k1Library): Secp256k1 {
  const isSecretKey = (bytes: Uint8Array) => isBytes(bytes, 32) && library.isSecretKey(bytes);
  const isPublicKey = (bytes: Uint8Array) => isBytes(bytes, 33) && library.isPublicKey(bytes);

  function expectSecretKey(bytes: Uint8Array): void {
    if (!isSecretKey(bytes)) throw outOfRange(SECRET_KEY);
  }
  function expectPublicKey(bytes: Uint8Array): void {
    if (!isPublicKey(bytes)) throw outOfRange(PUBLIC_KEY);
  }
  function expectScalar(bytes: Uint8Array): void {
    expectBytes(bytes, SCALAR);
    if (!library.isSecretKey(bytes)) throw outOfRange(SCALAR);
  }

  function signWithRecoveryId(hash: Uint8Array, secretKey: Uint8Array) {
    expectBytes(hash, HASH);
    expectBytes(secretKey, SECRET_KEY);
    return attempt(
      () => library.signWithRecoveryId(hash, secretKey),
      () => expectSecretKey(secretKey),
    );
  }

  return {
    implementation,
    isSecretKey,
    isPublicKey,
    publicKey(secretKey) {
      expectBytes(secretKey, SECRET_KEY);
      return attempt(
        () => library.publicKey(secretKey),
        () => expectSecretKey(secretKey),
      );
    },
    sign: (hash, secretKey) => signWithRecoveryId(hash, secretKey).signature,
    verify(signature, hash, publicKey) {
      expectBytes(hash, HASH);
      if (!isBytes(signature, 64) || !isBytes(publicKey, 33)) return false;
      try {
        return library.verify(signature, hash, publicKey);
      } catch {
        return false;
      }
    },
    signRecoverable(hash, secretKey) {
      const { signature, recoveryId } = signWithRecoveryId(hash, secretKey);
      const recoverable = new Uint8Array(65);
      recoverable.set(signature);
      recoverable[64] = recoveryId;
      return recoverable;
    },
    recover(signature, hash) {
      expectBytes(signature, RECOVERABLE);
      expectBytes(hash, HASH);
      return attempt(
        () => library.recover(signature, hash),
        () => {
          throw new CryptoError('invalid_signature', 'no public key can be recovered from the signature');
        },
      );
    },
    ecdh(publicKey, secretKey) {
      expectBytes(publicKey, PUBLIC_KEY);
      expectBytes(secretKey, SECRET_KEY);
      return attempt(
        () => library.ecdh(publicKey, secretKey),
        () => {
          expectPublicKey(publicKey);
          expectSecretKey(secretKey);
        },
      );
    },
    addPoints(points) {
      for (const point of points) expectBytes(point, PUBLIC_KEY);
      return attempt(
        () => library.addPoints(points),
        () => points.forEach(expectPublicKey),
      );
    },
    multiplyPoint(publicKey, scalar) {
      expectBytes(publicKey, PUBLIC_KEY);
      expectBytes(scalar, SCALAR);
      return attempt(
        () => library.multiplyPoint(publicKey, scalar),
        () => {
          expectPublicKey(publicKey);
          expectScalar(scalar);
        },
      );
    },
    addScalars(a, b) {
      expectScalar(a);
      expectScalar(b);
      return attempt(() => library.addScalars(a, b));
    },
    multiplyScalars(a, b) {
      expectScalar(a);
      expectScalar(b);
      return attempt(() => library.multiplyScalars(a, b));
    },
  };
}

function isBytes(value: unknown, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length;
}

function expectBytes(value: unknown, { code, name, length }: Kind): void {
  if (isBytes(value, length)) return;
  const came = value instanceof Uint8Array ? `${value.length} bytes` : `a value of type ${typeof value}`;
  throw new CryptoError(code, `expected a ${name} of ${length} bytes, got ${came}`, { expectedLength: length });
}

function outOfRange({ code, name, length }: Kind): CryptoError {
  return new CryptoError(code, `the ${length} bytes are not a valid secp256k1 ${name}`);
}

/** Runs `operation`; when the library refuses, `diagnose` throws what was wrong with the arguments, if that is why. */
function attempt<T>(operation: () => T, diagnose: () => void = () => {}): T {
  try {
    return operation();
  } catch {
    diagnose();
    throw new CryptoError('invalid_result', 'the result is not a valid secp256k1 point or scalar');
  }
}
