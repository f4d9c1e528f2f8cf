import type { Clock } from '../runtime/clock.ts';
import { answers, ask } from './answers.ts';
import type { ChainRpc } from './chain.ts';
import { ChainRpcError } from './errors.ts';
import type { BlockNotices } from './follower.ts';
import { subscribe } from './zmq.ts';

const TOPIC = 'hashblock';
const MIN_RETRY_MS = 1_000;
/** Where bitcoind publishes nothing, it is asked again so often: its next start may have another configuration. */
const MAX_RETRY_MS = 60_000;

export interface ZmqNoticesOptions {
  readonly rpc: ChainRpc;
  /** The host of the RPC, for a publisher that listens on all addresses. */
  readonly rpcHost: string;
  readonly clock: Clock;
  /** Told when notices begin to come (undefined), and why they do not, each time that it is another reason. */
  readonly onChange: (problem: string | undefined) => void;
}

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** bitcoind's own notices of blocks over ZeroMQ, where `getzmqnotifications` says that it publishes them. */
export function zmqBlockNotices(options: ZmqNoticesOptions): BlockNotices {
  return (onBlock, onListening) => {
    const listener = new Listener(options, onBlock, onListening);
    listener.begin();
    return () => listener.stop();
  };
}

class Listener {
  readonly #options: ZmqNoticesOptions;
  readonly #onBlock: () => void;
  readonly #onListening: (isListening: boolean) => void;
  #stopped = false;
  #isListening = false;
  #problem: string | undefined;
  #retryMs = MIN_RETRY_MS;
  #unsubscribe: () => void = () => {};
  #cancelTimer: () => void = () => {};

  constructor(options: ZmqNoticesOptions, onBlock: () => void, onListening: (isListening: boolean) => void) {
    this.#options = options;
    this.#onBlock = onBlock;
    this.#onListening = onListening;
  }

  /** Asks where the notices are, and subscribes there. */
  begin(): void {
    this.#findEndpoint().then(
      (endpoint) => this.#listen(endpoint),
      // A backend that is away is the follower's to report.
      () => this.#end(undefined),
    );
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.#unsubscribe();
  }

  #listen(endpoint: Endpoint | string): void {
    if (this.#stopped) return;
    if (typeof endpoint === 'string') {
      this.#retryMs = MAX_RETRY_MS;
      this.#end(endpoint);
      return;
    }
    this.#unsubscribe = subscribe({
      ...endpoint,
      topic: TOPIC,
      onReady: () => {
        this.#retryMs = MIN_RETRY_MS;
        this.#isListening = true;
        this.#problem = undefined;
        this.#options.onChange(undefined);
        this.#onListening(true);
      },
      onMessage: this.#onBlock,
      onEnd: (error) => this.#end(error.message),
    });
  }

  /** No notices for now: tries again later. */
  #end(problem: string | undefined): void {
    if (this.#stopped) return;
    if (problem !== undefined && problem !== this.#problem) {
      this.#problem = problem;
      this.#options.onChange(problem);
    }
    if (this.#isListening) {
      this.#isListening = false;
      this.#onListening(false);
    }
    this.#cancelTimer = this.#options.clock.setTimer(this.#retryMs, () => this.begin());
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
  }

  /** Where to subscribe, or why nowhere. */
  async #findEndpoint(): Promise<Endpoint | string> {
    const { rpc, rpcHost } = this.#options;
    let addresses: string[];
    try {
      const notifications = await ask(rpc, answers.zmqNotifications, 'getzmqnotifications');
      addresses = notifications.filter(({ type }) => type === `pub${TOPIC}`).map(({ address }) => address);
    } catch (error) {
      // A bitcoind that was built without ZeroMQ does not know the call.
      if (!(error instanceof ChainRpcError)) throw error;
      addresses = [];
    }
    if (addresses.length === 0) return `bitcoind publishes no ${TOPIC} (zmqpub${TOPIC} in its configuration)`;
    const endpoint = addresses.map((address) => endpointOf(address, rpcHost)).find((each) => each !== undefined);
    return endpoint ?? `bitcoind publishes ${TOPIC} at ${addresses.join(', ')} only, which is not reachable over TCP from here`;
  }
}

/** Where to connect for an address that a publisher is bound to; undefined if that cannot be from here. */
export function endpointOf(address: string, rpcHost: string): Endpoint | undefined {
  const match = /^tcp:\/\/(\*|\[[0-9a-fA-F:.]+\]|[0-9A-Za-z.-]+):([0-9]{1,5})$/.exec(address);
  const [, bound = '', digits = ''] = match ?? [];
  const port = Number(digits);
  if (match === null || port < 1 || port > 65_535) return undefined;
  const host = bound.replace(/^\[|\]$/g, '');
  const remote = rpcHost.replace(/^\[|\]$/g, '');
  if (['*', '0.0.0.0', '::'].includes(host)) return { host: remote, port };
  return isLoopback(host) && !isLoopback(remote) ? undefined : { host, port };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(host);
}
