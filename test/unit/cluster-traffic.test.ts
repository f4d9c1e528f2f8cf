import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, ConnectionError } from '../../src/api/errors.ts';
import type { Client } from '../../src/api/client.ts';
import type { NodeState } from '../../src/cluster/node-life.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { Traffic } from '../../src/cluster/traffic.ts';
import { exampleOutput } from './api-fake-node.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const payment = exampleOutput('payment');

/** Three nodes that note what they are asked to pay, and answer as `pay` does. */
function mesh(pay: () => Promise<typeof payment> = () => Promise.resolve(payment)) {
  const paid: string[] = [];
  const nodes = ['alice', 'bob', 'carol'].map((name) => {
    const client = {
      keysend: ({ nodeId, amountMsat }: { nodeId: string; amountMsat: bigint }) => {
        paid.push(`${name} ${nodeId} ${amountMsat}`);
        return pay();
      },
      invoice: ({ amountMsat }: { amountMsat: bigint }) => Promise.resolve({ invoice: `${name} ${amountMsat}` }),
      pay: ({ invoice }: { invoice: string }) => {
        paid.push(`${name} ${invoice}`);
        return pay();
      },
      invoices: () => Promise.resolve({ invoices: [] }),
    } as unknown as Client;
    return { name, id: name, state: 'up' as NodeState, client };
  });
  return { nodes, paid };
}

const seconds = (count: number): Promise<unknown> => vi.advanceTimersByTimeAsync(count * 1_000);

describe('payments for show', () => {
  it('are as many a second as were asked for, small, and between two different nodes', async () => {
    const { nodes, paid } = mesh();
    const traffic = new Traffic(nodes, new SeededRandom('test'));
    traffic.set(10);
    await seconds(5);
    traffic.set(0);
    await seconds(5);
    expect(traffic.status).toEqual({ perSecond: 0, succeeded: 50, failed: 0 });
    expect(paid).toHaveLength(50);
    for (const [from, to, amount] of paid.map((one) => one.split(' '))) {
      expect(from).not.toBe(to);
      expect(Number(amount)).toBeGreaterThanOrEqual(100_000);
      expect(Number(amount)).toBeLessThan(5_000_000);
    }
    expect(new Set(paid.map((one) => one.split(' ')[0])).size).toBe(3);
  });

  it('are the same for the same seed', async () => {
    const runs: string[][] = [];
    for (const seed of ['one', 'one', 'other']) {
      const { nodes, paid } = mesh();
      const traffic = new Traffic(nodes, new SeededRandom(seed));
      traffic.set(20);
      await seconds(1);
      traffic.set(0);
      runs.push(paid);
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).not.toEqual(runs[0]);
  });

  it('leave out nodes that are down, and stop where there are no two', async () => {
    const { nodes, paid } = mesh();
    nodes[0]!.state = 'down';
    const traffic = new Traffic(nodes, new SeededRandom('test'));
    traffic.set(10);
    await seconds(2);
    expect(paid).toHaveLength(20);
    expect(paid.some((one) => one.includes('alice'))).toBe(false);
    nodes[1]!.state = 'starting';
    await seconds(2);
    expect(paid).toHaveLength(20);
  });

  it('count what fails, whatever the nodes answer, and go on', async () => {
    const failures = [
      () => Promise.resolve({ ...payment, status: 'failed' as const }),
      () => Promise.resolve({ ...payment, status: 'inFlight' as const }),
      () => Promise.reject(new ApiError('refused', 'no_route', 'none')),
      () => Promise.reject(new ConnectionError('unreachable', 'http://127.0.0.1:9', 'no node answers')),
    ];
    let count = 0;
    const { nodes } = mesh(() => failures[count++ % failures.length]!());
    const traffic = new Traffic(nodes, new SeededRandom('test'));
    const told = vi.fn();
    const unsubscribe = traffic.onChange(told);
    traffic.set(4);
    await seconds(2);
    expect(traffic.status).toEqual({ perSecond: 4, succeeded: 0, failed: 8 });
    expect(told).toHaveBeenCalledTimes(9);
    unsubscribe();
    await seconds(1);
    expect(told).toHaveBeenCalledTimes(9);
  });

  it('do not pile up where they hang', async () => {
    const { nodes, paid } = mesh(() => new Promise(() => {}));
    const traffic = new Traffic(nodes, new SeededRandom('test'));
    traffic.set(100);
    await seconds(10);
    expect(paid.length).toBeGreaterThan(0);
    expect(paid.length).toBeLessThanOrEqual(64);
  });
});
