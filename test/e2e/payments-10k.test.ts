import { Transaction } from 'bitcoinjs-lib';
import { fromString } from 'uint8arrays';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decodeMessage } from '../../protocols/wire/messages.ts';
import type { Output } from '../../src/api/client.ts';
import type { NodeProcess } from '../../src/cluster/node-process.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { takeSnapshot } from '../../src/cluster/snapshot.ts';
import { range } from '../../src/cluster/topology.ts';
import { forEachLimited, waitUntil } from '../../src/cluster/wait.ts';
import { startTestCluster, type TestCluster } from '../harness/cluster.ts';
import { effort } from '../harness/effort.ts';

const PAYMENTS = effort('RUNNEL_PAYMENTS', { quick: 1_000, thorough: 10_000 });
const AT_ONCE = 150;
const CAPACITY_SAT = 10_000_000n;
const TIMEOUT_MS = 400_000;

type Channel = Output<'channels'>['channels'][number];

let cluster: TestCluster;
let alice: NodeProcess;
let bob: NodeProcess;

beforeAll(async () => {
  cluster = await startTestCluster(2, [{ opener: 0, accepter: 1, capacitySat: CAPACITY_SAT }]);
  [alice, bob] = cluster.nodes as [NodeProcess, NodeProcess];
}, TIMEOUT_MS);
afterAll(() => cluster?.stop());

async function onlyChannel(node: NodeProcess): Promise<Channel> {
  const { channels } = await node.client.channels({ closed: true });
  expect(channels).toHaveLength(1);
  return channels[0]!;
}

/** Mostly below the dust limit, as micropayments are; some that stand in the commitments as outputs. */
function amounts(): bigint[] {
  const random = new SeededRandom('ten thousand');
  return range(0, PAYMENTS).map((index) =>
    index % 50 === 0 ? 400_000n + BigInt(random.below(600_000)) : 1n + BigInt(random.below(100_000)),
  );
}

describe(`${PAYMENTS} payments in one channel between two processes`, () => {
  it(
    'all arrive without a transaction on the chain, and the mutual close pays both to the satoshi',
    async ({ annotate }) => {
      const before = await onlyChannel(alice);
      const height = await cluster.chain.height();
      const [onchainAlice, onchainBob] = (await takeSnapshot(cluster)).map(({ onchainSat }) => onchainSat);

      let paidMsat = 0n;
      let mostAtOnce = 0;
      let open = 0;
      const started = performance.now();
      await forEachLimited(amounts(), AT_ONCE, async (amountMsat) => {
        const { invoice } = await bob.client.invoice({ amountMsat });
        mostAtOnce = Math.max(mostAtOnce, ++open);
        const payment = await alice.client.pay({ invoice: invoice! });
        open--;
        expect(payment).toMatchObject({ status: 'succeeded', amountMsat, feeMsat: 0n });
        paidMsat += amountMsat;
      });
      const seconds = (performance.now() - started) / 1_000;
      await annotate(`${PAYMENTS} payments in ${seconds.toFixed(1)} s: ${Math.round(PAYMENTS / seconds)} a second`);
      expect(mostAtOnce).toBe(AT_ONCE);

      // Both ends know all of them, and nothing has moved on the chain.
      await takeSnapshot(cluster);
      expect((await bob.client.invoices({ status: 'paid', limit: 1 })).total).toBe(PAYMENTS);
      expect((await alice.client.payments({ status: 'succeeded', limit: 1 })).total).toBe(PAYMENTS);
      const after = await onlyChannel(alice);
      expect(after).toMatchObject({ state: 'normal', channelId: before.channelId });
      expect(after.localMsat).toBe(before.localMsat - paidMsat);
      expect(after.remoteMsat).toBe(before.remoteMsat + paidMsat);
      expect(await cluster.chain.mempool()).toEqual([]);
      expect(await cluster.chain.height()).toBe(height);

      await alice.client.close({ channel: after.channelId });
      await waitUntil('the closing transaction is in the mempool', 30_000, async () =>
        (await cluster.chain.mempool()).length === 1 ? undefined : 'the mempool is empty',
      );
      const [txid] = await cluster.chain.mempool();
      const raw = z.string().parse(await cluster.chain.rpc.call('getrawtransaction', [txid]));
      const closing = Transaction.fromHex(raw);
      const feeSat = await agreedFee(after.channelId);

      // BOLT 2, "Closing Negotiation": amounts are rounded down to whole satoshis, and the opener pays the fee.
      const expected = [after.localMsat / 1_000n - feeSat, after.remoteMsat / 1_000n];
      expect(closing.outs.map(({ value }) => value).toSorted(ascending)).toEqual(expected.toSorted(ascending));
      expect(feeSat).toBeGreaterThan(0n);
      expect(feeSat).toBeLessThan(50_000n);

      await cluster.chain.mine(6);
      await waitUntil('both wallets have their part back', 30_000, async () => {
        const [a, b] = await Promise.all([alice.client.balance(), bob.client.balance()]);
        const gains = [a.onchain.confirmedSat - onchainAlice!, b.onchain.confirmedSat - onchainBob!];
        return gains[0] === expected[0] && gains[1] === expected[1] ? undefined : `they gained ${gains.join(' and ')}`;
      });
      // BOLT 5, "General Nomenclature": irrevocably resolved is what has 100 confirmations.
      await cluster.chain.mine(100);
      await waitUntil('both ends see the channel closed', 30_000, async () => {
        const states = [(await onlyChannel(alice)).state, (await onlyChannel(bob)).state];
        return states.every((state) => state === 'closed') ? undefined : states.join(' and ');
      });
      expect(cluster.failed).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

/** The fee of the last `closing_signed` that Bob sent: with it the two agreed. */
async function agreedFee(channel: string): Promise<bigint> {
  const { total } = await alice.client.journal({ channel, limit: 1 });
  const { entries } = await alice.client.journal({ channel, from: Math.max(0, total - 100) });
  const last = entries.findLast(({ event, wire }) => event === 'closing_signed' && wire !== undefined);
  const message = decodeMessage(fromString(last!.wire!, 'hex'));
  if (message.type !== 'closing_signed') throw new TypeError(`expected a closing_signed, got ${message.type}`);
  return message.feeSatoshis;
}

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
