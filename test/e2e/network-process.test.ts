import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bytes, nodes, numberOf, numbered, stopAll, until } from './network-node.ts';
import type { TestNode } from './network-node.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
// Inside the repository, so that the packages are found; a folder of its own for each test process.
const outDir = join(repository, 'node_modules/.cache', `runnel-network-test-${process.pid}`);
const children: Child[] = [];

/** A node in another process; see `network-child.ts`. */
class Child {
  readonly process: ChildProcessWithoutNullStreams;
  readonly said: Record<string, unknown>[] = [];

  constructor(keyByte: number, port = 0) {
    this.process = spawn(process.execPath, [join(outDir, 'child.mjs'), `${keyByte}`, `${port}`]);
    this.process.stderr.pipe(process.stderr);
    createInterface({ input: this.process.stdout }).on('line', (line) => this.said.push(JSON.parse(line)));
    children.push(this);
  }

  async started(): Promise<{ id: string; address: string }> {
    await until(() => expect(this.said[0]).toHaveProperty('address'));
    return this.said[0] as { id: string; address: string };
  }
}

beforeAll(async () => {
  const output = { entryFileNames: 'child.mjs' };
  await build({
    configFile: false,
    logLevel: 'silent',
    root: repository,
    build: { ssr: 'test/e2e/network-child.ts', outDir, emptyOutDir: true, rollupOptions: { output } },
  });
});

afterEach(async () => {
  for (const child of children.splice(0)) child.process.kill('SIGKILL');
  await stopAll();
});

afterAll(() => rm(outDir, { recursive: true, force: true }));

describe('a node in another process', () => {
  it('that is killed is noticed, and comes back under the same name', async () => {
    const [node] = (await nodes(1)) as [TestNode];
    const child = new Child(90);
    const { id, address } = await child.started();
    await node.network.connect(id, address);
    node.network.send(id, numbered(100, 1_000));
    await until(() => expect(node.messages.map(numberOf)).toEqual(numbered(100, 6).map(numberOf)));

    // It is killed while messages are under way, and what came back is a part of them, in order.
    node.network.send(id, numbered(20_000, 300, 100));
    child.process.kill('SIGKILL');
    await until(() => expect(node.events).toHaveLength(2));
    expect(node.events[1]).toMatch(new RegExp(`^-${id} (connection_lost|closed_by_peer)`));
    const count = node.messages.length;
    expect(node.messages.map(numberOf)).toEqual(numbered(count, 6).map(numberOf));
    node.network.send(id, [bytes(0, 1)]);

    const again = new Child(90, Number(address.split('/').at(-1)));
    expect((await again.started()).id).toBe(id);
    await node.network.connect(id);
    node.network.send(id, numbered(1, 6, 7));
    await until(() => expect(node.messages).toHaveLength(count + 1));
    expect(node.events[2]).toBe(`+${id} out`);
  });

  it('that stops answering is given up', async () => {
    const limits = { pingIntervalMs: 200, pingTimeoutMs: 500 };
    const [node] = (await nodes(1, () => ({ limits }))) as [TestNode];
    const child = new Child(91);
    const { id, address } = await child.started();
    await node.network.connect(id, address);
    child.process.kill('SIGSTOP');
    await until(() => expect(node.events[1]).toMatch(`-${id} connection_lost`));
    child.process.kill('SIGCONT');
    await until(() => expect(child.said.at(-1)).toHaveProperty('disconnected', node.id));
    await node.network.connect(id, address);
    expect(node.events).toHaveLength(3);
  });

  it('ends by itself once its network is stopped', async () => {
    const [node] = (await nodes(1)) as [TestNode];
    const child = new Child(92);
    const { id } = await child.started();
    child.process.stdin.write(`${node.id} ${node.address}\n`);
    await until(() => expect(node.events).toEqual([`+${id} in`]));
    child.process.stdin.end();
    const [exitCode] = await once(child.process, 'exit');
    expect(exitCode).toBe(0);
    expect(child.said.slice(1)).toEqual([
      { connected: node.id },
      { disconnected: node.id, reason: 'stopped' },
      { stopped: true },
    ]);
    await until(() => expect(node.events).toHaveLength(2));
  });
});
