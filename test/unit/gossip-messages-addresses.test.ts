import fc from 'fast-check';
import { fromString, toString } from 'uint8arrays';
import { describe, expect, test } from 'vitest';
import * as addresses from '../../protocols/gossip/addresses.ts';
import { fromHostPort, toHostPort, type NodeAddress } from '../../protocols/gossip/node-address.ts';
import { WireError } from '../../protocols/wire/errors.ts';

const { decodeAddresses, encodeAddresses } = addresses;

const hex = (text: string) => fromString(text.replaceAll(' ', ''), 'hex');
const onion = `${'a'.repeat(55)}q.onion`;

const ipv4: NodeAddress = { type: 'ipv4', host: '203.0.113.5', port: 9735 };
const ipv6: NodeAddress = { type: 'ipv6', host: '2001:db8::1', port: 9735 };
const torV3: NodeAddress = { type: 'tor_v3', host: onion, port: 9735 };
const dns: NodeAddress = { type: 'dns', host: 'ln.example', port: 1 };

const encodings: [NodeAddress, string][] = [
  [ipv4, '01 cb007105 2607'],
  [ipv6, '02 20010db8000000000000000000000001 2607'],
  [torV3, `04 ${'00'.repeat(34)}10 2607`],
  [dns, '05 0a 6c6e2e6578616d706c65 0001'],
];

describe('address descriptors', () => {
  test.each(encodings)('%o is written as BOLT 7 says', (address, bytes) => {
    expect(toString(encodeAddresses([address]), 'hex')).toBe(bytes.replaceAll(' ', ''));
    expect(decodeAddresses(hex(bytes))).toEqual({ addresses: [address], mayForward: true });
  });

  test('stand in ascending order', () => {
    const all = encodings.map(([address]) => address);
    expect(decodeAddresses(encodeAddresses(all.toReversed()))).toEqual({ addresses: all, mayForward: true });
  });

  test('of any IP address come back as they were', () => {
    const port = fc.integer({ min: 1, max: 65535 });
    const address = fc.oneof(
      fc.record({ type: fc.constant('ipv4' as const), host: fc.ipV4(), port }),
      fc.record({ type: fc.constant('ipv6' as const), host: fc.ipV6(), port }),
    );
    fc.assert(
      fc.property(address, (original) => {
        const bytes = encodeAddresses([original]);
        const [decoded] = decodeAddresses(bytes).addresses;
        expect(decoded).toMatchObject({ type: original.type, port: original.port });
        expect(encodeAddresses([decoded!])).toEqual(bytes);
      }),
    );
  });

  test.each([
    ['port 0', '01 cb007105 0000'],
    ['Tor v2', '03 00112233445566778899 2607'],
    ['a hostname with a slash', '05 05 612f742f62 0001'],
    ['a hostname with an escape sequence', '05 03 1b5b41 0001'],
    ['a hostname of other letters', '05 02 c3a9 0001'],
    ['an empty hostname', '05 00 0001'],
  ])('leave out %s, and go on', (_name, bytes) => {
    const rest = hex('02 20010db8000000000000000000000001 2607');
    expect(decodeAddresses(Uint8Array.from([...hex(bytes), ...rest])).addresses).toEqual([ipv6]);
  });

  test.each(['00', 'ff00', '06 01 02 03'])('end at the unknown type of %s', (unknown) => {
    const bytes = hex(`01 cb007105 2607 ${unknown} 02 20010db8000000000000000000000001 2607`);
    expect(decodeAddresses(bytes).addresses).toEqual([ipv4]);
  });

  test('of a second hostname are ignored, and keep the announcement from being passed on', () => {
    const bytes = hex('05 0a 6c6e2e6578616d706c65 0001 05 01 61 0001');
    expect(decodeAddresses(bytes)).toEqual({ addresses: [dns], mayForward: false });
  });

  test.each(encodings)('%o cut short are refused', (_address, bytes) => {
    for (let length = 1; length < hex(bytes).length; length++) {
      expect(() => decodeAddresses(hex(bytes).subarray(0, length))).toThrow(WireError);
    }
  });

  test('of any bytes are read, or refused with a WireError', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 80 }), (type, bytes) => {
        let found;
        try {
          found = decodeAddresses(Uint8Array.of(type, ...bytes)).addresses;
        } catch (error) {
          return error instanceof WireError;
        }
        expect(decodeAddresses(encodeAddresses(found)).addresses).toHaveLength(found.length);
        return true;
      }),
      { numRuns: 2000 },
    );
  });

  test.each<NodeAddress>([
    { ...ipv4, port: 0 },
    { ...ipv4, port: 65536 },
    { ...ipv4, host: '203.0.113.256' },
    { ...ipv4, host: '2001:db8::1' },
    { ...ipv4, host: '203.0.113.5/tcp/1' },
    { ...ipv6, host: '203.0.113.5' },
    { ...torV3, host: 'a.onion' },
    { ...dns, host: '' },
    { ...dns, host: 'é.example' },
    { ...dns, host: 'a..b' },
    { ...dns, host: `${'a'.repeat(63)}.`.repeat(4) },
  ])('are not written for %o', (address) => {
    expect(() => encodeAddresses([address])).toThrow(WireError);
  });

  test('are not written for two hostnames', () => {
    expect(() => encodeAddresses([dns, dns])).toThrow(WireError);
  });
});

describe('host:port', () => {
  test.each([
    [ipv4, '203.0.113.5:9735'],
    [ipv6, '[2001:db8::1]:9735'],
    [dns, 'ln.example:1'],
    [torV3, `${torV3.host}:${torV3.port}`],
  ])('%o is %s', (address, text) => {
    expect(toHostPort(address)).toBe(text);
    expect(fromHostPort(text)).toEqual(address);
  });

  test.each([
    '', 'ln.example', 'ln.example:', 'ln.example:65536', 'ln.example:-1', 'ln.example:1x', '203.0.113.256:1', '1.2.3:1', '2001:db8::1:9735',
    '[2001:db8::1]', '[::g]:1', '[203.0.113.5]:1', 'a b:1', '/ip4/203.0.113.5/tcp/9735', 'short.onion:1', ':1', '@:1',
  ])('%s is none', (text) => {
    expect(fromHostPort(text)).toBeUndefined();
  });
});
