import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatMsat } from '../../src/amounts.ts';
import { parseAmountMsat } from '../../src/cli/amounts.ts';
import { renderState } from '../../src/cli/render-channels.ts';
import { list, section, table } from '../../src/cli/text.ts';

describe('amounts', () => {
  it.each([
    ['0', 'sat', 0n],
    ['1', 'sat', 1_000n],
    ['1.5', 'sat', 1_500n],
    ['1.001', 'sat', 1_001n],
    ['7', 'msat', 7n],
    ['7sat', 'msat', 7_000n],
    ['7 MSAT', 'sat', 7n],
    ['0.00000001btc', 'sat', 1_000n],
    ['21000000btc', 'sat', 2_100_000_000_000_000_000n],
  ] as const)('%j in %s is %d msat', (text, unit, amountMsat) => {
    expect(parseAmountMsat(text, unit)).toBe(amountMsat);
  });

  const none = ['', '.', '1.', '.5', '-1', '+1', '1e3', '0x10', '1,000', '1.0001', '1.1msat', '1 euro', '٣', '9'.repeat(20)];
  it.each(none)('%j is none', (text) => {
    expect(parseAmountMsat(text, 'sat')).toBeUndefined();
  });

  it('read back as they were written, to the msat', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2_100_000_000_000_000_000n }), (amountMsat) => {
        expect(parseAmountMsat(formatMsat(amountMsat), 'sat')).toBe(amountMsat);
      }),
    );
  });
});

describe('tables', () => {
  it('align numbers to the right and all else to the left', () => {
    expect(table(['NAME', 'SAT'], [['a', 1n], ['longer', 1_000n], ['none', undefined]], 'x')).toBe(
      'NAME     SAT\na          1\nlonger  1000\nnone       -',
    );
  });

  it('say what to do where they are empty', () => {
    expect(table(['A'], [], 'nothing here')).toBe('nothing here');
  });

  it('keep what strangers wrote in its cell', () => {
    expect(table(['A'], [['x\ny\u001b[2J']], '')).toBe('A\nx\ufffdy\ufffd[2J');
  });
});

describe('lists', () => {
  it('leave out what is not there', () => {
    expect(list({ a: 1, long: 'x', gone: undefined, empty: '', no: false })).toBe('a     1\nlong  x\nno    no');
    expect(section('T', 'a\nb')).toBe('T\n  a\n  b');
  });
});

describe('state values', () => {
  it('stand on one line', () => {
    expect(renderState('normal')).toBe('normal');
    expect(renderState({ life: 'normal', updates: { local: 'idle', remote: { a: 'b' } } })).toBe(
      'life:normal updates:(local:idle remote:(a:b))',
    );
  });
});
