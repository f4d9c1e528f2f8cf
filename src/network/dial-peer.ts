import type { Connection, Libp2p, PeerId } from '@libp2p/interface';
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Clock } from '../runtime/clock.ts';
import type { NodeServices } from './create-node.ts';
import { deadline } from './deadline.ts';
import { findAddresses } from './dht.ts';
import { NetworkError, messageOf } from './errors.ts';

export interface DialOptions {
  /** Where to dial; without it, where the peer was seen before, and then where the DHT finds it. */
  readonly address?: string | undefined;
  readonly signal: AbortSignal;
  readonly lookupTimeoutMs: number;
  readonly clock: Clock;
}

/**
 * A connection to a peer: one that stands, or a new one.
 * @throws NetworkError `invalid_address`, `peer_identity_mismatch`, `peer_unknown_address`, `peer_unreachable`
 */
export async function dialPeer(node: Libp2p<NodeServices>, peerId: PeerId, options: DialOptions): Promise<Connection> {
  const { address, signal } = options;
  const given = address === undefined ? undefined : addressOf(peerId, address);
  const standing = node.getConnections(peerId).find(({ status }) => status === 'open');
  if (standing !== undefined) return standing;
  if (given !== undefined) return dial(node, peerId, [given], signal);

  const known = await knownAddresses(node, peerId);
  let failure: unknown;
  if (known.length > 0) {
    try {
      return await dial(node, peerId, known, signal);
    } catch (error) {
      // It may have moved: the DHT knows better.
      failure = error;
    }
  }
  const found = await lookUp(node, peerId, options);
  const untried = found.filter((candidate) => !known.some((tried) => tried.equals(candidate)));
  if (untried.length > 0) return dial(node, peerId, untried, signal);
  throw failure ?? new NetworkError('peer_unknown_address', `no address of ${peerId.toString()} is known`);
}

async function dial(
  node: Libp2p<NodeServices>,
  peerId: PeerId,
  addresses: readonly Multiaddr[],
  signal: AbortSignal,
): Promise<Connection> {
  try {
    return await node.dial(addresses.map((address) => withPeerId(address, peerId)), { signal });
  } catch (error) {
    const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
    const where = addresses.join(', ');
    const details = { addresses: addresses.map(String), errors: errors.map(messageOf) };
    if (errors.every(isAnotherPeer)) {
      const message = `somebody else than ${peerId.toString()} answers at ${where}`;
      throw new NetworkError('peer_identity_mismatch', message, details, { cause: error });
    }
    const message = `could not reach ${peerId.toString()} at ${where}: ${details.errors.join('; ')}`;
    throw new NetworkError('peer_unreachable', message, details, { cause: error });
  }
}

async function lookUp(node: Libp2p<NodeServices>, peerId: PeerId, options: DialOptions): Promise<readonly Multiaddr[]> {
  const limit = deadline(options.clock, options.lookupTimeoutMs, options.signal);
  try {
    return await findAddresses(node.services.dht, peerId, limit.signal);
  } finally {
    limit.clear();
  }
}

async function knownAddresses(node: Libp2p<NodeServices>, peerId: PeerId): Promise<readonly Multiaddr[]> {
  try {
    const peer = await node.peerStore.get(peerId);
    return peer.addresses.map(({ multiaddr: address }) => address);
  } catch {
    // Not in the store.
    return [];
  }
}

function addressOf(peerId: PeerId, address: string): Multiaddr {
  let parsed: Multiaddr;
  try {
    parsed = multiaddr(address);
  } catch (error) {
    const example = '/ip4/127.0.0.1/tcp/9735';
    const message = `expected a multiaddr such as ${example}, got "${address}"`;
    throw new NetworkError('invalid_address', message, { address }, { cause: error });
  }
  const named = parsed.getComponents().findLast(({ code }) => code === CODE_P2P)?.value;
  if (named !== undefined && named !== peerId.toString()) {
    const message = `the address names ${named}, not ${peerId.toString()}`;
    throw new NetworkError('peer_identity_mismatch', message, { address });
  }
  return parsed;
}

function withPeerId(address: Multiaddr, peerId: PeerId): Multiaddr {
  return address.decapsulateCode(CODE_P2P).encapsulate(`/p2p/${peerId.toString()}`);
}

/** noise compares the key it is shown with the one that was dialled; libp2p hands on no more of it than the message. */
function isAnotherPeer(error: unknown): boolean {
  return messageOf(error).includes('does not match expected remote identity key');
}
