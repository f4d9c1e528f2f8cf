import { inspect } from 'node:util';
import { HDKey } from '@scure/bip32';
import { payments, networks } from 'bitcoinjs-lib';
import { fromString } from 'uint8arrays/from-string';
import { toString } from 'uint8arrays/to-string';
import { describe, expect, it } from 'vitest';
import { derivePublicKey } from '../../machines/commitment/keys.ts';
import { perCommitmentSecret } from '../../machines/commitment/secrets.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { seedFromMnemonic } from '../../src/keys/mnemonic.ts';
import { KeysError } from '../../src/keys/errors.ts';
import { createSigner } from '../../src/keys/signer.ts';

const seed = Uint8Array.from({ length: 64 }, (_, index) => index);
const signer = createSigner(seed, 'regtest');
const hash = sha256(Uint8Array.of(1));
const hexOf = (bytes: Uint8Array): string => toString(bytes, 'base16');
const at = (path: string): Uint8Array => HDKey.fromMasterSeed(seed).derive(path).privateKey ?? new Uint8Array();

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof KeysError) return error.code;
    throw error;
  }
  return 'no error';
}

describe('derivation', () => {
  it('gives the addresses of the BIP84 test vector', () => {
    const mainnet = createSigner(seedFromMnemonic(`${'abandon '.repeat(11)}about`), 'main');
    const address = (chain: 0 | 1, index: number): string | undefined =>
      payments.p2wpkh({ pubkey: mainnet.onchain.publicKey({ chain, index }), network: networks.bitcoin }).address;
    expect(address(0, 0)).toBe('bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu');
    expect(address(0, 1)).toBe('bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g');
    expect(address(1, 0)).toBe('bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el');
  });

  it('keeps to the documented paths, on which the funds of channels hang', () => {
    expect(signer.node.libp2pPrivateKey()).toEqual(at("m/9735'/1'/0'"));
    const { publicKeys } = signer.channel(5);
    const names = [
      'fundingPubkey',
      'revocationBasepoint',
      'paymentBasepoint',
      'delayedPaymentBasepoint',
      'htlcBasepoint',
    ] as const;
    for (const [k, name] of names.entries())
      expect(publicKeys[name]).toEqual(secp256k1.publicKey(at(`m/9735'/1'/1'/5'/${k}'`)));
    expect(signer.channel(5).perCommitmentPoint(3)).toEqual(
      secp256k1.publicKey(perCommitmentSecret(at("m/9735'/1'/1'/5'/5'"), 3)),
    );
  });

  it('gives each network, channel and purpose keys of its own', () => {
    const keys = [signer, createSigner(seed, 'main')]
      .flatMap((each) => [
        each.node.nodeId,
        each.onchain.publicKey({ chain: 0, index: 0 }),
        each.onchain.publicKey({ chain: 1, index: 0 }),
        ...[0, 1, 2 ** 31 - 1].flatMap((index) => [
          ...Object.values(each.channel(index).publicKeys),
          each.channel(index).perCommitmentPoint(0),
        ]),
      ])
      .map(hexOf);
    expect(new Set(keys).size).toBe(keys.length);
    for (const index of [-1, 2 ** 31, 0.5, Number.NaN]) expect(() => signer.channel(index)).toThrow(RangeError);
  });

  it('shows no secret when an object is printed or serialised', () => {
    const secrets = [at("m/9735'/1'/0'"), at("m/9735'/1'/1'/0'/0'"), at("m/9735'/1'/1'/0'/5'"), at("m/84'/1'/0'")].map(
      hexOf,
    );
    for (const value of [signer, signer.node, signer.channel(0), signer.onchain]) {
      const printed = inspect(value, { depth: 10, showHidden: true, maxArrayLength: 1_000 }) + JSON.stringify(value);
      const bytesAsHex = printed.replaceAll(/\s/g, '');
      for (const secret of secrets) {
        expect(bytesAsHex).not.toContain(secret);
        expect(bytesAsHex).not.toContain([...fromString(secret, 'base16')].slice(0, 8).join(','));
      }
    }
  });
});

