/** How a channel, its HTLCs, its commitments and its journal look through the API. */
import { z } from 'zod';
import {
  blockHeight, channelId, count, hash32, hex, integer, msat, nodeId, outpoint, paymentHash, sat, shortChannelId, stateValue,
  txid, u16, u32, u64, unixSeconds,
} from '../fields.ts';
import { channelState, connectionState } from './channel-state.ts';
import { closingNode, why } from './closing-types.ts';
import { commitments } from './commitment-types.ts';
import { decoded } from './decoded-types.ts';
import { pendingChannel, pendingClosing } from './pending-types.ts';

export const policy = z
  .object({
    feeBaseMsat: msat,
    feeProportionalMillionths: u32,
    cltvExpiryDelta: u16,
    htlcMinimumMsat: msat,
    htlcMaximumMsat: msat,
    disabled: z.boolean(),
  })
  .meta(
    { id: 'Policy', description: 'What a side of a channel asks for forwarding, as in its channel_update (BOLT 7)' },
  );

const followsBalance = z
  .object({
    minPpm: u32,
    maxPpm: u32,
    step: count.meta({ description: 'Where the fee stands: 1 is the cheapest, where nearly all of the channel is ours' }),
    numSteps: count,
    wantedStep: count.optional().meta({ description: 'Where the balance asks for another step, which may not be taken yet' }),
    nextChangeAt: unixSeconds.optional().meta({ description: 'When that step is taken' }),
  })
  .meta({ id: 'FollowsBalance', description: 'The millionths follow the balance in steps: the less is ours, the dearer' });

export const localPolicy = policy
  .extend({ followsBalance: followsBalance.optional().meta({ description: 'Absent for a fee that is fixed' }) })
  .meta({ id: 'LocalPolicy', description: 'What we ask for forwarding, as in our channel_update (BOLT 7)' });

export const channelSummary = z
  .object({
    channelId,
    shortChannelId: shortChannelId.optional(),
    nodeId: nodeId.meta({ description: "The peer's node id" }),
    alias: z.string().optional().meta({ description: "The peer's alias" }),
    fundingOutpoint: outpoint.optional().meta({ description: 'Absent until the funding transaction is made' }),
    state: channelState,
    stateValue,
    connection: connectionState,
    opener: z.enum(['local', 'remote']),
    announced: z.boolean().meta({ description: 'Whether the channel is (to be) told to the network' }),
    capacitySat: sat,
    localMsat: msat.meta({ description: 'Ours, HTLCs in flight excluded' }),
    remoteMsat: msat.meta({ description: "The peer's, HTLCs in flight excluded" }),
    spendableMsat: msat.meta({ description: 'What we can send now, with reserve, fees and limits kept' }),
    receivableMsat: msat.meta({ description: 'What the peer can send now' }),
    numHtlcs: count,
    error: z.string().optional().meta({ description: 'Why the channel failed or is frozen' }),
    closing: pendingClosing.optional().meta({ description: 'The transaction that ends it, once there is one' }),
    limboSat: sat.optional().meta({ description: 'Ours and not yet in the wallet, of a channel that closes' }),
  })
  .meta({ id: 'Channel' });

const limits = z
  .object({
    dustLimitSat: sat,
    channelReserveSat: sat.meta({ description: 'What the other side must keep' }),
    maxHtlcValueInFlightMsat: msat,
    htlcMinimumMsat: msat,
    maxAcceptedHtlcs: u16,
    toSelfDelay: u16.meta({ description: 'Blocks that the other side must wait for its own money' }),
  })
  .meta({ id: 'ChannelLimits', description: 'What a side demanded when the channel was opened (BOLT 2)' });

export const htlc = z
  .object({
    htlcId: u64,
    direction: z.enum(['offered', 'received']),
    amountMsat: msat,
    paymentHash,
    cltvExpiry: blockHeight,
    state: z.string().meta({ description: 'State of the HTLC statechart, such as SENT_ADD_COMMIT' }),
    inLocalCommitment: z.boolean(),
    inRemoteCommitment: z.boolean(),
  })
  .meta({ id: 'Htlc' });

export const journalEntry = z
  .object({
    sequence: count.meta({ description: 'Place in the journal of the channel, from 0 without gaps' }),
    timeMs: count.meta({ description: "Unix time in milliseconds by the node's clock" }),
    event: z.string().meta(
      { description: 'What came from outside: the type of an event, or of a message of the peer' },
    ),
    wire: hex.optional().meta({ description: "The peer's message as it came" }),
    decoded: decoded.optional().meta({ description: 'The event, or the message, by field; where it was asked for' }),
    transitions: z
      .record(z.string(), stateValue)
      .meta({ description: 'The regions of the channel statechart that changed, with their new states' }),
    htlcs: z
      .record(z.string(), z.string().nullable())
      .meta({ description: 'The HTLCs that changed, with their new states; null for one that ended' }),
    text: z.string().meta({ description: 'The whole entry, exactly as it is hashed' }),
    hash: hash32.meta(
      { description: 'SHA256 of the hash of the entry before (zeros before the first) and of the text' },
    ),
  })
  .meta({ id: 'JournalEntry' });

export const channelDetail = channelSummary
  .extend({
    feeratePerKw: integer(0, 0xffff_ffff),
    fundingConfirmations: count,
    minimumDepth: count.meta({ description: 'Confirmations that the funding transaction needs' }),
    commitments: commitments.optional().meta({ description: 'Absent until both first commitments are signed' }),
    limits: z.object({ local: limits, remote: limits.optional() }),
    policies: z.object({ local: localPolicy, remote: policy.optional() }),
    htlcs: z.array(htlc),
    closingTxid: txid.optional().meta({ description: 'Of the transaction in a block that spends the funding output' }),
    pending: pendingChannel.optional().meta({ description: 'What is pending, unless the channel is open or abandoned' }),
    why: why.optional().meta({ description: 'Of a channel that failed, closes or is closed' }),
    closingTree: closingNode.optional().meta({ description: 'The funding transaction with all upon it, once there is a transaction that ends the channel' }),
    journalTail: z.array(journalEntry).meta({ description: 'The last entries of the journal, oldest first' }),
  })
  .meta({ id: 'ChannelDetail' });
