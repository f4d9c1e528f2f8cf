import fc from 'fast-check';
import { Transaction } from 'bitcoinjs-lib';
import { describe, expect, it } from 'vitest';
import {
  MAX_COMMITMENT_NUMBER,
  obscureCommitmentNumber,
  readCommitmentNumber,
} from '../../machines/commitment/commitment-number.ts';
import {
  deriveSecret,
  EMPTY_SECRET_STORE,
  generateSecret,
  insertSecret,
  lookupSecret,
  nextSecretIndex,
  perCommitmentSecret,
  secretIndex,
  type SecretStore,
} from '../../machines/commitment/secrets.ts';
import { alice, bob } from './commitment-fixtures.ts';

const errorWith = (code: string) => expect.objectContaining({ code });
const seed = new Uint8Array(32).fill(42);

/** The store after the secrets of commitments 0 to `count` − 1. */
function storeOf(count: number): SecretStore {
  let store = EMPTY_SECRET_STORE;
  for (let number = 0; number < count; number++) {
    store = insertSecret(store, secretIndex(number), perCommitmentSecret(seed, number));
  }
  return store;
}

describe('the store of secrets', () => {
  it('gives back every secret it was given and no other, from a few entries', () => {
    const store = storeOf(300);
    expect(store.length).toBeLessThanOrEqual(10);
    for (let number = 0; number < 300; number++) {
      expect(lookupSecret(store, secretIndex(number))).toEqual(perCommitmentSecret(seed, number));
    }
    for (const number of [300, 301, 511, 1000, MAX_COMMITMENT_NUMBER]) {
      expect(lookupSecret(store, secretIndex(number))).toBeUndefined();
    }
    expect(nextSecretIndex(store)).toBe(secretIndex(300));
  });

  it('is a plain value that inserting does not change', () => {
    const store = storeOf(5);
    const before = structuredClone(store);
    insertSecret(store, secretIndex(5), perCommitmentSecret(seed, 5));
    expect(store).toEqual(before);
    expect(JSON.parse(JSON.stringify(store))).toHaveLength(store.length);
  });

  it('finds a forged secret as soon as one arrives that must derive it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.nat(31), (forged, byte) => {
        const secretOf = (number: number) => {
          const secret = Uint8Array.from(perCommitmentSecret(seed, number));
          if (number === forged) secret[byte]! ^= 1;
          return secret;
        };
        // Commitment numbers n with n + 1 a multiple of 2^b have secrets that derive the 2^b − 1 before them.
        const found = forged % 2 === 0 ? forged + 1 : forged;
        let store = storeOf(forged);
        for (let number = forged; number < found; number++) {
          store = insertSecret(store, secretIndex(number), secretOf(number));
        }
        expect(() => insertSecret(store, secretIndex(found), secretOf(found))).toThrow(errorWith('invalid_secret'));
      }),
    );
  });

  it('takes secrets in their order only', () => {
    const store = storeOf(3);
    for (const number of [0, 2, 4, 100]) {
      expect(() => insertSecret(store, secretIndex(number), perCommitmentSecret(seed, number))).toThrow(
        errorWith('secret_out_of_order'),
      );
    }
    expect(() => insertSecret(EMPTY_SECRET_STORE, 0, seed)).toThrow(errorWith('secret_out_of_order'));
  });

  it('takes secrets of 32 bytes only', () => {
    expect(() => insertSecret(EMPTY_SECRET_STORE, secretIndex(0), new Uint8Array(31))).toThrow(
      errorWith('invalid_secret'),
    );
  });

  it('holds all 2^48 secrets in 49 entries, the last of which is the seed', () => {
    // The state right before the last secret: one entry for each number of trailing zeros.
    const almost = Array.from({ length: 48 }, (_, bit) => ({
      index: 2 ** bit,
      secret: generateSecret(seed, 2 ** bit),
    }));
    const full = insertSecret(almost, 0, seed);
    expect(full).toHaveLength(49);
    for (const index of [0, 1, 12345, 2 ** 40 + 17, MAX_COMMITMENT_NUMBER]) {
      expect(lookupSecret(full, index)).toEqual(generateSecret(seed, index));
    }
    expect(() => insertSecret(full, -1, seed)).toThrow(errorWith('secret_out_of_order'));
    expect(() => insertSecret(almost, 0, new Uint8Array(32))).toThrow(errorWith('invalid_secret'));
  });

  it('derives a run of secrets from a base on the way', () => {
    const base = deriveSecret(seed, 48, MAX_COMMITMENT_NUMBER - (2 ** 16 - 1));
    for (const number of [0, 1, 77, 65_535]) {
      expect(deriveSecret(base, 16, secretIndex(number))).toEqual(perCommitmentSecret(seed, number));
    }
  });
});

describe('the obscured commitment number', () => {
  const basepoints = {
    openerPaymentBasepoint: alice.basepoints.paymentBasepoint,
    accepterPaymentBasepoint: bob.basepoints.paymentBasepoint,
  };
  function transactionOf(locktime: number, ...sequences: number[]): Transaction {
    const transaction = new Transaction();
    transaction.locktime = locktime;
    for (const sequence of sequences) transaction.addInput(new Uint8Array(32), 0, sequence);
    return transaction;
  }

  it('is read back from the transaction that carries it', () => {
    const anyNumber = fc.oneof(
      fc.maxSafeNat().map((value) => value % (MAX_COMMITMENT_NUMBER + 1)),
      fc.constantFrom(0, 1, 2 ** 24 - 1, 2 ** 24, 2 ** 32, MAX_COMMITMENT_NUMBER),
    );
    fc.assert(
      fc.property(anyNumber, (commitmentNumber) => {
        const { locktime, sequence } = obscureCommitmentNumber(basepoints, commitmentNumber);
        expect(locktime >>> 24).toBe(0x20);
        expect(sequence >>> 24).toBe(0x80);
        expect(readCommitmentNumber(basepoints, transactionOf(locktime, sequence))).toBe(commitmentNumber);
      }),
    );
  });

  it('depends on who opened', () => {
    const swapped = {
      openerPaymentBasepoint: basepoints.accepterPaymentBasepoint,
      accepterPaymentBasepoint: basepoints.openerPaymentBasepoint,
    };
    expect(obscureCommitmentNumber(swapped, 0)).not.toEqual(obscureCommitmentNumber(basepoints, 0));
  });

  it('is not read from other transactions', () => {
    const { locktime, sequence } = obscureCommitmentNumber(basepoints, 7);
    for (const other of [
      transactionOf(0, sequence),
      transactionOf(locktime, 0xffffffff),
      transactionOf(locktime),
      transactionOf(locktime, sequence, sequence),
    ]) {
      expect(readCommitmentNumber(basepoints, other)).toBeUndefined();
    }
  });
});
