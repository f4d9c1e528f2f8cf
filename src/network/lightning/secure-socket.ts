import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { toString } from 'uint8arrays/to-string';
import { toHostPort, type NodeAddress } from '../../../protocols/gossip/node-address.ts';
import { secp256k1 } from '../../../protocols/crypto/secp256k1.ts';
import { NoiseError } from '../../../protocols/noise/errors.ts';
import { ACT_ONE_BYTES, ACT_THREE_BYTES, ACT_TWO_BYTES, answer, initiate, type StaticKey } from '../../../protocols/noise/handshake.ts';
import { messageOf, NetworkError } from '../errors.ts';
import type { NodeId } from '../network.ts';
import { SessionCodec } from './session-codec.ts';
import { SocketPipe } from './socket-pipe.ts';

/** A TCP connection over which BOLT 8's handshake was made. */
export interface SecureSocket {
  readonly nodeId: NodeId;
  readonly pipe: SocketPipe;
  readonly codec: SessionCodec;
}

export interface HandshakeOptions {
  readonly key: StaticKey;
  readonly signal: AbortSignal;
}

/**
 * Connects to a node at an address and proves to each other who they are.
 * @throws NetworkError `peer_unreachable`, or `peer_identity_mismatch` for a node that answers and is another
 */
export async function dial(nodeId: NodeId, publicKey: Uint8Array, address: NodeAddress, { key, signal }: HandshakeOptions): Promise<SecureSocket> {
  const where = toHostPort(address);
  const unreachable = (error: unknown): NetworkError =>
    new NetworkError('peer_unreachable', `could not reach ${nodeId} at ${where}: ${messageOf(error)}`, { nodeId, address: where }, { cause: error });
  let socket: Socket;
  try {
    socket = await openSocket(address, signal);
  } catch (error) {
    throw unreachable(error);
  }
  try {
    const { actOne, readActTwo } = initiate(key, publicKey, newSecret());
    socket.write(actOne);
    const { actThree, session } = readActTwo(await read(socket, ACT_TWO_BYTES, signal));
    socket.write(actThree);
    return { nodeId, pipe: new SocketPipe(socket), codec: new SessionCodec(session) };
  } catch (error) {
    socket.destroy();
    // BOLT 8, "Act One": who has not the key that was dialled ends the connection without a word.
    if (!(error instanceof NoiseError)) throw unreachable(error);
    const message = `whoever answers at ${where} is not ${nodeId}, or does not speak BOLT 8`;
    throw new NetworkError('peer_identity_mismatch', message, { nodeId, address: where }, { cause: error });
  }
}

/** Has whoever dialled us prove who it is. @throws NoiseError, or why it was lost; the socket is ended then. */
export async function accept(socket: Socket, { key, signal }: HandshakeOptions): Promise<SecureSocket> {
  socket.setNoDelay(true);
  try {
    const { actTwo, readActThree } = answer(key, newSecret(), await read(socket, ACT_ONE_BYTES, signal));
    socket.write(actTwo);
    const { remotePublicKey, session } = readActThree(await read(socket, ACT_THREE_BYTES, signal));
    return { nodeId: toString(remotePublicKey, 'hex'), pipe: new SocketPipe(socket), codec: new SessionCodec(session) };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** BOLT 8, "Handshake State": `generateKey`, 32 bytes that are a secret key. */
function newSecret(): Uint8Array {
  for (;;) {
    const secret = new Uint8Array(randomBytes(32));
    if (secp256k1.isSecretKey(secret)) return secret;
  }
}

async function openSocket({ host, port }: NodeAddress, signal: AbortSignal): Promise<Socket> {
  const socket = connectTcp({ host, port, allowHalfOpen: true, noDelay: true, signal });
  // It must not end the process when nobody waits for it any more.
  socket.on('error', () => {});
  await once(socket, 'connect', { signal });
  return socket;
}

/**
 * So many bytes, or fewer where the peer ended the connection before. Leaves no listener behind: one for `readable` would keep the
 * socket from being read otherwise. Nor is one taken away and put back while some of the bytes are there: a socket tells each new one of
 * them at once, and a peer that sends a single byte would keep the process busy for ever.
 */
function read(socket: Socket, length: number, signal: AbortSignal): Promise<Uint8Array> {
  const events = ['readable', 'end', 'close'];
  return new Promise((resolve, reject) => {
    const settle = (action: () => void): void => {
      for (const event of events) socket.off(event, look);
      signal.removeEventListener('abort', look);
      action();
    };
    const look = (): void => {
      if (signal.aborted) return settle(() => reject(signal.reason as Error));
      const bytes = socket.read(length) as Uint8Array | null;
      if (bytes !== null) settle(() => resolve(new Uint8Array(bytes)));
      else if (socket.readableEnded || socket.destroyed) settle(() => resolve(new Uint8Array()));
    };
    for (const event of events) socket.on(event, look);
    signal.addEventListener('abort', look);
    look();
  });
}
