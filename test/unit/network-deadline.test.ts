import { describe, expect, it } from 'vitest';
import { deadline } from '../../src/network/deadline.ts';
import { decodeAnswer, decodeHello, encodeAnswer, encodeHello } from '../../src/network/link-handshake.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';

describe('a deadline', () => {
  it('aborts after its time, not after it was cleared', () => {
    const clock = new VirtualClock();
    const kept = deadline(clock, 100);
    const cleared = deadline(clock, 100);
    clock.advance(99);
    expect(kept.signal.aborted).toBe(false);
    cleared.clear();
    clock.advance(1);
    expect([kept.signal.aborted, cleared.signal.aborted, clock.pending]).toEqual([true, false, 0]);
    expect(kept.signal.reason).toMatchObject({ message: 'not done within 100 ms' });
  });

  it('aborts with its parent, before or after it was made', () => {
    const clock = new VirtualClock();
    const parent = new AbortController();
    const before = deadline(clock, 100, parent.signal);
    const cleared = deadline(clock, 100, parent.signal);
    cleared.clear();
    parent.abort(new Error('stopped'));
    const after = deadline(clock, 100, parent.signal);
    expect([before.signal.aborted, cleared.signal.aborted, after.signal.aborted]).toEqual([true, false, true]);
    expect(before.signal.reason).toMatchObject({ message: 'stopped' });
  });
});

describe('the handshake of a channel stream', () => {
  const sequence = 0x0102_0304_0506_0708n;

  it('is read as it was written', () => {
    expect([...encodeHello(sequence)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(decodeHello(encodeHello(sequence))).toBe(sequence);
    for (const taken of [true, false]) {
      expect(decodeAnswer(encodeAnswer({ taken, sequence }))).toEqual({ taken, sequence });
    }
    expect(decodeHello(Uint8Array.of(9, ...encodeHello(2n ** 64n - 1n)).subarray(1))).toBe(2n ** 64n - 1n);
  });

  it('is refused in any other length or with another verdict', () => {
    const failure = expect.objectContaining({ code: 'stream_failed' });
    for (const length of [0, 2, 7, 9]) expect(() => decodeHello(new Uint8Array(length))).toThrow(failure);
    for (const length of [0, 2, 8, 10]) expect(() => decodeAnswer(new Uint8Array(length))).toThrow(failure);
    expect(() => decodeAnswer(Uint8Array.of(2, ...encodeHello(sequence)))).toThrow(failure);
  });
});
