/** Ways that are looked for without paying, and money that goes round in a circle. */
import { z } from 'zod';
import { channelRef, integer, msat, nodeId, shortChannelId } from '../fields.ts';
import { method } from '../method.ts';
import { ALICE, BOB, SCID } from './examples.ts';
import { examplePayment, exampleRoute, limitFlags, limitsOfPayment, payment, route } from './payments.ts';

const chancePpm = integer(0, 1_000_000);

const weights = {
  attemptCostMsat: msat.optional().meta({ description: 'What being spared a failed attempt is worth (default 10 sat)' }),
  attemptCostPpm: integer(0, 1_000_000_000)
    .optional()
    .meta({ description: 'The same in millionths of the amount, on top (default 500)' }),
  timeValuePpb: integer(0, 1_000_000_000)
    .optional()
    .meta({ description: 'What a block less of locked funds is worth, in billionths of the amount (default 15)' }),
};
const weightFlags = {
  attemptCostMsat: '--attempt-cost <sat>',
  attemptCostPpm: '--attempt-ppm <millionths>',
  timeValuePpb: '--time-ppb <billionths>',
};

const reason = z
  .object({
    shortChannelId,
    feeMsat: msat,
    lockPriceMsat: msat.meta({ description: 'The price of the time for which the channel locks funds' }),
    riskPriceMsat: msat.meta({ description: 'The price of the attempts that are likely to fail here' }),
    chancePpm: chancePpm.meta({ description: 'How likely it is to carry the amount' }),
    atLeastMsat: msat.meta({ description: 'Its balance on this side is believed to be at least this' }),
    lessThanMsat: msat.meta({ description: 'and less than this' }),
    learned: z.boolean().meta({ description: 'An attempt has taught something of it; else only its capacity is known' }),
  })
  .meta({ id: 'HopReason' });

const weighedRoute = route
  .extend({
    costMsat: msat.meta({ description: 'The score: fees, and the prices of locked time and of likely failures' }),
    chancePpm: chancePpm.meta({ description: 'How likely all its channels are to carry the amount' }),
    reasons: z.array(reason).optional().meta({ description: 'For each channel after our own, where it was asked for' }),
  })
  .meta({ id: 'WeighedRoute' });

const exampleReason = {
  shortChannelId: '104x1x0',
  feeMsat: '1100',
  lockPriceMsat: '600',
  riskPriceMsat: '10510',
  chancePpm: 999_000,
  atLeastMsat: '0',
  lessThanMsat: '1000000001',
  learned: false,
};
const exampleWeighed = { ...exampleRoute, costMsat: '12210', chancePpm: 999_000, reasons: [exampleReason] };
const exampleWeights = { attemptCostMsat: '10000', attemptCostPpm: 500, timeValuePpb: 15 };

export const routesMethods = {
  route: method({
    summary: 'Find the best routes to a node without paying, and say why they are the best',
    http: { method: 'GET', path: '/v1/route' },
    input: z.strictObject({
      nodeId,
      amountMsat: msat.meta({ description: 'What is to arrive' }),
      maxFeeMsat: limitsOfPayment.maxFeeMsat,
      maxCltvExpiryDelta: limitsOfPayment.maxCltvExpiryDelta,
      count: integer(1, 10).optional().meta({ description: 'So many routes, the best first (default 1)' }),
      maxParts: integer(1, 16).optional().meta({ description: 'In up to so many parts, which are chosen together (default 1)' }),
      why: z.boolean().optional().meta({ description: 'Show what each channel adds to the score' }),
      ...weights,
    }),
    output: z.object({
      weights: z.object({ attemptCostMsat: msat, attemptCostPpm: integer(0, 1_000_000_000), timeValuePpb: integer(0, 1_000_000_000) }),
      parts: z.boolean().meta({ description: 'The routes are the parts of one payment; else each is one way for all of it' }),
      routes: z.array(weighedRoute),
    }),
    cli: {
      args: ['nodeId', 'amountMsat'],
      flags: {
        amountMsat: '<sat>',
        maxFeeMsat: limitFlags.maxFeeMsat,
        maxCltvExpiryDelta: limitFlags.maxCltvExpiryDelta,
        maxParts: '--parts <number>',
        ...weightFlags,
      },
      example: `runnel route ${BOB} 1000 --count 3 --why`,
    },
    example: {
      input: { nodeId: BOB, amountMsat: '1000000', why: true },
      output: { weights: exampleWeights, parts: false, routes: [exampleWeighed] },
    },
  }),
  rebalance: method({
    summary: 'Pay ourselves around a circle, out over one channel and back over another',
    description: 'Moves what can be sent from one channel to another, for the fees of the nodes between; give --from, --to or both.',
    http: { method: 'POST', path: '/v1/payments/rebalance' },
    input: z.strictObject({
      amountMsat: msat.meta({ description: 'What is to come back' }),
      from: channelRef.optional().meta({ description: 'The channel that it leaves by (default: any but the other)' }),
      to: channelRef.optional().meta({ description: 'The channel that it comes back by (default: any but the other)' }),
      ...limitsOfPayment,
    }),
    output: payment,
    cli: {
      args: ['amountMsat'],
      flags: { amountMsat: '<sat>', ...limitFlags },
      example: `runnel rebalance 50000 --from ${SCID} --to 104x1x0 --max-fee 20`,
    },
    example: {
      input: { amountMsat: '1000000', from: SCID, to: '104x1x0', maxFeeMsat: '20000' },
      output: { ...examplePayment, destination: ALICE, description: 'rebalance' },
    },
  }),
};
