/** What is pending: channels that open, close or have failed, with all that hangs on them. */
import { z } from 'zod';
import { blockHeight } from '../fields.ts';
import { method } from '../method.ts';
import { BOB, CHANNEL, FUNDING_TXID, HASH, SCID, SECRET } from './examples.ts';
import { alarm, htlcDeadline, pendingChannel, pendingTotals } from './pending-types.ts';

const exampleTotals = { limboSat: '98745', recoveredSat: '0', lostSat: '0', feesSat: '2810' };

const exampleChannel = {
  channelId: CHANNEL,
  shortChannelId: SCID,
  nodeId: BOB,
  alias: 'bob',
  state: 'closing',
  text: 'closing by our commitment transaction: 2 of 100 confirmations, 1 output of ours open',
  numHtlcs: 0,
  closing: {
    kind: 'local',
    txid: FUNDING_TXID,
    confirmations: 2,
    confirmationsNeeded: 100,
    blocksLeft: 98,
    feeSat: '2810',
    feeratePerKw: 2500,
    text: 'our commitment transaction',
  },
  outputs: [
    {
      kind: 'to_local',
      chart: 'balance-output',
      state: 'waiting',
      outpoint: `${FUNDING_TXID}:1`,
      amountSat: '98745',
      holder: 'nobody',
      account: 'limbo',
      waitsFor: 'delay',
      untilHeight: 251,
      blocksLeft: 142,
      what: 'our balance',
      text: '142 blocks until its delay ends, at height 251',
    },
  ],
  totals: exampleTotals,
  reason: {
    by: 'local',
    code: 'force_close',
    text: 'ended by us: this node was told to close the channel without its peer',
  },
} satisfies z.input<typeof pendingChannel>;

export const exampleAlarm = {
  code: 'no_fee_coins',
  message: 'the wallet has no coins for the fee of a transaction that must confirm before height 251',
  channelId: CHANNEL,
  sinceMs: 1_795_000_000_000,
  advice: 'send some sat to an address of `runnel newaddress`',
} satisfies z.input<typeof alarm>;

export const pendingMethods = {
  pending: method({
    summary: 'Show what is pending: channels that open or close, the money in them, and what each output waits for',
    description:
      'Every channel that is neither usable nor over, each output that is still watched on chain, HTLCs of open ' +
      'channels that expire within 24 blocks, and alarms: where the node cannot go on by itself.',
    http: { method: 'GET', path: '/v1/pending' },
    input: z.strictObject({}),
    output: z
      .object({
        blockHeight,
        channels: z.array(pendingChannel),
        deadlines: z.array(htlcDeadline),
        alarms: z.array(alarm),
        totals: pendingTotals,
      })
      .meta({ id: 'Pending' }),
    cli: { args: [], example: 'runnel pending' },
    example: {
      input: {},
      output: {
        blockHeight: 109,
        channels: [exampleChannel],
        deadlines: [
          {
            channelId: SECRET,
            shortChannelId: '104x1x0',
            htlcId: '3',
            direction: 'received',
            amountMsat: '250000',
            paymentHash: HASH,
            cltvExpiry: 121,
            blocksLeft: 12,
            text: 'HTLC 3 offered to us expires in 12 blocks, at height 121',
          },
        ],
        alarms: [exampleAlarm],
        totals: exampleTotals,
      },
    },
  }),
};
