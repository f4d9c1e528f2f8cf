/** Invoices, payments and routes. */
import { z } from 'zod';
import {
  bolt11, count, hash32, hex, integer, msat, nodeId, paymentHash, preimage, shortChannelId, u16, u32, unixSeconds,
} from '../fields.ts';
import { method } from '../method.ts';
import { ALICE, BOB, HASH, INVOICE, PREIMAGE, SCID, SECRET } from './examples.ts';

export const paging = {
  limit: integer(1, 1_000).optional().meta({ description: 'At most this many (default 100), newest first' }),
  offset: count.optional().meta({ description: 'Leave out this many of the newest' }),
};

export const invoiceStatus = z.enum(['open', 'accepted', 'paid', 'expired', 'canceled']).meta({ id: 'InvoiceStatus' });

const invoice = z
  .object({
    paymentHash,
    invoice: bolt11.optional().meta({ description: 'Absent for a spontaneous payment (keysend)' }),
    description: z.string().optional(),
    amountMsat: msat.optional().meta({ description: 'Absent where the payer chooses' }),
    status: invoiceStatus,
    createdAt: unixSeconds,
    expiresAt: unixSeconds.optional(),
    paidAt: unixSeconds.optional(),
    receivedMsat: msat.optional(),
    preimage: preimage.optional().meta({ description: 'Once paid' }),
  })
  .meta({ id: 'Invoice' });

const hop = z
  .object({
    nodeId: nodeId.meta({ description: 'The node at the end of this hop' }),
    shortChannelId,
    amountMsat: msat.meta({ description: 'What this hop carries' }),
    feeMsat: msat.meta({ description: 'What the node at the end of this hop keeps' }),
    cltvExpiry: integer(0, 499_999_999),
  })
  .meta({ id: 'Hop' });

export const route = z
  .object({
    amountMsat: msat.meta({ description: 'What arrives' }),
    feeMsat: msat,
    totalMsat: msat.meta({ description: 'What leaves' }),
    cltvExpiry: integer(0, 499_999_999).meta({ description: 'Expiry of the first HTLC' }),
    hops: z.array(hop),
  })
  .meta({ id: 'Route' });

export const paymentStatus = z.enum(['inFlight', 'succeeded', 'failed']).meta({ id: 'PaymentStatus' });
export const failure = z
  .object({
    code: z.string().meta({ description: 'Stable, such as no_route, incorrect_or_unknown_payment_details, timeout' }),
    message: z.string(),
    nodeId: nodeId.optional().meta({ description: 'The node that failed it' }),
    shortChannelId: shortChannelId.optional(),
  })
  .meta({ id: 'PaymentFailure' });

export const learnt = z
  .object({
    kind: z
      .enum(['carried', 'settled', 'failed', 'nodeFailed', 'policy', 'excluded'])
      .meta({
        description:
          'That a channel carried the amount, settled it, or failed it; that a node failed; that a node gave a newer policy; ' +
          'or that the payment keeps off something from now on',
      }),
    shortChannelId: shortChannelId.optional(),
    fromNodeId: nodeId.optional().meta({ description: 'The end of the channel from which it was tried' }),
    toNodeId: nodeId.optional(),
    nodeId: nodeId.optional().meta({ description: 'The node that it is about, where it is about no channel' }),
    amountMsat: msat.optional(),
    text: z.string().meta({ description: 'The same in words' }),
  })
  .meta({ id: 'Learnt', description: 'What an attempt has taught about the way' });

export const payment = z
  .object({
    paymentHash,
    status: paymentStatus,
    destination: nodeId,
    amountMsat: msat.meta({ description: 'What the payee gets' }),
    feeMsat: msat.meta({ description: 'Fees of the parts that succeeded or are in flight' }),
    keysend: z.boolean(),
    invoice: bolt11.optional(),
    description: z.string().optional(),
    createdAt: unixSeconds,
    finishedAt: unixSeconds.optional(),
    preimage: preimage.optional().meta({ description: 'Proof of payment, once succeeded' }),
    failure: failure.optional(),
    attempts: z.array(
      z.object({
        status: paymentStatus,
        route,
        failure: failure.optional(),
        failedHop: count.optional().meta({
          description: 'The hop of the route at whose end it failed: that node answered with the failure. Absent where nobody knows, or it was never sent',
        }),
        learnt: z.array(learnt),
      }),
    ),
  })
  .meta({ id: 'Payment' });

