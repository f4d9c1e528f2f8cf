/**
 * A sheet as ELK takes it. Each compound state is a graph of its own, and a line that leaves it goes through ports, one on
 * each border that it crosses. Lines that lead back are given the other way round, so that the order of the states stays.
 */
import type { ElkExtendedEdge, ElkNode, ElkPort, LayoutOptions } from 'elkjs';
import type { Block } from './block.ts';
import type { Size } from './pack.ts';
import type { Arrow, Sheet, SheetBox } from './sheets.ts';
import type { Bundle } from './transitions.ts';

/** What is drawn: blocks of text by the state or reference that they stand in, and lines with theirs. */
export interface Content {
  readonly blocks: ReadonlyMap<string, Block>;
  readonly bundles: readonly { readonly bundle: Bundle; readonly label: Block }[];
}

/** A line of the drawing, from one box to another. */
export interface Line {
  readonly source: string;
  readonly target: string;
  readonly isInwards: boolean;
  readonly arrows: readonly Arrow[];
  readonly label: Block;
  /** The edges that it is made of, from its source if it is not given the other way round. */
  readonly pieces: readonly string[];
  readonly isReversed: boolean;
  /** The edge that has the label. */
  readonly labelled: string;
}

export interface Graph {
  readonly root: ElkNode;
  readonly lines: readonly Line[];
  /** The edges from a dot to where a state begins. */
  readonly beginnings: readonly { readonly edge: string; readonly target: string }[];
}

/** Between a box and its text. */
export const PADDING = 12;
export const PADDING_ABOVE = 8;
/** Below the text of a state that holds others. */
export const BELOW_HEADER = 10;
const DOT = 9;
const NARROWEST = 70;

const options: LayoutOptions = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'SEPARATE_CHILDREN',
  'elk.randomSeed': '1',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.edgeLabels.placement': 'CENTER',
  'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
  'elk.layered.considerModelOrder.components': 'MODEL_ORDER',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.spacing.nodeNodeBetweenLayers': '22',
  'elk.layered.spacing.edgeNodeBetweenLayers': '12',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '10',
  'elk.spacing.nodeNode': '24',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeLabel': '3',
  'elk.spacing.componentComponent': '20',
  'elk.aspectRatio': '1.8',
  'elk.portConstraints': 'FIXED_SIDE',
  'elk.json.edgeCoords': 'ROOT',
  'elk.json.shapeCoords': 'ROOT',
};

/** Lines leave a box below and enter one from above. */
const sides = { out: 'SOUTH', into: 'NORTH' } as const;
type Way = keyof typeof sides;

type Node = ElkNode & { readonly ports: ElkPort[]; readonly edges: ElkExtendedEdge[]; readonly children: ElkNode[] };

export function buildGraph({ top, boxes }: Sheet, { blocks, bundles }: Content): Graph {
  const draft = new Draft(top.id);
  const beginnings = boxes.flatMap(({ id, kind, parent = top.id, isInitial }) => {
    if (isInitial) draft.add(dotNode(`${id}#dot`), parent);
    draft.add(boxNode(id, kind, blocks.get(id)), parent);
    return isInitial ? [{ edge: draft.connect(parent, `${id}#dot`, id), target: id }] : [];
  });
  const places = new Map(boxes.map(({ id }, index) => [id, index]));
  const isAfter = (one: string, other: string): boolean => (places.get(one) ?? 0) > (places.get(other) ?? 0);
  const lines = bundles.flatMap(({ bundle, label }) => {
    if (bundle.isInwards) return bundle.sources.map((source) => inwardLine(draft, bundle, source, label));
    return [
      ...joinedLines(draft, bundle, bundle.sources.filter((source) => !isAfter(source, bundle.target)), label, false),
      ...joinedLines(draft, bundle, bundle.sources.filter((source) => isAfter(source, bundle.target)), label, true),
    ];
  });
  return { root: draft.root, lines, beginnings };
}

/** A graph in the making. */
class Draft {
  readonly root: Node;
  readonly #nodes = new Map<string, Node>();
  readonly #parents = new Map<string, string>();
  #count = 0;

  constructor(top: string) {
    this.root = { ...emptyNode(top), layoutOptions: { ...options, 'elk.padding': '[top=0,left=0,bottom=0,right=0]' } };
    this.#nodes.set(top, this.root);
  }

  /** At the end of what the parent holds, or right before another. */
  add(node: Node, parent: string, before?: string): void {
    const { children } = this.node(parent);
    const index = children.findIndex(({ id }) => id === before);
    children.splice(index < 0 ? children.length : index, 0, node);
    this.#nodes.set(node.id, node);
    this.#parents.set(node.id, parent);
  }

  node(id: string): Node {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new TypeError(`the sheet of ${this.root.id} has no box for ${id}`);
    return node;
  }

