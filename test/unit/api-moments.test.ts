import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { contract, type Output } from '../../src/api/contract.ts';
import { channelsApi } from '../../src/node/api/channels-api.ts';
import { momentsApi } from '../../src/node/api/moments-api.ts';
import { world, type World } from './api-node-kit.ts';
import { preimage } from './node-bench.ts';

type Moment = Output<'moment'>;

async function momentOf({ node, channel }: World, sequence: number): Promise<Moment> {
  const moment = await momentsApi(node).moment({ channel, sequence });
  expect(z.decode(contract.moment.output, z.encode(contract.moment.output, moment))).toEqual(moment);
  return moment;
}

const lengthOf = ({ bench }: World): number => bench.store.journalHead(0)?.length ?? 0;

/** What of a channel is the same whether it is looked at now or later. */
function factsOf({ stateValue, state, localMsat, remoteMsat, htlcs, commitments, error }: Omit<Moment, 'outputs'> | Output<'channel'>) {
  return { stateValue, state, localMsat, remoteMsat, htlcs, commitments, error };
}

interface Life {
  readonly here: World;
  readonly seen: ReadonlyMap<number, ReturnType<typeof factsOf>>;
}

/** A life with an HTLC that is settled, one that stands, and a forced close; what the channel was like after each step, by its last entry. */
async function life(): Promise<Life> {
  const here = world();
  const seen = new Map<number, ReturnType<typeof factsOf>>();
  const look = async (): Promise<void> => void seen.set(lengthOf(here) - 1, factsOf(await channelsApi(here.node).channel({ channel: here.channel })));
  await look();
  here.alice.offer(1);
  here.alice.settle();
  await look();
  here.bench.run((turn) =>
    turn.dispatch({ to: 'channel', channelIndex: 0, event: { type: 'removeHtlc', id: 0n, removal: { kind: 'fulfilled', paymentPreimage: preimage(1) } } }),
  );
  await look();
  here.alice.settle(0);
  here.alice.offer(2, 20_000_000n);
  here.alice.settle();
  await look();
  await here.close({ force: true });
  await look();
  here.bench.block({ transactions: [here.bench.broadcasts[0]!] });
  await look();
  return { here, seen };
}

describe('a moment of a channel', () => {
  let lived: Life;
  beforeAll(async () => void (lived = await life()));

  it('is the channel as it was then, to the last commitment', async () => {
    const { here, seen } = lived;
    expect(seen.size).toBeGreaterThanOrEqual(5);
    for (const [sequence, facts] of seen) expect(factsOf(await momentOf(here, sequence))).toEqual(facts);
  });

  it('can be any entry, within a turn as well, and balances and HTLCs add up to the capacity in each', async () => {
    const { here } = lived;
    const total = lengthOf(here);
    for (let sequence = 0; sequence < total; sequence++) {
      const moment = await momentOf(here, sequence);
      expect(moment).toMatchObject({ sequence, total, first: 0 });
      const inHtlcs = moment.htlcs.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
      // Before the funding is agreed on, there are no balances.
      if (moment.commitments !== undefined) expect(moment.localMsat + moment.remoteMsat + inHtlcs).toBe(1_000_000_000n);
    }
  });

  it("shows the peer's message by field, what left with it, and what was watched on chain", async () => {
    const { here } = lived;
    const moments = await Promise.all(Array.from({ length: lengthOf(here) }, (_, sequence) => momentOf(here, sequence)));
    const added = moments.find(({ event }) => event.name === 'update_add_htlc');
    expect(added?.event.fields).toContainEqual({ name: 'amountMsat', type: 'amount', value: '10000000', unit: 'msat' });
    const signed = moments.find(({ event, state }) => event.name === 'commitment_signed' && state === 'normal');
    expect(signed?.sent.map(({ name }) => name)).toContain('revoke_and_ack');
    expect(moments.find(({ event }) => event.name === 'removeHtlc')?.sent.map(({ name }) => name)).toEqual(['update_fulfill_htlc']);
    const last = moments.at(-1);
    expect(last).toMatchObject({ state: 'closing', error: 'this node was told to close the channel without its peer' });
    expect(last?.outputs.map(({ chart, kind }) => [chart, kind])).toContainEqual(['htlc-output', 'htlc']);
  });

  it('has the words for what there is not', async () => {
    const { here } = lived;
    const total = lengthOf(here);
    await expect(momentOf(here, total)).rejects.toMatchObject({
      status: 404,
      code: 'moment_not_found',
      message: `expected an entry from 0 to ${total - 1}, got ${total}`,
    });
    await expect(momentsApi(here.node).moment({ channel: 'ffff', sequence: 0 })).rejects.toMatchObject({ code: 'channel_not_found' });
  });
});
