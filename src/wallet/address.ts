import { address, networks, opcodes, script, type Network } from 'bitcoinjs-lib';
import { concat } from 'uint8arrays/concat';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { WalletError } from './errors.ts';

const NETWORKS: Readonly<Record<string, Network>> = {
  main: networks.bitcoin,
  test: networks.testnet,
  testnet4: networks.testnet,
  signet: networks.testnet,
  regtest: networks.regtest,
};

/** The address prefixes of a network by its name in `getblockchaininfo`. Throws `WalletError` `unknown_network`. */
export function bitcoinNetwork(name: string): Network {
  const network = NETWORKS[name];
  if (network === undefined) {
    throw new WalletError('unknown_network', `expected one of ${Object.keys(NETWORKS).join(', ')}, got '${name}'`);
  }
  return network;
}

/**
 * The output script of a P2PKH, P2SH, P2WPKH, P2WSH or P2TR address. Throws `WalletError` `invalid_address` for any
 * other, one of another network included: later witness versions have no rules yet, so that anyone could take what is
 * sent there.
 */
export function addressToScript(text: string, network: Network): Uint8Array {
  const output = decode(text, network);
  if (output !== undefined) return output;
  throw new WalletError(
    'invalid_address',
    `expected an address of this network (such as ${network.bech32}1…), got '${text.slice(0, 100)}'`,
  );
}

function decode(text: string, network: Network): Uint8Array | undefined {
  if (text.toLowerCase().startsWith(`${network.bech32}1`)) {
    const decoded = attempt(() => address.fromBech32(text));
    return decoded?.prefix === network.bech32 ? witnessScript(decoded.version, decoded.data) : undefined;
  }
  const decoded = attempt(() => address.fromBase58Check(text));
  if (decoded?.version === network.pubKeyHash) {
    return script.compile([
      opcodes.OP_DUP,
      opcodes.OP_HASH160,
      decoded.hash,
      opcodes.OP_EQUALVERIFY,
      opcodes.OP_CHECKSIG,
    ]);
  }
  if (decoded?.version === network.scriptHash)
    return script.compile([opcodes.OP_HASH160, decoded.hash, opcodes.OP_EQUAL]);
  return undefined;
}

function witnessScript(version: number, program: Uint8Array): Uint8Array | undefined {
  if (version === 0 && (program.length === 20 || program.length === 32)) return script.compile([opcodes.OP_0, program]);
  // BIP 341: nobody can ever spend an output key that is no point of the curve.
  const isPoint = version === 1 && program.length === 32 && secp256k1.isPublicKey(concat([Uint8Array.of(2), program]));
  return isPoint ? script.compile([opcodes.OP_1, program]) : undefined;
}

function attempt<T>(decoder: () => T): T | undefined {
  try {
    return decoder();
  } catch {
    return undefined;
  }
}
