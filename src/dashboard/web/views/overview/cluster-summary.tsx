/** All nodes of a cluster, and what they have together. */
import { signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { MineBlocks, NodeControls, TrafficControl } from '../../actions/cluster-actions.tsx';
import { onEvent, onReconnected } from '../../api/events.ts';
import { ApiFailure } from '../../api/failure.ts';
import { clusterMesh, nodeClient } from '../../api/server.ts';
import type { ClusterNode, Output } from '../../api/types.ts';
import { formatRoute } from '../../lib/route.ts';
import { msatOf, satToMsat } from '../../lib/amounts.ts';
import { Gate } from '../../lib/gate.ts';
import { Sat } from '../../ui/amount.tsx';
import { Badge } from '../../ui/badge.tsx';
import { Panel, Table } from '../../ui/panel.tsx';
import { Waiting } from '../../ui/states.tsx';
import { Alarms } from './alarms.tsx';
import { Figure } from './figures.tsx';

type View = Output<'overview'>;

/** Each node's overview, as it changes. */
function createOverviews() {
  const views = signal<ReadonlyMap<string, View>>(new Map());
  const gate = new Gate(async (name, abort) => {
    try {
      const view = await nodeClient(name).call('overview', {}, abort);
      // Only now: others were asked meanwhile.
      views.value = new Map(views.value).set(name, view);
    } catch (error) {
      // A node that is down keeps what it said last; its state says that it is down.
      if (!(error instanceof ApiFailure) && !abort.aborted) throw error;
    }
  });
  const askAll = (): void => clusterMesh.value?.nodes.forEach(({ name, state }) => state === 'up' && gate.ask(name));
  const ends = [
    onEvent((_, name) => {
      if (name !== undefined) gate.ask(name);
    }),
    onReconnected(askAll),
    clusterMesh.subscribe(askAll),
    () => gate.end(),
  ];
  return { views, end: () => ends.forEach((end) => end()) };
}

export function ClusterSummary() {
  const { views, end } = useMemo(createOverviews, []);
  useEffect(() => end, [end]);
  const mesh = clusterMesh.value;
  if (mesh === undefined) return <Waiting />;
  const known = [...views.value.values()];
  const sum = (amountOf: (view: View) => bigint): bigint => known.reduce((total, view) => total + amountOf(view), 0n);
  const unheard = mesh.nodes.filter(({ name }) => !views.value.has(name)).map(({ name }) => name);
  const down = mesh.nodes.filter(({ state }) => state === 'down').length;
  return (
    <div class="stack">
      <div class="page-head">
        <h1>Cluster</h1>
        <p class="muted">
          {mesh.nodes.length} nodes, block {mesh.blockHeight}
        </p>
        <div class="end buttons">
          <TrafficControl />
          <MineBlocks />
        </div>
      </div>
      {[...views.value].map(([name, { alarms }]) => (
        <Alarms key={name} alarms={alarms} node={name} />
      ))}
      {unheard.length > 0 && known.length > 0 && <p class="muted">Without {unheard.length > 5 ? `${unheard.length} nodes` : unheard.join(', ')}, not heard of yet.</p>}
      <div class="figures six">
        <Figure title="Nodes up" main={`${mesh.nodes.length - down} of ${mesh.nodes.length}`} />
        <Figure title="In channels" main={<Sat msat={sum((view) => msatOf(view.localMsat))} whole />} />
        <Figure title="On chain" main={<Sat msat={sum((view) => satToMsat(view.onchain.confirmedSat))} whole />} />
        <Figure title="Fees earned" main={<Sat msat={sum((view) => msatOf(view.fees.totalMsat))} />} />
        <Figure title="Payments made" main={known.reduce((total, { payments }) => total + payments.succeeded, 0)} />
        <Figure title="Cut links" main={mesh.links.filter(({ isCut }) => isCut).length} />
      </div>
      <Panel title="Nodes">
        <Table label="Nodes" head={['Node', 'State', { number: 'Channels' }, { number: 'Can send, sat' }, { number: 'Can receive, sat' }, { number: 'On chain, sat' }, { number: 'Earned, sat' }, { number: 'Alarms' }, 'Process']}>
          {mesh.nodes.map((node) => (
            <NodeRow key={node.name} node={node} view={views.value.get(node.name)} />
          ))}
        </Table>
      </Panel>
    </div>
  );
}

function NodeRow({ node, view }: { readonly node: ClusterNode; readonly view: View | undefined }) {
  const { name, state } = node;
  const amount = (msat: bigint | undefined) => <td class="number">{msat !== undefined && <Sat msat={msat} whole unit={false} />}</td>;
  return (
    <tr>
      <th scope="row">
        <a href={formatRoute({ view: 'overview', node: name })}>{name}</a>
      </th>
      <td>
        <Badge tone={state === 'up' ? 'good' : state === 'down' ? 'bad' : 'busy'}>{state}</Badge>
      </td>
      <td class="number">{view?.numChannels.normal}</td>
      {amount(view && msatOf(view.spendableMsat))}
      {amount(view && msatOf(view.receivableMsat))}
      {amount(view && satToMsat(view.onchain.confirmedSat))}
      {amount(view && msatOf(view.fees.totalMsat))}
      <td class="number">{view?.alarms.length}</td>
      <td>
        <span class="buttons in-row">
          <NodeControls node={node} />
        </span>
      </td>
    </tr>
  );
}
