#!/usr/bin/env node
/** `scripts/cluster`: a mesh that pays, on this machine. See `scripts/cluster --help`. */
import { exitStatusOf, parseOptions, type ClusterOptions } from './options.ts';
import { runCluster } from './run.ts';
import { RunnelError } from '../../protocols/errors.ts';

const exitStatus = { stopped: 0, failed: 1 } as const;

async function main(args: readonly string[]): Promise<number> {
  let options: ClusterOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    const status = exitStatusOf(error);
    if (status === undefined) throw error;
    return status;
  }
  try {
    return (await runCluster(options, endSignal())) ? exitStatus.stopped : exitStatus.failed;
  } catch (error) {
    // What is typed was made for people to read; anything else is a mistake in the program.
    console.error(`cluster: ${error instanceof RunnelError ? error.message : (error as Error).stack}`);
    return exitStatus.failed;
  }
}

/** Asked once, the cluster stops in order; asked again, at once: the processes' group ends what is left. */
function endSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(exitStatus.failed);
      controller.abort();
    });
  }
  return controller.signal;
}

// Whoever reads may go away (`scripts/cluster | head`): the cluster must still stop in order.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
process.exit(await main(process.argv.slice(2)));
