import { once, setMaxListeners } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fromString } from 'uint8arrays/from-string';
import { toString } from 'uint8arrays/to-string';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { fromHostPort } from '../../protocols/gossip/node-address.ts';
import type { StaticKey } from '../../protocols/noise/handshake.ts';
import { dial, type SecureSocket } from '../../src/network/lightning/secure-socket.ts';
import type { NetworkLimits } from '../../src/network/limits.ts';
import { lightning, newKey, nodes, stopAll, type TestNode } from './network-node.ts';

const sockets: Socket[] = [];
export const raws: SecureSocket[] = [];

export const victim = async (limits: Partial<NetworkLimits> = {}): Promise<TestNode> => (await nodes(1, () => lightning({ limits })))[0]!;

export const { signal } = new AbortController();
setMaxListeners(0, signal);
export const keyOf = (secret: Uint8Array): StaticKey => ({ publicKey: secp256k1.publicKey(secret), ecdh: (other) => secp256k1.ecdh(other, secret) });
export const idOf = ({ publicKey }: StaticKey): string => toString(publicKey, 'hex');

/** A TCP connection to the victim, from any of this machine's addresses, that says what it likes. */
export async function open(target: TestNode, localAddress = '127.0.0.1'): Promise<Socket> {
  const { host, port } = fromHostPort(target.address)!;
  const socket = connect({ host, port, localAddress });
  socket.on('error', () => {});
  socket.resume();
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

export const isOpen = (socket: Socket): boolean => !socket.closed && !socket.readableEnded;

export interface Raw extends SecureSocket {
  readonly id: string;
  send(...messages: Uint8Array[]): void;
}

/** A peer that has made the handshake and then does as it pleases. */
export async function raw(target: TestNode, secret = newKey()): Promise<Raw> {
  const key = keyOf(secret);
  const secure = await dial(target.id, fromString(target.id, 'hex'), fromHostPort(target.address)!, { key, signal });
  raws.push(secure);
  return { ...secure, id: idOf(key), send: (...messages) => secure.pipe.send(secure.codec.encode(messages)) };
}

/** Resolves when the victim has ended the connection. */
export function ended({ pipe }: Raw): Promise<void> {
  return new Promise((resolve) => {
    pipe.listen({ onData: () => {}, onDrain: () => {}, onRemoteClose: () => pipe.abort(), onEnd: () => resolve() });
  });
}

export const reasons = (node: TestNode): string[] => node.events.map((event) => event.replace(/[0-9a-f]{66} /, ''));

/** Ends all that was opened here, and the nodes. */
export async function endAll(): Promise<void> {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const { pipe } of raws.splice(0)) pipe.abort();
  await stopAll();
}
