import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import { stageOf } from '../../../machines/htlc/htlc-states.ts';
import { formatMsat } from '../../amounts.ts';
import type { NodeApi, Output } from '../../api/contract.ts';
import type { ProbeRequest } from '../../payments/probe.ts';
import type { ProbeAttemptRecord, ProbeRecord } from '../../payments/records.ts';
import type { Node } from '../node.ts';
import { learntView, type NodeName } from './learnt-view.ts';
import { bytes, defined, failedHopOf, failureView, paymentFacts, routeView } from './payment-views.ts';
import { attemptText } from './probe-words.ts';
import { nodeName } from './shown-channel.ts';

type Methods = Pick<NodeApi, 'probe' | 'probes'>;
type ProbeView = Output<'probe'>;
type Held = NonNullable<ProbeView['held']>;

/** Probes through the API. */
export function probesApi(node: Node): Methods {
  const { payments } = node;
  const nameOf: NodeName = (nodeId) => nodeName(node, nodeId);
  const view = (probe: ProbeRecord): ProbeView => probeView(probe, nameOf, (attempt) => heldOf(node, attempt, nameOf));
  return {
    probe: async (input) => view(await payments.probe(defined(input) as ProbeRequest)),
    probes: async ({ paymentHash, ...query }) => {
      if (paymentHash !== undefined) return { total: 1, probes: [view(payments.getProbe(bytes(paymentHash)))] };
      const { total, probes } = payments.listProbes(defined(query));
      return { total, probes: probes.map(view) };
    },
  };
}

function probeView(probe: ProbeRecord, nameOf: NodeName, held: (attempt: ProbeAttemptRecord) => Held | undefined): ProbeView {
  const { status, attempts } = probe;
  const arrived = attempts.find((attempt) => attempt.status === 'arrived')?.route;
  const last = attempts.at(-1);
  const stuck = last?.status === 'inFlight' ? held(last) : undefined;
  return {
    ...paymentFacts(probe),
    status,
    ...(arrived && { feeMsat: arrived.totalFeeMsat, cltvExpiryDelta: arrived.totalCltvDelta, route: routeView(arrived) }),
    ...(stuck && { held: stuck }),
    attempts: attempts.map((attempt) => {
      const failedHop = failedHopOf(attempt.route, attempt.failure);
      return {
        status: attempt.status,
        route: routeView(attempt.route),
        ...(attempt.failure && { failure: failureView(attempt.failure) }),
        ...(failedHop !== undefined && { failedHop }),
        text: attemptText(attempt, nameOf),
        learnt: attempt.learnt.map((lesson) => learntView(lesson, nameOf)),
      };
    }),
  };
}

/**
 * What is known of an HTLC that has not come back: whether it got through our own channel. Which node behind holds it,
 * no message of BOLT 2 tells.
 */
function heldOf({ channels, height }: Node, { route, htlc }: ProbeAttemptRecord, nameOf: NodeName): Held | undefined {
  const [first] = route.hops;
  const row = htlc && channels.get(htlc.channelIndex)?.htlcs.get('offered', htlc.id);
  if (row === undefined || first === undefined) return undefined;
  const { nodeId } = first;
  const { state, details: { amountMsat, cltvExpiry } } = row;
  const shortChannelId = formatScid(first.shortChannelId);
  const isWithPeer = stageOf(state, 'local') !== 'before';
  const blocksLeft = Math.max(0, cltvExpiry - height);
  const where = isWithPeer
    ? `${nameOf(nodeId)}, or a node behind it on the route, holds the HTLC that left by our channel ${shortChannelId}: which one, nobody can tell from here`
    : `the HTLC stands in our own channel ${shortChannelId}: ${nameOf(nodeId)} has not taken it yet`;
  const until = `It comes back by height ${cltvExpiry} (in ${blocksLeft} blocks), or is fetched back from the chain; until then ${formatMsat(amountMsat)} sat are locked`;
  return { shortChannelId, nodeId, amountMsat, cltvExpiry, blocksLeft, isWithPeer, text: `${where}. ${until}` };
}
