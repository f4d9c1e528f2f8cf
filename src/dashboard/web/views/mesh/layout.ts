/** Where the nodes stand: d3's forces, ticked by whoever draws, so that nothing moves that is not drawn. */
import { forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY, type Simulation, type SimulationLinkDatum, type SimulationNodeDatum } from 'd3-force';
import type { Mesh, MeshChannel, MeshNode } from './model.ts';

export interface PlacedNode extends SimulationNodeDatum {
  readonly id: string;
  node: MeshNode;
  degree: number;
  x: number;
  y: number;
}

export interface PlacedChannel extends SimulationLinkDatum<PlacedNode> {
  readonly key: string;
  channel: MeshChannel;
  readonly source: PlacedNode;
  readonly target: PlacedNode;
  /** Channels between the same nodes run beside each other: which of them it is, 0 in the middle. */
  lane: number;
}

/** The golden angle: a spiral of it spreads nodes evenly, and the same mesh always begins the same. */
const ANGLE = Math.PI * (3 - Math.sqrt(5));
/** So few begin as a ring, in which a mesh that is mostly one lies untangled. */
const MOST_IN_RING = 24;

/** Where one of so many nodes begins. */
function beginning(index: number, count: number): { readonly x: number; readonly y: number } {
  const isRing = count <= MOST_IN_RING;
  const radius = isRing ? 20 * count : 18 * Math.sqrt(index + 0.5);
  const angle = isRing ? (2 * Math.PI * index) / count - Math.PI / 2 : index * ANGLE;
  return { x: radius * Math.cos(angle), y: radius * Math.sin(angle) };
}

export class Layout {
  readonly nodes: PlacedNode[] = [];
  readonly channels: PlacedChannel[] = [];
  readonly #byId = new Map<string, PlacedNode>();
  readonly #byKey = new Map<string, PlacedChannel>();
  readonly #simulation: Simulation<PlacedNode, PlacedChannel>;

  constructor() {
    this.#simulation = forceSimulation<PlacedNode, PlacedChannel>([])
      .force('x', forceX<PlacedNode>().strength(0.05))
      .force('y', forceY<PlacedNode>().strength(0.06))
      .force('collide', forceCollide<PlacedNode>(16))
      .alphaMin(0.01)
      .alphaDecay(0.03)
      .stop();
  }

  node(id: string): PlacedNode | undefined {
    return this.#byId.get(id);
  }

  channel(key: string): PlacedChannel | undefined {
    return this.#byKey.get(key);
  }

  get isMoving(): boolean {
    return this.nodes.length > 0 && this.#simulation.alpha() >= this.#simulation.alphaMin();
  }

  tick(): void {
    this.#simulation.tick();
  }

  /** Moves again, a little: a node is dragged, or has come. */
  warm(alpha = 0.3): void {
    if (this.#simulation.alpha() < alpha) this.#simulation.alpha(alpha);
  }

  /** Takes a new state of the mesh; whoever was there stays where it is. */
  take(mesh: Mesh): void {
    const before = `${this.#byId.size} ${this.#byKey.size}`;
    let isChanged = this.#takeNodes(mesh);
    isChanged = this.#takeChannels(mesh) || isChanged;
    if (!isChanged) return;
    this.nodes.splice(0, this.nodes.length, ...this.#byId.values());
    this.channels.splice(0, this.channels.length, ...this.#byKey.values());
    this.#arrange();
    this.#simulation.alpha(before === '0 0' ? 1 : Math.max(this.#simulation.alpha(), 0.4));
  }

  #takeNodes(mesh: Mesh): boolean {
    let isChanged = false;
    for (const node of mesh.nodes.values()) {
      const known = this.#byId.get(node.id);
      if (known !== undefined) known.node = node;
      else {
        this.#byId.set(node.id, { id: node.id, node, degree: 0, ...beginning(this.#byId.size, mesh.nodes.size) });
        isChanged = true;
      }
    }
    for (const id of this.#byId.keys()) if (!mesh.nodes.has(id)) isChanged = this.#byId.delete(id) || isChanged;
    return isChanged;
  }

  #takeChannels(mesh: Mesh): boolean {
    let isChanged = false;
    for (const channel of mesh.channels.values()) {
      const known = this.#byKey.get(channel.key);
      const [source, target] = [this.#byId.get(channel.a), this.#byId.get(channel.b)];
      if (known !== undefined) known.channel = channel;
      else if (source !== undefined && target !== undefined) {
        this.#byKey.set(channel.key, { key: channel.key, channel, source, target, lane: 0 });
        isChanged = true;
      }
    }
    for (const [key, { source, target }] of this.#byKey) {
      const isGone = !mesh.channels.has(key) || this.#byId.get(source.id) !== source || this.#byId.get(target.id) !== target;
      if (isGone) isChanged = this.#byKey.delete(key) || isChanged;
    }
    return isChanged;
  }

  #arrange(): void {
    const pairs = new Map<string, PlacedChannel[]>();
    for (const node of this.nodes) node.degree = 0;
    for (const channel of this.channels) {
      channel.source.degree++;
      channel.target.degree++;
      const pair = `${channel.source.id} ${channel.target.id}`;
      const beside = pairs.get(pair);
      if (beside === undefined) pairs.set(pair, [channel]);
      else beside.push(channel);
    }
    for (const beside of pairs.values()) beside.forEach((channel, index) => (channel.lane = index - (beside.length - 1) / 2));
    const isLarge = this.nodes.length > 120;
    this.#simulation.nodes(this.nodes);
    this.#simulation.force('charge', forceManyBody<PlacedNode>().strength(isLarge ? -160 : -900).distanceMax(isLarge ? 500 : 900).theta(1));
    this.#simulation.force('link', forceLink<PlacedNode, PlacedChannel>(this.channels).distance(isLarge ? 70 : 170).iterations(1));
  }
}
