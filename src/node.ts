import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fromString } from 'uint8arrays';
import { defaultPolicy, type ChannelPolicy } from '../machines/channel/policy.ts';
import { RunnelError } from '../protocols/errors.ts';
import { encodeJson } from '../protocols/json.ts';
import { ApiError } from './api/errors.ts';
import { EventHub, type NodeEvent } from './api/events.ts';
import type { NodeApi } from './api/contract.ts';
import type { RecoveryFiles, StartNode } from './api/facade.ts';
import { backupFileIn, readBackupFile } from './backup/backup-file.ts';
import { requireBackend } from './chain/backend.ts';
import { zmqBlockNotices } from './chain/block-notices.ts';
import { CHAIN_HASHES } from './chain/chain-hashes.ts';
import { GOSSIP_CONNECTIONS, HttpChainRpc, type RpcCredentials } from './chain/rpc.ts';
import { RpcChain } from './chain/rpc-chain.ts';
import { hexOf } from './channels/channel-store.ts';
import type { Config } from './config/config.ts';
import { announcedAddresses } from './gossip/announced-addresses.ts';
import { SignaturePool } from './gossip/signature-pool.ts';
import { generateMnemonic, seedFromMnemonic } from './keys/mnemonic.ts';
import { KeysError } from './keys/errors.ts';
import { readSeedFile, readWordsFile, seedFileState, writeSeedFile } from './keys/seed-file.ts';
import { createSigner } from './keys/signer.ts';
import type { Signer } from './keys/signer-api.ts';
import type { Logger } from './logging.ts';
import { joinNetworks } from './network/joined-network.ts';
import { createLibp2pNetwork } from './network/libp2p-network.ts';
import { LightningNetwork } from './network/lightning/lightning-network.ts';
import { nodeApi } from './node/api/node-api.ts';
import { NodeMetrics } from './node/metrics.ts';
import { Node } from './node/node.ts';
import { systemClock } from './runtime/clock.ts';
import { openDatabase } from './storage/database.ts';
import { lockDataFolder } from './storage/lock.ts';

export const DATABASE_FILE = 'runnel.db';

