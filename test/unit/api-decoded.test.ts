import * as fc from 'fast-check';
import { Transaction } from 'bitcoinjs-lib';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decoded as decodedSchema } from '../../src/api/contract/decoded-types.ts';
import { decodedMessage, decodeEntry, decodeWire, type Decoded } from '../../src/channels/decoded.ts';
import { channelTypeAnchors } from '../../protocols/wire/features.ts';
import { encodeMessage } from '../../protocols/wire/messages.ts';
import { anyMessage } from './wire-arbitraries.ts';

/** A point on the curve. */
const NODE_ID = Uint8Array.from(Buffer.from('031b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f', 'hex'));
const bytes = (length: number, fill = 0xab): Uint8Array => new Uint8Array(length).fill(fill);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const valueOf = ({ fields }: Decoded, name: string) => fields.find((field) => field.name === name);

describe('a message by field', () => {
  it('has every field that any message has, by its name and in its order, and passes for what the API tells', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const decoded = decodeWire(encodeMessage(message));
        const names = Object.entries(message).flatMap(([name, value]) => (name === 'type' || value === undefined ? [] : [name]));
        expect(decoded.name).toBe(message.type);
        expect(decoded.bolt).toMatch(/^BOLT [127]$/);
        expect(decoded.fields.map(({ name }) => name).sort()).toEqual(names.sort());
        z.decode(decodedSchema, decoded);
      }),
    );
  });

  it('has the rest of an announcement whose addresses cannot be read', () => {
    const announcement = {
      type: 'node_announcement', signature: bytes(64), features: bytes(0), timestamp: 1, nodeId: NODE_ID, rgbColor: bytes(3), alias: bytes(32, 0x61),
      addresses: Uint8Array.of(1, 127),
    } as const;
    const decoded = decodeWire(encodeMessage(announcement));
    expect(decoded.name).toBe('node_announcement');
    expect(valueOf(decoded, 'addresses')).toEqual({ name: 'addresses', type: 'hex', value: '017f' });
  });

  it('gives amounts their unit, short channel ids and txids the form in which people know them', () => {
    const created = decodedMessage({
      type: 'funding_created',
      temporaryChannelId: bytes(32),
      fundingTxid: Uint8Array.from({ length: 32 }, (_, index) => index),
      fundingOutputIndex: 1,
      signature: bytes(64),
    });
    expect(valueOf(created, 'fundingTxid')).toEqual({
      name: 'fundingTxid',
      type: 'hex',
      value: '1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100',
    });
    expect(valueOf(created, 'fundingOutputIndex')).toEqual({ name: 'fundingOutputIndex', type: 'number', value: '1' });

    const announced = decodedMessage({
      type: 'announcement_signatures',
      channelId: bytes(32),
      shortChannelId: (103n << 40n) | (2n << 16n) | 1n,
      nodeSignature: bytes(64),
      bitcoinSignature: bytes(64),
    });
    expect(valueOf(announced, 'shortChannelId')).toMatchObject({ type: 'text', value: '103x2x1' });

    const closing = decodedMessage({
      type: 'closing_signed',
      channelId: bytes(32),
      feeSatoshis: 1_234n,
      signature: bytes(64),
      feeRange: { minFeeSatoshis: 1n, maxFeeSatoshis: 2n },
    });
    expect(valueOf(closing, 'feeSatoshis')).toEqual({ name: 'feeSatoshis', type: 'amount', value: '1234', unit: 'sat' });
    expect(valueOf(closing, 'feeRange')?.fields).toEqual([
      { name: 'minFeeSatoshis', type: 'amount', value: '1', unit: 'sat' },
      { name: 'maxFeeSatoshis', type: 'amount', value: '2', unit: 'sat' },
    ]);

    const range = decodedMessage({
      type: 'query_short_channel_ids', chainHash: bytes(32), shortChannelIds: [1n << 40n, (2n << 40n) | 7n],
    });
    expect(valueOf(range, 'shortChannelIds')).toMatchObject({ value: '2 items', fields: [{ name: '0', value: '1x0x0' }, { name: '1', value: '2x0x7' }] });
  });

  it('names features and failures', () => {
    const init = decodedMessage({ type: 'init', globalfeatures: new Uint8Array(), features: channelTypeAnchors });
    expect(valueOf(init, 'features')?.value).toBe('option_static_remotekey (required), option_anchors (required)');
    expect(valueOf(init, 'globalfeatures')?.value).toBe('none');
    const malformed = decodedMessage({
      type: 'update_fail_malformed_htlc', channelId: bytes(32), id: 1n, sha256OfOnion: bytes(32), failureCode: 0xc005,
    });
    expect(valueOf(malformed, 'failureCode')?.value).toBe('invalid_onion_hmac (0xc005)');
  });

  it("shows a peer's text as printable characters only", () => {
    const error = decodedMessage({ type: 'error', channelId: bytes(32), data: text('<b>no</b>\u001b[31m\u0000') });
    expect(valueOf(error, 'data')).toEqual({ name: 'data', type: 'text', value: '<b>no</b>?[31m?' });
  });

  it('does not throw over bytes that are no message', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (anything) => void z.decode(decodedSchema, decodeWire(anything))));
    expect(decodeWire(bytes(3)).name).toBe('unreadable');
  });
});

describe('an event of the journal by field', () => {
  it("shows the peer's message where it is one", () => {
    const wire = encodeMessage({ type: 'update_fee', channelId: bytes(32), feeratePerKw: 2_500 });
    const decoded = decodeEntry({ event: { type: 'message', name: 'update_fee' }, wire });
    expect(decoded).toMatchObject({ name: 'update_fee', bolt: 'BOLT 2' });
    expect(valueOf(decoded, 'feeratePerKw')?.value).toBe('2500');
  });

  it('shows what a transaction spends and pays', () => {
    const transaction = new Transaction();
    transaction.addInput(bytes(32, 1), 3);
    transaction.addOutput(bytes(22, 2), 5_000n);
    const event = { type: 'fundingSpent', transaction: transaction.toBuffer(), blockHeight: 120, depth: 1 } as const;
    const decoded = decodeEntry({ event, wire: undefined });
    expect(decoded.fields.map(({ name }) => name)).toEqual(['transaction', 'blockHeight', 'depth']);
    expect(valueOf(decoded, 'transaction')?.fields).toMatchObject([
      { name: 'txid', value: transaction.getId() },
      { name: 'inputs', fields: [{ value: `${'01'.repeat(32)}:3` }] },
      { name: 'outputs', fields: [{ value: '5000', unit: 'sat' }] },
    ]);
  });
});
