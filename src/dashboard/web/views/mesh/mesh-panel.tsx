/** What is selected in the mesh, and what can be done with it. */
import { useSignal } from '@preact/signals';
import { CloseChannel, ConnectPeer, ForceClose, OpenChannel } from '../../actions/channel-actions.tsx';
import { LinkControl, NodeControls } from '../../actions/cluster-actions.tsx';
import { InvoiceAndPay, Keysend, MakeInvoice, PayInvoice } from '../../actions/payment-actions.tsx';
import { clusterMesh, isCluster, nodeClient } from '../../api/server.ts';
import { formatRoute } from '../../lib/route.ts';
import { BalanceBar, Sat } from '../../ui/amount.tsx';
import { Badge, ChannelState, words, type Tone } from '../../ui/badge.tsx';
import { Id } from '../../ui/id.tsx';
import { Facts } from '../../ui/panel.tsx';
import type { Selection } from './mesh-list.tsx';
import type { Mesh, MeshChannel, MeshNode } from './model.ts';

export function MeshPanel({ mesh, selection }: { readonly mesh: Mesh; readonly selection: Selection | undefined }) {
  const node = selection !== undefined && 'node' in selection ? mesh.nodes.get(selection.node) : undefined;
  const channel = selection !== undefined && 'channel' in selection ? mesh.channels.get(selection.channel) : undefined;
  return (
    <section class="panel mesh-panel" aria-label="Selection">
      {node !== undefined && <NodePanel key={node.id} node={node} mesh={mesh} />}
      {channel !== undefined && <ChannelPanel key={channel.key} channel={channel} mesh={mesh} />}
      {node === undefined && channel === undefined && (
        <p class="muted">Select a node or a channel, in the picture or in the lists, to see it and to act on it.</p>
      )}
    </section>
  );
}

const tones: Readonly<Record<MeshNode['state'], Tone>> = { up: 'good', starting: 'busy', down: 'bad', unknown: 'idle' };

function NodePanel({ node, mesh }: { readonly node: MeshNode; readonly mesh: Mesh }) {
  const own = [...mesh.channels.values()].filter(({ a, b }) => a === node.id || b === node.id);
  const inCluster = clusterMesh.value?.nodes.find(({ nodeId }) => nodeId === node.id);
  return (
    <>
      <header>
        <h2>{node.name}</h2>
        {node.state !== 'unknown' && <Badge tone={tones[node.state]}>{node.isOwn ? 'this node' : node.state}</Badge>}
      </header>
      <Facts pairs={{ Id: <Id of={node.id} what="node id" />, Channels: own.length }} />
      {inCluster !== undefined && (
        <div class="buttons">
          <a class="button" href={formatRoute({ view: 'overview', node: inCluster.name })}>
            Its overview
          </a>
          <NodeControls node={inCluster} />
        </div>
      )}
      {node.isOwn ? (
        <div class="buttons">
          <PayInvoice client={nodeClient()} />
          <MakeInvoice client={nodeClient()} />
        </div>
      ) : (
        <ActOn node={node} />
      )}
    </>
  );
}

/** What another node does with this one: the page's own node, or one of the cluster that is chosen. */
function ActOn({ node }: { readonly node: MeshNode }) {
  const others = (clusterMesh.value?.nodes ?? []).filter(({ nodeId, state }) => nodeId !== node.id && state === 'up');
  const chosen = useSignal<string | undefined>(undefined);
  const actor = chosen.value ?? others[0]?.name;
  if (node.state === 'down' && isCluster.value) return <p class="muted">It is down: start it first.</p>;
  if (isCluster.value && actor === undefined) return <p class="muted">No other node is up to act on it.</p>;
  const client = nodeClient(actor);
  return (
    <>
      {isCluster.value && <Actor names={others.map(({ name }) => name)} chosen={actor ?? ''} onChoose={(name) => (chosen.value = name)} />}
      <div class="buttons">
        {isCluster.value && <InvoiceAndPay payer={client} payee={nodeClient(node.name)} payeeName={node.name} />}
        <Keysend client={client} nodeId={node.id} name={node.name} />
        <OpenChannel client={client} nodeId={node.id} name={node.name} />
        {node.state !== 'up' || isCluster.value ? <ConnectPeer client={client} nodeId={node.id} name={node.name} /> : null}
      </div>
    </>
  );
}

/** Which node of the cluster does what is asked for. */
function Actor(props: { readonly names: readonly string[]; readonly chosen: string; readonly onChoose: (name: string) => void }) {
  const { names, chosen, onChoose } = props;
  return (
    <label class="actor">
      From{' '}
      <select value={chosen} onChange={({ currentTarget }) => onChoose(currentTarget.value)}>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function ChannelPanel({ channel, mesh }: { readonly channel: MeshChannel; readonly mesh: Mesh }) {
  const { a, b, balance, capacityMsat, channelId, key, state, look } = channel;
  const ends = [a, b].map((id) => mesh.nodes.get(id)).filter((node) => node !== undefined);
  const [nameA = '', nameB = ''] = ends.map(({ name }) => name);
  const chosen = useSignal<string | undefined>(undefined);
  const ups = ends.filter((end) => end.state === 'up');
  const owner = isCluster.value ? (ups.find((end) => end.name === chosen.value) ?? ups[0]) : ends.find(({ isOwn }) => isOwn);
  const ownerName = isCluster.value ? owner?.name : undefined;
  const peer = ends.find((end) => end !== owner);
  const peerName = peer?.name ?? '';
  return (
    <>
      <header>
        <h2>
          {nameA} – {nameB}
        </h2>
        {channelId === undefined ? <Badge tone="idle">announced</Badge> : look === 'offline' || look === 'cut' ? <Badge tone="warn">{words(look)}</Badge> : <ChannelState state={state} />}
      </header>
      {balance !== undefined && (
        <>
          <BalanceBar localMsat={balance.aMsat} remoteMsat={balance.bMsat} label="Balances" />
          <p class="ends">
            <span>
              {nameA} <Sat msat={balance.aMsat} />
            </span>
            <span>
              {nameB} <Sat msat={balance.bMsat} />
            </span>
          </p>
        </>
      )}
      <Facts pairs={{ Channel: key, Capacity: capacityMsat > 0n ? <Sat msat={capacityMsat} /> : undefined }} />
      {isCluster.value && owner !== undefined && <Actor names={ups.map(({ name }) => name)} chosen={owner.name} onChoose={(name) => (chosen.value = name)} />}
      {channelId !== undefined && owner !== undefined && (
        <div class="buttons">
          <a class="button" href={formatRoute({ view: 'channel', id: channelId, ...(ownerName !== undefined && { node: ownerName }) })}>
            Look inside
          </a>
          {state === 'normal' && <CloseChannel client={nodeClient(ownerName)} channelId={channelId} peerName={peerName} actor={ownerName} />}
          {state !== 'closing' && state !== 'closed' && <ForceClose client={nodeClient(ownerName)} channelId={channelId} peerName={peerName} actor={ownerName} />}
          {look === 'offline' && ups.length === 2 && peer !== undefined && <ConnectPeer client={nodeClient(ownerName)} nodeId={peer.id} name={peerName} />}
          {isCluster.value && <LinkControl a={nameA} b={nameB} />}
        </div>
      )}
    </>
  );
}
