import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { SignatureClaim } from '../../protocols/gossip/gossip-message.ts';

/** Who checks the signatures of gossip. */
export interface SignatureChecker {
  /** Whether all the claims are right. Rejects with `GossipStoppedError` if it was stopped meanwhile. */
  areValid(claims: readonly SignatureClaim[]): Promise<boolean>;
  /** Answers nothing any more. */
  stop(): void;
}

/** At once, in the thread that asks: for a simulation, which must not depend on threads, and for a single message. */
export const inlineSignatures: SignatureChecker = {
  areValid: async (claims) => claims.every(({ signature, hash, key }) => secp256k1.verify(signature, hash, key)),
  stop: () => {},
};
