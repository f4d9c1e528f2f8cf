import { isCluster } from '../../api/server.ts';
import { ofCluster } from './cluster-source.ts';
import type { MeshSource } from './mesh-source.ts';
import { ofNode } from './node-source.ts';

/** Follows the mesh until its end: all of a cluster, or what a plain node knows. */
export const createMeshSource = (): MeshSource => (isCluster.value ? ofCluster() : ofNode());