const decodedInvoice = z
  .object({
    network: z.string(),
    payee: nodeId,
    paymentHash,
    paymentSecret: hash32.optional(),
    amountMsat: msat.optional(),
    description: z.string().optional(),
    descriptionHash: hash32.optional(),
    createdAt: unixSeconds,
    expirySeconds: count,
    expired: z.boolean(),
    minFinalCltvExpiryDelta: count,
    features: hex,
    paymentMetadata: hex.optional(),
    fallbackAddresses: z.array(z.string()),
    routeHints: z.array(
      z.array(
        z.object({ nodeId, shortChannelId, feeBaseMsat: msat, feeProportionalMillionths: u32, cltvExpiryDelta: u16 }),
      ),
    ),
  })
  .meta({ id: 'DecodedInvoice' });

export const limitsOfPayment = {
  maxFeeMsat: msat.optional().meta({ description: 'Pay no more in fees (default: 1 % of the amount, at least 5 sat)' }),
  maxCltvExpiryDelta: integer(1, 4_032)
    .optional()
    .meta({ description: 'Lock funds for no more blocks (default 2016)' }),
  timeoutSeconds: integer(1, 240)
    .optional()
    .meta({ description: 'Try no longer (default 60), then answer with what is known' }),
};
const maxParts = integer(1, 16)
  .optional()
  .meta({ description: 'At most so many parts at once (default 16; 1 for a payee that takes no parts)' });
export const limitFlags = {
  maxFeeMsat: '--max-fee <sat>',
  maxCltvExpiryDelta: '--max-cltv <blocks>',
  timeoutSeconds: '--timeout <seconds>',
};

export const exampleRoute = {
  amountMsat: '1000000',
  feeMsat: '1100',
  totalMsat: '1001100',
  cltvExpiry: 191,
  hops: [
    { nodeId: ALICE, shortChannelId: SCID, amountMsat: '1001100', feeMsat: '1100', cltvExpiry: 191 },
    { nodeId: BOB, shortChannelId: '104x1x0', amountMsat: '1000000', feeMsat: '0', cltvExpiry: 151 },
  ],
};

const exampleHint = { feeBaseMsat: '1000', feeProportionalMillionths: 100, cltvExpiryDelta: 40 };

export const examplePayment = {
  paymentHash: HASH,
  status: 'succeeded',
  destination: BOB,
  amountMsat: '1000000',
  feeMsat: '1100',
  keysend: false,
  invoice: INVOICE,
  description: 'coffee',
  createdAt: 1_795_000_000,
  finishedAt: 1_795_000_001,
  preimage: PREIMAGE,
  attempts: [
    {
      status: 'failed',
      route: exampleRoute,
      failure: { code: 'temporary_channel_failure', message: 'the channel cannot carry it now', nodeId: ALICE, shortChannelId: '104x1x0' },
      failedHop: 0,
      learnt: [
        {
          kind: 'failed',
          shortChannelId: '104x1x0',
          fromNodeId: ALICE,
          toNodeId: BOB,
          amountMsat: '1000000',
          text: '104x1x0 did not carry 1000.000 sat',
        },
      ],
    },
    { status: 'succeeded', route: exampleRoute, learnt: [] },
  ],
} satisfies z.input<typeof payment>;

const exampleInvoice = {
  paymentHash: HASH,
  invoice: INVOICE,
  description: 'coffee',
  amountMsat: '1000000',
  status: 'open',
  createdAt: 1_795_000_000,
  expiresAt: 1_795_003_600,
} satisfies z.input<typeof invoice>;

