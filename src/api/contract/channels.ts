/** Channels: open, look at, set fees, close. */
import { z } from 'zod';
import {
  bitcoinAddress,
  channelId,
  channelRef,
  count,
  feeBaseMsat,
  feeratePerKw,
  integer,
  msat,
  nodeId,
  outpoint,
  sat,
  shortChannelId,
  txid,
} from '../fields.ts';
import { method } from '../method.ts';
import { channelState } from './channel-state.ts';
import { channelDetail, channelSummary, journalEntry, localPolicy } from './channel-types.ts';
import { ADDRESS, BOB, CHANNEL, FUNDING_TXID, HASH, OUTPOINT, SCID, SECRET } from './examples.ts';

const exampleSummary = {
  channelId: CHANNEL,
  shortChannelId: SCID,
  nodeId: BOB,
  alias: 'bob',
  fundingOutpoint: OUTPOINT,
  state: 'normal',
  stateValue: {
    connection: 'online',
    lifecycle: 'normal',
    remoteCommitment: { awaitingRevocation: 'signedLast' },
    localCommitment: 'current',
    announcement: 'announced',
  },
  connection: 'online',
  opener: 'local',
  announced: true,
  capacitySat: '100000',
  localMsat: '98995500',
  remoteMsat: '1004500',
  spendableMsat: '96000000',
  receivableMsat: '4500',
  numHtlcs: 1,
} satisfies z.input<typeof channelSummary>;

const exampleLimits = {
  dustLimitSat: '354',
  channelReserveSat: '1000',
  maxHtlcValueInFlightMsat: '100000000',
  htlcMinimumMsat: '1',
  maxAcceptedHtlcs: 483,
  toSelfDelay: 144,
};

const examplePolicy = {
  feeBaseMsat: '1000',
  feeProportionalMillionths: 100,
  cltvExpiryDelta: 40,
  htlcMinimumMsat: '1',
  htlcMaximumMsat: '100000000',
  disabled: false,
};

const exampleFollowing = { minPpm: 20, maxPpm: 500, step: 2, numSteps: 5, wantedStep: 3, nextChangeAt: 1_795_086_400 };

const exampleEntry = {
  sequence: 12,
  timeMs: 1_795_000_000_000,
  event: 'revoke_and_ack',
  wire: '0085',
  transitions: { remoteCommitment: 'signed' },
  htlcs: { 'offered 0': 'RCVD_ADD_REVOCATION' },
  text: '{"event":{"name":"revoke_and_ack","type":"message"},"sequence":12}',
  hash: CHANNEL,
};

const exampleDetail = {
  ...exampleSummary,
  feeratePerKw: 2500,
  fundingConfirmations: 6,
  minimumDepth: 3,
  commitments: {
    local: {
      commitmentNumber: 7,
      feeratePerKw: 2500,
      toLocalMsat: '98995500',
      toRemoteMsat: '1004500',
      numOfferedHtlcs: 0,
      numReceivedHtlcs: 0,
      txid: SECRET,
      feeSat: '2810',
      numTrimmed: 0,
      outputs: [
        { index: 0, kind: 'local_anchor', amountSat: '330', words: 'ours, to raise the fee with; anybody can spend it after 16 blocks' },
        { index: 1, kind: 'to_local', amountSat: '95525', words: 'ours after 144 blocks; with the revocation secret the peer can take it at once' },
      ],
    },
    remote: {
      commitmentNumber: 8,
      feeratePerKw: 2500,
      toLocalMsat: '1004500',
      toRemoteMsat: '98995500',
      numOfferedHtlcs: 0,
      numReceivedHtlcs: 1,
      feeSat: '2810',
      numTrimmed: 1,
      outputs: [],
    },
  },
  limits: { local: exampleLimits, remote: exampleLimits },
  policies: { local: { ...examplePolicy, followsBalance: exampleFollowing }, remote: examplePolicy },
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
  journalTail: [exampleEntry],
} satisfies z.input<typeof channelDetail>;

const ppm = integer(0, 1_000_000);

