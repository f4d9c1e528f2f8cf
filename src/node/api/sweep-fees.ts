import type { OutputRow } from '../../../machines/onchain/output.ts';
import { displayTxid } from '../../sweep/sweep.ts';

/**
 * What our transactions that took channels' outputs paid in fees, by txid: what they took, less what they put into
 * outputs that wait again (HTLC transactions), less what the wallet gained by them. `rows` are those of all channels,
 * since one transaction may serve several; `nets` is what each transaction brought the wallet or cost it.
 */
export function sweepFees(rows: readonly OutputRow[], nets: ReadonlyMap<string, bigint>): Map<string, bigint> {
  const fees = new Map<string, bigint>();
  for (const { spend, amountSat } of rows) {
    if (spend === undefined) continue;
    const txid = displayTxid(spend.txid);
    const net = nets.get(txid);
    if (net !== undefined) fees.set(txid, (fees.get(txid) ?? -net) + amountSat);
  }
  for (const { kind, outpoint, amountSat } of rows) {
    if (kind !== 'second_stage' || outpoint === undefined) continue;
    const txid = displayTxid(outpoint.txid);
    const feeSat = fees.get(txid);
    if (feeSat !== undefined) fees.set(txid, feeSat - amountSat);
  }
  return fees;
}
