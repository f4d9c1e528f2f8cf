import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { InboundRate } from '../../src/network/inbound-rate.ts';
import { Strangers } from '../../src/network/lightning/strangers.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';

describe('strangers', () => {
  it('are counted by host, however it is written', () => {
    const clock = new VirtualClock();
    const strangers = new Strangers(new InboundRate(clock, { maxInboundPerSecond: 1, inboundPerHost: { burst: 2, perSecond: 2 } }));
    const comes = (address: string): boolean => strangers.comes(new Socket(), address);
    expect(['203.0.113.5', '::ffff:203.0.113.5', '203.0.113.5', '::ffff:203.0.113.5'].map(comes)).toEqual([true, true, false, false]);
    expect(['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::3'].map(comes)).toEqual([true, true, false, true]);
    clock.advance(1_000);
    expect(comes('203.0.113.5')).toBe(true);
  });

  it('make room for each other until their hosts have as many', () => {
    const strangers = new Strangers(new InboundRate(new VirtualClock(), { maxInboundPerSecond: 1, inboundPerHost: { burst: 1_000, perSecond: 1 } }));
    const come = (count: number, address: string): Socket[] =>
      Array.from({ length: count }, () => new Socket()).filter((socket) => strangers.comes(socket, address));
    const many = come(100, '203.0.113.1');
    expect(many).toHaveLength(64);
    expect(come(100, '203.0.113.2')).toHaveLength(32);
    expect(many.map(({ destroyed }) => destroyed)).toEqual([...many.keys()].map((index) => index < 32));
    expect(come(100, '203.0.113.1')).toHaveLength(0);
    expect(come(1, '203.0.113.3')).toHaveLength(1);
    strangers.end();
    expect(many.every(({ destroyed }) => destroyed)).toBe(true);
  });
});
