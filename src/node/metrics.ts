/** The node for Prometheus. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricsText } from '../api/facade.ts';
import { channelState } from '../api/contract/channel-state.ts';
import { alarmAdvice } from './alarm-advice.ts';
import { overviewOf } from './api/overview-api.ts';
import type { Node } from './node.ts';

type Labels = Readonly<Record<string, string>>;
type Value = bigint | number;

/** One metric and where its values come from. */
interface Metric {
  readonly name: `runnel_${string}`;
  readonly help: string;
  /** A counter only grows, but for what begins anew; its name ends in `_total`. */
  readonly type: 'gauge' | 'counter';
  /** By the value of this label; without it there is one value. */
  readonly label?: string;
  readonly read: (facts: Facts) => Value | Readonly<Record<string, Value>>;
}

type Facts = ReturnType<typeof factsOf>;

/** What is read off the node for each scrape. */
function factsOf(node: Node) {
  const live = [...node.channels.all()];
  const htlcs = live.flatMap(({ htlcs: table }) => [...table.rows()]);
  const count = (direction: 'offered' | 'received'): number => htlcs.filter(({ details }) => details.direction === direction).length;
  const all = [...node.channelStore.indexes('live'), ...node.channelStore.indexes('ended')];
  return {
    overview: overviewOf(node),
    numHtlcs: { offered: count('offered'), received: count('received') },
    journalEntries: all.reduce((sum, index) => sum + (node.channelStore.journalHead(index)?.length ?? 0), 0),
    graph: { nodes: node.graph.nodeCount, channels: node.graph.channelCount },
    gossip: node.gossip.tally,
  };
}

