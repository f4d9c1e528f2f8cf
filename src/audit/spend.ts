import { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays';
import type { ChannelData } from '../../machines/channel/data.ts';
import { fundingOutput } from '../../machines/commitment/funding.ts';
import { CONSENSUS_FLAGS } from '../chain/embedded/script/flags.ts';
import { verifyScript } from '../chain/embedded/script/verify.ts';
import { AuditError } from './errors.ts';

/**
 * What is said to have spent the funding output does so by Bitcoin's own rules: whatever it is, both nodes have signed it, and none of them made it up alone.
 * Throws `AuditError`.
 */
export function expectSigned({ fundingSpend, funding, fundingSatoshis, local, remote }: ChannelData): void {
  if (fundingSpend === undefined) return;
  if (funding === undefined || remote === undefined) throw unsigned('there is no funding output yet');
  const transaction = readSpend(fundingSpend.transaction);
  const index = transaction.ins.findIndex((input) => input.index === funding.outputIndex && equals(input.hash, funding.txid));
  if (index === -1) throw unsigned('it does not');
  const { scriptPubkey } = fundingOutput(local.fundingPubkey, remote.fundingPubkey);
  const error = verifyScript(scriptPubkey, CONSENSUS_FLAGS, { transaction, index, amountSat: fundingSatoshis });
  if (error !== undefined) throw unsigned(`its signatures do not let it (${error})`);
}

/** Throws `AuditError` for bytes that are no transaction. */
export function readSpend(bytes: Uint8Array): Transaction {
  try {
    return Transaction.fromBuffer(bytes);
  } catch (error) {
    throw unsigned(`it is no transaction: ${(error as Error).message}`);
  }
}

const unsigned = (reason: string): AuditError => new AuditError('audit_spend', `what is said to spend the funding output cannot: ${reason}`);
