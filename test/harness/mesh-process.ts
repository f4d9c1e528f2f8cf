import type { ChainRpc } from '../../src/chain/chain.ts';
import type { Network, NetworkHandlers } from '../../src/network/network.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { StorageError, type Database, type StorageErrorCode } from '../../src/storage/database.ts';

/** Thrown into a process that has ended, where it would otherwise write on. */
class ProcessEnded extends Error {}

const never = new Promise<never>(() => {});

/** Who is told what happened to a process. */
export interface MeshProcessEvents {
  ended(): void;
  commitFailed(): void;
}

/**
 * One life of a node, as far as the world can tell: whatever the node does to the world passes one of these doors, and each time that
 * something is about to pass is an *effect boundary*, at which the process may end as by `kill -9`. Whatever code still runs then has
 * no effect any more: its writes are refused, its messages vanish, its promises stay open and its timers are dead.
 */
export class MeshProcess {
  readonly #events: MeshProcessEvents;
  #alive = true;
  #boundaries = 0;
  #lastBoundary = Infinity;
  #commits = 0;
  #failingCommit = Infinity;
  #failure: StorageErrorCode = 'storage_full';

  constructor(events: MeshProcessEvents) {
    this.#events = events;
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  /** How many effect boundaries it has come to, and how many commits it has made. */
  get progress(): { readonly boundaries: number; readonly commits: number } {
    return { boundaries: this.#boundaries, commits: this.#commits };
  }

  /** Ends at the `count`-th effect boundary from now on. */
  endAfter(count: number): void {
    this.#lastBoundary = this.#boundaries + count;
  }

  /** The `count`-th commit from now on fails in that way: what it was to write is rolled back, and the process lives on. */
  failCommit(count: number, failure: StorageErrorCode): void {
    this.#failingCommit = this.#commits + count;
    this.#failure = failure;
  }

  /** Whether a commit was made to fail. */
  get hasFailedCommit(): boolean {
    return this.#commits >= this.#failingCommit;
  }

  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#events.ended();
  }

  /** Runs code of the node, which may end in the midst of it. */
  run(code: () => void): void {
    if (!this.#alive) return;
    try {
      code();
    } catch (error) {
      if (this.#alive) throw error;
    }
  }

  clock(clock: Clock): Clock {
    return { now: () => clock.now(), setTimer: (delayMs, callback) => clock.setTimer(delayMs, () => this.run(callback)) };
  }

  /** Everything but reading is refused once the process has ended; a commit and a write outside of transactions are boundaries. */
  database(database: Database): Database {
    return {
      path: database.path,
      get inTransaction() {
        return database.inTransaction;
      },
      get: (sql, ...parameters) => database.get(sql, ...parameters),
      all: (sql, ...parameters) => database.all(sql, ...parameters),
      run: (sql, ...parameters) => {
        if (!database.inTransaction) this.#mustPass();
        return database.run(sql, ...parameters);
      },
      transaction: (work) => {
        if (!this.#alive) throw new ProcessEnded();
        return database.transaction(() => {
          const result = work();
          this.#mustPass();
          this.#commits += 1;
          if (this.#commits !== this.#failingCommit) return result;
          this.#events.commitFailed();
          throw new StorageError(this.#failure, 'this commit was chosen to fail');
        });
      },
      migrate: (component, migrations) => database.migrate(component, migrations),
      // The file outlives the process.
      close: () => {},
    };
  }

  rpc(rpc: ChainRpc): ChainRpc {
    return {
      call: (method, params) => {
        const isEffect = method === 'sendrawtransaction' || method === 'submitpackage';
        if (isEffect && !this.#passes()) return never;
        return this.#promise(rpc.call(method, params));
      },
    };
  }

  network(network: Network): Network {
    return {
      nodeId: network.nodeId,
      start: (handlers) => this.#promise(network.start(this.#handlers(handlers))),
      stop: () => network.stop(),
      listenAddresses: () => network.listenAddresses(),
      connect: (nodeId, address) => (this.#passes() ? this.#promise(network.connect(nodeId, address)) : never),
      disconnect: (nodeId, reason) => (this.#passes() ? this.#promise(network.disconnect(nodeId, reason)) : never),
      send: (nodeId, messages) => {
        if (this.#passes()) network.send(nodeId, messages);
      },
      startGossip: (nodeId, sinceSeconds) => network.startGossip(nodeId, sinceSeconds),
      publishGossip: (message) => (this.#passes() ? this.#promise(network.publishGossip(message)) : never),
      tellGossip: (news) => {
        if (this.#passes()) network.tellGossip(news);
      },
      distrustGossip: (nodeId) => network.distrustGossip(nodeId),
      requestSync: (nodeId, request) => network.requestSync(nodeId, request),
    };
  }

  #handlers(handlers: NetworkHandlers): NetworkHandlers {
    return {
      onPeerConnected: (nodeId, info) => this.run(() => handlers.onPeerConnected(nodeId, info)),
      onPeerAddress: (nodeId, address) => this.run(() => handlers.onPeerAddress(nodeId, address)),
      onPeerDisconnected: (nodeId, reason) => this.run(() => handlers.onPeerDisconnected(nodeId, reason)),
      onMessage: (nodeId, message) => {
        let busy: void | Promise<void> = undefined;
        this.run(() => (busy = handlers.onMessage(nodeId, message)));
        return busy;
      },
      onGossip: (message, from) => (this.#alive ? this.#promise(handlers.onGossip(message, from)) : never),
      onGossipDistrusted: (nodeId) => {
        let isKept = true;
        this.run(() => (isKept = handlers.onGossipDistrusted(nodeId)));
        return isKept;
      },
      onSyncRequest: (from, request) => handlers.onSyncRequest(from, request),
    };
  }

  #mustPass(): void {
    if (!this.#passes()) throw new ProcessEnded();
  }

  /** False if the process has ended, or ends right here. */
  #passes(): boolean {
    if (!this.#alive) return false;
    this.#boundaries += 1;
    if (this.#boundaries < this.#lastBoundary) return true;
    this.end();
    return false;
  }

  /** As a promise looks to the process: it is not told any more once it has ended. */
  async #promise<T>(promise: Promise<T>): Promise<T> {
    try {
      const value = await promise;
      return this.#alive ? value : await never;
    } catch (error) {
      if (this.#alive) throw error;
      return never;
    }
  }
}
