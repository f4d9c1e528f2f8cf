/** Why a channel ended, and what its end looks like on chain. */
import { z } from 'zod';
import { blockHeight, count, outpoint, sat, txid } from '../fields.ts';

export const why = z
  .object({
    text: z.string().meta({ description: 'Why it failed, closes or is closed, in a sentence' }),
    evidence: z
      .array(
        z.object({
          text: z.string(),
          sequence: count.optional().meta({ description: 'The entry of the journal that shows it' }),
          txid: txid.optional().meta({ description: 'The transaction that shows it' }),
        }),
      )
      .meta({ description: 'What shows it, in the order in which it happened' }),
  })
  .meta({ id: 'Why' });

export const closingNode = z
  .object({
    kind: z.enum(['transaction', 'output']),
    what: z.string().meta({ description: 'What it is, in words' }),
    txid: txid.optional().meta({ description: 'Of a transaction; of an output, the one that spends or is to spend it' }),
    outpoint: outpoint.optional().meta({ description: 'Of an output' }),
    amountSat: sat.optional(),
    feeSat: sat.optional().meta({ description: 'Of a transaction, where it is known' }),
    confirmations: count,
    confirmationsNeeded: count.meta({ description: 'So many make it irrevocable' }),
    blockHeight: blockHeight.optional().meta({ description: 'The block that holds the transaction, or the one that spends the output' }),
    deadline: blockHeight.optional().meta({ description: 'The height from which on the peer can take it' }),
    blocksLeft: count.optional().meta({ description: 'Blocks until what it waits for' }),
    isOurs: z.boolean().meta({ description: 'Whether it pays us, or is a transaction of ours' }),
    text: z.string().meta({ description: 'What has become of it, or what it waits for' }),
    get children(): z.ZodArray<typeof closingNode> {
      return z.array(closingNode);
    },
  })
  .meta({
    id: 'ClosingNode',
    description: 'A transaction with its outputs, or an output with the transaction that spends it, from the funding down to the wallet',
  });
