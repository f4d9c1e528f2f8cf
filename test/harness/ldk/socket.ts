/** LDK's peers over TCP: its PeerManager on one side, `node:net` on the other. */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import * as ldk from 'lightningdevkit';
import { fromString } from 'uint8arrays';
import { unwrap } from './library.ts';

let nextId = 1n;

export class LdkSockets {
  readonly #peers: ldk.PeerManager;
  /** Called when bytes have come that LDK has something to do about. */
  readonly #pump: () => void;
  /** The library holds its descriptors weakly. */
  readonly #open = new Map<Socket, ldk.SocketDescriptor>();
  readonly #server: Server;

  constructor(peers: ldk.PeerManager, pump: () => void) {
    this.#peers = peers;
    this.#pump = pump;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Resolves with the port; 0 asks for any. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  /** Resolves when the socket is open and the handshake on its way; rejects where nobody listens. */
  connect(nodeId: string, host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      socket.once('error', reject);
      socket.once('connect', () => {
        const descriptor = this.#adopt(socket);
        const none = ldk.Option_SocketAddressZ.constructor_none();
        try {
          const result = this.#peers.new_outbound_connection(fromString(nodeId, 'hex'), descriptor, none);
          socket.write(unwrap<Uint8Array>('a connection', result));
          resolve();
        } catch (error) {
          this.#forget(socket);
          socket.destroy();
          reject(error as Error);
        }
      });
    });
  }

  async close(): Promise<void> {
    this.#peers.disconnect_all_peers();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#open.keys()) this.#drop(socket);
    await closed;
  }

  #accept(socket: Socket): void {
    const descriptor = this.#adopt(socket);
    const result = this.#peers.new_inbound_connection(descriptor, ldk.Option_SocketAddressZ.constructor_none());
    if (result.is_ok()) return;
    this.#forget(socket);
    socket.destroy();
  }

  #adopt(socket: Socket): ldk.SocketDescriptor {
    const id = nextId++;
    socket.setNoDelay();
    const descriptor = ldk.SocketDescriptor.new_impl({
      // How many bytes were taken: all or none, since the socket keeps what it cannot send at once.
      send_data: (data, resumeRead) => {
        if (resumeRead) socket.resume();
        if (socket.destroyed || socket.writableNeedDrain) return 0;
        socket.write(data);
        return data.length;
      },
      disconnect_socket: () => {
        this.#forget(socket);
        // With what LDK said last.
        socket.destroySoon();
      },
      eq: (other) => other.hash() === id,
      hash: () => id,
    });
    this.#open.set(socket, descriptor);
    socket.on('data', (data) => this.#read(socket, data));
    socket.on('drain', () => {
      if (!this.#open.has(socket)) return;
      if (!this.#peers.write_buffer_space_avail(descriptor).is_ok()) this.#drop(socket);
    });
    // What follows it says all there is to do.
    socket.on('error', () => {});
    socket.on('close', () => this.#lost(socket));
    return descriptor;
  }

  #read(socket: Socket, data: Uint8Array): void {
    const descriptor = this.#open.get(socket);
    if (descriptor === undefined) return;
    const result = this.#peers.read_event(descriptor, new Uint8Array(data));
    if (!result.is_ok()) this.#drop(socket);
    else if ((result as ldk.Result_boolPeerHandleErrorZ_OK).res) socket.pause();
    this.#pump();
  }

  /** LDK knows that it is gone. */
  #drop(socket: Socket): void {
    this.#forget(socket);
    socket.destroySoon();
  }

  #lost(socket: Socket): void {
    const descriptor = this.#open.get(socket);
    if (descriptor === undefined) return;
    this.#forget(socket);
    this.#peers.socket_disconnected(descriptor);
    this.#pump();
  }

  #forget(socket: Socket): void {
    this.#open.delete(socket);
  }
}