describe('the node signer', () => {
  it('signs with the node key', () => {
    const { node } = signer;
    expect(secp256k1.verify(node.signGossip(hash), hash, node.nodeId)).toBe(true);
    expect(secp256k1.recover(node.signInvoice(hash), hash)).toEqual(node.nodeId);
    expect(secp256k1.publicKey(node.libp2pPrivateKey())).toEqual(node.nodeId);
    const other = createSigner(seed, 'main').node;
    expect(node.ecdh(other.nodeId)).toEqual(other.ecdh(node.nodeId));
  });
});

describe('a channel signer', () => {
  const channel = signer.channel(0);

  it("signs for the peer's commitment with the funding key and the HTLC key of its point", () => {
    const point = secp256k1.publicKey(sha256(Uint8Array.of(7)));
    const htlcSighashes = [1, 2, 3].map((n) => sha256(Uint8Array.of(n, n)));
    const signed = channel.signRemoteCommitment({ sighash: hash, perCommitmentPoint: point, htlcSighashes });
    expect(secp256k1.verify(signed.signature, hash, channel.publicKeys.fundingPubkey)).toBe(true);
    const htlcPubkey = derivePublicKey(channel.publicKeys.htlcBasepoint, point);
    expect(signed.htlcSignatures).toHaveLength(3);
    for (const [index, signature] of signed.htlcSignatures.entries()) {
      expect(secp256k1.verify(signature, htlcSighashes[index]!, htlcPubkey)).toBe(true);
    }
    expect(
      channel.signRemoteCommitment({ sighash: hash, perCommitmentPoint: point, htlcSighashes: [] }).htlcSignatures,
    ).toEqual([]);
  });

  it('signs closes and announcements with the funding key', () => {
    for (const signature of [
      channel.signMutualClose(hash),
      channel.signChannelAnnouncement(hash),
      channel.signLocalCommitment(hash, 4, 4),
    ]) {
      expect(secp256k1.verify(signature, hash, channel.publicKeys.fundingPubkey)).toBe(true);
    }
  });

  it('gives the point of each secret, however often and in whatever order', () => {
    for (const n of [0, 1, 2, 3, 4, 5, 0, 2 ** 48 - 1, 5, 1]) {
      expect(channel.perCommitmentPoint(n)).toEqual(secp256k1.publicKey(channel.perCommitmentSecret(n, 2 ** 48)));
    }
    for (const n of [-1, 2 ** 48, 0.5]) expect(() => channel.perCommitmentPoint(n)).toThrow('commitment number');
  });

  it('releases no secret of a commitment that is not superseded', () => {
    expect(codeOf(() => channel.perCommitmentSecret(3, 4))).toBe('no error');
    expect(codeOf(() => channel.perCommitmentSecret(2, 4))).toBe('no error'); // again, for a retransmission
    for (const latest of [3, 2, 0, Number.NaN])
      expect(codeOf(() => channel.perCommitmentSecret(3, latest))).toBe('commitment_not_superseded');
  });

  it('signs no commitment of its own that is revoked', () => {
    expect(codeOf(() => channel.signLocalCommitment(hash, 5, 4))).toBe('no error');
    for (const lowest of [6, 7, Number.NaN])
      expect(codeOf(() => channel.signLocalCommitment(hash, 5, lowest))).toBe('commitment_revoked');
  });
});

describe('the on-chain signer', () => {
  it('signs with the key at a path of BIP84, and names its public key', () => {
    for (const { chain, index } of [
      { chain: 0, index: 3 },
      { chain: 1, index: 0 },
    ] as const) {
      const { signature, publicKey } = signer.onchain.signInput(hash, { chain, index });
      expect(publicKey).toEqual(secp256k1.publicKey(at(`m/84'/1'/0'/${chain}/${index}`)));
      expect(publicKey).toEqual(signer.onchain.publicKey({ chain, index }));
      expect(secp256k1.verify(signature, hash, publicKey)).toBe(true);
    }
  });
});
