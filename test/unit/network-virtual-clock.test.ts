import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';

describe('VirtualClock', () => {
  it('stands still until it is moved, and runs timers in order of time, then of creation', () => {
    const clock = new VirtualClock(1_000);
    const ran: string[] = [];
    clock.setTimer(20, () => ran.push('b'));
    clock.setTimer(10, () => ran.push('a'));
    clock.setTimer(20, () => ran.push('c'));
    expect([clock.now(), ran, clock.pending]).toEqual([1_000, [], 3]);
    clock.advance(10);
    expect([clock.now(), ran]).toEqual([1_010, ['a']]);
    clock.advance(100);
    expect([clock.now(), ran, clock.pending]).toEqual([1_110, ['a', 'b', 'c'], 0]);
    expect(clock.runNext()).toBe(false);
    expect(clock.now()).toBe(1_110);
  });

  it('runs a timer that sets itself again once per period', () => {
    const clock = new VirtualClock();
    const times: number[] = [];
    const tick = (): void => {
      times.push(clock.now());
      clock.setTimer(10, tick);
    };
    clock.setTimer(10, tick);
    clock.advance(35);
    expect(times).toEqual([10, 20, 30]);
  });

  it('does not run a cancelled timer, and lets it be cancelled again, also after it ran', () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    const cancel = clock.setTimer(1, () => ran.push('cancelled'));
    const late = clock.setTimer(2, () => ran.push('kept'));
    cancel();
    cancel();
    clock.advance(5);
    late();
    clock.setTimer(0, () => ran.push('zero'));
    clock.setTimer(-5, () => ran.push('negative'));
    expect(clock.pending).toBe(2);
    clock.advance(0);
    expect(ran).toEqual(['kept', 'zero', 'negative']);
  });

  it('refuses NaN and going back', () => {
    const clock = new VirtualClock();
    expect(() => clock.setTimer(Number.NaN, () => {})).toThrow(RangeError);
    expect(() => clock.advance(-1)).toThrow(RangeError);
    expect(() => clock.advance(Number.NaN)).toThrow(RangeError);
  });

  it('agrees with a sorted list on any mix of timers and cancellations', () => {
    const delays = fc.array(fc.record({ delay: fc.nat(50), cancelled: fc.boolean() }), { maxLength: 400 });
    fc.assert(
      fc.property(delays, (timers) => {
        const clock = new VirtualClock();
        const ran: number[] = [];
        const cancels = timers.map(({ delay }, index) => clock.setTimer(delay, () => ran.push(index)));
        timers.forEach(({ cancelled }, index) => cancelled && cancels[index]!());
        const expected = timers
          .map((timer, index) => ({ ...timer, index }))
          .filter((timer) => !timer.cancelled)
          .sort((a, b) => a.delay - b.delay || a.index - b.index)
          .map((timer) => timer.index);
        expect(clock.pending).toBe(expected.length);
        while (clock.runNext());
        expect(ran).toEqual(expected);
      }),
    );
  });

  it('run() lets promises settle between timers', async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    clock.setTimer(1, () => {
      void (async () => {
        await Promise.resolve();
        await Promise.resolve();
        log.push(`settled at ${clock.now()}`);
        clock.setTimer(1, () => log.push(`second at ${clock.now()}`));
      })();
    });
    clock.setTimer(5, () => log.push(`last at ${clock.now()}`));
    expect(await clock.run()).toBe(3);
    expect(log).toEqual(['settled at 1', 'second at 2', 'last at 5']);
  });

  it('run() ends at a time, at a condition, and throws when it never comes to rest', async () => {
    const clock = new VirtualClock();
    let ticks = 0;
    const tick = (): void => {
      ticks += 1;
      clock.setTimer(10, tick);
    };
    clock.setTimer(10, tick);
    await clock.run({ untilMs: 45 });
    expect([clock.now(), ticks]).toEqual([45, 4]);
    await clock.run({ until: () => ticks === 6 });
    expect([clock.now(), ticks]).toEqual([60, 6]);
    await expect(clock.run({ maxTimers: 10 })).rejects.toThrow('10 timers');
    const idle = new VirtualClock();
    await idle.run({ untilMs: 100 });
    expect(idle.now()).toBe(100);
  });
});
