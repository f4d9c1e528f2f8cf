/** The on-chain wallet, and all balances together. */
import { z } from 'zod';
import { bitcoinAddress, count, feeratePerKw, hex, msat, outpoint, sat, txid } from '../fields.ts';
import { method } from '../method.ts';
import { ADDRESS, FUNDING_TXID, HASH, OUTPOINT } from './examples.ts';

export const onchainBalance = z.object({
  confirmedSat: sat.meta({ description: 'In confirmed outputs, free to spend but for what is kept for fees' }),
  unconfirmedSat: sat.meta({ description: 'In outputs that no block holds yet' }),
  immatureSat: sat.meta({ description: 'In outputs that were mined less than 100 blocks ago' }),
  reservedSat: sat.meta({ description: 'In outputs set aside for transactions being made' }),
  reservedForFeesSat: sat.meta({ description: 'Kept of the confirmed for the fees of channels that close' }),
  warning: z.string().optional().meta({ description: 'That the confirmed do not suffice for these fees' }),
});

const balance = z
  .object({
    onchain: onchainBalance,
    channels: z.object({
      localMsat: msat.meta({ description: 'Ours in normal channels' }),
      remoteMsat: msat.meta({ description: "Our peers' in normal channels" }),
      offeredHtlcsMsat: msat.meta({ description: 'In HTLCs that we offered and that are not settled' }),
      receivedHtlcsMsat: msat.meta({ description: 'In HTLCs offered to us that are not settled' }),
      openingMsat: msat.meta({ description: 'Ours in channels that are being opened' }),
      closingMsat: msat.meta({ description: 'Ours in channels that are being closed, not yet back in the wallet' }),
    }),
  })
  .meta({ id: 'Balance' });

const utxo = z
  .object({
    outpoint,
    amountSat: sat,
    address: z.string(),
    confirmations: count,
    reserved: z.boolean(),
  })
  .meta({ id: 'Utxo' });

const warning = z
  .string()
  .optional()
  .meta({ description: 'That the chain did not answer, and the transaction is offered to it again' });

export const walletMethods = {
  newaddress: method({
    summary: 'Make a fresh on-chain address to receive bitcoin at',
    http: { method: 'POST', path: '/v1/wallet/addresses' },
    input: z.strictObject({}),
    output: z.object({ address: z.string() }),
    cli: { args: [], example: 'runnel newaddress' },
    example: { input: {}, output: { address: ADDRESS } },
  }),
  balance: method({
    summary: 'Show what is in the on-chain wallet and in the channels',
    http: { method: 'GET', path: '/v1/balance' },
    input: z.strictObject({}),
    output: balance,
    cli: { args: [], example: 'runnel balance' },
    example: {
      input: {},
      output: {
        onchain: {
          confirmedSat: '4899390',
          unconfirmedSat: '0',
          immatureSat: '0',
          reservedSat: '0',
          reservedForFeesSat: '10000',
        },
        channels: {
          localMsat: '98995500',
          remoteMsat: '1004500',
          offeredHtlcsMsat: '0',
          receivedHtlcsMsat: '0',
          openingMsat: '0',
          closingMsat: '0',
        },
      },
    },
  }),
  utxos: method({
    summary: "List the on-chain wallet's unspent outputs",
    http: { method: 'GET', path: '/v1/wallet/utxos' },
    input: z.strictObject({}),
    output: z.object({ utxos: z.array(utxo) }),
    cli: { args: [], example: 'runnel utxos' },
    example: {
      input: {},
      output: {
        utxos: [{ outpoint: OUTPOINT, amountSat: '4899390', address: ADDRESS, confirmations: 6, reserved: false }],
      },
    },
  }),
  withdraw: method({
    summary: 'Send bitcoin from the on-chain wallet to an address',
    description:
      'Takes an amount, or --all for everything that is confirmed and not reserved, less the fee and what the wallet ' +
      'keeps for the fees of channels (10,000 sat a channel, 100,000 sat at most).',
    http: { method: 'POST', path: '/v1/wallet/withdraw' },
    input: z
      .strictObject({
        address: bitcoinAddress.meta({ description: "Address of the node's network" }),
        amountSat: sat.optional().meta({ description: 'Amount to send' }),
        all: z.boolean().optional().meta({ description: 'Send everything, less the fee' }),
        feeratePerKw: feeratePerKw.optional(),
      })
      .refine((input) => (input.amountSat === undefined) === (input.all === true), {
        error: 'expected either an amount or all',
        path: ['amountSat'],
      }),
    output: z.object({ txid, amountSat: sat, feeSat: sat, rawTransaction: hex, warning }),
    cli: {
      args: ['address', 'amountSat'],
      flags: { feeratePerKw: '--feerate <sat per kw>' },
      example: `runnel withdraw ${ADDRESS} 50000`,
    },
    example: {
      input: { address: ADDRESS, amountSat: '50000' },
      output: { txid: FUNDING_TXID, amountSat: '50000', feeSat: '141', rawTransaction: '0200' },
    },
  }),
  bumpfee: method({
    summary: 'Raise the fee of an unconfirmed transaction of the on-chain wallet',
    description:
      'A withdrawal is replaced by one that pays more, from its change (or, of --all, from what it sends). The ' +
      'funding of a channel is never replaced: a transaction that spends its change pays for both.',
    http: { method: 'POST', path: '/v1/wallet/bumpfee' },
    input: z.strictObject({
      txid: txid.meta({ description: 'Transaction that waits for a block' }),
      feeratePerKw: feeratePerKw.optional(),
    }),
    output: z.object({
      txid: txid.meta({ description: 'Of the new transaction' }),
      kind: z.enum(['replacement', 'child']),
      bumpedTxid: txid.meta({
        description: 'What it replaces or spends: the transaction asked for, or the last one that builds on it',
      }),
      feeSat: sat.meta({ description: 'What the new transaction pays' }),
      rawTransaction: hex,
      warning,
    }),
    cli: {
      args: ['txid'],
      flags: { feeratePerKw: '--feerate <sat per kw>' },
      example: `runnel bumpfee ${FUNDING_TXID} --feerate 2500`,
    },
    example: {
      input: { txid: FUNDING_TXID, feeratePerKw: 2500 },
      output: { txid: HASH, kind: 'child', bumpedTxid: FUNDING_TXID, feeSat: '2320', rawTransaction: '0200' },
    },
  }),
};
