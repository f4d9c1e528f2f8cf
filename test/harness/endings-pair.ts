import { mine, mineUntil, openBetween, quiet, settled } from './endings.ts';
import { walletFaults } from './endings-books.ts';
import { ChannelEnding, delayOf, htlcMsatOf } from './endings-channel.ts';
import { Htlc } from './endings-htlc.ts';
import { hasReorgs, isPaid, nameOf, other, type EndingCase, type Who } from './endings-table.ts';
import { journalFaults } from './mesh-invariants.ts';
import { Mesh } from './mesh.ts';

const CAPACITY_SAT = 1_000_000n;
const PUSHED_MSAT = 400_000_000n;

/** Plays one case of the table with two nodes, from the opening to the last confirmation; answers what was not as it should be. */
export async function playPair(end: EndingCase): Promise<string[]> {
  const mesh = await Mesh.create({
    seed: nameOf(end),
    nodes: ['opener', 'accepter'],
    policyOf: (name) => ({ toSelfDelay: delayOf(end, name as Who) }),
  });
  return telling(mesh, async () => {
    const nodes = { opener: mesh.named('opener'), accepter: mesh.named('accepter') };
    await openBetween(mesh, nodes.opener, nodes.accepter, CAPACITY_SAT, PUSHED_MSAT);
    const payer = end.offeredBy ?? 'opener';
    const htlcMsat = htlcMsatOf(end);
    const htlc = new Htlc(mesh, nodes[payer], nodes[other(payer)], htlcMsat);
    if (end.fate !== 'none' && end.fate !== 'being added') {
      await htlc.stand();
      await settled(mesh, nodes.opener, nodes.accepter);
    }
    const channel = new ChannelEnding({ mesh, end, nodes, capacitySat: CAPACITY_SAT, pushedMsat: PUSHED_MSAT, htlcMsat, htlc });
    await channel.prepare();
    await channel.toTheChain();
    await mine(mesh);
    channel.expectSeen();
    mesh.heal(nodes.opener, nodes.accepter);
    if (end.fate === 'fulfilled after') await htlc.learn();
    if (end.reorg) await channel.orphan();
    if (end.fate === 'taken by the cheater') await channel.cheatAgain();
    await mineUntil(mesh, 'the channel is closed', () => channel.isOver, end.reorg ? channel.unburier() : undefined);
    return faultsOf(mesh, channel, htlc);
  });
}

/** A failure comes with what happened before it. */
export async function telling(mesh: Mesh, play: () => Promise<string[]>): Promise<string[]> {
  try {
    return await play();
  } catch (error) {
    const story = mesh.story().split('\n').filter((line) => !/ping|pong|blocks are mined/.test(line));
    throw new Error(`${error instanceof Error ? error.stack : String(error)}\n${story.slice(-80).join('\n')}`, { cause: error });
  }
}

async function faultsOf(mesh: Mesh, channel: ChannelEnding, htlc: Htlc): Promise<string[]> {
  const { end } = channel;
  const cheater = end.closing === 'revoked' ? end.by : undefined;
  // A dust HTLC that was taken has no output to claim: its receiver loses it, and is told.
  const losesDust = end.fate === 'dust fulfilled' && end.closing !== 'mutual';
  const quietOnes = mesh.nodes.filter(({ name }) => name !== cheater);
  const faults = quietOnes.flatMap(({ name, node }) => {
    const { payments, invoices, circuits } = node.payments.liveActors;
    const alive = payments + invoices + circuits === 0 ? [] : [`${name} has ${payments} payments, ${invoices} invoices and ${circuits} circuits`];
    const alarms = node.alarms.list().map(({ code }) => code).join(' ');
    const expected = losesDust && name === htlc.payee.name ? 'money_lost' : '';
    return alarms === expected ? alive : [...alive, `${name} has the alarms '${alarms}', expected '${expected}'`];
  });
  if (htlc.payer.name !== cheater && end.fate !== 'none') {
    const expected = isPaid(end) ? 'succeeded' : 'failed';
    if (htlc.payment?.status !== expected) faults.push(`the payment ${htlc.payment?.status}, expected that it ${expected}`);
  }
  await revive(mesh);
  return [
    ...channel.faults(),
    ...walletFaults(mesh, [channel.facts]),
    ...faults,
    // With reorgs the same happens, and more.
    ...(hasReorgs(end) && !end.reorg ? [] : journalFaults(mesh)),
    ...mesh.problems.filter((problem) => !(losesDust && /money_lost/.test(problem)) && !isTold(end, problem)),
  ];
}

/**
 * An ending without an agreement is told to the peer, one by a cheater to the node's owner; and while a reorg has the funding out of the chain, that too.
 */
export const isTold = ({ closing, reorg }: EndingCase, problem: string): boolean =>
  (closing !== 'mutual' && /sends error/.test(problem)) ||
  (closing === 'revoked' && /peer_cheated/.test(problem)) ||
  (reorg && /funding_lost/.test(problem));

/** A cheater's process is needed for nothing but its wallet. */
export async function revive(mesh: Mesh): Promise<void> {
  for (const node of mesh.nodes) node.start();
  await mesh.everybodySees();
  await quiet(mesh);
}
