/** A cluster as one can look at it and meddle with it: what the control server's routes do. */
import { z } from 'zod';
import { ApiError } from '../../api/errors.ts';
import { eventSchema } from '../../api/events.ts';
import type { Logger } from '../../logging.ts';
import type { ChainProcess } from '../chain-process.ts';
import type { NodeState } from '../node-life.ts';
import type { Traffic } from '../traffic.ts';
import type { ControlMessage, Mesh } from './contract.ts';
import type { ControlledNode } from './controlled-node.ts';
import { followEvents } from './feed.ts';
import { Links } from './links.ts';

/** Changes of the mesh are told together: a hundred payments a second must not be a hundred meshes. */
const TELL_DELAY_MS = 100;

export interface ControlOptions {
  readonly nodes: readonly ControlledNode[];
  readonly chain: Pick<ChainProcess, 'kind' | 'mine' | 'height'>;
  /** Pairs of nodes that have a channel. */
  readonly links: readonly (readonly [ControlledNode, ControlledNode])[];
  readonly traffic: Traffic;
  readonly blockIntervalSeconds: number;
  readonly logger: Logger;
}

export class ClusterControl {
  readonly #options: ControlOptions;
  readonly #nodes: ReadonlyMap<string, ControlledNode>;
  readonly #links: Links;
  readonly #listeners = new Set<(message: ControlMessage) => void>();
  readonly #ends: (() => void)[] = [];
  /** Nodes that are up, and whose events are not heard yet. */
  readonly #unheard = new Map<ControlledNode, Promise<void>>();
  #phase: Mesh['phase'] = 'preparing';
  #blockHeight = 0;
  #told = '';
  #telling: NodeJS.Timeout | undefined;

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#nodes = new Map(options.nodes.map((node) => [node.name, node]));
    this.#links = new Links(options.links);
    this.#ends.push(...options.nodes.map((node) => this.#watch(node)), options.traffic.onChange(() => this.#touch()));
  }

  /** Resolves once the events of the nodes that are up are heard. */
  async heard(nodes = this.#options.nodes): Promise<void> {
    await Promise.all(nodes.map((node) => this.#unheard.get(node)));
  }

  /** The mesh as it is now. */
  async mesh(): Promise<Mesh> {
    try {
      this.#blockHeight = await this.#options.chain.height();
    } catch (error) {
      // A chain that was killed has the height that it had.
      this.#options.logger.debug({ err: error }, 'the chain does not answer');
    }
    return this.lastMesh;
  }

  /** The same with the height that the chain had when it was asked last. */
  get lastMesh(): Mesh {
    const { nodes, chain, traffic, blockIntervalSeconds } = this.#options;
    return {
      phase: this.#phase,
      nodes: nodes.map((node) => ({ name: node.name, nodeId: node.id, state: this.#stateOf(node), apiPort: node.apiPort })),
      links: this.#links.list(),
      blockHeight: this.#blockHeight,
      chain: chain.kind,
      blockIntervalSeconds,
      traffic: traffic.status,
    };
  }

  /** Throws `ApiError` where there is none of that name. */
  node(name: string): ControlledNode {
    const node = this.#nodes.get(name);
    if (node !== undefined) return node;
    const hint = `there are ${[...this.#nodes.keys()].slice(0, 10).join(', ')}${this.#nodes.size > 10 ? ', …' : ''}`;
    throw new ApiError('notFound', 'unknown_node', `no node of this cluster is called ${name}`, { hint });
  }

  /** Throws `ApiError` while the cluster makes payments that it is going to check, which nothing may disturb. */
  assertReady(): void {
    if (this.#phase === 'ready') return;
    throw new ApiError('conflict', 'cluster_preparing', 'the cluster is still making the payments that it checks', {
      hint: 'wait until they are made: the mesh is ready then',
    });
  }

  setReady(): void {
    this.#phase = 'ready';
    this.#touch();
  }

  async command(name: string, command: 'kill' | 'stop' | 'restart'): Promise<void> {
    const node = this.node(name);
    this.assertReady();
    await node[command]();
    await this.heard([node]);
  }

  async cut(a: string, b: string): Promise<void> {
    const [first, second] = [this.node(a), this.node(b)];
    this.assertReady();
    const done = this.#links.cut(first, second);
    this.#touch();
    await done;
  }

  async mend(a: string, b: string): Promise<void> {
    const [first, second] = [this.node(a), this.node(b)];
    this.assertReady();
    const done = this.#links.mend(first, second);
    this.#touch();
    await done;
  }

  async mine(blocks: number): Promise<void> {
    this.assertReady();
    await this.#options.chain.mine(blocks);
    this.#touch();
  }

  setTraffic(perSecond: number): void {
    this.assertReady();
    this.#options.traffic.set(perSecond);
  }

  /** Tells the events of all nodes, and the mesh when it has changed, until what it returns is called. */
  subscribe(listener: (message: ControlMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
    clearTimeout(this.#telling);
    this.#listeners.clear();
  }

  /** Whoever looks at a node that is said to be up misses nothing that it tells from then on. */
  #stateOf(node: ControlledNode): NodeState {
    return node.state === 'up' && this.#unheard.has(node) ? 'starting' : node.state;
  }

  /** Follows the node from now on, until what it returns is called. */
  #watch(node: ControlledNode): () => void {
    let up = new AbortController();
    const onState = (state: NodeState): void => {
      up.abort();
      if (state === 'up') {
        up = new AbortController();
        this.#onUp(node, up.signal);
      }
      this.#touch();
    };
    onState(node.state);
    const unwatch = node.onChange(onState);
    return () => {
      unwatch();
      up.abort();
    };
  }

  #onUp(node: ControlledNode, signal: AbortSignal): void {
    const { logger } = this.#options;
    this.#links.reapply(node).catch((error: unknown) => {
      logger.warn({ err: error, node: node.name }, 'a node that is up again did not take which links are cut');
    });
    let onHeard = (): void => {};
    const heard = new Promise<void>((resolve) => (onHeard = resolve)).then(() => {
      if (this.#unheard.get(node) === heard) this.#unheard.delete(node);
      this.#touch();
    });
    this.#unheard.set(node, heard);
    signal.addEventListener('abort', onHeard);
    void followEvents(node, signal, {
      onOpen: onHeard,
      onEvent: (event) => {
        if (event.type === 'block' && event.height !== this.#blockHeight) this.#touch();
        this.#tell({ node: node.name, event: z.encode(eventSchema, event) });
      },
      onBreak: (error) => {
        logger.debug({ err: error, node: node.name }, 'the events of a node broke off');
        onHeard();
      },
    });
  }

  #tell(message: ControlMessage): void {
    for (const listener of this.#listeners) listener(message);
  }

  /** Something of the mesh may have changed. */
  #touch(): void {
    if (this.#telling !== undefined) return;
    this.#telling = setTimeout(() => {
      this.#telling = undefined;
      void this.#tellMesh();
    }, TELL_DELAY_MS).unref();
  }

  async #tellMesh(): Promise<void> {
    const mesh = await this.mesh();
    const told = JSON.stringify(mesh);
    if (told === this.#told) return;
    this.#told = told;
    this.#tell({ mesh });
  }
}
