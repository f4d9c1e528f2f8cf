/** Follows the mesh: from a node's own graph and channels, or from all nodes of a cluster. */
import { computed, effect, signal, type ReadonlySignal } from '@preact/signals';
import { generation, onEvent, onReconnected } from '../../api/events.ts';
import { Loader } from '../../api/loader.ts';
import { ApiFailure } from '../../api/failure.ts';
import { clusterMesh, isCluster, nodeClient } from '../../api/server.ts';
import type { NodeEvent, Output } from '../../api/types.ts';
import { nodeInfo } from '../../state/node-info.ts';
import { Gate } from '../../lib/gate.ts';
import { emptyMesh, meshOfCluster, meshOfNode, withChannelEvent, type Mesh, type MeshChannel } from './model.ts';

type Summary = Output<'channels'>['channels'][number];

export interface MeshSource {
  readonly mesh: ReadonlySignal<Mesh>;
  readonly failure: ReadonlySignal<ApiFailure | undefined>;
  /** The id of the node that tells an event. */
  idOf(node: string | undefined): string | undefined;
  channelOf(channelId: string): MeshChannel | undefined;
  end(): void;
}

export const createMeshSource = (): MeshSource => (isCluster.value ? ofCluster() : ofNode());

/** Events after which the balances of a node's channels are others. */
const movesBalance = ({ type }: NodeEvent): boolean => type === 'htlc' || type === 'channel';

function ofNode(): MeshSource {
  const client = nodeClient();
  const graph = new Loader(async (abort) => {
    const [info, network, { peers }] = await Promise.all([
      client.call('getinfo', {}, abort),
      client.call('graph', {}, abort),
      client.call('peers', {}, abort),
    ]);
    return { info, graph: network, peers };
  });
  const channels = new Loader(async (abort) => (await client.call('channels', {}, abort)).channels);
  const ends = [
    onEvent((event) => {
      if (movesBalance(event)) channels.invalidate();
      if (event.type === 'block' || event.type === 'peer') graph.invalidate();
    }),
    onReconnected(() => {
      for (const loader of [graph, channels]) loader.invalidate();
    }),
    () => graph.end(),
    () => channels.end(),
  ];
  const mesh = computed(() => {
    const known = graph.data.value;
    return known === undefined ? emptyMesh : meshOfNode({ ...known, channels: channels.data.value ?? [] });
  });
  return {
    mesh,
    channelOf: byChannelId(mesh),
    failure: computed(() => graph.failure.value ?? channels.failure.value),
    idOf: () => nodeInfo.value?.nodeId,
    end: () => ends.forEach((end) => end()),
  };
}

function byChannelId(mesh: ReadonlySignal<Mesh>): (channelId: string) => MeshChannel | undefined {
  const byId = computed(() => new Map([...mesh.value.channels.values()].map((channel) => [channel.channelId, channel])));
  return (channelId) => byId.peek().get(channelId);
}

function ofCluster(): MeshSource {
  const channels = signal<ReadonlyMap<string, readonly Summary[]>>(new Map());
  const failure = signal<ApiFailure | undefined>(undefined);
  const gate = new Gate(async (name, abort) => {
    try {
      const { channels: told } = await nodeClient(name).call('channels', {}, abort);
      channels.value = new Map(channels.value).set(name, told);
      failure.value = undefined;
    } catch (error) {
      const isUp = clusterMesh.value?.nodes.some((node) => node.name === name && node.state === 'up') === true;
      if (isUp && error instanceof ApiFailure) failure.value = error;
    }
  });
  const idOf = (name: string | undefined): string | undefined => clusterMesh.value?.nodes.find((node) => node.name === name)?.nodeId;
  const base = computed(() => (clusterMesh.value === undefined ? emptyMesh : meshOfCluster(clusterMesh.value, channels.value)));
  const told = signal<Mesh | undefined>(undefined);
  const ups = computed(() => (clusterMesh.value?.nodes ?? []).filter(({ state }) => state === 'up').map(({ name }) => name).join(' '));
  const ends = [
    onEvent((event, name) => {
      if (name === undefined || !movesBalance(event)) return;
      const id = idOf(name);
      const next = event.type === 'channel' && id !== undefined ? withChannelEvent(told.peek() ?? base.peek(), id, event) : undefined;
      if (next === undefined) gate.ask(name);
      else told.value = next;
    }),
    // What all nodes tell is newer than what events told before.
    effect(() => {
      void base.value;
      told.value = undefined;
    }),
    effect(() => {
      void generation.value;
      for (const name of ups.value.split(' ')) if (name !== '') gate.ask(name);
    }),
    () => gate.end(),
  ];
  const mesh = computed(() => told.value ?? base.value);
  return {
    mesh,
    channelOf: byChannelId(mesh),
    failure,
    idOf,
    end: () => ends.forEach((end) => end()),
  };
}