  /** What holds it, from within. */
  around(id: string): string[] {
    const parent = this.#parents.get(id);
    return parent === undefined ? [] : [parent, ...this.around(parent)];
  }

  newId(): string {
    this.#count += 1;
    return `#${this.#count}`;
  }

  connect(frame: string, from: string, to: string, label?: Block): string {
    const id = this.newId();
    // ELK leaves no room for a label that has no text.
    const labels = label && [{ id: `${id} label`, text: ' ', width: label.width, height: label.height }];
    this.node(frame).edges.push({ id, sources: [from], targets: [to], ...(labels && { labels }) });
    return id;
  }

  /** From a box to the border of the outermost frame around it that lies within `outer`: the edges, and where they end. */
  climb(id: string, outer: string, way: Way): { readonly pieces: readonly string[]; readonly end: string } {
    const pieces: string[] = [];
    let end = id;
    for (const frame of this.around(id)) {
      if (frame === outer) break;
      const port = this.newId();
      this.node(frame).ports.push({ id: port, width: 1, height: 1, layoutOptions: { 'elk.port.side': sides[way], 'elk.port.borderOffset': '-1' } });
      pieces.push(way === 'out' ? this.connect(frame, end, port) : this.connect(frame, port, end));
      end = port;
    }
    return { pieces: way === 'out' ? pieces : pieces.reverse(), end };
  }
}

const emptyNode = (id: string): Node => ({ id, ports: [], edges: [], children: [] });

const dotNode = (id: string): Node => ({ ...emptyNode(id), width: DOT, height: DOT });

function boxNode(id: string, kind: SheetBox['kind'], { width, height }: Size = { width: 0, height: 0 }): Node {
  if (kind !== 'frame') return { ...emptyNode(id), width: Math.max(NARROWEST, width + 2 * PADDING), height: height + 2 * PADDING_ABOVE };
  return {
    ...emptyNode(id),
    layoutOptions: {
      ...options,
      'elk.padding': `[top=${PADDING_ABOVE + height + BELOW_HEADER},left=${PADDING},bottom=${PADDING},right=${PADDING}]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width + 2 * PADDING},0)`,
    },
  };
}

/** Where lines of a bundle join. */
function junctionNode(id: string): Node {
  const port = (way: Way): ElkPort => ({ id: `${id} ${way}`, width: 0, height: 0, layoutOptions: { 'elk.port.side': sides[way] } });
  return { ...emptyNode(id), width: 1, height: 1, ports: [port('into'), port('out')], layoutOptions: { 'elk.portConstraints': 'FIXED_SIDE' } };
}

/** A line that begins at a ring beside its target. */
function inwardLine(draft: Draft, { target, arrows, isInwards }: Bundle, source: string, label: Block): Line {
  const [frame = draft.root.id] = draft.around(target);
  const ring = draft.newId();
  draft.add(dotNode(ring), frame, target);
  const edge = draft.connect(frame, ring, target, label);
  return { source, target, isInwards, arrows: arrows.filter((arrow) => arrow.source === source), label, pieces: [edge], isReversed: false, labelled: edge };
}

/** Lines from some of a bundle's sources, which join on the way if there are several. */
function joinedLines(draft: Draft, bundle: Bundle, sources: readonly string[], label: Block, isReversed: boolean): Line[] {
  if (sources.length === 0) return [];
  const { target, arrows, isInwards } = bundle;
  const around = sources.map((source) => draft.around(source));
  const shared = draft.around(target).find((frame) => around.every((frames) => frames.includes(frame)) && !sources.includes(frame)) ?? draft.root.id;
  const connect = (from: string, to: string, withLabel?: Block): string =>
    isReversed ? draft.connect(shared, to, from, withLabel) : draft.connect(shared, from, to, withLabel);
  const leaving: Way = isReversed ? 'into' : 'out';
  const entering: Way = isReversed ? 'out' : 'into';
  const goal = draft.climb(target, shared, entering);
  const ends = sources.map((source) => ({ source, ...draft.climb(source, shared, leaving) }));
  const lineOf = (end: (typeof ends)[number], between: readonly string[], labelled: string): Line => ({
    source: end.source,
    target,
    isInwards,
    arrows: arrows.filter(({ source }) => source === end.source),
    label,
    pieces: isReversed ? [...goal.pieces, ...between.toReversed(), ...end.pieces] : [...end.pieces, ...between, ...goal.pieces],
    isReversed,
    labelled,
  });
  const [only] = ends;
  if (only !== undefined && ends.length === 1) {
    const edge = connect(only.end, goal.end, label);
    return [lineOf(only, [edge], edge)];
  }
  const junction = draft.newId();
  draft.add(junctionNode(junction), shared);
  const trunk = connect(`${junction} ${leaving}`, goal.end, label);
  return ends.map((end) => lineOf(end, [connect(end.end, `${junction} ${entering}`), trunk], trunk));
}
