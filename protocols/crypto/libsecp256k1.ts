import { checked } from './checked.ts';
import type { Secp256k1 } from './secp256k1-api.ts';

type Bindings = typeof import('secp256k1');

/**
 * secp256k1 by Bitcoin Core's own libsecp256k1, through the native half of the `secp256k1` package; undefined where no
 * prebuilt library fits the platform. `verify` refuses high-S signatures and `recover` accepts them.
 */
export const libsecp256k1: Secp256k1 | undefined = fromBindings(await loadBindings());

async function loadBindings(): Promise<Bindings | undefined> {
  try {
    return (await import('secp256k1/bindings.js')).default;
  } catch {
    return undefined;
  }
}

function fromBindings(bindings: Bindings | undefined): Secp256k1 | undefined {
  if (bindings === undefined) return undefined;
  return checked('libsecp256k1', {
    isSecretKey: (bytes) => bindings.privateKeyVerify(bytes),
    isPublicKey: (bytes) => bindings.publicKeyVerify(bytes),
    publicKey: (secretKey) => bindings.publicKeyCreate(secretKey),
    signWithRecoveryId(hash, secretKey) {
      const { signature, recid } = bindings.ecdsaSign(hash, secretKey);
      return { signature, recoveryId: recid };
    },
    verify: (signature, hash, publicKey) => bindings.ecdsaVerify(signature, hash, publicKey),
    recover: (signature, hash) => bindings.ecdsaRecover(signature.subarray(0, 64), Number(signature[64]), hash),
    ecdh: (publicKey, secretKey) => bindings.ecdh(publicKey, secretKey),
    addPoints: (points) => bindings.publicKeyCombine([...points]),
    multiplyPoint: (publicKey, scalar) => bindings.publicKeyTweakMul(publicKey, scalar),
    // These two change their first argument in place.
    addScalars: (a, b) => bindings.privateKeyTweakAdd(Uint8Array.from(a), b),
    multiplyScalars: (a, b) => bindings.privateKeyTweakMul(Uint8Array.from(a), b),
  });
}
