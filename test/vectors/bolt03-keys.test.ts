import { bech32 } from 'bech32';
import { networks, payments, script, Transaction } from 'bitcoinjs-lib';
import { fromString } from 'uint8arrays/from-string';
import { toString } from 'uint8arrays/to-string';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fundingAddress, fundingOutput } from '../../machines/commitment/funding.ts';
import {
  EMPTY_SECRET_STORE,
  generateSecret,
  insertSecret,
  lookupSecret,
  type SecretStore,
} from '../../machines/commitment/secrets.ts';
import { CommitmentError } from '../../machines/commitment/errors.ts';
import { libsecp256k1 } from '../../protocols/crypto/libsecp256k1.ts';
import { noble } from '../../protocols/crypto/noble.ts';
import { SIGHASH_ALL, toWitnessSignature } from '../../protocols/crypto/witness-signature.ts';
import funding from './data/bolt03-funding.json' with { type: 'json' };
import derivation from './data/bolt03-key-derivation.json' with { type: 'json' };
import secrets from './data/bolt03-per-commitment-secrets.json' with { type: 'json' };

const hex = (text: string) => fromString(text.replace(/^0x/, '').toLowerCase(), 'hex');
const hexOf = (bytes: Uint8Array | undefined) => bytes && `0x${toString(bytes, 'hex')}`;

describe('funding output', () => {
  const local = hex(funding.local_funding_pubkey);
  const remote = hex(funding.remote_funding_pubkey);
  const [output] = Transaction.fromHex(funding['funding tx']).outs;

  it.each([
    [local, remote],
    [remote, local],
  ])('is the one of the vector, whichever key comes first', (a, b) => {
    const { witnessScript, scriptPubkey } = fundingOutput(a, b);
    expect(toString(witnessScript, 'hex')).toBe(funding['funding witness script']);
    expect(scriptPubkey).toEqual(output?.script);
    const { prefix, words } = bech32.decode(fundingAddress(a, b, networks.regtest));
    expect([prefix, words[0]]).toEqual(['bcrt', 0]);
    expect(Uint8Array.from(bech32.fromWords(words.slice(1)))).toEqual(output?.script.subarray(2));
  });

  it.each([libsecp256k1!, noble])('is in the funding transaction of the vector, signed by $implementation', (curve) => {
    const secretKey = hex(funding['Block 1 coinbase privkey']).subarray(0, 32);
    const publicKey = curve.publicKey(secretKey);
    const payee = payments.p2pkh({ pubkey: publicKey }).output!;
    const transaction = new Transaction();
    transaction.version = 2;
    transaction.addInput(hex(funding['input txid']).reverse(), Number(funding['input index']));
    transaction.addOutput(fundingOutput(local, remote).scriptPubkey, BigInt(funding['funding satoshis']));
    transaction.addOutput(payments.p2wpkh({ pubkey: publicKey }).output!, BigInt(funding['change satoshis']));
    const sighash = transaction.hashForSignature(0, payee, SIGHASH_ALL);
    const signature = toWitnessSignature(curve.sign(sighash, secretKey), SIGHASH_ALL);
    transaction.setInputScript(0, script.compile([signature, publicKey]));
    expect(transaction.toHex()).toBe(funding['funding tx']);
    expect(transaction.getId()).toBe(funding.txid);
  });
});

describe.each([libsecp256k1!, noble])('key derivation by $implementation', (curve) => {
  let keys: typeof import('../../machines/commitment/keys.ts');
  beforeAll(async () => {
    vi.resetModules();
    vi.doMock('../../protocols/crypto/secp256k1.ts', () => ({ secp256k1: curve }));
    keys = await import('../../machines/commitment/keys.ts');
  });
  afterAll(() => vi.doUnmock('../../protocols/crypto/secp256k1.ts'));

  const baseSecret = hex(derivation.base_secret);
  const basePoint = hex(derivation.base_point);
  const commitmentSecret = hex(derivation.per_commitment_secret);
  const commitmentPoint = hex(derivation.per_commitment_point);

  it('gives the public keys', () => {
    expect(hexOf(curve.publicKey(baseSecret))).toBe(derivation.base_point);
    expect(hexOf(curve.publicKey(commitmentSecret))).toBe(derivation.per_commitment_point);
    expect(hexOf(keys.derivePublicKey(basePoint, commitmentPoint))).toBe(derivation.localpubkey);
    expect(hexOf(keys.deriveRevocationPublicKey(basePoint, commitmentPoint))).toBe(derivation.revocationpubkey);
  });

  it('gives the secret keys', () => {
    expect(hexOf(keys.derivePrivateKey(baseSecret, commitmentPoint))).toBe(derivation.localprivkey);
    expect(hexOf(keys.deriveRevocationPrivateKey(baseSecret, commitmentSecret))).toBe(derivation.revocationprivkey);
  });
});

describe('per-commitment secrets', () => {
  it.each(secrets.generation)('$name', ({ seed, I, output }) => {
    expect(hexOf(generateSecret(hex(seed), Number(I)))).toBe(output);
  });

  it.each(secrets.storage)('$name', ({ steps }) => {
    let store: SecretStore = EMPTY_SECRET_STORE;
    for (const { I, secret, output } of steps) {
      const insert = () => insertSecret(store, Number(I), hex(secret));
      if (output === 'OK') {
        store = insert();
        expect(hexOf(lookupSecret(store, Number(I)))).toBe(secret);
      } else {
        expect(output).toBe('ERROR');
        expect(insert).toThrow(CommitmentError);
        expect(insert).toThrow(expect.objectContaining({ code: 'invalid_secret' }));
      }
    }
  });
});
