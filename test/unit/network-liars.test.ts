import { beforeEach, describe, expect, it } from 'vitest';
import { Liars } from '../../src/network/liars.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

let clock: VirtualClock;
let liars: Liars;
let told: string[];

beforeEach(() => {
  clock = new VirtualClock(1e12);
  told = [];
  liars = new Liars({ clock, onDistrusted: (nodeId) => told.push(nodeId) });
});

function lie(times: number, nodeId = 'mallory'): void {
  for (let i = 0; i < times; i++) liars.lied(nodeId);
}

describe('who lies', () => {
  it('is not heard for ten minutes after the third lie, which is told once', () => {
    lie(2);
    expect(liars.isDistrusted('mallory')).toBe(false);
    lie(3);
    expect(told).toEqual(['mallory']);
    clock.advance(10 * MINUTE - 1);
    expect(liars.isDistrusted('mallory')).toBe(true);
    expect(liars.isDistrusted('alice')).toBe(false);
    clock.advance(1);
    expect(liars.isDistrusted('mallory')).toBe(false);
  });

  it('is not heard for longer when it goes on', () => {
    lie(3);
    clock.advance(9 * MINUTE);
    lie(1);
    clock.advance(9 * MINUTE);
    expect(liars.isDistrusted('mallory')).toBe(true);
    expect(told).toEqual(['mallory']);
  });

  it('is forgiven a lie now and then', () => {
    for (let i = 0; i < 100; i++) {
      lie(1);
      clock.advance(45 * SECOND);
    }
    expect(told).toEqual([]);
  });

  it('is refused only where that is asked for, and no longer than it is distrusted', () => {
    lie(3);
    expect(liars.isRefused('mallory')).toBe(false);
    liars.refuse('mallory', true);
    lie(1);
    expect(liars.isRefused('mallory')).toBe(true);
    clock.advance(10 * MINUTE);
    expect(liars.isRefused('mallory')).toBe(false);
    // Distrusted anew, it is for whoever asked to say it again.
    lie(3);
    expect(told).toEqual(['mallory', 'mallory']);
    expect(liars.isRefused('mallory')).toBe(false);
    liars.refuse('alice', true);
    expect(liars.isRefused('alice')).toBe(false);
  });
});
