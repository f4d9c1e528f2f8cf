export type NodeAddressType = 'ipv4' | 'ipv6' | 'tor_v3' | 'dns';

/** Where a node can be reached. */
export interface NodeAddress {
  readonly type: NodeAddressType;
  /** `203.0.113.5`, `2001:db8::1`, 56 letters and `.onion`, or an ASCII hostname. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

const HOST_PORT = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:\.(?!$)|$)){4}$/;
const ONION = /^[a-z2-7]{56}\.onion$/;

/** `203.0.113.5:9735`, `[2001:db8::1]:9735` or `node.example:9735`, as Lightning nodes write where they are; undefined for anything else. */
export function fromHostPort(text: string): NodeAddress | undefined {
  const [, ipv6, host = '', digits] = HOST_PORT.exec(text) ?? [];
  const port = Number(digits);
  if (!(port >= 0 && port <= 65_535)) return undefined;
  if (ipv6 !== undefined) return isIpv6(ipv6) ? { type: 'ipv6', host: ipv6, port } : undefined;
  if (/^[0-9.]+$/.test(host)) return IPV4.test(host) ? { type: 'ipv4', host, port } : undefined;
  if (host.endsWith('.onion')) return ONION.test(host) ? { type: 'tor_v3', host, port } : undefined;
  return { type: 'dns', host, port };
}

export function toHostPort({ type, host, port }: NodeAddress): string {
  return type === 'ipv6' ? `[${host}]:${port}` : `${host}:${port}`;
}

function isIpv6(text: string): boolean {
  try {
    return new URL(`http://[${text}]`).hostname !== '';
  } catch {
    return false;
  }
}
