/** What a cluster shows at the end: tables for people, JSON for programs. */
import { formatMsat } from '../amounts.ts';
import { section, table } from '../cli/text.ts';
import { earnings } from './check.ts';
import type { PaymentOutcome } from './payments.ts';
import { channelBalance, channelEnds, type NodeSnapshot } from './snapshot.ts';

export interface Report {
  readonly nodes: readonly NodeSnapshot[];
  readonly outcomes: readonly PaymentOutcome[];
  readonly problems: readonly string[];
}

export function renderReport({ nodes, outcomes }: Report): string {
  return [
    section('NODES', nodeTable(nodes, outcomes)),
    section('CHANNELS', channelTable(nodes)),
    section('PAYMENTS', paymentTable(nodes, outcomes)),
  ].join('\n\n');
}

/** The same as plain data: amounts are decimal strings, as in the API. */
export function reportData({ nodes, outcomes, problems }: Report): Record<string, unknown> {
  const earned = earnings(outcomes);
  return {
    nodes: nodes.map((node) => ({
      alias: node.name,
      nodeId: node.id,
      apiPort: node.apiPort,
      onchainSat: node.onchainSat.toString(),
      channelsMsat: channelBalance(node).toString(),
      earnedMsat: (earned.get(node.id) ?? 0n).toString(),
    })),
    channels: channelEnds(nodes).map(({ channel, opener, accepter }) => ({
      shortChannelId: channel.shortChannelId,
      opener: opener.name,
      accepter: accepter.name,
      capacitySat: channel.capacitySat.toString(),
      openerMsat: channel.localMsat.toString(),
      accepterMsat: channel.remoteMsat.toString(),
    })),
    payments: outcomes.map((outcome) => ({
      from: outcome.from,
      to: outcome.to,
      kind: outcome.kind,
      status: outcome.status,
      amountMsat: outcome.amountMsat.toString(),
      feeMsat: outcome.feeMsat.toString(),
      hops: hopsOf(outcome),
      routes: outcome.parts.map((hops) => hops.map(({ shortChannelId }) => shortChannelId)),
      elapsedMs: outcome.elapsedMs,
      failure: outcome.failure,
    })),
    ok: problems.length === 0,
    problems,
  };
}

/** One line for a payment that has just been made. */
export function renderOutcome({
  from,
  to,
  kind,
  status,
  amountMsat,
  feeMsat,
  elapsedMs,
  failure,
  ...rest
}: PaymentOutcome): string {
  const what = `${from} → ${to}  ${formatMsat(amountMsat)} sat by ${kind}`;
  if (status !== 'succeeded') return `${what}: ${status}${failure === undefined ? '' : `: ${failure}`}`;
  const hops = hopsOf(rest);
  return `${what}  ${hops} ${hops === 1 ? 'hop' : 'hops'}, fee ${formatMsat(feeMsat)} sat, ${elapsedMs} ms`;
}

function nodeTable(nodes: readonly NodeSnapshot[], outcomes: readonly PaymentOutcome[]): string {
  const earned = earnings(outcomes);
  return table(
    ['NODE', 'ID', 'API PORT', 'CHANNELS', 'ON CHAIN (SAT)', 'IN CHANNELS (SAT)', 'EARNED (SAT)'],
    nodes.map((node) => [
      node.name,
      node.id,
      node.apiPort,
      node.channels.length,
      node.onchainSat,
      formatMsat(channelBalance(node)),
      formatMsat(earned.get(node.id) ?? 0n),
    ]),
    'none',
  );
}

function channelTable(nodes: readonly NodeSnapshot[]): string {
  return table(
    ['CHANNEL', 'OPENER', 'ACCEPTER', 'CAPACITY (SAT)', "OPENER'S (SAT)", "ACCEPTER'S (SAT)"],
    channelEnds(nodes).map(({ channel, opener, accepter }) => [
      channel.shortChannelId,
      opener.name,
      accepter.name,
      channel.capacitySat,
      formatMsat(channel.localMsat),
      formatMsat(channel.remoteMsat),
    ]),
    'none',
  );
}

function paymentTable(nodes: readonly NodeSnapshot[], outcomes: readonly PaymentOutcome[]): string {
  const names = new Map(nodes.map(({ id, name }) => [id, name]));
  return table(
    ['FROM', 'TO', 'BY', 'AMOUNT (SAT)', 'HOPS', 'FEE (SAT)', 'TIME (MS)', 'ROUTE'],
    outcomes.map((outcome) => [
      outcome.from,
      outcome.to,
      outcome.kind,
      formatMsat(outcome.amountMsat),
      outcome.status === 'succeeded' ? hopsOf(outcome) : outcome.status,
      formatMsat(outcome.feeMsat),
      outcome.elapsedMs,
      outcome.parts
        .map((hops) => [outcome.from, ...hops.map(({ nodeId }) => names.get(nodeId) ?? nodeId)].join(' → '))
        .join(' and '),
    ]),
    'none made',
  );
}

/** Of the longest part. */
function hopsOf({ parts }: Pick<PaymentOutcome, 'parts'>): number {
  return Math.max(0, ...parts.map((hops) => hops.length));
}