/** Starts a node on a data folder, a real chain and the real mesh: see `StartNode`. */
export const startNode: StartNode = async (config, logger, signal, files = {}) => {
  const lock = lockDataFolder(config.dataDir);
  const release: (() => void)[] = [() => lock.release()];
  const releaseAll = (): void => {
    for (const undo of release.splice(0).reverse()) undo();
  };
  try {
    const database = openDatabase({ path: join(config.dataDir, DATABASE_FILE) });
    release.push(() => database.close());
    const backup = files.backup === undefined ? undefined : readBackupFile(files.backup);
    const { signer, origin } = loadSigner(config, files, logger);
    const metrics = new NodeMetrics();
    let node: Node | undefined;
    const chain = await openChain(config, logger, signal, (problem) => node?.chainAnswers(problem));
    const chainHash = fromString(CHAIN_HASHES[config.network], 'base16');
    const mesh = createLibp2pNetwork({
      privateKey: signer.node.libp2pPrivateKey(),
      listen: config.listen,
      announce: config.announce,
      bootstrap: config.bootstrap,
      chainHash,
    });
    const { lightning } = config;
    const network = joinNetworks(mesh, new LightningNetwork({
      nodeId: mesh.nodeId,
      key: { publicKey: signer.node.nodeId, ecdh: (publicKey) => signer.node.ecdh(publicKey) },
      listen: lightning.listen,
      chainHash,
      findAddresses: (nodeId) => (node === undefined ? [] : announcedAddresses(node.gossip.store, nodeId)),
      limits: { gossipFlushMs: lightning.gossipFlushMs },
    }));
    const events = new EventHub((error) => logger.error({ err: error }, 'an event listener failed'));
    events.subscribe(eventLog(logger));
    const { followMinPpm, followMaxPpm } = config.policy;
    const { promise: failed, reject: fail } = Promise.withResolvers<never>();
    // Whoever holds the node waits for it or not: an unwatched failure must not end the process by itself.
    failed.catch(() => {});
    const started = (node = new Node({
      database,
      signer,
      chain,
      gossipChain: new RpcChain({ rpc: new HttpChainRpc({ ...rpcOptions(config), maxConnections: GOSSIP_CONNECTIONS }), clock: systemClock }),
      chainName: config.network,
      chainHash,
      network,
      clock: systemClock,
      signatures: new SignaturePool({ onProblem: (error) => logger.warn({ err: error }, 'gossip') }),
      randomBytes: (size) => new Uint8Array(randomBytes(size)),
      logger,
      events,
      channelPolicy: channelPolicy(config),
      forwardingPolicy: {
        feeBaseMsat: Number(config.policy.feeBaseMsat),
        feeProportionalMillionths: config.policy.feePpm,
        cltvExpiryDelta: config.policy.cltvExpiryDelta,
        ...(followMinPpm !== undefined && followMaxPpm !== undefined && { follow: { minPpm: followMinPpm, maxPpm: followMaxPpm } }),
      },
      feeUpdateRate: { intervalMs: config.policy.followIntervalSeconds * 1_000, burst: config.policy.followBurst },
      weights: {
        attemptCostMsat: Number(config.routing.attemptCostMsat),
        attemptCostPpm: config.routing.attemptCostPpm,
        timeValuePpb: config.routing.timeValuePpb,
      },
      journalLimits: config.journal,
      profile: {
        alias: config.alias ?? hexOf(signer.node.nodeId).slice(0, 16),
        rgbColor: fromString(config.color.slice(1), 'base16'),
        announce: lightning.announce,
      },
      backupFile: backupFileIn(config.dataDir),
      recovery: {
        ...(backup !== undefined && { backup }),
        ...(files.rescanFrom !== undefined && { scanFromHeight: files.rescanFrom }),
        ...(origin !== 'new' && { seed: origin }),
      },
      schedule: (run) => void setImmediate(() => metrics.timed(run)),
      onFatal: fail,
    }));
    await started.start();
    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      await started.stop();
      releaseAll();
    };
    return {
      api: guarded(nodeApi(started), () => stopped !== undefined),
      events,
      metrics: () => metrics.scrape(started),
      failed,
      stop: () => (stopped ??= stop()),
    };
  } catch (error) {
    releaseAll();
    throw error;
  }
};

/** What happens, for whoever reads the log: blocks, HTLCs and balances that they change only where details are asked for. */
function eventLog(logger: Logger): (event: NodeEvent) => void {
  const states = new Map<string, string>();
  const isDetail = (event: NodeEvent): boolean => {
    if (event.type !== 'channel') return event.type === 'block' || event.type === 'htlc';
    const { channelId, state, stateValue, connection, shortChannelId, error } = event;
    const { lifecycle, announcement } = typeof stateValue === 'object' ? stateValue : {};
    const text = encodeJson({ lifecycle, announcement, connection, shortChannelId, error });
    const isSame = states.get(channelId) === text;
    if (state === 'closed' || state === 'abandoned') states.delete(channelId);
    else states.set(channelId, text);
    return isSame;
  };
  return (event) => {
    const { timeMs: _timeMs, type, ...fields } = event;
    if (isDetail(event)) logger.debug(fields, type);
    else logger.info(fields, type);
  };
}

