/** The node at a glance, for whoever runs it. */
import { z } from 'zod';
import { blockHeight, channelId, count, msat, nodeId, sat, shortChannelId } from '../fields.ts';
import { method } from '../method.ts';
import { channelState, connectionState } from './channel-state.ts';
import { ALICE, BOB, CHANNEL, SCID } from './examples.ts';
import { exampleAlarm } from './pending.ts';
import { alarm } from './pending-types.ts';
import { onchainBalance } from './wallet.ts';

const liquidity = z
  .object({
    channelId,
    shortChannelId: shortChannelId.optional(),
    nodeId: nodeId.meta({ description: "The peer's node id" }),
    alias: z.string().optional().meta({ description: "The peer's alias" }),
    capacitySat: sat,
    localMsat: msat,
    remoteMsat: msat,
    spendableMsat: msat,
    receivableMsat: msat,
    connection: connectionState,
    state: channelState,
  })
  .meta({ id: 'ChannelLiquidity' });

const overview = z
  .object({
    blockHeight,
    alias: z.string(),
    nodeId,
    network: z.string(),
    capacitySat: sat.meta({ description: 'Of the normal channels' }),
    spendableMsat: msat.meta({ description: 'What can leave over the normal channels now: liquidity out' }),
    receivableMsat: msat.meta({ description: 'What can arrive over the normal channels now: liquidity in' }),
    localMsat: msat.meta({ description: 'Ours in the normal channels' }),
    remoteMsat: msat.meta({ description: "Our peers' in the normal channels" }),
    numChannels: z.object({
      opening: count,
      normal: count,
      closing: count.meta({ description: 'On their way into the chain, or failed' }),
      frozen: count.meta({ description: 'Of all these, those that a fault in the node has stopped' }),
    }),
    numPeers: count.meta({ description: 'Connected' }),
    fees: z
      .object({ dayMsat: msat, weekMsat: msat, monthMsat: msat, totalMsat: msat, lostMsat: msat })
      .meta({ description: 'Earned by forwarding within the last day, 7 days, 30 days and ever; and lost ever by forwards that were not paid for' }),
    forwards: z.object({ settled: count, failed: count, inFlight: count, lost: count }),
    payments: z.object({ succeeded: count, failed: count, inFlight: count }),
    invoices: z.object({ paid: count, open: count }),
    pending: z.object({
      openingMsat: msat.meta({ description: 'Ours in channels that are being opened' }),
      closingMsat: msat.meta({ description: 'Ours in channels that are being closed, not yet back in the wallet' }),
      offeredHtlcsMsat: msat,
      receivedHtlcsMsat: msat,
      limboSat: sat.meta({ description: 'Ours on chain and not yet in the wallet, as `pending` has it' }),
    }),
    onchain: onchainBalance,
    alarms: z.array(alarm),
    liquidity: z.array(liquidity).meta({ description: 'One for each channel that is not over' }),
  })
  .meta({ id: 'Overview' });

export const overviewMethods = {
  overview: method({
    summary: 'Show the node at a glance: liquidity in and out, fees earned, what is pending, alarms with what to do',
    http: { method: 'GET', path: '/v1/overview' },
    input: z.strictObject({}),
    output: overview,
    cli: { args: [], example: 'runnel overview' },
    example: {
      input: {},
      output: {
        blockHeight: 109,
        alias: 'alice',
        nodeId: ALICE,
        network: 'regtest',
        capacitySat: '100000',
        spendableMsat: '96000000',
        receivableMsat: '4500',
        localMsat: '98995500',
        remoteMsat: '1004500',
        numChannels: { opening: 0, normal: 1, closing: 0, frozen: 0 },
        numPeers: 1,
        fees: { dayMsat: '1100', weekMsat: '13200', monthMsat: '13200', totalMsat: '13200', lostMsat: '0' },
        forwards: { settled: 12, failed: 1, inFlight: 0, lost: 0 },
        payments: { succeeded: 3, failed: 0, inFlight: 0 },
        invoices: { paid: 2, open: 1 },
        pending: { openingMsat: '0', closingMsat: '0', offeredHtlcsMsat: '0', receivedHtlcsMsat: '0', limboSat: '0' },
        onchain: {
          confirmedSat: '4899390',
          unconfirmedSat: '0',
          immatureSat: '0',
          reservedSat: '0',
          reservedForFeesSat: '10000',
        },
        alarms: [exampleAlarm],
        liquidity: [
          {
            channelId: CHANNEL,
            shortChannelId: SCID,
            nodeId: BOB,
            alias: 'bob',
            capacitySat: '100000',
            localMsat: '98995500',
            remoteMsat: '1004500',
            spendableMsat: '96000000',
            receivableMsat: '4500',
            connection: 'online',
            state: 'normal',
          },
        ],
      },
    },
  }),
};
