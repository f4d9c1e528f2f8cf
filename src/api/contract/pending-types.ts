/** How what is pending looks through the API: channels that open or close, and what hangs on them. */
import { z } from 'zod';
import {
  blockHeight, channelId, count, integer, msat, nodeId, outpoint, paymentHash, sat, shortChannelId, txid, u64,
} from '../fields.ts';
import { channelState } from './channel-state.ts';

const blocksLeft = count.meta({ description: 'Blocks until then' });
const text = z.string().meta({ description: 'The same in words' });

export const pendingTransaction = z
  .object({
    txid,
    feeratePerKw: integer(0, 0xffff_ffff).meta({ description: 'What it pays, in sat per 1,000 weight units' }),
    feeSat: sat,
    sinceHeight: blockHeight.optional().meta({ description: 'The height when its outputs were first claimed' }),
  })
  .meta({ id: 'PendingTransaction', description: 'A transaction of ours that waits for a block' });

/** What an output is, as in BOLT 5; see `OutputKind`. */
export const outputKind = z
  .enum([
    'to_local', 'second_stage', 'to_remote', 'anchor', 'htlc', 'no_output', 'revoked_to_local', 'revoked_htlc',
    'revoked_second_stage',
  ])
  .meta({ id: 'OutputKind' });

/** The states of the outputs' statecharts. */
export const outputState = z
  .enum([
    'unconfirmed', 'waiting', 'claimable', 'expired', 'claimed', 'claimBuried', 'taken', 'takeBuried', 'buried', 'resolved',
  ])
  .meta({ id: 'OutputState' });

/** The statechart that resolves an output, by the name under which `runnel statechart` draws it. */
export const outputChart = z
  .enum(['balance-output', 'htlc-output', 'revoked-output', 'anchor-output', 'no-output'])
  .meta({ id: 'OutputChart' });

export const pendingOutput = z
  .object({
    kind: outputKind,
    chart: outputChart,
    state: outputState,
    outpoint: outpoint.optional().meta({ description: 'Absent for an HTLC that has no output' }),
    amountSat: sat,
    htlc: z
      .object({
        htlcId: u64,
        direction: z.enum(['offered', 'received']),
        amountMsat: msat,
        paymentHash,
        cltvExpiry: blockHeight,
        preimageKnown: z.boolean(),
      })
      .optional()
      .meta({ description: 'The HTLC that it stands for' }),
    holder: z
      .enum(['us', 'peer', 'nobody'])
      .meta({ description: 'Whose transaction in a block spends it; nobody as long as none does' }),
    account: z
      .enum(['limbo', 'recovered', 'lost', 'none'])
      .meta({ description: 'Ours and not yet in the wallet, in the wallet, lost, or not ours' }),
    waitsFor: z
      .enum(['transaction', 'delay', 'expiry', 'preimage', 'block', 'depth', 'nothing'])
      .meta({
        description:
          'That the transaction with it is in a block, its delay ends, its HTLC expires, its preimage is learnt, ' +
          'ours is in a block, or what spends it is deep enough',
      }),
    untilHeight: blockHeight.optional().meta({ description: 'When what it waits for comes, where that is known' }),
    blocksLeft: blocksLeft.optional(),
    deadline: blockHeight.optional().meta({ description: 'The height from which on the peer can take it' }),
    transaction: pendingTransaction.optional().meta({ description: 'Ours that is to spend it and waits for a block' }),
    spendingTxid: txid.optional().meta({ description: 'The transaction in a block that spends it' }),
    what: z.string().meta({ description: 'What it is, in words' }),
    text,
  })
  .meta({ id: 'PendingOutput', description: 'An output of the transaction that ended a channel, or of one upon it' });

export const pendingTotals = z
  .object({
    limboSat: sat.meta({ description: 'Ours, not yet in the wallet' }),
    recoveredSat: sat.meta({ description: 'Paid to us by a transaction in a block' }),
    lostSat: sat.meta({ description: 'Ours, and taken by the peer or left to the miners' }),
    feesSat: sat.meta({ description: 'What we paid for transactions in blocks, anchors aside' }),
  })
  .meta({ id: 'PendingTotals' });

export const closingKind = z
  .enum(['mutual', 'local', 'remote', 'remoteNext', 'revoked', 'ahead', 'unknown'])
  .meta({
    id: 'ClosingKind',
    description:
      "What spends the funding output: what both signed, our commitment, the peer's, its next one, one that it had " +
      'revoked, one that is ahead of what this node knows, or what nobody knows',
  });

export const pendingClosing = z
  .object({
    kind: closingKind,
    txid: txid.optional(),
    confirmations: count,
    confirmationsNeeded: count,
    blocksLeft,
    sinceMs: count.optional().meta({ description: 'Unix time in milliseconds since which it waits for a block' }),
    feeSat: sat.optional(),
    feeratePerKw: integer(0, 0xffff_ffff).optional(),
    bump: pendingTransaction.optional().meta({ description: 'The child that raises its fee' }),
    text,
  })
  .meta({ id: 'PendingClosing', description: 'The transaction that ends a channel' });

export const pendingChannel = z
  .object({
    channelId,
    shortChannelId: shortChannelId.optional(),
    nodeId: nodeId.meta({ description: "The peer's node id" }),
    alias: z.string().optional().meta({ description: "The peer's alias" }),
    state: channelState,
    text,
    confirmations: count.optional().meta({ description: 'Of the funding transaction, while the channel opens' }),
    confirmationsNeeded: count.optional(),
    numHtlcs: count,
    closing: pendingClosing.optional(),
    outputs: z.array(pendingOutput),
    totals: pendingTotals,
    reason: z
      .object({ by: z.enum(['local', 'remote']), code: z.string(), text: z.string() })
      .optional()
      .meta({ description: 'Why it ended, and who ended it' }),
  })
  .meta({ id: 'PendingChannel' });

export const htlcDeadline = z
  .object({
    channelId,
    shortChannelId: shortChannelId.optional(),
    htlcId: u64,
    direction: z.enum(['offered', 'received']),
    amountMsat: msat,
    paymentHash,
    cltvExpiry: blockHeight,
    blocksLeft,
    text,
  })
  .meta({ id: 'HtlcDeadline', description: 'An HTLC of an open channel that expires soon' });

export const alarm = z
  .object({
    code: z.string().meta({ description: 'Stable, for programs' }),
    message: z.string().meta({ description: 'What is wrong and what helps' }),
    channelId: channelId.optional(),
    sinceMs: count.meta({ description: 'Unix time in milliseconds since which it stands' }),
    advice: z.string().meta({ description: 'What to do about it' }),
  })
  .meta({ id: 'Alarm', description: 'Where the node cannot go on by itself' });
