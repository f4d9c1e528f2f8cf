/** Payments that are tried out without being made. */
import { z } from 'zod';
import { blockHeight, bolt11, count, integer, msat, nodeId, paymentHash, shortChannelId, unixSeconds } from '../fields.ts';
import { method } from '../method.ts';
import { ALICE, BOB, HASH } from './examples.ts';
import { exampleRoute, failure, learnt, limitFlags, limitsOfPayment, paging, route } from './payments.ts';

export const probeStatus = z
  .enum(['inFlight', 'arrived', 'failed'])
  .meta({ id: 'ProbeStatus', description: '`arrived`: a payment would come to the payee; `failed`: no way was found on which it would' });

const target = z
  .string()
  .max(7_089)
  .regex(/^0[23][0-9a-f]{64}$|^(lightning:)?ln[a-z0-9]+$/i, { error: 'expected a node id (33 bytes in hex), or a BOLT 11 invoice, which begins with ln' })
  .meta({ description: 'Node id, or a BOLT 11 invoice' });

const held = z
  .object({
    shortChannelId: shortChannelId.meta({ description: 'Our channel that it left by' }),
    nodeId: nodeId.meta({ description: 'The peer at its other end' }),
    amountMsat: msat.meta({ description: 'What is locked meanwhile' }),
    cltvExpiry: blockHeight.meta({ description: 'The height at which it expires: it comes back before, or is fetched back from the chain' }),
    blocksLeft: count.meta({ description: 'Blocks until then' }),
    isWithPeer: z.boolean().meta({ description: 'The peer has it, or a node behind it; else it still stands in our own channel' }),
    text: z.string().meta({ description: 'The same in words' }),
  })
  .meta({ id: 'HeldProbe', description: 'The HTLC that has not come back' });

export const probe = z
  .object({
    paymentHash: paymentHash.meta({ description: 'Random: nobody knows its preimage, and no invoice has it' }),
    status: probeStatus,
    destination: nodeId,
    amountMsat: msat.meta({ description: 'What the payee would get' }),
    invoice: bolt11.optional().meta({ description: 'Of whose payment it is a probe' }),
    description: z.string().optional(),
    createdAt: unixSeconds,
    finishedAt: unixSeconds.optional(),
    feeMsat: msat.optional().meta({ description: 'What a payment would cost in fees, once arrived' }),
    cltvExpiryDelta: count.optional().meta({ description: 'For how many blocks a payment would lock funds at most, once arrived' }),
    route: route.optional().meta({ description: 'The way on which it arrived' }),
    failure: failure.optional(),
    held: held.optional().meta({ description: 'While it is in flight' }),
    attempts: z.array(
      z.object({
        status: z
          .enum(['inFlight', 'arrived', 'stopped', 'notSent'])
          .meta({ description: '`stopped`: at a node of the route; `notSent`: our own channel did not take it, which says nothing of the route' }),
        route,
        failure: failure.optional(),
        failedHop: count.optional().meta({ description: 'The hop of the route at whose end it stopped, where that is known' }),
        text: z.string().meta({ description: 'How far it came, in words' }),
        learnt: z.array(learnt),
      }),
    ),
  })
  .meta({ id: 'Probe', description: 'A probe: an HTLC that nobody can settle, sent to see how far it comes' });

const exampleProbe = {
  paymentHash: HASH,
  status: 'arrived',
  destination: BOB,
  amountMsat: '1000000',
  createdAt: 1_795_000_000,
  finishedAt: 1_795_000_001,
  feeMsat: '1100',
  cltvExpiryDelta: 61,
  route: exampleRoute,
  attempts: [
    {
      status: 'stopped',
      route: exampleRoute,
      failure: { code: 'temporary_channel_failure', message: 'the channel cannot carry it now', nodeId: ALICE, shortChannelId: '104x1x0' },
      failedHop: 0,
      text: 'stopped at alice, hop 1 of 2: its channel 104x1x0 to bob cannot carry it now (temporary_channel_failure)',
      learnt: [],
    },
    { status: 'arrived', route: exampleRoute, text: 'came to bob, the payee, over 2 hops', learnt: [] },
  ],
} satisfies z.input<typeof probe>;

export const probesMethods = {
  probe: method({
    summary: 'Try out whether a payment would arrive, without paying',
    description:
      'Sends an HTLC with a random payment hash, which nobody can settle: the payee refuses it, and so tells that it came. ' +
      'Where it stops on the way, that is learnt, and the next route is tried, each for the whole amount at once. Waits for ' +
      'the outcome; an HTLC that a node still holds when the time is up is told as such, and `probes <hash>` shows how it ended.',
    http: { method: 'POST', path: '/v1/probes' },
    input: z.strictObject({
      target,
      amountMsat: msat.optional().meta({ description: 'What is to arrive; an invoice may name it' }),
      maxFeeMsat: limitsOfPayment.maxFeeMsat,
      maxCltvExpiryDelta: limitsOfPayment.maxCltvExpiryDelta,
      timeoutSeconds: limitsOfPayment.timeoutSeconds,
      maxAttempts: integer(1, 100).optional().meta({ description: 'Try so many routes at most (default 10)' }),
    }),
    output: probe,
    cli: {
      args: ['target', 'amountMsat'],
      flags: { amountMsat: '<sat>', maxAttempts: '--attempts <number>', ...limitFlags },
      example: `runnel probe ${BOB} 1000 --max-fee 10`,
    },
    example: { input: { target: BOB, amountMsat: '1000000', maxFeeMsat: '10000' }, output: exampleProbe },
  }),
  probes: method({
    summary: 'List the probes made, or show one',
    description: 'The newest 1,000 that are over are kept. A probe is no payment, and counts as none.',
    http: { method: 'GET', path: '/v1/probes' },
    input: z.strictObject({
      paymentHash: paymentHash.optional().meta({ description: 'Only this one' }),
      status: probeStatus.optional().meta({ description: 'Only those of this status' }),
      ...paging,
    }),
    output: z.object({ total: count, probes: z.array(probe) }),
    cli: { args: ['paymentHash'], example: 'runnel probes --status failed' },
    example: { input: { status: 'arrived' }, output: { total: 1, probes: [exampleProbe] } },
  }),
};
