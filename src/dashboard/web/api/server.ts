/** What this page is served by, and the nodes that it may look at. */
import { computed, signal } from '@preact/signals';
import { keepConnected, onMesh } from './events.ts';
import { routeNode } from './location.ts';
import { createNodeClient } from './node-client.ts';
import { send } from './request.ts';
import { shortId } from '../lib/text.ts';
import type { ClusterMesh, NodeClient } from './types.ts';

export interface Served {
  readonly kind: 'node' | 'cluster';
  readonly version: string;
}

export const served = signal<Served | undefined>(undefined);
export const isCluster = computed(() => served.value?.kind === 'cluster');
/** A cluster's nodes and links, as the stream tells them; undefined for a plain node. */
export const clusterMesh = signal<ClusterMesh | undefined>(undefined);

/** A node of the cluster is called by its name; of the ids of others only an end is shown. */
export const nameOfNode = (nodeId: string): string => clusterMesh.value?.nodes.find((node) => node.nodeId === nodeId)?.name ?? shortId(nodeId);

let lastViewed: string | undefined;

/** The node whose pages are looked at: that of the address, or of the address before, or the first that is up. */
export const viewedNode = computed<string | undefined>(() => {
  const nodes = clusterMesh.value?.nodes ?? [];
  const firstUp = nodes.find(({ state }) => state === 'up') ?? nodes[0];
  lastViewed = routeNode.value ?? (nodes.some(({ name }) => name === lastViewed) ? lastViewed : firstUp?.name);
  return lastViewed;
});

const clients = new Map<string | undefined, NodeClient>();

export function nodeClient(name?: string): NodeClient {
  let client = clients.get(name);
  if (client === undefined) {
    client = createNodeClient(name);
    clients.set(name, client);
  }
  return client;
}

/** The node that the address is about. */
export const currentClient = (): NodeClient => nodeClient(routeNode.value);

/** Whether what a stream tells of `node` is about the node of the address. */
export const isViewed = (node: string | undefined): boolean => node === routeNode.value;

const RETRY_MS = 2_000;

export async function startServing(): Promise<void> {
  try {
    served.value = (await send('GET', '/dashboard.json')) as Served;
  } catch {
    setTimeout(() => void startServing(), RETRY_MS);
    return;
  }
  if (!isCluster.value) return keepConnected({ stream: '/v1/events', probe: '/v1/info' });
  onMesh((mesh) => {
    clusterMesh.value = mesh;
  });
  keepConnected({ stream: '/cluster/events', probe: '/cluster/mesh' });
}
