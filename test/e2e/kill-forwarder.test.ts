import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiError, type Output } from '../../src/api/client.ts';
import type { NodeProcess } from '../../src/cluster/node-process.ts';
import { waitForChannels } from '../../src/cluster/open-channels.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { channelBalance, takeSnapshot } from '../../src/cluster/snapshot.ts';
import { TRUNK_SAT, range, type Edge } from '../../src/cluster/topology.ts';
import { forEachLimited, waitUntil } from '../../src/cluster/wait.ts';
import { startTestCluster, type TestCluster } from '../harness/cluster.ts';
import { effort } from '../harness/effort.ts';

/** `KILLS=…` for more, `KILL_SEED=…` for other moments. */
const KILLS = effort('KILLS', { quick: 4, thorough: 20 });
const PAYERS_A_SIDE = 6;
/** Before somebody who was refused tries again. */
const REFUSED_MS = 200;
const ASKED_AT_ONCE = 40;
const TIMEOUT_MS = 400_000;
const seed = process.env.KILL_SEED ?? '1';

const edges: readonly Edge[] = [
  { opener: 0, accepter: 1, capacitySat: TRUNK_SAT },
  { opener: 1, accepter: 2, capacitySat: TRUNK_SAT },
];

/** A payment that was tried, and both ends' knowledge of it. */
interface Tried {
  readonly payer: NodeProcess;
  readonly payee: NodeProcess;
  readonly paymentHash: string;
  readonly amountMsat: bigint;
}

let cluster: TestCluster;
let alice: NodeProcess;
let bob: NodeProcess;
let carol: NodeProcess;

beforeAll(async () => {
  cluster = await startTestCluster(3, edges);
  [alice, bob, carol] = cluster.nodes as [NodeProcess, NodeProcess, NodeProcess];
}, TIMEOUT_MS);
afterAll(() => cluster?.stop());

/** Pays through Bob in both directions until told to stop; what fails while he is down is tried as another payment. */
class Traffic {
  readonly tried: Tried[] = [];
  succeeded = 0;
  inFlight = 0;
  #isOver = false;
  readonly #random = new SeededRandom(`${seed} amounts`);
  readonly #payers: Promise<void>[] = [];

  start(): void {
    for (const _ of range(0, PAYERS_A_SIDE)) {
      this.#payers.push(this.#payOn(alice, carol), this.#payOn(carol, alice));
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#payers);
  }

  async #payOn(payer: NodeProcess, payee: NodeProcess): Promise<void> {
    while (!this.#isOver) {
      // Every third stands in the commitments as an output.
      const amountMsat = BigInt(1 + this.#random.below(this.tried.length % 3 === 0 ? 2_000_000 : 300_000));
      const { invoice, paymentHash } = await payee.client.invoice({ amountMsat });
      this.tried.push({ payer, payee, paymentHash, amountMsat });
      this.inFlight++;
      try {
        const { status } = await payer.client.pay({ invoice: invoice!, timeoutSeconds: 20 });
        if (status === 'succeeded') this.succeeded++;
      } catch (error) {
        // Refused before it was tried, as with no route while Bob is down.
        if (!(error instanceof ApiError) || error.kind === 'internal') throw error;
        await sleep(REFUSED_MS);
      } finally {
        this.inFlight--;
      }
      await sleep(20);
    }
  }
}

describe('a forwarding node that is killed while payments flow through it', () => {
  it(
    `and restarted, ${KILLS} times over: each payment ends alike on both ends, no msat is lost, no channel closes`,
    async ({ annotate }) => {
      const before = await takeSnapshot(cluster);
      const height = await cluster.chain.height();
      const random = new SeededRandom(`${seed} kills`);
      const traffic = new Traffic();
      traffic.start();
      let caught = 0;
      for (const kill of range(0, KILLS)) {
        // Every fourth kill or so comes while the channels are still being reestablished after the one before.
        if (kill === 0 || random.below(4) > 0) await flow(traffic, kill);
        await sleep(random.below(400));
        caught += traffic.inFlight;
        await bob.process.kill();
        await bob.restart();
      }
      await waitForChannels(cluster, edges);
      await traffic.stop();
      await waitUntil('no payment is in flight', 120_000, async () => {
        const left = await Promise.all(
          [alice, carol].map(async ({ client }) => (await client.payments({ status: 'inFlight', limit: 1 })).total),
        );
        return left.every((total) => total === 0) ? undefined : `${left.join(' and ')} are`;
      });
      const after = await takeSnapshot(cluster);

      const outcomes: Awaited<ReturnType<typeof outcomeOf>>[] = [];
      await forEachLimited(traffic.tried, ASKED_AT_ONCE, async (tried) => void outcomes.push(await outcomeOf(tried)));
      const paid = outcomes.filter(({ isPaid }) => isPaid);
      await annotate(
        `${outcomes.length} payments tried, ${paid.length} arrived; ${KILLS} kills caught ${caught} in flight`,
      );
      expect(caught).toBeGreaterThan(KILLS);
      expect(outcomes.filter(({ isPaid, isReceived }) => isPaid !== isReceived)).toEqual([]);
      expect(paid.length).toBeGreaterThan(KILLS);

      // What each gained in its channels, to the msat.
      const gains = after.map((node, index) => channelBalance(node) - channelBalance(before[index]!));
      const expected = [0n, 0n, 0n];
      for (const { payer, payee, amountMsat, feeMsat } of paid) {
        expected[cluster.nodes.indexOf(payer)]! -= amountMsat + feeMsat;
        expected[cluster.nodes.indexOf(payee)]! += amountMsat;
        expected[1]! += feeMsat;
      }
      expect(gains).toEqual(expected);

      const channelsOf = (snapshot: typeof after): string[] =>
        snapshot.flatMap(({ channels }) => channels.map(({ channelId }) => channelId));
      expect(channelsOf(after)).toEqual(channelsOf(before));
      expect(await cluster.chain.mempool()).toEqual([]);
      expect(await cluster.chain.height()).toBe(height);
      expect(cluster.failed).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

async function flow(traffic: Traffic, kill: number): Promise<void> {
  const before = traffic.succeeded;
  await waitUntil(`payments flow before kill ${kill + 1}`, 60_000, () =>
    traffic.succeeded > before + 5 ? undefined : `${traffic.succeeded - before} arrived`,
  );
}

async function outcomeOf(tried: Tried) {
  const { payer, payee, paymentHash, amountMsat } = tried;
  const payment = await paymentOf(payer, paymentHash);
  const { invoices } = await payee.client.invoices({ paymentHash });
  const isReceived = invoices[0]?.status === 'paid' && invoices[0].receivedMsat === amountMsat;
  return { ...tried, isPaid: payment?.status === 'succeeded', isReceived, feeMsat: payment?.feeMsat ?? 0n };
}

/** Undefined for one that the node refused before it tried. */
async function paymentOf(payer: NodeProcess, paymentHash: string): Promise<Output<'payment'> | undefined> {
  try {
    return await payer.client.payment({ paymentHash });
  } catch (error) {
    if (error instanceof ApiError && error.kind === 'notFound') return undefined;
    throw error;
  }
}
