/** How the commitment transactions of a channel look through the API. */
import { z } from 'zod';
import { blockHeight, commitmentNumber, count, integer, msat, paymentHash, sat, txid, u64 } from '../fields.ts';

export const commitmentOutput = z
  .object({
    index: count.meta({ description: 'Its place in the transaction' }),
    kind: z
      .enum(['to_local', 'to_remote', 'local_anchor', 'remote_anchor', 'offered_htlc', 'received_htlc'])
      .meta({ description: "As in BOLT 3, where local is the commitment's owner" }),
    amountSat: sat,
    words: z.string().meta({ description: 'Its script in words: who can spend it, and when' }),
    htlcId: u64.optional(),
    paymentHash: paymentHash.optional(),
    cltvExpiry: blockHeight.optional(),
  })
  .meta({ id: 'CommitmentOutput' });

export const commitment = z
  .object({
    commitmentNumber,
    feeratePerKw: integer(0, 0xffff_ffff),
    toLocalMsat: msat.meta({ description: "This commitment's owner's balance" }),
    toRemoteMsat: msat.meta({ description: "The other side's balance" }),
    numOfferedHtlcs: count.meta({ description: "HTLCs that this commitment's owner offered" }),
    numReceivedHtlcs: count.meta({ description: "HTLCs that this commitment's owner received" }),
    txid: txid.optional(),
    feeSat: sat.meta({ description: 'What the transaction leaves to the miner, trimmed HTLCs included' }),
    numTrimmed: count.meta({ description: 'HTLCs too small for an output' }),
    outputs: z.array(commitmentOutput).meta({ description: "In the transaction's order" }),
  })
  .meta({ id: 'Commitment' });

export const commitments = z.object({
  local: commitment.meta({ description: 'Ours: the one that a forced close broadcasts' }),
  remote: commitment.meta({ description: "The peer's that we signed last" }),
});
