/** What follows the mesh, whatever it is told by. */
import { computed, type ReadonlySignal } from '@preact/signals';
import type { ApiFailure } from '../../api/failure.ts';
import type { Mesh, MeshChannel } from './model.ts';

export interface MeshSource {
  readonly mesh: ReadonlySignal<Mesh>;
  readonly failure: ReadonlySignal<ApiFailure | undefined>;
  /** The id of the node that tells an event. */
  idOf(node: string | undefined): string | undefined;
  channelOf(channelId: string): MeshChannel | undefined;
  end(): void;
}

export function byChannelId(mesh: ReadonlySignal<Mesh>): (channelId: string) => MeshChannel | undefined {
  const byId = computed(() => new Map([...mesh.value.channels.values()].map((channel) => [channel.channelId, channel])));
  return (channelId) => byId.peek().get(channelId);
}
