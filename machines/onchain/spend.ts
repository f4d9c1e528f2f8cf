import type { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays';
import { sha256 } from '../../protocols/crypto/hash.ts';
import type { Side } from '../htlc/htlc-states.ts';
import type { OutputRow } from './output.ts';

type Witness = readonly Uint8Array[];

/**
 * Whose transaction spends a watched output, read off its witness: the path through the script that it takes shows who
 * could take it (BOLT 3, "Commitment Transaction Outputs"). `owner` is the owner of the commitment.
 */
export function spenderOf({ kind, htlc }: OutputRow, owner: Side, witness: Witness): 'us' | 'peer' {
  switch (kind) {
    case 'to_remote':
      return 'us';
    case 'to_local':
    case 'second_stage':
      // `<sig> <>` after the delay, `<sig> 1` by the revocation.
      return isFalse(witness[1]) ? 'us' : 'peer';
    case 'revoked_to_local':
    case 'revoked_second_stage':
      return isFalse(witness[1]) ? 'peer' : 'us';
    case 'anchor':
      return isEmpty(witness[0]) ? 'peer' : 'us';
    case 'revoked_htlc':
      // `<sig> <revocation pubkey>`: only the revocation path takes a public key.
      return witness.length === 3 && witness[1]?.length === 33 ? 'us' : 'peer';
    case 'htlc': {
      // Through an HTLC transaction (both keys) goes the owner of the commitment alone.
      const byOwner = witness.length === 5;
      return byOwner === (owner === 'local') ? 'us' : 'peer';
    }
    case 'no_output':
      throw new RangeError(`HTLC ${htlc?.id} has no output to be spent`);
  }
}

/** The preimage of the HTLC, if the witness shows it. */
export function preimageIn({ htlc }: OutputRow, witness: Witness): Uint8Array | undefined {
  if (htlc === undefined) return undefined;
  return witness.find((item) => item.length === 32 && equals(sha256(item), htlc.paymentHash));
}

/** Where a transaction spends the output, as the index of its input. */
export function inputSpending({ outpoint }: OutputRow, { ins }: Transaction): number | undefined {
  if (outpoint === undefined) return undefined;
  const at = ins.findIndex(({ hash, index }) => index === outpoint.outputIndex && equals(hash, outpoint.txid));
  return at === -1 ? undefined : at;
}

const isEmpty = (item: Uint8Array | undefined): boolean => item === undefined || item.length === 0;

/** What OP_IF takes for false by the consensus, of which nodes relay the empty element alone: zero, also a negative one. */
const isFalse = (item: Uint8Array | undefined): boolean =>
  item === undefined || item.every((byte, at) => byte === 0 || (byte === 0x80 && at === item.length - 1));
