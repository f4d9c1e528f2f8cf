/** What the dashboard shows of amounts, strangers' text, times and places: pure functions. */
import fc from 'fast-check';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requestOf } from '../../src/dashboard/web/api/request-of.ts';
import { formatMsat, formatWholeSat, parseSatAsMsat, share } from '../../src/dashboard/web/lib/amounts.ts';
import { formatRoute, parseRoute, views, type Route } from '../../src/dashboard/web/lib/route.ts';
import { harmless, nameOr, shortId } from '../../src/dashboard/web/lib/text.ts';
import { ago } from '../../src/dashboard/web/lib/time.ts';

describe('amounts', () => {
  it.each([
    [0n, '0'],
    [999n, '0.999'],
    [1_000n, '1'],
    [-1_500n, '−1.500'],
    [1_234_567_890_123n, '1 234 567 890.123'],
    [2_100_000_000_000_000_001n, '2 100 000 000 000 000.001'],
  ])('%d msat is shown as %s', (amountMsat, text) => {
    expect(formatMsat(amountMsat).replaceAll('\u202f', ' ')).toBe(text);
  });

  it('come back as they were typed', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2_100_000_000_000_000_000n }), (amountMsat) => {
        expect(parseSatAsMsat(formatMsat(amountMsat))).toBe(amountMsat);
      }),
    );
  });

  it.each(['', '-1', '1.2345', '1e3', '0x10', '1,5', '٣', 'NaN', '99999999999999999'])('%j is no amount', (text) => {
    expect(parseSatAsMsat(text)).toBeUndefined();
  });

  it('leave their decimals away without rounding up', () => expect(formatWholeSat(1_999n)).toBe('1'));

  it('are shares between 0 and 1', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -5n, max: 10n ** 20n }), fc.bigInt({ min: -5n, max: 10n ** 20n }), (part, whole) => {
        expect(share(part, whole)).toBeGreaterThanOrEqual(0);
        expect(share(part, whole)).toBeLessThanOrEqual(1);
      }),
    );
    expect([share(1n, 4n), share(0n, 0n)]).toEqual([0.25, 0]);
  });
});

describe("strangers' text", () => {
  it('keeps what can be read', () => expect(harmless('Zoë’s Knoten ⚡ 中文')).toBe('Zoë’s Knoten ⚡ 中文'));

  it('loses what cannot be seen, what turns the direction, and piles of marks', () => {
    const shown = harmless(`a\u202eb\u0000c\u200bd\ne\u2066f${'z\u0300\u0301\u0302\u0303\u0304'}`);
    expect(shown).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(shown).toContain('z\u0300\u0301');
    expect(shown).not.toContain('\u0302');
  });

  it('is never longer than it may be', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), (text) => {
        expect([...harmless(text, 50)].length).toBeLessThanOrEqual(51);
      }),
    );
    expect(harmless('x'.repeat(1_000))).toHaveLength(201);
  });

  it('gives way to the id where it is no name', () => {
    const id = `02${'ab'.repeat(32)}`;
    expect(nameOr(undefined, id)).toBe(shortId(id));
    expect(nameOr('   ', id)).toBe('02ababab…abab');
    expect(nameOr('bob', id)).toBe('bob');
  });
});

describe('the address', () => {
  it.each<[string, Route | undefined]>([
    ['', { view: 'overview' }],
    ['#/', { view: 'overview' }],
    ['#/mesh?node=02ab', { view: 'mesh', query: { node: '02ab' } }],
    ['#/@alice/overview', { view: 'overview', node: 'alice' }],
    ['#/@alice', { view: 'overview', node: 'alice' }],
    ['#/channel/abcd/at/12', { view: 'channel', id: 'abcd', at: 12 }],
    ['#/@bob/payment/ff', { view: 'payment', node: 'bob', id: 'ff' }],
    ['#/nowhere', undefined],
    ['#/channel', undefined],
    ['#/channels/abcd', undefined],
    ['#/channel/abcd/at', undefined],
    ['#/channel/abcd/at/-1', undefined],
    ['#/channel/abcd/at/1/2', undefined],
    ['#/payment/abcd/at/1', undefined],
    ['#/channel/%zz', { view: 'channel', id: '%zz' }],
  ])('%s', (hash, route) => expect(parseRoute(hash)).toEqual(route));

  it('says any route so that it can be read again', () => {
    const named = new Set(['channel', 'payment', 'chart']);
    const part = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }).filter((text) => !text.startsWith('@') && text.isWellFormed());
    const any = fc.record({ view: fc.constantFrom(...views), node: fc.option(part), id: part, at: fc.option(fc.nat(999_999)), node2: fc.option(part) });
    fc.assert(
      fc.property(any, ({ view, node, id, at, node2 }) => {
        const route: Route = {
          view,
          ...(node !== null && { node }),
          ...(named.has(view) && { id }),
          ...(view === 'channel' && at !== null && { at }),
          ...(node2 !== null && { query: { node: node2 } }),
        };
        expect(parseRoute(formatRoute(route))).toEqual(route);
      }),
    );
  });
});

describe('requests', () => {
  it('have their input in path, query and body as the contract says', () => {
    expect(requestOf('GET /v1/channels/{channel}/journal', { channel: 'a/b', from: 3, limit: undefined })).toEqual({
      method: 'GET',
      path: '/v1/channels/a%2Fb/journal?from=3',
    });
    expect(requestOf('POST /v1/channels/{channel}/close', { channel: 'ab', force: true })).toEqual({
      method: 'POST',
      path: '/v1/channels/ab/close',
      body: { force: true },
    });
    expect(requestOf('DELETE /v1/peers/{nodeId}', { nodeId: '02', stay: true })).toEqual({ method: 'DELETE', path: '/v1/peers/02?stay=true' });
  });
});

describe('times', () => {
  it.each([
    [0, 'just now'],
    [-5_000, 'just now'],
    [59_999, '59 s ago'],
    [60_000, '1 min ago'],
    [7_200_000, '2 h ago'],
    [172_800_000, '2 d ago'],
  ])('%d ms are %s', (passed, text) => expect(ago(1_000_000, 1_000_000 + passed)).toBe(text));
});

describe('the page', () => {
  const folder = join(import.meta.dirname, '../../src/dashboard/web');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(tsx?|html|css)$/.test(name));

  it('has no way to make markup of text, and nothing that its policy would have to allow', () => {
    expect(files.length).toBeGreaterThan(40);
    const forbidden =
      /innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|DOMParser|createContextualFragment|srcdoc|\beval\(|new Function|javascript:|\sstyle="|setAttribute\('style'|\.html\(/;
    const found = files.filter((name) => forbidden.test(readFileSync(join(folder, name), 'utf8')));
    expect(found).toEqual([]);
  });
});
