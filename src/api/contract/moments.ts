/** A channel as it was after any entry of its journal. */
import { z } from 'zod';
import { channelId, channelRef, count, hash32, msat, outpoint, sat, stateValue } from '../fields.ts';
import { method } from '../method.ts';
import { htlc } from './channel-types.ts';
import { channelState } from './channel-state.ts';
import { commitments } from './commitment-types.ts';
import { decoded } from './decoded-types.ts';
import { CHANNEL, HASH, SCID } from './examples.ts';
import { outputChart, outputKind, outputState } from './pending-types.ts';

const moment = z
  .object({
    channelId,
    sequence: count,
    first: count.meta({ description: 'The first entry that the journal still has' }),
    total: count.meta({ description: 'Entries that the journal has had by now: the last one is one less' }),
    timeMs: count.meta({ description: "Unix time in milliseconds by the node's clock" }),
    event: decoded.meta({ description: "The peer's message, or the event" }),
    sent: z.array(decoded).meta({ description: 'The messages that left with it' }),
    transitions: z.record(z.string(), stateValue).meta({ description: 'The regions of the channel statechart that changed' }),
    htlcChanges: z
      .record(z.string(), z.string().nullable())
      .meta({ description: 'The HTLCs that changed, by direction and id; null for one that ended' }),
    state: channelState,
    stateValue,
    capacitySat: sat,
    localMsat: msat.meta({ description: 'Ours, HTLCs in flight excluded' }),
    remoteMsat: msat.meta({ description: "The peer's, HTLCs in flight excluded" }),
    htlcs: z.array(htlc),
    commitments: commitments.optional(),
    outputs: z
      .array(z.object({ chart: outputChart, kind: outputKind, state: outputState, outpoint: outpoint.optional(), amountSat: sat, what: z.string() }))
      .meta({ description: 'What was watched on chain' }),
    hash: hash32.meta({ description: "The entry's place in the hash chain" }),
    error: z.string().optional().meta({ description: 'Why the channel had failed by then' }),
  })
  .meta({ id: 'Moment' });

export const momentsMethods = {
  moment: method({
    summary: 'Show a channel as it was after an entry of its journal, and what the entry was about',
    description: 'Lives the life of the channel again from its journal, through the same statecharts, up to that entry.',
    http: { method: 'GET', path: '/v1/channels/{channel}/moments/{sequence}' },
    input: z.strictObject({ channel: channelRef, sequence: count.meta({ description: "The entry's number, from 0" }) }),
    output: moment,
    cli: { args: ['channel', 'sequence'], example: `runnel moment ${SCID} 12` },
    example: {
      input: { channel: SCID, sequence: 12 },
      output: {
        channelId: CHANNEL,
        sequence: 12,
        first: 0,
        total: 40,
        timeMs: 1_795_000_000_000,
        event: {
          name: 'update_fee',
          bolt: 'BOLT 2',
          fields: [
            { name: 'channelId', type: 'hex', value: CHANNEL },
            { name: 'feeratePerKw', type: 'number', value: '2500' },
          ],
        },
        sent: [],
        transitions: { remoteCommitment: 'readyToSign' },
        htlcChanges: { 'offered 0': 'RCVD_ADD_REVOCATION' },
        state: 'normal',
        stateValue: {
          connection: 'online',
          lifecycle: 'normal',
          remoteCommitment: 'readyToSign',
          localCommitment: 'current',
          announcement: 'announced',
        },
        capacitySat: '100000',
        localMsat: '98745500',
        remoteMsat: '1004500',
        htlcs: [
          {
            htlcId: '0',
            direction: 'offered',
            amountMsat: '250000',
            paymentHash: HASH,
            cltvExpiry: 151,
            state: 'RCVD_ADD_REVOCATION',
            inLocalCommitment: false,
            inRemoteCommitment: true,
          },
        ],
        outputs: [],
        hash: CHANNEL,
      },
    },
  }),
};
