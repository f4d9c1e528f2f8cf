import { multiaddr } from '@multiformats/multiaddr';
import { base32nopad } from '@scure/base';
import { concat } from 'uint8arrays';
import { bytes, type Codec } from '../wire/codec.ts';
import { WireError } from '../wire/errors.ts';
import { Reader } from '../wire/reader.ts';
import { u8 } from '../wire/types.ts';
import { Writer } from '../wire/writer.ts';
import type { NodeAddress, NodeAddressType } from './node-address.ts';

/** What the `addresses` of a `node_announcement` say. */
export interface NodeAddresses {
  readonly addresses: readonly NodeAddress[];
  /** False if there is more than one hostname: BOLT 7 forbids to pass such an announcement on. */
  readonly mayForward: boolean;
}

interface Descriptor {
  readonly number: number;
  readonly type: NodeAddressType;
  readonly host: Codec<string>;
}

/** Deprecated, 12 bytes and the port are skipped. */
const TOR_V2_TYPE = 3;
const TOR_V2_LENGTH = 12;

/** BOLT 7, "The `node_announcement` Message": the `address descriptor` types, in ascending order. */
const DESCRIPTORS: readonly Descriptor[] = [
  { number: 1, type: 'ipv4', host: ipHost('ip4', 4) },
  { number: 2, type: 'ipv6', host: ipHost('ip6', 16) },
  { number: 4, type: 'tor_v3', host: onionHost() },
  { number: 5, type: 'dns', host: dnsHost() },
];

/**
 * Reads a series of address descriptors. As BOLT 7 has it, those with port 0 and Tor v2 ones are left out, all from
 * the first unknown type on is ignored, and so is each hostname after the first; a hostname that cannot be one is left
 * out too. Throws `WireError` where a known descriptor does not fit.
 */
export function decodeAddresses(addresses: Uint8Array): NodeAddresses {
  const reader = new Reader(addresses);
  const found: NodeAddress[] = [];
  let hostnames = 0;
  while (reader.remaining > 0) {
    const number = reader.uint(1);
    if (number === TOR_V2_TYPE) {
      reader.section(TOR_V2_LENGTH);
      continue;
    }
    const descriptor = DESCRIPTORS.find((entry) => entry.number === number);
    if (descriptor === undefined) break;
    const host = descriptor.host.read(reader);
    const port = reader.uint(2);
    if (descriptor.type === 'dns' && ++hostnames > 1) continue;
    if (port !== 0 && host !== '') found.push({ type: descriptor.type, host, port });
  }
  return { addresses: found, mayForward: hostnames <= 1 };
}

/**
 * Writes address descriptors in ascending order. Throws `WireError` for what BOLT 7 does not allow a node to announce.
 */
export function encodeAddresses(addresses: readonly NodeAddress[]): Uint8Array {
  if (addresses.filter(({ type }) => type === 'dns').length > 1) {
    throw new WireError('wire_bad_value', 'expected at most one hostname among the addresses of a node');
  }
  const writer = new Writer();
  for (const { number, type, host } of DESCRIPTORS) {
    for (const address of addresses.filter((candidate) => candidate.type === type)) {
      if (address.port === 0) throw new WireError('wire_bad_value', `expected a port of 1 to 65535, got 0`);
      writer.uint(number, 1);
      host.write(writer, address.host);
      writer.uint(address.port, 2);
    }
  }
  return writer.finish();
}

function parseMultiaddr(text: string): ReturnType<typeof multiaddr> {
  try {
    return multiaddr(text);
  } catch (error) {
    const message = `expected a multiaddr such as /ip4/203.0.113.5/tcp/9735, got ${JSON.stringify(text)}`;
    throw new WireError('wire_bad_value', message, {}, { cause: error });
  }
}

/** An IP address as text; the multiaddr library knows how those are written. */
function ipHost(protocol: 'ip4' | 'ip6', length: number): Codec<string> {
  const raw = bytes(length);
  const [prefix] = parseMultiaddr(protocol === 'ip4' ? '/ip4/0.0.0.0' : '/ip6/::').bytes;
  return {
    read(reader) {
      const address = multiaddr(concat([Uint8Array.of(prefix ?? 0), raw.read(reader)]));
      return address.getComponents()[0]?.value ?? '';
    },
    write(writer, host) {
      if (host.includes('/')) {
        throw new WireError('wire_bad_value', `expected an IP address, got ${JSON.stringify(host)}`);
      }
      raw.write(writer, parseMultiaddr(`/${protocol}/${host}`).bytes.subarray(1));
    },
  };
}

function onionHost(): Codec<string> {
  const raw = bytes(35);
  return {
    read: (reader) => `${base32nopad.encode(raw.read(reader)).toLowerCase()}.onion`,
    write(writer, host) {
      const match = /^([a-z2-7]{56})\.onion$/.exec(host);
      if (match?.[1] === undefined) {
        throw new WireError('wire_bad_value', `expected 56 letters and .onion, got ${JSON.stringify(host)}`);
      }
      raw.write(writer, base32nopad.decode(match[1].toUpperCase()));
    },
  };
}

/** Reads '' where the bytes cannot be a hostname: it must never come to stand in a multiaddr or on a terminal. */
function dnsHost(): Codec<string> {
  const isHostname = (host: string) => /^(?!.*\.\.)[a-z0-9_-][a-z0-9._-]*$/i.test(host);
  return {
    read(reader) {
      const host = String.fromCharCode(...reader.bytes(u8.read(reader)));
      return isHostname(host) ? host : '';
    },
    write(writer, host) {
      if (!isHostname(host) || host.length > 255) {
        throw new WireError('wire_bad_value', `expected an ASCII hostname, got ${JSON.stringify(host)}`);
      }
      writer.uint(host.length, 1);
      writer.bytes(Uint8Array.from(host, (letter) => letter.charCodeAt(0)));
    },
  };
}
