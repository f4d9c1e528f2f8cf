import { expect, expectTypeOf, test } from 'vitest';
import { decodeMessage, encodeMessage, type MessageOf } from '../../protocols/wire/messages.ts';
test('types', () => {
  type A = MessageOf<'channel_ready'>;
  expectTypeOf<A>().toEqualTypeOf<{ readonly type: 'channel_ready'; readonly channelId: Uint8Array; readonly secondPerCommitmentPoint: Uint8Array; readonly shortChannelIdAlias?: bigint | undefined }>();
  expectTypeOf<MessageOf<'reply_channel_range'>['timestamps']>().toEqualTypeOf<readonly { readonly timestampNodeId1: number; readonly timestampNodeId2: number }[] | undefined>();
  expectTypeOf<MessageOf<'channel_update'>['extension']>().toEqualTypeOf<Uint8Array | undefined>();
  const m = { type: 'closing_signed', channelId: new Uint8Array(32), feeSatoshis: 5n, signature: new Uint8Array(64), feeRange: { minFeeSatoshis: 1n, maxFeeSatoshis: 9n } } as const;
  expect(decodeMessage(encodeMessage(m))).toEqual(m);
});
