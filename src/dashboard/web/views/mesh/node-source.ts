/** The mesh as a plain node knows it: from its graph, its peers and its own channels. */
import { computed } from '@preact/signals';
import { onEvent, onReconnected } from '../../api/events.ts';
import { Loader } from '../../api/loader.ts';
import { nodeClient } from '../../api/server.ts';
import { nodeInfo } from '../../state/node-info.ts';
import { byChannelId, type MeshSource } from './mesh-source.ts';
import { emptyMesh, meshOfNode } from './model.ts';

export function ofNode(): MeshSource {
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
    onEvent(({ type }) => {
      if (type === 'channel') channels.invalidate();
      if (type === 'block' || type === 'peer') graph.invalidate();
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
