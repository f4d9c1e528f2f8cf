import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { saidAddress } from '../../src/network/said-address.ts';

const SOMEBODY = '16Uiu2HAmKSL7VgXwqmzKCqBYkkqJs7CZyqoBExvZ2TMcVE6dSWxK';

const said = (from: string, addresses: readonly string[]): string | undefined =>
  saidAddress({
    connection: { remoteAddr: multiaddr(from) } as never,
    signedPeerRecord: { seq: 1n, addresses: addresses.map((address) => multiaddr(address)) },
  });

describe('where a peer says that it is', () => {
  it('is the host that it comes from, with the port that it listens on', () => {
    const from = `/ip4/203.0.113.5/tcp/50000/p2p/${SOMEBODY}`;
    expect(said(from, ['/ip4/10.0.0.5/tcp/9736', '/ip4/127.0.0.1/tcp/9736', `/ip4/203.0.113.5/tcp/9737/p2p/${SOMEBODY}`])).toBe('/ip4/203.0.113.5/tcp/9737');
    expect(said('/ip6/2001:db8::5/tcp/50000', ['/ip6/2001:db8::5/tcp/9736'])).toBe('/ip6/2001:db8::5/tcp/9736');
  });

  it('is otherwise a name, since other numbers may be those of its own network', () => {
    const from = '/ip4/203.0.113.5/tcp/50000';
    expect(said(from, ['/ip4/10.0.0.5/tcp/9736', '/dns4/carol.example/tcp/9736'])).toBe('/dns4/carol.example/tcp/9736');
    expect(said(from, ['/ip4/10.0.0.5/tcp/9736', '/ip4/127.0.0.1/tcp/9736'])).toBeUndefined();
    expect(said(from, [])).toBeUndefined();
    expect(saidAddress({ connection: { remoteAddr: multiaddr(from) } as never })).toBeUndefined();
  });

  it.each([
    '/unix/%2Frun%2Fx.sock', `/unix/%2Frun%2Fx.sock/p2p/${SOMEBODY}/tcp/1`, '/memory/x/tcp/1', '/udp/1/tcp/2', '/dnsaddr/x.example/tcp/1', '/dns4/x.example/tcp/1/ws',
    `/dns4/x.example/tcp/1/p2p/${SOMEBODY}/p2p-circuit`, `/p2p/${SOMEBODY}/dns4/x.example/tcp/1`, `/dns4/x.example/p2p/${SOMEBODY}/tcp/1`, '/dns4/x.example/udp/1', '/dns4/x.example',
  ])('is never %s', (address) => {
    expect(said('/ip4/203.0.113.5/tcp/50000', [address])).toBeUndefined();
  });
});
