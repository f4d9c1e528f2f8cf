#!/usr/bin/env node
import { Command, InvalidArgumentError } from 'commander';
import { pino } from 'pino';
import { RunnelError } from '../../../protocols/errors.ts';
import { systemClock } from '../../runtime/clock.ts';
import { ChainFolder } from './chain-folder.ts';
import { type ChainBrokenError, EmbeddedChain } from './embedded-chain.ts';
import { startChainServer } from './server.ts';

/** Blocks that are mined by the clock pay nobody: OP_RETURN. */
const NOBODY = Uint8Array.of(0x6a);

const log = pino({ name: 'embedded-chain' });

interface Options {
  readonly datadir: string;
  readonly rpcport: number;
  readonly blockInterval?: number;
  readonly maxmempool?: number;
}

async function run({ datadir, rpcport, blockInterval, maxmempool }: Options): Promise<void> {
  const folder = new ChainFolder(datadir);
  const { repairedBytes } = folder;
  if (repairedBytes > 0) log.warn({ repairedBytes }, 'took a record that was cut short off the chain file');
  const limit = maxmempool === undefined ? {} : { maxMempoolBytes: maxmempool * 1_000_000 };
  const chain = new EmbeddedChain({ clock: systemClock, log: folder, onBroken, ...limit }, folder.history);
  const transactions = chain.loadMempool(folder.loadMempool());

  let broken = false;
  let stopping = false;
  const stop = (reason: string) => {
    if (stopping) return;
    stopping = true;
    end(reason).catch((error: unknown) => fail(error));
  };
  const server = await startChainServer({
    chain,
    clock: systemClock,
    folder: datadir,
    port: rpcport,
    onStop: () => stop('stop call'),
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop(signal));
  const mining =
    blockInterval === undefined ? undefined : setInterval(() => mine(), blockInterval * 1_000);
  log.info({ port: server.port, height: chain.state.tip.height, transactions, datadir }, 'ready');

  function onBroken(error: ChainBrokenError): void {
    broken = true;
    process.exitCode = 1;
    log.fatal({ code: error.code }, error.message);
    // The call that found it is answered first.
    stop('the chain file cannot be written');
  }

  function mine(): void {
    try {
      chain.generate(1, NOBODY);
    } catch (error) {
      if (!broken) fail(error);
    }
  }

  async function end(reason: string): Promise<void> {
    log.info({ reason }, 'stopping');
    clearInterval(mining);
    await server.close();
    if (!broken) folder.saveMempool(chain.dumpMempool());
    folder.close();
    log.info('stopped');
  }
}

function fail(error: unknown): void {
  const details = error instanceof RunnelError ? { code: error.code, ...error.details } : {};
  log.fatal(details, error instanceof Error ? error.message : String(error));
  process.exit(1);
}

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

new Command('runnel-chain')
  .description("A regtest chain that answers bitcoind's JSON-RPC on 127.0.0.1; cookie and port stand in its folder.")
  .requiredOption('--datadir <folder>', 'where the chain lives from one run to the next')
  .option('--rpcport <port>', 'the port to listen on; 0 has the system choose', integer(0, 65_535), 0)
  .option('--block-interval <seconds>', 'mine a block every so many seconds', integer(1, 86_400))
  .option('--maxmempool <megabytes>', 'the size above which what pays least is evicted', integer(1, 10_000))
  .addHelpText('after', '\nExample:\n  runnel-chain --datadir ./chain --rpcport 18443')
  .action((options: Options) => run(options).catch(fail))
  .parse();
