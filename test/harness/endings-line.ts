import { hexOf } from '../../src/channels/channel-store.ts';
import { channelOf, isClosed, mine, mineUntil, openBetween, quiet, settled, usable } from './endings.ts';
import { walletFaults } from './endings-books.ts';
import { ChannelEnding, delayOf, htlcMsatOf } from './endings-channel.ts';
import { Htlc } from './endings-htlc.ts';
import { isTold, revive, telling } from './endings-pair.ts';
import { isPaid, nameOf, type EndingCase, type Fate, type Who } from './endings-table.ts';
import { journalFaults } from './mesh-invariants.ts';
import { MESH_FORWARDING, type MeshNode } from './mesh-node.ts';
import { Mesh } from './mesh.ts';

const CAPACITY_SAT = 1_000_000n;
const PUSHED_MSAT = 400_000_000n;

/** What ends under a forwarder: payer → forwarder → payee, each the opener of its channel to the next. */
export interface LineCase {
  readonly where: 'downstream' | 'upstream' | 'both';
  /** Of the channel that ends; of both, if both do. It was the opener who offered the HTLC. */
  readonly end: Omit<EndingCase, 'by' | 'offeredBy'>;
  readonly by: 'forwarder' | 'peer';
  /** Nobody asks for it: an HTLC at its deadline does. */
  readonly atDeadline?: boolean;
  /** It is played without reorgs alone. */
  readonly hasNoReorgs?: boolean;
}

/** Of the two channels as the forwarder has them, those that end. */
function endsOf({ where, end, by }: LineCase): { readonly up: EndingCase | undefined; readonly down: EndingCase | undefined } {
  const offered = end.fate === 'none' ? undefined : 'opener';
  const as = (forwarder: Who): EndingCase => ({ ...end, by: (by === 'forwarder') === (forwarder === 'opener') ? 'opener' : 'accepter', offeredBy: offered });
  return { up: where === 'downstream' ? undefined : as('accepter'), down: where === 'upstream' ? undefined : as('opener') };
}

export function nameOfLine(line: LineCase): string {
  const { up, down } = endsOf(line);
  const names = { downstream: () => nameOf(down!), upstream: () => nameOf(up!), both: () => `${nameOf(up!)}; downstream alike` };
  const words = names[line.where]().replace(/, offered by the (opener|accepter)/, '');
  return `${line.where}, ${line.atDeadline ? 'at its deadline, ' : ''}${words}`;
}

/** Plays one case; answers what was not as it should be. */
export async function playLine(line: LineCase): Promise<string[]> {
  const { up, down } = endsOf(line);
  const { fate, reorg, closing } = line.end;
  const mesh = await Mesh.create({
    seed: nameOfLine(line),
    nodes: ['payer', 'forwarder', 'payee'],
    // Of both channels the forwarder's is the other side.
    policyOf: (name) => ({ toSelfDelay: delayOf((down ?? up)!, name === 'forwarder' ? 'opener' : 'accepter') }),
  });
  return telling(mesh, async () => {
    const [payer, forwarder, payee] = ['payer', 'forwarder', 'payee'].map((name) => mesh.named(name)) as [MeshNode, MeshNode, MeshNode];
    await openBetween(mesh, payer, forwarder, CAPACITY_SAT, PUSHED_MSAT);
    await openBetween(mesh, forwarder, payee, CAPACITY_SAT, PUSHED_MSAT);
    await usable(mesh);
    const amountMsat = htlcMsatOf((down ?? up)!);
    const htlc = new Htlc(mesh, payer, payee, amountMsat);
    if (fate !== 'none' && fate !== 'being added') {
      await htlc.stand();
      await settled(mesh, payer, forwarder);
      await settled(mesh, forwarder, payee);
    }
    const common = { mesh, capacitySat: CAPACITY_SAT, pushedMsat: PUSHED_MSAT, htlc };
    const feeMsat = forwardingFeeMsat(amountMsat);
    const endings: ChannelEnding[] = [];
    if (down) endings.push(new ChannelEnding({ ...common, end: down, nodes: { opener: forwarder, accepter: payee }, htlcMsat: amountMsat }));
    if (up) endings.push(new ChannelEnding({ ...common, end: up, nodes: { opener: payer, accepter: forwarder }, htlcMsat: amountMsat + feeMsat }));
    for (const ending of endings) await ending.prepare();
    if (line.atDeadline) await mineUntil(mesh, 'a commitment is broadcast', () => mesh.chain.hasUnconfirmed);
    else for (const ending of endings) await ending.toTheChain();
    await mine(mesh);
    for (const ending of endings) ending.expectSeen();
    mesh.heal(payer, forwarder);
    mesh.heal(forwarder, payee);
    await quiet(mesh);
    if (fate === 'fulfilled after') await htlc.learn();
    else if (down === undefined && closing !== 'mutual' && payeeRefuses(fate)) await htlc.refuse();
    if (reorg) await endings[0]!.orphan();
    if (fate === 'taken by the cheater') await endings[0]!.cheatAgain();
    await mineUntil(mesh, 'all is over', () => endings.every(({ isOver }) => isOver), reorg ? endings[0]!.unburier() : undefined);
    await quiet(mesh);
    return faultsOf(mesh, line, endings, htlc, feeMsat);
  });
}

