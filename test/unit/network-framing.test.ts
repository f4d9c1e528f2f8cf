import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameDecoder, encodeFrames } from '../../src/network/framing.ts';

function decodeAll(decoder: FrameDecoder): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let message = decoder.next(); message !== undefined; message = decoder.next()) messages.push(message);
  return messages;
}

describe('framing', () => {
  const messages = [Uint8Array.of(0, 18), Uint8Array.of(0, 16, 1, 2, 3), new Uint8Array(30).fill(7)];

  it('puts a 2-byte big-endian length before each message', () => {
    expect([...encodeFrames([Uint8Array.of(0, 18), Uint8Array.of(1, 2, 3)])]).toEqual([0, 2, 0, 18, 0, 3, 1, 2, 3]);
    expect([...encodeFrames([new Uint8Array(300)]).subarray(0, 2)]).toEqual([1, 44]);
    expect(encodeFrames([])).toHaveLength(0);
  });

  it('finds the messages again wherever the bytes are cut in two or three', () => {
    const frames = encodeFrames(messages);
    for (let first = 0; first <= frames.length; first++) {
      for (let second = first; second <= frames.length; second += 1) {
        const decoder = new FrameDecoder();
        const found: Uint8Array[] = [];
        for (const chunk of [frames.subarray(0, first), frames.subarray(first, second), frames.subarray(second)]) {
          decoder.push(chunk);
          found.push(...decodeAll(decoder));
        }
        expect(found).toEqual(messages);
      }
    }
  });

  it('finds them in any chunking, read at any time', () => {
    const message = fc.uint8Array({ minLength: 2, maxLength: 600 });
    const cut = fc.record({ size: fc.integer({ min: 1, max: 200 }), read: fc.boolean() });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 20 }), fc.infiniteStream(cut), (sent, cuts) => {
        const decoder = new FrameDecoder();
        let rest = encodeFrames(sent);
        const found: Uint8Array[] = [];
        for (const { size, read } of cuts) {
          if (rest.length === 0) break;
          decoder.push(rest.slice(0, size));
          rest = rest.subarray(size);
          if (read) found.push(...decodeAll(decoder));
        }
        found.push(...decodeAll(decoder));
        expect(found).toEqual(sent);
        expect([decoder.bufferedBytes, decoder.insideFrame]).toEqual([0, false]);
      }),
    );
  });

  it('takes messages up to the limit of BOLT 1 and no further', () => {
    const largest = new Uint8Array(65_535).fill(1);
    const decoder = new FrameDecoder();
    decoder.push(encodeFrames([largest, largest]));
    expect(decodeAll(decoder)).toEqual([largest, largest]);
    const failure = (code: string): unknown => expect.objectContaining({ code });
    expect(() => encodeFrames([new Uint8Array(65_536)])).toThrow(failure('message_too_large'));
    expect(() => encodeFrames([new Uint8Array(1)])).toThrow(failure('stream_failed'));
  });

  it.each([0, 1])('refuses a frame of %i bytes', (length) => {
    const decoder = new FrameDecoder();
    decoder.push(Uint8Array.of(0, 2, 0, 18, 0, length, 9));
    expect(decoder.next()).toEqual(Uint8Array.of(0, 18));
    expect(() => decoder.next()).toThrow(expect.objectContaining({ code: 'stream_failed' }));
  });

  it('hands out copies, and tells an unfinished frame from a clean end', () => {
    const decoder = new FrameDecoder();
    const chunk = Uint8Array.of(0, 3, 1, 2, 3, 0);
    decoder.push(chunk);
    const message = decoder.next()!;
    chunk.fill(0);
    expect([...message]).toEqual([1, 2, 3]);
    expect(message.buffer.byteLength).toBe(3);
    expect(decoder.next()).toBeUndefined();
    expect([decoder.insideFrame, decoder.bufferedBytes]).toEqual([true, 0]);
  });
});