export const paymentsMethods = {
  invoice: method({
    summary: 'Make an invoice that others can pay, for an amount or for any',
    http: { method: 'POST', path: '/v1/invoices' },
    input: z.strictObject({
      amountMsat: msat.optional().meta({ description: 'What to ask for; the payer chooses where it is left out' }),
      description: z.string().max(639).optional().meta({ description: 'What it is for; the payer sees it' }),
      expirySeconds: integer(1, 31_536_000).optional().meta({ description: 'Payable for so long (default 3600)' }),
    }),
    output: invoice,
    cli: {
      args: ['amountMsat'],
      flags: { amountMsat: '<sat>', expirySeconds: '--expiry <seconds>' },
      example: 'runnel invoice 1000 --description coffee',
    },
    example: { input: { amountMsat: '1000000', description: 'coffee' }, output: exampleInvoice },
  }),
  invoices: method({
    summary: 'List the invoices and the spontaneous payments received',
    http: { method: 'GET', path: '/v1/invoices' },
    input: z.strictObject({
      paymentHash: paymentHash.optional().meta({ description: 'Only this one' }),
      status: invoiceStatus.optional().meta({ description: 'Only those of this status' }),
      ...paging,
    }),
    output: z.object({ total: count, invoices: z.array(invoice) }),
    cli: { args: ['paymentHash'], example: 'runnel invoices --status paid' },
    example: { input: { status: 'open' }, output: { total: 1, invoices: [exampleInvoice] } },
  }),
  decode: method({
    summary: 'Read an invoice without paying it',
    http: { method: 'GET', path: '/v1/decode' },
    input: z.strictObject({ invoice: bolt11 }),
    output: decodedInvoice,
    cli: { args: ['invoice'], example: `runnel decode ${INVOICE}` },
    example: {
      input: { invoice: INVOICE },
      output: {
        network: 'regtest',
        payee: BOB,
        paymentHash: HASH,
        paymentSecret: SECRET,
        amountMsat: '1000000',
        description: 'coffee',
        createdAt: 1_795_000_000,
        expirySeconds: 3600,
        expired: false,
        minFinalCltvExpiryDelta: 18,
        features: '4100',
        fallbackAddresses: [],
        routeHints: [
          [{ ...exampleHint, nodeId: ALICE, shortChannelId: SCID }],
        ],
      },
    },
  }),
  pay: method({
    summary: 'Pay an invoice',
    description:
      'Waits for the outcome. An invoice that is already paid is not paid twice: the payment is shown. Parts that are ' +
      'still out when the time is up leave the payment in flight: it goes on, and `payment <hash>` shows how it ended.',
    http: { method: 'POST', path: '/v1/payments' },
    input: z.strictObject({
      invoice: bolt11,
      amountMsat: msat.optional().meta({ description: 'What to pay, for an invoice without an amount' }),
      ...limitsOfPayment,
      maxParts,
    }),
    output: payment,
    cli: {
      args: ['invoice'],
      flags: { amountMsat: '--amount <sat>', ...limitFlags },
      example: `runnel pay ${INVOICE} --max-fee 10`,
    },
    example: { input: { invoice: INVOICE, maxFeeMsat: '10000' }, output: examplePayment },
  }),
  keysend: method({
    summary: 'Pay a node without an invoice',
    http: { method: 'POST', path: '/v1/payments/keysend' },
    input: z.strictObject({
      nodeId,
      amountMsat: msat.meta({ description: 'What the node gets' }),
      ...limitsOfPayment,
    }),
    output: payment,
    cli: {
      args: ['nodeId', 'amountMsat'],
      flags: { amountMsat: '<sat>', ...limitFlags },
      example: `runnel keysend ${BOB} 1000`,
    },
    example: {
      input: { nodeId: BOB, amountMsat: '1000000' },
      output: { ...examplePayment, keysend: true, invoice: undefined, description: undefined },
    },
  }),
  payments: method({
    summary: 'List the payments made',
    http: { method: 'GET', path: '/v1/payments' },
    input: z.strictObject({
      status: paymentStatus.optional().meta({ description: 'Only those of this status' }),
      ...paging,
    }),
    output: z.object({ total: count, payments: z.array(payment) }),
    cli: { args: [], example: 'runnel payments --status failed' },
    example: { input: { status: 'succeeded' }, output: { total: 1, payments: [examplePayment] } },
  }),
  payment: method({
    summary: 'Show one payment with all its attempts',
    http: { method: 'GET', path: '/v1/payments/{paymentHash}' },
    input: z.strictObject({ paymentHash }),
    output: payment,
    cli: { args: ['paymentHash'], example: `runnel payment ${HASH}` },
    example: { input: { paymentHash: HASH }, output: examplePayment },
  }),
};