/** What stands downstream after the channel upstream has ended is to come to its end as well. */
const payeeRefuses = (fate: Fate): boolean => fate === 'timed out' || fate === 'dust' || fate === 'still standing';

const forwardingFeeMsat = (amountMsat: bigint): bigint =>
  BigInt(MESH_FORWARDING.feeBaseMsat) + (amountMsat * BigInt(MESH_FORWARDING.feeProportionalMillionths)) / 1_000_000n;

async function faultsOf(mesh: Mesh, line: LineCase, endings: readonly ChannelEnding[], htlc: Htlc, feeMsat: bigint): Promise<string[]> {
  const { up, down } = endsOf(line);
  const { fate } = line.end;
  const end = (down ?? up)!;
  const forwarder = mesh.named('forwarder');
  const cheater = end.closing === 'revoked' ? (down ? 'payee' : 'payer') : undefined;
  // A dust HTLC has no output to claim: who has taken it, be it upstream, loses it.
  const loser = fate === 'dust fulfilled' && end.closing !== 'mutual' ? (down ? 'payee' : 'forwarder') : undefined;
  const isPaidDownstream = down ? isPaid(down) : isPaid(up!) || loser === 'forwarder';
  const faults = mesh.nodes.filter(({ isUp }) => isUp).flatMap(({ name, node }) => {
    const { payments, invoices, circuits } = node.payments.liveActors;
    const alive = payments + invoices + circuits === 0 ? [] : [`${name} has ${payments} payments, ${invoices} invoices and ${circuits} circuits`];
    const alarms = node.alarms.list().map(({ code }) => code).join(' ');
    const expected = name === loser ? 'money_lost' : '';
    return alarms === expected ? alive : [...alive, `${name} has the alarms '${alarms}', expected '${expected}'`];
  });
  if (cheater !== 'payer' && fate !== 'none') {
    const expected = isPaid(end) ? 'succeeded' : 'failed';
    if (htlc.payment?.status !== expected) faults.push(`the payment ${htlc.payment?.status}, expected that it ${expected}`);
  }
  const { forwards } = forwarder.node.payments.listForwards();
  const expectedForward = fate === 'none' || (fate === 'being added' && up) ? [] : [loser === 'forwarder' ? 'lost' : isPaidDownstream ? 'settled' : 'failed'];
  const found = forwards.map(({ status }) => status);
  if (found.join() !== expectedForward.join()) faults.push(`the forward is ${found.join()}, expected ${expectedForward.join()}`);
  // The channel that goes on has the HTLC settled exactly as the other.
  const paidMsat = htlc.amountMsat;
  if (!up) faults.push(...openFaults(mesh.named('payer'), forwarder, isPaid(down!) ? paidMsat + feeMsat : 0n));
  if (!down && !line.atDeadline) faults.push(...openFaults(forwarder, mesh.named('payee'), isPaidDownstream ? paidMsat : 0n));
  await revive(mesh);
  return [
    ...endings.flatMap((ending) => ending.faults()),
    ...walletFaults(mesh, endings.map(({ facts }) => facts)),
    ...faults,
    ...(line.end.reorg || line.hasNoReorgs ? journalFaults(mesh) : []),
    ...mesh.problems.filter((problem) => !(loser !== undefined && /money_lost/.test(problem)) && !isTold(end, problem)),
  ];
}

/** What a channel that did not end should have come to: `movedMsat` from its opener to its accepter. */
function openFaults(opener: MeshNode, accepter: MeshNode, movedMsat: bigint): string[] {
  if (!opener.isUp || !accepter.isUp) return [];
  if (isClosed(opener, accepter)) return [`the channel of the ${opener.name} with the ${accepter.name} is closed`];
  return [opener, accepter].flatMap((node) => {
    const { data, htlcs, lifecycle } = channelOf(node, node === opener ? accepter : opener);
    const ownMsat = node === opener ? CAPACITY_SAT * 1000n - PUSHED_MSAT - movedMsat : PUSHED_MSAT + movedMsat;
    const asExpected = data.toLocalMsat === ownMsat && htlcs.size === 0 && lifecycle === 'normal';
    const left = [...htlcs.rows()].map(({ details, state }) => `${hexOf(details.paymentHash).slice(0, 8)} ${state}`).join(' ');
    return asExpected ? [] : [`the ${node.name}'s open channel is ${lifecycle} with ${data.toLocalMsat} msat, expected ${ownMsat}, and HTLCs ${left}`];
  });
}
