/** The API's types as JSON carries them: amounts are decimal strings. Types only, so that no schema comes into the page. */
import type { z } from 'zod';
import type { Contract, MethodName } from '../../../api/contract.ts';
import type { eventSchema } from '../../../api/events.ts';

export type { MethodName };
export type Input<Name extends MethodName> = z.input<Contract[Name]['input']>;
export type Output<Name extends MethodName> = z.input<Contract[Name]['output']>;

export type NodeEvent = z.input<typeof eventSchema>;
export type EventOf<Type extends NodeEvent['type']> = Extract<NodeEvent, { type: Type }>;

/** A node's API, as a page calls it. Calls reject with `ApiFailure`. */
export interface NodeClient {
  /** Its name in a cluster. */
  readonly name: string | undefined;
  call<Name extends MethodName>(name: Name, input: Input<Name>, signal?: AbortSignal): Promise<Output<Name>>;
}

/** What the cluster's server tells of itself: GET /cluster/mesh, and its events. A test holds it against its schema. */
export interface ClusterMesh {
  /** While the cluster makes the payments that it checks, nobody else may change anything. */
  readonly phase: 'preparing' | 'ready';
  readonly nodes: readonly ClusterNode[];
  readonly links: readonly { readonly a: string; readonly b: string; readonly isCut: boolean }[];
  readonly blockHeight: number;
  readonly chain: string;
  /** 0 for never. */
  readonly blockIntervalSeconds: number;
  /** Payments made for show. */
  readonly traffic: { readonly perSecond: number; readonly succeeded: number; readonly failed: number };
}
export interface ClusterNode {
  readonly name: string;
  readonly nodeId: string;
  readonly state: 'up' | 'starting' | 'down';
  readonly apiPort: number;
}
