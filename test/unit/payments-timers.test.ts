import { describe, expect, it } from 'vitest';
import { Timers } from '../../src/payments/timers.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';

const DAY_MS = 24 * 60 * 60_000;

describe('timers', () => {
  function setUp() {
    const clock = new VirtualClock(1_000);
    const delays: number[] = [];
    const ran: string[] = [];
    const watched = {
      now: () => clock.now(),
      setTimer(delayMs: number, callback: () => void) {
        delays.push(delayMs);
        return clock.setTimer(delayMs, callback);
      },
    };
    const timers = new Timers(watched, (work) => work());
    return { clock, timers, delays, ran, note: (name: string) => () => void ran.push(name) };
  }

  it('run once, when their time has come, or at once where it is over', () => {
    const { clock, timers, ran, note } = setUp();
    timers.set('a', 1_500, note('a'));
    timers.set('b', 10, note('b'));
    clock.advance(0);
    expect(ran).toEqual(['b']);
    clock.advance(499);
    expect(ran).toEqual(['b']);
    clock.advance(1_000);
    expect(ran).toEqual(['b', 'a']);
    expect(clock.pending).toBe(0);
  });

  it('wait for a year in steps that the system can take', () => {
    const { clock, timers, delays, ran, note } = setUp();
    timers.set('year', 1_000 + 365 * DAY_MS, note('year'));
    clock.advance(365 * DAY_MS - 1);
    expect(ran).toEqual([]);
    clock.advance(1);
    expect(ran).toEqual(['year']);
    // Node runs a timer of more than 2^31 - 1 ms at once.
    expect(Math.max(...delays)).toBeLessThan(2 ** 31);
  });

  it('have one time a name, and can be called off', () => {
    const { clock, timers, delays, ran, note } = setUp();
    timers.set('a', 2_000, note('first'));
    timers.set('a', 2_000, note('same time'));
    expect(delays).toHaveLength(1);
    timers.set('a', 3_000, note('later'));
    timers.set('b', 3_000, note('b'));
    timers.cancel('b');
    clock.advance(10_000);
    expect(ran).toEqual(['later']);
    timers.set('c', 20_000, note('c'));
    timers.clear();
    clock.advance(100_000);
    expect(ran).toEqual(['later']);
    expect(clock.pending).toBe(0);
  });
});
