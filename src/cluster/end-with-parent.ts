/**
 * Preloaded into every process of a cluster (`node --import`). Its standard input is a pipe from the cluster, on
 * which nothing is ever sent: it ends when the cluster's process does, however that died, and this process with it.
 */
import { isMainThread } from 'node:worker_threads';

const DEADLINE_MS = 10_000;

function endNow(): void {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), DEADLINE_MS).unref();
  process.kill(process.pid, 'SIGTERM');
}

if (isMainThread) {
  process.stdin.once('end', endNow).once('error', endNow).resume();
  if ('unref' in process.stdin) process.stdin.unref();
}
