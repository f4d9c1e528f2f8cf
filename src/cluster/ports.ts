import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { RunnelError } from '../../protocols/errors.ts';

/** Below those that a system gives to whoever asks for any (from 32768 on Linux): what is free here is so for a while. */
const [LOWEST, HIGHEST] = [10_000, 32_000];
const ATTEMPTS_PER_PORT = 100;

/** Ports of 127.0.0.1 that are free now, all different. Throws `RunnelError` where there are too few. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; attempt < count * ATTEMPTS_PER_PORT && ports.size < count; attempt++) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (await isPortFree(port)) ports.add(port);
  }
  if (ports.size === count) return [...ports];
  throw new RunnelError('no_ports', `expected ${count} free ports from ${LOWEST} to ${HIGHEST}, found ${ports.size}`);
}

export async function isPortFree(port: number): Promise<boolean> {
  try {
    await close(await listen(port));
    return true;
  } catch {
    return false;
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
