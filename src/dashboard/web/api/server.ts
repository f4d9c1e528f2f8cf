/** What this page is served by, and the nodes that it may look at. */
import { computed, signal } from '@preact/signals';
import { keepConnected, onMesh } from './events.ts';
import { createNodeClient, type NodeClient } from './node-client.ts';
import { send } from './request.ts';
import type { ClusterMesh } from './types.ts';

export interface Served {
  readonly kind: 'node' | 'cluster';
  readonly version: string;
}

export const served = signal<Served | undefined>(undefined);
export const isCluster = computed(() => served.value?.kind === 'cluster');
/** A cluster's nodes and links, as the stream tells them; undefined for a plain node. */
export const clusterMesh = signal<ClusterMesh | undefined>(undefined);

const clients = new Map<string | undefined, NodeClient>();

export function nodeClient(name?: string): NodeClient {
  let client = clients.get(name);
  if (client === undefined) {
    client = createNodeClient(name);
    clients.set(name, client);
  }
  return client;
}

export async function startServing(): Promise<void> {
  served.value = (await send('GET', '/dashboard.json')) as Served;
  if (!isCluster.value) return keepConnected({ stream: '/v1/events', probe: '/v1/info' });
  onMesh((mesh) => {
    clusterMesh.value = mesh;
  });
  keepConnected({ stream: '/cluster/events', probe: '/cluster/mesh' });
}
