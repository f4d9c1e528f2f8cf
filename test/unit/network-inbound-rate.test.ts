import { describe, expect, it } from 'vitest';
import { hostOf, InboundRate } from '../../src/network/inbound-rate.ts';
import { defaultNetworkLimits } from '../../src/network/limits.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';

describe('a host', () => {
  const cases: Record<string, string> = {
    '203.0.113.5': '203.0.113.5',
    '::ffff:203.0.113.5': '203.0.113.5',
    '::FFFF:203.0.113.5': '203.0.113.5',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2',
    '2001:db8:1:2::1': '2001:db8:1:2',
    '2001:db8::1': '2001:db8:0:0',
    '2001::1:2:3:4:5:6': '2001:0:1:2',
    '::1': '0:0:0:0',
    'fe80::1%eth0': 'fe80:0:0:0',
    '': '',
  };

  it.each(Object.entries(cases))('that is %s counts as %s', (address, host) => expect(hostOf(address)).toBe(host));
});

describe('the connections that a host may make', () => {
  const clock = new VirtualClock();
  const admitted = (rate: InboundRate, address: string): number => Array.from({ length: 200 }, () => rate.admits(address)).filter(Boolean).length;

  it.each([
    ['127.0.0.1', 64, 64],
    ['127.0.0.9', 64, 64],
    ['::ffff:127.0.0.1', 64, 64],
    ['::1', 64, 64],
    ['203.0.113.5', 32, 4],
    ['192.168.0.5', 32, 4],
    ['2001:db8::1', 32, 4],
    ['::2', 32, 4],
    ['', 32, 4],
  ])('are, of %s, %i at once and %i a second', (address, burst, perSecond) => {
    const rate = new InboundRate(clock, defaultNetworkLimits);
    expect(admitted(rate, address)).toBe(burst);
    clock.advance(1_000);
    expect(admitted(rate, address)).toBe(perSecond);
  });

  it('are its own', () => {
    const rate = new InboundRate(clock, defaultNetworkLimits);
    admitted(rate, '203.0.113.5');
    expect(admitted(rate, '203.0.113.6')).toBe(32);
  });
});
