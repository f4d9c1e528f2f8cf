import type { HDKey } from '@scure/bip32';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { backupCipher } from './backup-cipher.ts';
import { SeedChannelSigner } from './channel-signer.ts';
import { keyTree, secretOf } from './derivation.ts';
import type { AddressPath, NodeSigner, OnchainSigner, Signer } from './signer-api.ts';

export type {
  AddressPath,
  BackupCipher,
  ChannelPublicKeys,
  ChannelSigner,
  NodeSigner,
  OnchainSigner,
  OutputSigner,
  RemoteCommitmentToSign,
  Signer,
} from './signer-api.ts';

/**
 * The node's only holder of secrets, from a 64-byte BIP39 seed (`seedFromMnemonic`). `network` is the chain's name as
 * bitcoind has it ('main', 'regtest', …): mainnet has keys of its own.
 */
export function createSigner(seed: Uint8Array, network: string): Signer {
  const tree = keyTree(seed, network === 'main');
  return {
    node: nodeSigner(tree.nodeKey),
    onchain: onchainSigner(tree.account),
    backup: backupCipher(tree.backupKey),
    channel: (channelIndex) => new SeedChannelSigner(channelIndex, tree.channelSecrets(channelIndex)),
  };
}

function nodeSigner(nodeKey: Uint8Array): NodeSigner {
  return {
    nodeId: secp256k1.publicKey(nodeKey),
    signGossip: (hash) => secp256k1.sign(hash, nodeKey),
    signAudit: (hash) => secp256k1.sign(hash, nodeKey),
    signInvoice: (hash) => secp256k1.signRecoverable(hash, nodeKey),
    ecdh: (publicKey) => secp256k1.ecdh(publicKey, nodeKey),
    libp2pPrivateKey: () => Uint8Array.from(nodeKey),
  };
}

function onchainSigner(account: HDKey): OnchainSigner {
  const chains = [account.deriveChild(0), account.deriveChild(1)] as const;
  const secretAt = ({ chain, index }: AddressPath): Uint8Array => secretOf(chains[chain].deriveChild(index));
  return {
    publicKey: (path) => secp256k1.publicKey(secretAt(path)),
    signInput(sighash, path) {
      const secret = secretAt(path);
      return { signature: secp256k1.sign(sighash, secret), publicKey: secp256k1.publicKey(secret) };
    },
  };
}
