/** Channels between Runnel and LDK that end as both agree, whatever either thinks of fees and whatever pends. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitUntil } from '../../src/cluster/wait.ts';
import { chainKind } from '../harness/cluster.ts';
import { otherSide, type Due, type Side } from '../harness/interop-books.ts';
import { lightningAddress } from '../harness/interop.ts';
import { EndingsWorld, type Pending, type Started } from '../harness/interop-endings.ts';

const TIMEOUT_MS = 180_000;
const WAIT_MS = 60_000;
/** What Runnel and LDK think right, in sat per kw; a real bitcoind on regtest knows nothing, and Runnel falls back on this. */
const RUNNEL_FEERATE = chainKind === 'embedded' ? 4_000 : 1_000;
const LDK_FEERATE = 2_000;

let world: EndingsWorld;

beforeAll(async () => {
  world = await EndingsWorld.start();
  world.ldk.setFeerate(LDK_FEERATE);
  await world.setRunnelFeerate(RUNNEL_FEERATE);
}, TIMEOUT_MS);
afterAll(() => world?.interop.stop(), TIMEOUT_MS);

interface Close {
  readonly opener: Side;
  readonly beginner: Side;
  readonly htlcs: readonly Pending[];
}

/** To the transaction that ended it, in a block, and to both wallets. */
async function playClose({ opener, beginner, htlcs }: Close): Promise<void> {
  const started = await world.begin(opener, htlcs);
  const { channel } = started;
  if (beginner === 'runnel') await world.runnel.client.close({ channel: channel.channelId });
  else void world.ldk.close(channel.channelId);
  if (htlcs.length > 0) await resolve(started, opener);
  await waitUntil('the closing transaction is broadcast', WAIT_MS, async () => ((await world.interop.cluster.chain.mempool()).length > 0 ? undefined : 'it is not'));
  await world.interop.mine(1);
  const closing = await world.spenderOf(channel.fundingOutpoint!);
  const balances = balancesOf(started);
  const feeSat = balances.runnel + balances.ldk - closing.outs.reduce((total, { value }) => total + value, 0n);
  // BOLT 3, "Closing Transaction": the opener pays its fee.
  const due = (by: Side): Due => ({ what: 'the balance', by, amountSat: balances[by] - (by === opener ? feeSat : 0n) });
  await world.finish(started, closing, [due('runnel'), due('ldk')], opener);
  expectFee(feeSat, BigInt(closing.weight()), opener);
}

/** Nothing more is paid over a channel that shuts down, whatever starts anew; once what pends is resolved, it goes. */
async function resolve({ channel: { channelId }, underway }: Started, opener: Side): Promise<void> {
  const { runnel, ldk, holder } = world;
  await shutDown(channelId);
  await (opener === 'runnel' ? runnel : ldk).restart();
  if (opener === 'ldk') await ldk.connect(runnel.id, await lightningAddress(runnel));
  await waitUntil('all are connected', WAIT_MS, () => {
    return [ldk, holder].every((node) => node.isConnected(runnel.id)) ? undefined : 'they are not';
  });
  await shutDown(channelId);
  expect(await runnel.client.pay({ invoice: await ldk.invoice({ amountMsat: 1_000_000n }), timeoutSeconds: 10 })).toMatchObject({ status: 'failed' });
  expect(await ldk.pay(await holder.invoice({ amountMsat: 1_000_000n }))).toMatchObject({ status: 'failed', reason: 'RouteNotFound' });
  for (const { from, hash, isClaimed } of underway) {
    if (isClaimed) world.payee(from).claim(hash);
    else world.payee(from).failHtlc(hash);
  }
}

async function shutDown(channelId: string): Promise<void> {
  const { runnel, ldk } = world;
  await waitUntil('both shut down', WAIT_MS, async () => {
    const { state, numHtlcs } = await runnel.client.channel({ channel: channelId });
    const theirs = ldk.channels().find((each) => each.channelId === channelId);
    return state === 'shuttingDown' && theirs?.shutdown === 'ResolvingHTLCs' ? undefined : `Runnel is ${state} with ${numHtlcs} HTLCs, LDK ${theirs?.shutdown}`;
  });
}

/** In whole satoshis, once all HTLCs are resolved. */
function balancesOf({ channel, underway }: Started): Record<Side, bigint> {
  const msat = { runnel: channel.localMsat, ldk: channel.remoteMsat };
  for (const { amountMsat, paymentHash } of channel.htlcs) {
    const { from, isClaimed } = underway.find(({ hash }) => hash === paymentHash)!;
    msat[isClaimed ? otherSide(from) : from] += amountMsat;
  }
  return { runnel: msat.runnel / 1000n, ldk: msat.ldk / 1000n };
}

const HTLCS: readonly Pending[] = [
  { from: 'runnel', amountMsat: 11_000_001n, isClaimed: true },
  { from: 'runnel', amountMsat: 12_000_000n, isClaimed: false },
  { from: 'runnel', amountMsat: 100_000n, isClaimed: true },
  { from: 'ldk', amountMsat: 13_000_000n, isClaimed: true },
  { from: 'ldk', amountMsat: 14_000_000n, isClaimed: false },
  { from: 'ldk', amountMsat: 200_000n, isClaimed: true },
];

describe.each(['runnel', 'ldk'] as const)('a channel that %s opened ends as both agree', (opener) => {
  it.each(['runnel', 'ldk'] as const)('where %s begins, and both think otherwise of the fee', async (beginner) => {
    await playClose({ opener, beginner, htlcs: [] });
  }, TIMEOUT_MS);

  it('where the other begins, once the HTLCs that pend are resolved, over a restart', async () => {
    await playClose({ opener, beginner: otherSide(opener), htlcs: HTLCS });
  }, TIMEOUT_MS);
});

/**
 * LDK as the accepter takes the most that Runnel is prepared to pay: twice what it thinks right, and no more than 1,000 sat above. As the
 * opener it proposes the least that relays, which Runnel takes.
 */
function expectFee(feeSat: bigint, weight: bigint, opener: Side): void {
  const rightSat = (weight * BigInt(opener === 'runnel' ? RUNNEL_FEERATE : 253)) / 1_000n;
  const expectedSat = opener === 'ldk' ? rightSat : rightSat + (rightSat < 1_000n ? rightSat : 1_000n);
  expect(feeSat).toBeGreaterThanOrEqual(expectedSat);
  // Signatures are shorter than they may be.
  expect(feeSat).toBeLessThan((expectedSat * 102n) / 100n);
}