const closeResult = channelSummary
  .extend({
    closingTxid: txid.optional().meta({ description: 'Of a forced close: our commitment transaction' }),
    ifForced: z
      .object({
        delayBlocks: count.meta({ description: 'After the commitment is in a block, our money waits so many more' }),
        feeSat: sat.meta({ description: 'What the commitment costs us; that of fetching our money comes on top' }),
      })
      .optional()
      .meta({ description: 'Where the peer is offline: what it would cost to go on without it (force)' }),
  })
  .meta({ id: 'ChannelClose' });

export const channelsMethods = {
  open: method({
    summary: 'Open a channel with a connected peer, funded from the on-chain wallet',
    description:
      'Returns once the funding transaction is broadcast; the channel is usable after the agreed confirmations, for ' +
      'which --wait waits.',
    http: { method: 'POST', path: '/v1/channels' },
    input: z.strictObject({
      nodeId,
      amountSat: sat.meta({ description: 'Capacity of the channel' }),
      pushMsat: msat.optional().meta({ description: 'Give this much of it to the peer' }),
      private: z.boolean().optional().meta({ description: 'Do not announce the channel to the network' }),
      feeratePerKw: feeratePerKw.optional().meta({ description: 'Feerate of the funding transaction in sat per kw' }),
    }),
    output: z.object({ channelId, fundingOutpoint: outpoint, fundingTxid: txid }),
    cli: {
      args: ['nodeId', 'amountSat'],
      flags: { pushMsat: '--push-msat <msat>', feeratePerKw: '--feerate <sat per kw>' },
      example: `runnel open ${BOB} 100000`,
    },
    example: {
      input: { nodeId: BOB, amountSat: '100000', pushMsat: '1000000' },
      output: { channelId: CHANNEL, fundingOutpoint: OUTPOINT, fundingTxid: FUNDING_TXID },
    },
  }),
  channels: method({
    summary: 'List the channels',
    http: { method: 'GET', path: '/v1/channels' },
    input: z.strictObject({
      nodeId: nodeId.optional().meta({ description: 'Only those with this peer' }),
      state: channelState.optional().meta({ description: 'Only those in this state' }),
      closed: z.boolean().optional().meta({ description: 'Closed ones too' }),
    }),
    output: z.object({ channels: z.array(channelSummary) }),
    cli: { args: [], example: 'runnel channels' },
    example: { input: {}, output: { channels: [exampleSummary] } },
  }),
  channel: method({
    summary: 'Show one channel in full: states, commitments, HTLCs, limits, policies, end of its journal',
    http: { method: 'GET', path: '/v1/channels/{channel}' },
    input: z.strictObject({ channel: channelRef }),
    output: channelDetail,
    cli: { args: ['channel'], example: `runnel channel ${SCID}` },
    example: { input: { channel: SCID }, output: exampleDetail },
  }),
  journal: method({
    summary: "Read a channel's hash-chained journal",
    http: { method: 'GET', path: '/v1/channels/{channel}/journal' },
    input: z.strictObject({
      channel: channelRef,
      from: count.optional().meta({ description: 'Sequence number of the first entry (default 0)' }),
      limit: integer(1, 1_000).optional().meta({ description: 'At most this many entries (default 100)' }),
      decode: z.boolean().optional().meta({ description: 'Each event and each message by field' }),
    }),
    output: z.object({
      channelId,
      first: count.meta({ description: 'The first entry that the journal still has' }),
      total: count.meta({ description: 'Entries that the journal has had by now' }),
      entries: z.array(journalEntry),
    }),
    cli: { args: ['channel'], example: `runnel journal ${SCID} --from 10 --limit 20` },
    example: {
      input: { channel: SCID, from: 12, limit: 1 },
      output: { channelId: CHANNEL, first: 0, total: 40, entries: [exampleEntry] },
    },
  }),
  setpolicy: method({
    summary: 'Set what forwarding through our channels costs, for one channel or for all',
    description:
      'With --follow-balance the millionths follow the balance between --min-ppm and --max-ppm, in steps: the less of the channel ' +
      'is ours, the dearer it is to take more of it. A fixed --ppm ends that (and in the API followBalance: false, which keeps the fee of now).',
    http: { method: 'POST', path: '/v1/policy' },
    input: z
      .strictObject({
        channel: channelRef.optional().meta({ description: 'Only this channel' }),
        feeBaseMsat: feeBaseMsat.optional().meta({ description: 'Fee for each HTLC' }),
        feeProportionalMillionths: ppm.optional().meta({ description: 'Fee in millionths of the amount' }),
        // As in the configuration: with fewer blocks an HTLC could be lost between its two ends.
        cltvExpiryDelta: integer(34, 2_016)
          .optional()
          .meta({ description: 'Blocks between the incoming and the outgoing expiry' }),
        followBalance: z.boolean().optional().meta({ description: 'Have the fee follow the balance' }),
        minPpm: ppm.optional().meta({ description: 'Lowest such fee, where nearly all is ours' }),
        maxPpm: ppm.optional().meta({ description: 'Highest such fee, where nearly nothing is' }),
      })
      .refine(({ followBalance, feeProportionalMillionths }) => followBalance !== true || feeProportionalMillionths === undefined, {
        error: 'expected none with followBalance: the balance sets it',
        path: ['feeProportionalMillionths'],
      })
      .refine(({ followBalance, minPpm, maxPpm }) => followBalance === true || (minPpm ?? maxPpm) === undefined, {
        error: 'expected with minPpm and maxPpm, which mean nothing without it',
        path: ['followBalance'],
      }),
    output: z.object({
      channels: z.array(z.object({ channelId, shortChannelId: shortChannelId.optional(), policy: localPolicy })),
    }),
    cli: {
      args: ['channel'],
      flags: {
        feeBaseMsat: '--base-msat <msat>',
        feeProportionalMillionths: '--ppm <millionths>',
        cltvExpiryDelta: '--cltv-delta <blocks>',
        minPpm: '--min-ppm <millionths>',
        maxPpm: '--max-ppm <millionths>',
      },
      example: `runnel setpolicy ${SCID} --base-msat 1000 --ppm 100 --cltv-delta 40`,
    },
    example: {
      input: { channel: SCID, feeBaseMsat: '1000', feeProportionalMillionths: 100, cltvExpiryDelta: 40 },
      output: { channels: [{ channelId: CHANNEL, shortChannelId: SCID, policy: examplePolicy }] },
    },
  }),
  close: method({
    summary: 'Close a channel together with the peer, or with --force without it',
    description:
      'Starts the mutual close of BOLT 2 and returns. HTLCs in flight are settled first, and the peer must be there. ' +
      'With --force our latest commitment transaction goes to the chain instead: our money comes back after the ' +
      "peer's delay, and HTLCs are resolved on chain. --wait waits for the closing transaction to be in a block.",
    http: { method: 'POST', path: '/v1/channels/{channel}/close' },
    input: z
      .strictObject({
        channel: channelRef,
        address: bitcoinAddress.optional().meta({ description: "Pay our part here (default: the node's wallet)" }),
        feeratePerKw: feeratePerKw.optional().meta({ description: 'Feerate to begin with, in sat per kw' }),
        force: z.boolean().optional().meta({ description: 'Close without the peer, by our commitment transaction' }),
      })
      .refine(({ force, address }) => force !== true || address === undefined, {
        error: "expected none with force: what a forced close pays goes to the node's wallet",
        path: ['address'],
      })
      .refine(({ force, feeratePerKw: given }) => force !== true || given === undefined, {
        error: 'expected none with force: the commitment transaction has its feerate, which the node raises itself',
        path: ['feeratePerKw'],
      }),
    output: closeResult,
    cli: { args: ['channel'], flags: { feeratePerKw: '--feerate <sat per kw>' }, example: `runnel close ${SCID}` },
    example: { input: { channel: SCID, address: ADDRESS }, output: { ...exampleSummary, state: 'shuttingDown' } },
  }),
};
