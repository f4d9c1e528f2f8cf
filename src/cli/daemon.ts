/** The life of the daemon around a node: start, serve the API, stop in order, and say clearly what went wrong. */
import { mkdirSync } from 'node:fs';
import { loadOrCreateToken, removeApiFile, writeApiFile } from '../api/access.ts';
import { methodNames, type Api, type MethodName } from '../api/contract.ts';
import type { RecoveryFiles, RunningNode, StartNode } from '../api/facade.ts';
import { startApiServer, type ApiServer } from '../api/server.ts';
import type { Config } from '../config/config.ts';
import { setLogLevel, type Logger } from '../logging.ts';

/** What has begun must be on disk by then; what is not may be lost with the process, as in a crash. */
const STOP_DEADLINE_MS = 20_000;

export interface DaemonOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly version: string;
  readonly startNode: StartNode;
  readonly recovery?: RecoveryFiles;
  /** Aborted when the process is asked to end. */
  readonly signal: AbortSignal;
}

/**
 * Runs a node and its API until the process is asked to end, the API is asked to stop, or the node fails. Rejects with
 * what kept it from starting (`RunnelError` with a message for the user) or made it end; resolves after an orderly
 * stop.
 */
export async function runDaemon({ config, logger, version, startNode, recovery, signal }: DaemonOptions): Promise<void> {
  // Only the owner may look in: the folder holds the seed.
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const node = await startUnlessAborted({ config, logger, startNode, recovery, signal });
  if (node === undefined) return;
  const stopAsked = new AbortController();
  let server: ApiServer | undefined;
  let failure: { readonly error: unknown } | undefined;
  try {
    // The node holds the folder's lock now: no other daemon writes these files.
    const token = loadOrCreateToken(config.dataDir);
    const port = (): number => server?.port ?? config.apiPort;
    const api = apiOf(node, { version, logger, port, stop: () => stopAsked.abort() });
    server = await startApiServer({
      api,
      events: node.events,
      metrics: () => node.metrics(),
      token,
      port: config.apiPort,
      version,
      logger: logger.child({ component: 'api' }),
    });
    writeApiFile(config.dataDir, server.port);
    logger.info({ url: server.url, dataDir: config.dataDir, network: config.network }, 'ready');
    await Promise.race([aborted(signal), aborted(stopAsked.signal), node.failed]);
    logger.info('stopping');
  } catch (error) {
    failure = { error };
  }
  try {
    await stopInOrder(config.dataDir, server, node);
  } catch (error) {
    // What came first is what the user must know.
    if (failure === undefined) failure = { error };
    else logger.error({ err: error }, 'did not stop in order');
  }
  if (failure !== undefined) throw failure.error;
  logger.info('stopped');
}

/** The node, or nothing if the process was asked to end before it was up. */
async function startUnlessAborted(
  { config, logger, startNode, recovery, signal }: Pick<DaemonOptions, 'config' | 'logger' | 'startNode' | 'recovery' | 'signal'>,
): Promise<RunningNode | undefined> {
  // No timer or idle connection of the node keeps the process alive while it waits for its chain.
  const alive = setInterval(() => {}, 60_000);
  try {
    return await startNode(config, logger, signal, recovery);
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    logger.info('stopped before it was up');
    return undefined;
  } finally {
    clearInterval(alive);
  }
}

/** The node's methods, and those that the daemon itself answers. */
function apiOf(
  node: RunningNode,
  daemon: { readonly version: string; readonly logger: Logger; port(): number; stop(): void },
): Api {
  const own: Pick<Api, 'getinfo' | 'stop' | 'debuglevel'> = {
    getinfo: async (input) => ({ ...(await node.api.getinfo(input)), version: daemon.version, apiPort: daemon.port() }),
    stop: () => {
      // After the answer has been given: closing the server waits for it.
      setImmediate(() => daemon.stop());
      return Promise.resolve({});
    },
    debuglevel: ({ level }) => {
      if (level !== undefined) setLogLevel(daemon.logger, level);
      return Promise.resolve({ level: level ?? (daemon.logger.level as Config['log']['level']) });
    },
  };
  type Method = (input: unknown) => Promise<unknown>;
  const all = { ...(own as Partial<Record<MethodName, Method>>) };
  const nodes = node.api as unknown as Record<MethodName, Method>;
  for (const name of methodNames) all[name] ??= (input) => nodes[name](input);
  return all as unknown as Api;
}

/** No request comes to a node that has stopped, and no client is sent to a server that has. */
async function stopInOrder(dataDir: string, server: ApiServer | undefined, node: RunningNode): Promise<void> {
  const stop = async (): Promise<void> => {
    if (server !== undefined) {
      removeApiFile(dataDir);
      await server.close();
    }
    await node.stop();
  };
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`the node did not stop within ${STOP_DEADLINE_MS / 1_000} s; ending it as it is`)),
      STOP_DEADLINE_MS,
    );
  });
  try {
    await Promise.race([stop(), deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
