import type { Clock } from '../runtime/clock.ts';
import { answers, ask } from './answers.ts';
import type { ChainRpc } from './chain.ts';
import { BackendTooOldError, ChainStartingError, ChainUnavailableError, WrongNetworkError } from './errors.ts';

/** Bitcoin Core 28, the first that relays packages of a parent and a child. */
const LEAST_VERSION = 280_000;
const RETRY_MS = 1_000;
/** While nothing new is to be said, one line so often. */
const REPEAT_MS = 60_000;

export interface BackendCheck {
  readonly rpc: ChainRpc;
  readonly clock: Clock;
  /** As `getblockchaininfo` names it. */
  readonly network: string;
  /** Told what is being waited for, now and then. */
  readonly onWaiting: (what: string) => void;
  /** Ends the waiting: `requireBackend` rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Resolves when the backend can be used: on the right network, new enough, started and (but on regtest) caught up with
 * its network, for as long as that takes: by the height of an old block, a node would hold expired HTLCs for good ones.
 * Rejects with `WrongNetworkError`, `BackendTooOldError`, or `ChainUnavailableError` if it cannot be reached at all.
 */
export async function requireBackend({ rpc, clock, network, onWaiting, signal }: BackendCheck): Promise<void> {
  let isThere = false;
  let said: { readonly kind: string; readonly atMs: number } | undefined;
  const wait = async (kind: string, what: string): Promise<void> => {
    if (said?.kind !== kind || clock.now() - said.atMs >= REPEAT_MS) {
      onWaiting(what);
      said = { kind, atMs: clock.now() };
    }
    await pause(clock, RETRY_MS, signal);
  };
  for (;;) {
    signal?.throwIfAborted();
    try {
      const { version } = await ask(rpc, answers.networkInfo, 'getnetworkinfo');
      if (version < LEAST_VERSION) throw new BackendTooOldError(version, LEAST_VERSION);
      const { chain, initialblockdownload, blocks, headers } = await ask(rpc, answers.progress, 'getblockchaininfo');
      if (chain !== network) throw new WrongNetworkError(network, chain);
      // Regtest has nobody to catch up with: there it only means that no block has come for a day.
      if (!initialblockdownload || network === 'regtest') return;
      isThere = true;
      const known = headers > blocks ? ` of the ${headers} that it knows of` : '';
      await wait('behind', `bitcoind is still catching up with its network: it is at block ${blocks}${known}; waiting for it`);
    } catch (error) {
      // One that does not answer at all is probably not where the configuration says; one that has answered comes back.
      if (error instanceof ChainStartingError) isThere = true;
      if (!(error instanceof ChainUnavailableError && isThere)) throw error;
      await wait(error.message, `${error.message}; waiting for it`);
    }
  }
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
