import { equals } from 'uint8arrays/equals';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { expectCommitmentNumber, MAX_COMMITMENT_NUMBER } from './commitment-number.ts';
import { CommitmentError } from './errors.ts';

const INDEX_BITS = 48;

/** A per-commitment secret that the peer revealed, with its index. */
export interface StoredSecret {
  readonly index: number;
  readonly secret: Uint8Array;
}

/**
 * All secrets that a peer has revealed, in at most 49 entries (BOLT 3, "Efficient Per-commitment Secret Storage"). The
 * entry at position b has an index that ends in b zero bits. A plain value: `insertSecret` returns a new one.
 */
export type SecretStore = readonly StoredSecret[];

export const EMPTY_SECRET_STORE: SecretStore = [];

/** The index of the secret of a commitment: the first commitment (number 0) uses 2^48 − 1, and then downwards. */
export function secretIndex(commitmentNumber: number): number {
  expectCommitmentNumber(commitmentNumber);
  return MAX_COMMITMENT_NUMBER - commitmentNumber;
}

/** The per-commitment secret of one's own commitment `commitmentNumber` from the channel's 32-byte seed. */
export function perCommitmentSecret(seed: Uint8Array, commitmentNumber: number): Uint8Array {
  return generateSecret(seed, secretIndex(commitmentNumber));
}

/** BOLT 3's `generate_from_seed`: up to 48 hashes. */
export function generateSecret(seed: Uint8Array, index: number): Uint8Array {
  return deriveSecret(seed, INDEX_BITS, index);
}

/**
 * BOLT 3's `derive_secret`: the secret at `index` from one whose index agrees with it above the lowest `bits` bits and
 * is zero in these. Who needs many secrets in a row keeps `deriveSecret(seed, 48, index)` of an index that ends in
 * zeros and goes on from there at a fraction of the hashes.
 */
export function deriveSecret(base: Uint8Array, bits: number, index: number): Uint8Array {
  let secret = base;
  for (let bit = bits - 1; bit >= 0; bit--) {
    if (Math.floor(index / 2 ** bit) % 2 === 0) continue;
    const flipped = Uint8Array.from(secret);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    secret = sha256(flipped);
  }
  return secret;
}

/**
 * The store with the next secret, which must be the one right below the last. Throws `CommitmentError` with the code
 * `invalid_secret` when the secrets received before do not derive from it (the peer made them from another seed), and
 * `secret_out_of_order` when it is not the next one's turn.
 */
export function insertSecret(store: SecretStore, index: number, secret: Uint8Array): SecretStore {
  const expected = nextSecretIndex(store);
  if (index !== expected || index < 0) {
    throw new CommitmentError('secret_out_of_order', `expected the secret at index ${expected}, got ${index}`, {
      expected,
      index,
    });
  }
  if (secret.length !== 32) {
    throw new CommitmentError('invalid_secret', `expected a secret of 32 bytes, got ${secret.length}`, { index });
  }
  const position = trailingZeros(index);
  for (const known of store.slice(0, position)) {
    if (!equals(deriveSecret(secret, position, known.index), known.secret)) {
      throw new CommitmentError(
        'invalid_secret',
        `the secret at index ${index} does not derive the one received at index ${known.index}`,
        { index, knownIndex: known.index },
      );
    }
  }
  // Secrets come in descending order, so all positions below this one are filled: the array has no holes.
  return [...store.slice(0, position), { index, secret }, ...store.slice(position + 1)];
}

/** The store of the first `count` commitments' secrets, as so many insertions would make it; asks for those alone that it keeps. */
export function secretStoreOf(count: number, secretOf: (commitmentNumber: number) => Uint8Array): SecretStore {
  const lowest = MAX_COMMITMENT_NUMBER + 1 - count;
  const store: StoredSecret[] = [];
  for (let position = 0; ; position++) {
    const unit = 2 ** position;
    const multiple = Math.ceil(lowest / unit);
    const index = (multiple % 2 === 0 ? multiple + 1 : multiple) * unit;
    if (index > MAX_COMMITMENT_NUMBER) return store;
    store.push({ index, secret: secretOf(MAX_COMMITMENT_NUMBER - index) });
  }
}

/** The secret at `index`, or undefined when it has not been received. */
export function lookupSecret(store: SecretStore, index: number): Uint8Array | undefined {
  for (const [position, known] of store.entries()) {
    const prefix = index - (index % 2 ** position);
    if (prefix === known.index) return deriveSecret(known.secret, position, index);
  }
  return undefined;
}

/** The index of the secret that comes next; −1 when all have been received. */
export function nextSecretIndex(store: SecretStore): number {
  return store.reduce((lowest, { index }) => Math.min(lowest, index), MAX_COMMITMENT_NUMBER + 1) - 1;
}

function trailingZeros(index: number): number {
  let count = 0;
  while (count < INDEX_BITS && Math.floor(index / 2 ** count) % 2 === 0) count++;
  return count;
}
