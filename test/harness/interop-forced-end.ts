/** A channel between Runnel and LDK with HTLCs pending both ways, ended by force, and what comes of it. */
import { waitUntil } from '../../src/cluster/wait.ts';
import { ANCHOR_SAT, otherSide, type Due, type Side } from './interop-books.ts';
import type { Channel, EndingsWorld, Pending, Underway } from './interop-endings.ts';

const WAIT_MS = 60_000;
/** BOLT 3, "Fee Calculation", with anchors. */
const COMMITMENT_WEIGHT = 1124n;
const HTLC_WEIGHT = 172n;
/** Either's dust limit; HTLC transactions pay no fee of their own. */
const DUST_SAT = 354n;
/** Above what commitments pay, so that LDK has a child bring its commitment into a block. */
const HIGH_FEERATE = 5_000;
const FEERATE = 1_000;
/** Fewer than what the HTLCs have left. */
const BLOCKS_AWAY = 8;

export interface ForcedEnd {
  readonly opener: Side;
  readonly closer: Side;
  readonly htlcs: readonly Pending[];
  /** Whether the other side is down when it happens, and for some blocks more: too long for LDK to claim what it holds. */
  readonly isOtherAway?: boolean;
}

/** From a new channel to its end, with all that either is to have of it in its wallet. */
export async function playForcedEnd(world: EndingsWorld, end: ForcedEnd): Promise<void> {
  const started = await world.begin(end.opener, end.htlcs);
  const { channel, underway } = started;
  const { ldk, runnel, interop } = world;
  const away = end.isOtherAway === true ? otherSide(end.closer) : undefined;
  if (away === 'ldk') await ldk.stop();
  if (away === 'runnel') await runnel.kill();
  await closeByForce(world, channel.channelId, end);
  await interop.mine(1);
  const commitment = await world.spenderOf(channel.fundingOutpoint!);
  for (const { from, hash, isClaimed } of underway) if (isClaimed) world.payee(from).claim(hash);
  await world.setRunnelFeerate(FEERATE);
  await interop.mine(3);
  if (away !== undefined) {
    await interop.mine(BLOCKS_AWAY);
    await (away === 'ldk' ? ldk : runnel).restart();
    await interop.mine(1);
  }
  await world.finish(started, commitment, duesOf(channel, underway), end.closer);
}

/** Resolves when the chain has the commitment, and the child that raises its fee where it pays less than its owner thinks right. */
async function closeByForce(world: EndingsWorld, channelId: string, { opener, closer }: ForcedEnd): Promise<void> {
  const { runnel, ldk, interop } = world;
  let hasChild = true;
  if (closer === 'ldk') {
    // Nobody hears of the new feerate, so that the commitment does not follow.
    ldk.disconnect(runnel.id);
    ldk.setFeerate(HIGH_FEERATE);
    await ldk.forceClose(channelId);
    await ldk.synced();
    ldk.setFeerate(FEERATE);
  } else {
    // Where Runnel opened, the commitment would follow.
    hasChild = opener === 'ldk' && (await world.setRunnelFeerate(HIGH_FEERATE));
    await runnel.client.close({ channel: channelId, force: true });
  }
  await waitUntil('the commitment is broadcast', WAIT_MS, async () => {
    const { length } = await interop.cluster.chain.mempool();
    return length === (hasChild ? 2 : 1) ? undefined : `${length} transactions wait`;
  });
}

/** BOLT 3, "Commitment Transaction Outputs": what the commitment of a channel at rest holds besides the anchors, and for whom. */
function duesOf(channel: Channel, underway: readonly Underway[]): Due[] {
  const htlcs = channel.htlcs.filter(({ amountMsat }) => amountMsat / 1000n >= DUST_SAT);
  const openerPaysSat = (BigInt(channel.feeratePerKw) * (COMMITMENT_WEIGHT + HTLC_WEIGHT * BigInt(htlcs.length))) / 1000n + 2n * ANCHOR_SAT;
  const balance = (by: Side, balanceMsat: bigint, isOpener: boolean): Due => {
    return { what: 'the balance', by, amountSat: balanceMsat / 1000n - (isOpener ? openerPaysSat : 0n) };
  };
  return [
    balance('runnel', channel.localMsat, channel.opener === 'local'),
    balance('ldk', channel.remoteMsat, channel.opener === 'remote'),
    ...htlcs.map(({ amountMsat, paymentHash }) => {
      const { from, isClaimed } = underway.find(({ hash }) => hash === paymentHash)!;
      return { what: 'an HTLC', amountSat: amountMsat / 1000n, by: isClaimed ? otherSide(from) : from };
    }),
  ];
}
