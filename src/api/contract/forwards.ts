/** What this node forwarded for others. */
import { z } from 'zod';
import { channelId, count, msat, paymentHash, shortChannelId, u64 } from '../fields.ts';
import { method } from '../method.ts';
import { CHANNEL, HASH, SCID, SECRET } from './examples.ts';
import { paging } from './payments.ts';

const forwardStatus = z
  .enum(['inFlight', 'settled', 'failed', 'lost'])
  .meta({ id: 'ForwardStatus', description: 'lost: the outgoing HTLC was paid, the incoming one was not' });

const end = {
  channelId: channelId.optional().meta({ description: 'Absent for a channel that this node does not have' }),
  shortChannelId: shortChannelId.optional(),
  amountMsat: msat,
};

const forward = z
  .object({
    status: forwardStatus,
    state: z.string().meta({ description: 'State of the forwarding statechart' }),
    paymentHash,
    incoming: z.object({ ...end, htlcId: u64 }),
    outgoing: z.object({ ...end, htlcId: u64.optional().meta({ description: 'Absent if it was not offered' }) }),
    feeMsat: msat.meta({ description: 'Earned with it; 0 unless it is settled' }),
    lostMsat: msat.optional().meta({ description: 'Paid and not paid for' }),
    failureCode: z.string().optional().meta({ description: "BOLT 4's name where the failure is ours, or downstream" }),
    createdAtMs: count.meta({ description: 'Unix time in milliseconds' }),
    finishedAtMs: count.optional(),
  })
  .meta({ id: 'Forward' });

export const forwardsMethods = {
  forwards: method({
    summary: 'List the HTLCs forwarded for others, and what was earned',
    http: { method: 'GET', path: '/v1/forwards' },
    input: z.strictObject({
      status: forwardStatus.optional().meta({ description: 'Only those of this status' }),
      ...paging,
    }),
    output: z.object({
      total: count,
      feeMsat: msat.meta({ description: 'Earned by all forwards ever' }),
      lostMsat: msat.meta({ description: 'Lost by forwards that were paid and not paid for' }),
      forwards: z.array(forward),
    }),
    cli: { args: [], example: 'runnel forwards --status settled --limit 20' },
    example: {
      input: { status: 'settled', limit: 1 },
      output: {
        total: 12,
        feeMsat: '13200',
        lostMsat: '0',
        forwards: [
          {
            status: 'settled',
            state: 'settled',
            paymentHash: HASH,
            incoming: { channelId: CHANNEL, shortChannelId: SCID, htlcId: '4', amountMsat: '1001100' },
            outgoing: { channelId: SECRET, shortChannelId: '104x1x0', htlcId: '0', amountMsat: '1000000' },
            feeMsat: '1100',
            createdAtMs: 1_795_000_000_000,
            finishedAtMs: 1_795_000_000_400,
          },
        ],
      },
    },
  }),
};
