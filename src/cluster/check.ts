/** Whether everyone has exactly what the payments should have left them. */
import type { PaymentOutcome } from './payments.ts';
import { channelBalance, channelEnds, type NodeSnapshot } from './snapshot.ts';

/** What is off, one line each; nothing where all is right to the msat. */
export function findProblems(
  before: readonly NodeSnapshot[],
  after: readonly NodeSnapshot[],
  outcomes: readonly PaymentOutcome[],
): string[] {
  return [
    ...outcomes.flatMap(paymentProblems),
    ...balanceProblems(before, after, outcomes),
    ...channelProblems(before, after),
  ];
}

/** What each node should have gained in its channels, in msat, by name; less than nothing for who paid. */
export function expectedGains(
  nodes: readonly NodeSnapshot[],
  outcomes: readonly PaymentOutcome[],
): Map<string, bigint> {
  const gains = new Map(nodes.map(({ name }) => [name, 0n]));
  const nameOf = new Map(nodes.map(({ id, name }) => [id, name]));
  const add = (name: string, amountMsat: bigint): unknown => gains.set(name, (gains.get(name) ?? 0n) + amountMsat);
  for (const outcome of outcomes) {
    if (outcome.status !== 'succeeded') continue;
    add(outcome.from, -outcome.amountMsat - outcome.feeMsat);
    add(outcome.to, outcome.amountMsat);
    for (const hops of outcome.parts) {
      for (const { nodeId, feeMsat } of hops.slice(0, -1)) add(nameOf.get(nodeId) ?? nodeId, feeMsat);
    }
  }
  return gains;
}

/** What each node earned by forwarding, in msat, by node id. */
export function earnings(outcomes: readonly PaymentOutcome[]): Map<string, bigint> {
  const earned = new Map<string, bigint>();
  for (const { nodeId, feeMsat } of outcomes.flatMap(({ parts }) => parts.flatMap((hops) => hops.slice(0, -1)))) {
    earned.set(nodeId, (earned.get(nodeId) ?? 0n) + feeMsat);
  }
  return earned;
}

function paymentProblems({
  from,
  to,
  status,
  amountMsat,
  receivedMsat,
  feeMsat,
  parts,
  failure,
}: PaymentOutcome): string[] {
  const what = `the payment of ${amountMsat} msat from ${from} to ${to}`;
  if (status !== 'succeeded') return [`${what} is ${status}${failure === undefined ? '' : `: ${failure}`}`];
  const problems: string[] = [];
  if (receivedMsat !== amountMsat) problems.push(`${what} succeeded, but ${to} received ${receivedMsat ?? 'nothing'}`);
  const delivered = parts.reduce((sum, hops) => sum + (hops.at(-1)?.amountMsat ?? 0n), 0n);
  if (delivered !== amountMsat) problems.push(`the routes of ${what} deliver ${delivered} msat`);
  const fees = parts.flat().reduce((sum, hop) => sum + hop.feeMsat, 0n);
  if (fees !== feeMsat) problems.push(`the routes of ${what} cost ${fees} msat in fees, but ${from} paid ${feeMsat}`);
  return problems;
}

function balanceProblems(
  before: readonly NodeSnapshot[],
  after: readonly NodeSnapshot[],
  outcomes: readonly PaymentOutcome[],
): string[] {
  const problems: string[] = [];
  const gains = expectedGains(after, outcomes);
  let sum = 0n;
  for (const [index, node] of after.entries()) {
    const earlier = before[index];
    if (earlier === undefined) continue;
    const gained = channelBalance(node) - channelBalance(earlier);
    const expected = gains.get(node.name) ?? 0n;
    sum += gained;
    if (gained !== expected) problems.push(`${node.name}'s channels gained ${gained} msat, expected ${expected}`);
    if (node.onchainSat !== earlier.onchainSat) {
      problems.push(
        `${node.name} had ${earlier.onchainSat} sat on chain and now has ${node.onchainSat} by paying in channels`,
      );
    }
  }
  if (sum !== 0n) problems.push(`all channels together gained ${sum} msat: nothing must come from nowhere, or be lost`);
  return problems;
}

/** Each channel is still there, and holds what it was funded with. */
function channelProblems(before: readonly NodeSnapshot[], after: readonly NodeSnapshot[]): string[] {
  const problems: string[] = [];
  const now = new Set(channelEnds(after).map(({ channel }) => channel.channelId));
  for (const { channel, opener, accepter } of channelEnds(before)) {
    if (!now.has(channel.channelId))
      problems.push(`the channel ${channel.shortChannelId} of ${opener.name} and ${accepter.name} is no longer normal`);
  }
  for (const { channel, opener, accepter } of channelEnds(after)) {
    const held = channel.localMsat + channel.remoteMsat;
    const funded = channel.capacitySat * 1_000n;
    if (held === funded) continue;
    problems.push(
      `the channel ${channel.shortChannelId} of ${opener.name} and ${accepter.name} holds ${held} of ${funded} msat`,
    );
  }
  return problems;
}