/** The seed of the data folder, made at its first start, or brought back by its words. */
function loadSigner(config: Config, { seedWords }: RecoveryFiles, logger: Logger): { readonly signer: Signer; readonly origin: 'new' | 'found' | 'restored' } {
  const { dataDir, passphrase, network } = config;
  const words = seedWords === undefined ? undefined : readWordsFile(seedWords);
  const isAbsent = seedFileState(dataDir) === 'absent';
  if (isAbsent) {
    const random = (size: number): Uint8Array => new Uint8Array(randomBytes(size));
    writeSeedFile(dataDir, words ?? generateMnemonic(random), { passphrase, randomBytes: random });
    const what = words === undefined ? 'made a new seed' : 'took the seed from its words';
    logger.info({ dataDir }, passphrase === undefined ? `${what}, kept in plain text` : `${what}, encrypted`);
  }
  const mnemonic = readSeedFile(dataDir, passphrase);
  if (words !== undefined && words !== mnemonic) {
    throw new KeysError('seed_exists', `${dataDir} has another seed than that of the words: restore into an empty data folder`, { dataDir });
  }
  const origin = words !== undefined ? 'restored' : isAbsent ? 'new' : 'found';
  return { signer: createSigner(seedFromMnemonic(mnemonic), network), origin };
}

/** The chain of a bitcoind that can be used, once it can be; `onAvailability` is told when it stops answering, and when it answers again. */
async function openChain(
  config: Config,
  logger: Logger,
  signal: AbortSignal | undefined,
  onAvailability: (problem: Error | undefined) => void,
): Promise<RpcChain> {
  const log = logger.child({ component: 'chain' });
  const options = rpcOptions(config);
  const rpc = new HttpChainRpc(options);
  const clock = systemClock;
  await requireBackend({ rpc, clock, network: config.network, onWaiting: (what) => log.warn(what), signal });
  return new RpcChain({
    rpc,
    clock,
    pollIntervalMs: config.chain.pollIntervalMs,
    notices: zmqBlockNotices({
      rpc,
      rpcHost: options.host,
      clock,
      onChange: (problem) =>
        problem === undefined
          ? log.info('bitcoind tells of new blocks by itself')
          : log.info(`asking for new blocks every ${config.chain.pollIntervalMs} ms: ${problem}`),
    }),
    onAvailability: (problem) => {
      if (problem === undefined) log.info('the chain answers again');
      else log.warn(`the chain does not answer: ${problem.message}`);
      onAvailability(problem);
    },
  });
}

function rpcOptions({ chain }: Config): ConstructorParameters<typeof HttpChainRpc>[0] {
  const url = new URL(chain.rpcUrl);
  return { host: url.hostname, port: Number(url.port || 80), credentials: credentialsOf(chain) };
}

function credentialsOf({ rpcCookieFile, rpcUser, rpcPassword }: Config['chain']): RpcCredentials {
  if (rpcCookieFile !== undefined) return { cookieFile: rpcCookieFile };
  if (rpcUser !== undefined && rpcPassword !== undefined) return { user: rpcUser, password: rpcPassword };
  throw new RunnelError(
    'chain_credentials_missing',
    "how to log in to bitcoind's RPC is not configured: set chain.rpc_cookie_file, or chain.rpc_user and chain.rpc_password",
  );
}

function channelPolicy({ channel }: Config): ChannelPolicy {
  return {
    ...defaultPolicy,
    dustLimitSatoshis: channel.dustLimitSat,
    htlcMinimumMsat: channel.htlcMinimumMsat,
    maxHtlcValueInFlightPpm: BigInt(channel.maxInFlightPpm),
    reservePpm: BigInt(channel.reservePpm),
    maxAcceptedHtlcs: channel.maxAcceptedHtlcs,
    toSelfDelay: channel.toSelfDelay,
    minimumDepth: channel.minDepth,
    minFundingSatoshis: channel.minFundingSat,
    maxFundingSatoshis: channel.maxFundingSat,
  };
}

/** Once the node is told to stop, its API says so. */
function guarded(api: NodeApi, isStopped: () => boolean): NodeApi {
  return new Proxy(api, {
    get(target, name, receiver) {
      if (isStopped()) return () => Promise.reject(new ApiError('unavailable', 'node_stopping', 'the node is stopping'));
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
}
