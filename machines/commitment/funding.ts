import { address, type Network } from 'bitcoinjs-lib';
import { compare } from 'uint8arrays/compare';
import { SIGHASH_ALL, toWitnessSignature } from '../../protocols/crypto/witness-signature.ts';
import { fundingScript, p2wsh } from './scripts.ts';

/** The output of a funding transaction: what it pays to, and the script that spends it. */
export interface FundingOutput {
  readonly witnessScript: Uint8Array;
  readonly scriptPubkey: Uint8Array;
}

/** A 33-byte funding public key with its 64-byte signature over the transaction that spends the funding output. */
export interface FundingSignature {
  readonly fundingPubkey: Uint8Array;
  readonly signature: Uint8Array;
}

/** The funding output of two nodes, whichever comes first (BOLT 3, "Funding Transaction Output"). */
export function fundingOutput(fundingPubkeyA: Uint8Array, fundingPubkeyB: Uint8Array): FundingOutput {
  const witnessScript = fundingScript(fundingPubkeyA, fundingPubkeyB);
  return { witnessScript, scriptPubkey: p2wsh(witnessScript) };
}

/** The bech32 address of the funding output. */
export function fundingAddress(fundingPubkeyA: Uint8Array, fundingPubkeyB: Uint8Array, network: Network): string {
  return address.fromOutputScript(fundingOutput(fundingPubkeyA, fundingPubkeyB).scriptPubkey, network);
}

/** The witness that spends the funding output, for commitment and closing transactions alike. */
export function fundingWitness(a: FundingSignature, b: FundingSignature): Uint8Array[] {
  const ordered = compare(a.fundingPubkey, b.fundingPubkey) < 0 ? [a, b] : [b, a];
  return [
    new Uint8Array(),
    ...ordered.map(({ signature }) => toWitnessSignature(signature, SIGHASH_ALL)),
    fundingScript(a.fundingPubkey, b.fundingPubkey),
  ];
}
