/** The mesh as all nodes of a cluster tell it together. Of a busy mesh much is told: it is taken in by handfuls. */
import { computed, effect, signal } from '@preact/signals';
import { onEvent, onReconnected } from '../../api/events.ts';
import { ApiFailure } from '../../api/failure.ts';
import { clusterMesh, nodeClient } from '../../api/server.ts';
import type { Output } from '../../api/types.ts';
import { Gate } from '../../lib/gate.ts';
import { byChannelId, type MeshSource } from './mesh-source.ts';
import { emptyMesh, meshOfCluster, withTold, type ToldChannel } from './model.ts';

type Summary = Output<'channels'>['channels'][number];

const FLUSH_MS = 200;

export function ofCluster(): MeshSource {
  const channels = signal<ReadonlyMap<string, readonly Summary[]>>(new Map());
  const failure = signal<ApiFailure | undefined>(undefined);
  const mesh = computed(() => (clusterMesh.value === undefined ? emptyMesh : meshOfCluster(clusterMesh.value, channels.value)));

  let answers = new Map<string, readonly Summary[]>();
  let told = new Map<string, ToldChannel>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const later = (): void => {
    timer ??= setTimeout(flush, FLUSH_MS);
  };
  const flush = (): void => {
    timer = undefined;
    const next = withTold(new Map([...channels.value, ...answers]), [...told.values()]);
    answers = new Map();
    told = new Map();
    channels.value = next.channels;
    for (const name of next.unknown) gate.ask(name);
  };
  const gate = new Gate(async (name, abort) => {
    try {
      const answer = await nodeClient(name).call('channels', {}, abort);
      answers.set(name, answer.channels);
      failure.value = undefined;
      later();
    } catch (error) {
      const isUp = clusterMesh.value?.nodes.some((node) => node.name === name && node.state === 'up') === true;
      if (isUp && error instanceof ApiFailure) failure.value = error;
    }
  });

  const ups = computed(() => (clusterMesh.value?.nodes ?? []).filter(({ state }) => state === 'up').map(({ name }) => name).join(' '));
  const askAll = (): void => ups.value.split(' ').forEach((name) => name !== '' && gate.ask(name));
  const ends = [
    onEvent((event, node) => {
      if (event.type !== 'channel' || node === undefined) return;
      told.set(`${node} ${event.channelId}`, { ...event, node });
      later();
    }),
    effect(askAll),
    onReconnected(askAll),
    () => gate.end(),
    () => clearTimeout(timer),
  ];
  const idOf = (name: string | undefined): string | undefined => clusterMesh.peek()?.nodes.find((node) => node.name === name)?.nodeId;
  return { mesh, failure, channelOf: byChannelId(mesh), idOf, end: () => ends.forEach((end) => end()) };
}
