import { address, networks } from 'bitcoinjs-lib';
import { InvoiceError } from './errors.ts';
import type { Currency } from './prefix.ts';
import { bytesToWords, wordsToBytes, type Words } from './words.ts';

/** BOLT 11, "Tagged Fields": versions of `f` beyond those of witness programs. */
const P2PKH = 17;
const P2SH = 18;

const NETWORKS = { bc: networks.bitcoin, tb: networks.testnet, tbs: networks.testnet, bcrt: networks.regtest };

/** The address in an `f` field, or undefined for a version that readers must skip. */
export function decodeFallback(words: Words, currency: Currency): string | undefined {
  const [version, ...rest] = words;
  if (version !== undefined && version > P2SH) return undefined;
  const program = wordsToBytes(rest);
  if (version === undefined || program === undefined || !isProgram(version, program)) {
    throw badFallback(`version ${version} with ${rest.length} words`);
  }
  const network = NETWORKS[currency];
  if (version === P2PKH) return address.toBase58Check(program, network.pubKeyHash);
  if (version === P2SH) return address.toBase58Check(program, network.scriptHash);
  return address.toBech32(program, version, network.bech32);
}

/** The words of an `f` field for an address of the currency's network. */
export function encodeFallback(text: string, currency: Currency): number[] {
  const { version, program } = parseAddress(text, currency);
  if (!isProgram(version, program)) throw badFallback(text);
  return [version, ...bytesToWords(program)];
}

function parseAddress(text: string, currency: Currency): { version: number; program: Uint8Array } {
  const network = NETWORKS[currency];
  try {
    if (text.toLowerCase().startsWith(`${network.bech32}1`)) {
      const { version, prefix, data } = address.fromBech32(text);
      if (prefix === network.bech32) return { version, program: data };
    } else {
      const { version, hash } = address.fromBase58Check(text);
      if (version === network.pubKeyHash) return { version: P2PKH, program: hash };
      if (version === network.scriptHash) return { version: P2SH, program: hash };
    }
  } catch (error) {
    throw badFallback(text, { cause: error });
  }
  throw badFallback(text);
}

/** BIP 141: which programs are valid. */
function isProgram(version: number, program: Uint8Array): boolean {
  if (version === P2PKH || version === P2SH) return program.length === 20;
  if (version === 0) return program.length === 20 || program.length === 32;
  return version <= 16 && program.length >= 2 && program.length <= 40;
}

function badFallback(actual: string, options?: ErrorOptions): InvoiceError {
  const expected = "an address of the invoice's network";
  return new InvoiceError('invoice_bad_field', { place: 'fallbackAddresses', expected, actual }, options);
}