/** How many there are of each, also where there is none: an alert can be made of a value alone. */
function countEach(names: readonly string[], found: readonly string[]): Record<string, number> {
  const counts = Object.fromEntries(names.map((name) => [name, 0]));
  for (const name of found) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

const metrics: readonly Metric[] = [
  { name: 'runnel_block_height', help: 'Best block that the node has worked through', type: 'gauge', read: ({ overview }) => overview.blockHeight },
  { name: 'runnel_peers', help: 'Connected peers', type: 'gauge', read: ({ overview }) => overview.numPeers },
  { name: 'runnel_graph_nodes', help: 'Nodes of the network as gossip tells it', type: 'gauge', read: ({ graph }) => graph.nodes },
  { name: 'runnel_graph_channels', help: 'Channels of the network as gossip tells it', type: 'gauge', read: ({ graph }) => graph.channels },
  {
    name: 'runnel_gossip_messages_total',
    help: 'Gossip messages that were judged, by what became of them',
    type: 'counter',
    label: 'outcome',
    read: ({ gossip }) => Object.fromEntries(gossip.outcomes),
  },
  {
    name: 'runnel_gossip_bytes_total',
    help: 'Gossip that came in by itself, and as answers to queries',
    type: 'counter',
    label: 'way',
    read: ({ gossip }) => ({ broadcast: gossip.broadcastBytes, sync: gossip.syncBytes }),
  },
  {
    name: 'runnel_channels',
    help: 'Channels that are not over, by the state of their lifecycle',
    type: 'gauge',
    label: 'state',
    read: ({ overview }) => countEach(channelState.options, overview.liquidity.map(({ state }) => state)),
  },
  { name: 'runnel_channels_frozen', help: 'Channels that a fault in the node has stopped', type: 'gauge', read: ({ overview }) => overview.numChannels.frozen },
  { name: 'runnel_channels_capacity_sat', help: 'Capacity of the normal channels', type: 'gauge', read: ({ overview }) => overview.capacitySat },
  { name: 'runnel_channels_local_msat', help: 'Ours in the normal channels', type: 'gauge', read: ({ overview }) => overview.localMsat },
  { name: 'runnel_channels_remote_msat', help: "The peers' in the normal channels", type: 'gauge', read: ({ overview }) => overview.remoteMsat },
  { name: 'runnel_channels_spendable_msat', help: 'What can leave over the channels now', type: 'gauge', read: ({ overview }) => overview.spendableMsat },
  { name: 'runnel_channels_receivable_msat', help: 'What can arrive over the channels now', type: 'gauge', read: ({ overview }) => overview.receivableMsat },
  { name: 'runnel_htlcs', help: 'HTLCs that are not settled', type: 'gauge', label: 'direction', read: ({ numHtlcs }) => numHtlcs },
  {
    name: 'runnel_htlcs_msat',
    help: 'What stands in HTLCs that are not settled',
    type: 'gauge',
    label: 'direction',
    read: ({ overview: { pending } }) => ({ offered: pending.offeredHtlcsMsat, received: pending.receivedHtlcsMsat }),
  },
  { name: 'runnel_pending_opening_msat', help: 'Ours in channels that are being opened', type: 'gauge', read: ({ overview }) => overview.pending.openingMsat },
  { name: 'runnel_pending_closing_msat', help: 'Ours in channels that close, not yet in the wallet', type: 'gauge', read: ({ overview }) => overview.pending.closingMsat },
  { name: 'runnel_pending_limbo_sat', help: 'Ours on chain of channels that close, not yet in the wallet', type: 'gauge', read: ({ overview }) => overview.pending.limboSat },
  {
    name: 'runnel_wallet_sat',
    help: 'What is in the on-chain wallet',
    type: 'gauge',
    label: 'kind',
    read: ({ overview: { onchain } }) => ({
      confirmed: onchain.confirmedSat,
      unconfirmed: onchain.unconfirmedSat,
      immature: onchain.immatureSat,
      reserved: onchain.reservedSat,
    }),
  },
  { name: 'runnel_wallet_fee_reserve_sat', help: 'What of the confirmed is kept for the fees of channels', type: 'gauge', read: ({ overview }) => overview.onchain.reservedForFeesSat },
  { name: 'runnel_forwarding_fees_msat_total', help: 'Earned by forwarding', type: 'counter', read: ({ overview }) => overview.fees.totalMsat },
  { name: 'runnel_forwarding_lost_msat_total', help: 'Lost by forwards that were paid and not paid for', type: 'counter', read: ({ overview }) => overview.fees.lostMsat },
  {
    name: 'runnel_forwards_total',
    help: 'HTLCs that were to be forwarded and are over, by how they ended',
    type: 'counter',
    label: 'outcome',
    read: ({ overview: { forwards } }) => ({ settled: forwards.settled, failed: forwards.failed, lost: forwards.lost }),
  },
  { name: 'runnel_forwards_in_flight', help: 'HTLCs that are being forwarded', type: 'gauge', read: ({ overview }) => overview.forwards.inFlight },
  {
    // No counter: a payment that failed is forgotten when it is tried anew.
    name: 'runnel_payments',
    help: 'Payments of this node, by their status',
    type: 'gauge',
    label: 'status',
    read: ({ overview: { payments } }) => ({ succeeded: payments.succeeded, failed: payments.failed, in_flight: payments.inFlight }),
  },
  {
    name: 'runnel_invoices',
    help: 'Invoices of this node and spontaneous payments to it, by their status',
    type: 'gauge',
    label: 'status',
    read: ({ overview: { invoices } }) => ({ paid: invoices.paid, open: invoices.open }),
  },
  {
    name: 'runnel_alarms',
    help: 'Alarms that stand: where the node cannot go on by itself',
    type: 'gauge',
    label: 'code',
    read: ({ overview }) => countEach(Object.keys(alarmAdvice), overview.alarms.map(({ code }) => code)),
  },
  { name: 'runnel_journal_entries_total', help: 'Entries written to the journals of all channels', type: 'counter', read: ({ journalEntries }) => journalEntries },
];

/** The metrics of one node, and of its process. Amounts become floats: msat beyond 2^53, some 90,000 BTC, lose their last digits. */
export class NodeMetrics {
  readonly #registry = new Registry();
  readonly #turns: Histogram;
  readonly #own: readonly { readonly metric: Metric; readonly set: (labels: Labels, value: number) => void; readonly reset: () => void }[];

  constructor() {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#turns = new Histogram({
      name: 'runnel_turn_duration_seconds',
      help: 'How long the node was busy with turns, each with its write to disk; turns that follow at once count as one',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    });
    this.#own = metrics.map((metric) => {
      const { name, help, type, label } = metric;
      const settings = { name, help, registers, labelNames: label === undefined ? [] : [label] };
      if (type === 'gauge') {
        const gauge = new Gauge(settings);
        return { metric, set: (labels, value) => gauge.set(labels, value), reset: () => gauge.reset() };
      }
      // The books on disk count, not this process.
      const counter = new Counter(settings);
      return { metric, set: (labels, value) => counter.inc(labels, value), reset: () => counter.reset() };
    });
  }

  /** Runs turns, and notes how long they took. */
  timed(run: () => void): void {
    const end = this.#turns.startTimer();
    try {
      run();
    } finally {
      end();
    }
  }

  /** What the node is like now. */
  async scrape(node: Node): Promise<MetricsText> {
    const facts = factsOf(node);
    for (const { metric, set, reset } of this.#own) {
      const values = metric.read(facts);
      const { label } = metric;
      reset();
      if (label === undefined || typeof values !== 'object') set({}, Number(values));
      else for (const [name, value] of Object.entries(values)) set({ [label]: name }, Number(value));
    }
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}
