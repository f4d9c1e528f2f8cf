import { HARDENED_OFFSET, HDKey } from '@scure/bip32';

/**
 * Every key's place under the seed (BIP32), all in hardened steps but for the last two of an address:
 *
 *     m/84'/coin'/0'/chain/index     on-chain addresses (BIP84; chain 0 receives, 1 is change)
 *     m/9735'/coin'/0'               the node key
 *     m/9735'/coin'/1'/channel'/k'   a channel's keys, k as in CHANNEL_KEYS (BOLT 3, "Key Derivation")
 *     m/9735'/coin'/2'               the key that backups of the channels are encrypted with
 *
 * 9735 is the port that IANA gave Lightning; coin is 0 on mainnet and 1 elsewhere (SLIP-44). These paths never change:
 * the funds of existing channels hang on them.
 */
const LIGHTNING_PURPOSE = 9735;
const NODE_BRANCH = 0;
const CHANNEL_BRANCH = 1;
const BACKUP_BRANCH = 2;

/** The children of a channel. The last is no signing key: it is the seed of BOLT 3's per-commitment secrets. */
const CHANNEL_KEYS = {
  funding: 0,
  revocation: 1,
  payment: 2,
  delayedPayment: 3,
  htlc: 4,
  perCommitmentSeed: 5,
} as const;

/** 32 bytes each. */
export type ChannelSecrets = Readonly<Record<keyof typeof CHANNEL_KEYS, Uint8Array>>;

/** The branches of the seed that the signer works from. */
export interface KeyTree {
  readonly nodeKey: Uint8Array;
  readonly backupKey: Uint8Array;
  /** BIP84's account 0: derive chain and index from it. */
  readonly account: HDKey;
  /** `channelIndex` from 0 to 2^31-1. */
  channelSecrets(channelIndex: number): ChannelSecrets;
}

/** `seed` is BIP39's, 64 bytes. */
export function keyTree(seed: Uint8Array, isMainnet: boolean): KeyTree {
  const coin = isMainnet ? 0 : 1;
  const master = HDKey.fromMasterSeed(seed);
  const lightning = master.derive(`m/${LIGHTNING_PURPOSE}'/${coin}'`);
  const channels = hardened(lightning, CHANNEL_BRANCH);
  return {
    nodeKey: secretOf(hardened(lightning, NODE_BRANCH)),
    backupKey: secretOf(hardened(lightning, BACKUP_BRANCH)),
    account: master.derive(`m/84'/${coin}'/0'`),
    channelSecrets(channelIndex) {
      const channel = hardened(channels, channelIndex);
      const secret = (name: keyof typeof CHANNEL_KEYS): Uint8Array => secretOf(hardened(channel, CHANNEL_KEYS[name]));
      return {
        funding: secret('funding'),
        revocation: secret('revocation'),
        payment: secret('payment'),
        delayedPayment: secret('delayedPayment'),
        htlc: secret('htlc'),
        perCommitmentSeed: secret('perCommitmentSeed'),
      };
    },
  };
}

function hardened(parent: HDKey, index: number): HDKey {
  if (!Number.isInteger(index) || index < 0 || index >= HARDENED_OFFSET) {
    throw new RangeError(`a hardened index is an integer from 0 to 2^31-1, not ${index}`);
  }
  return parent.deriveChild(HARDENED_OFFSET + index);
}

/** The secret key of a node of the tree (which always has one here: the tree starts from the seed). */
export function secretOf(key: HDKey): Uint8Array {
  if (key.privateKey === null) throw new TypeError('an extended public key has no secret key');
  return key.privateKey;
}
