/**
 * A sheet as ELK takes it. Each compound state is a graph of its own, and a line that leaves it goes through ports, one on
 * each border that it crosses. Lines that lead back are given the other way round, so that the order of the states stays.
 */
import type { ElkExtendedEdge, ElkNode, ElkPort, LayoutOptions } from 'elkjs';
import type { Block } from './block.ts';
import type { Arrow, Sheet } from './sheets.ts';
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

type Node = ElkNode & { readonly ports: ElkPort[]; readonly edges: ElkExtendedEdge[]; readonly children: ElkNode[] };

export function buildGraph(sheet: Sheet, { blocks, bundles }: Content): Graph {
  const { top, boxes } = sheet;
  const parents = new Map(boxes.map(({ id, parent = top.id }) => [id, parent]));
  const places = new Map(boxes.map(({ id }, index) => [id, index]));
  const nodes = new Map<string, Node>();
  const nodeOf = (id: string): Node => {
    const node = nodes.get(id);
    if (node === undefined) throw new TypeError(`the sheet of ${top.id} has no box for ${id}`);
    return node;
  };
  const add = (node: Node): void => {
    nodes.set(node.id, node);
    const parent = parents.get(node.id);
    if (parent !== undefined) nodeOf(parent).children.push(node);
  };

  add({ ...emptyNode(top.id), layoutOptions: { ...options, 'elk.padding': '[top=0,left=0,bottom=0,right=0]' } });
  const beginnings: { edge: string; target: string }[] = [];
  for (const { id, kind, isInitial } of boxes) {
    const { width, height } = blocks.get(id) ?? { width: 0, height: 0 };
    if (kind !== 'frame') add({ ...emptyNode(id), width: Math.max(NARROWEST, width + 2 * PADDING), height: height + 2 * PADDING_ABOVE });
    else {
      const padding = `[top=${PADDING_ABOVE + height + BELOW_HEADER},left=${PADDING},bottom=${PADDING},right=${PADDING}]`;
      const minimum = `(${width + 2 * PADDING},0)`;
      add({
        ...emptyNode(id),
        layoutOptions: { ...options, 'elk.padding': padding, 'elk.nodeSize.constraints': 'MINIMUM_SIZE', 'elk.nodeSize.minimum': minimum },
      });
    }
    if (!isInitial) continue;
    const around = nodeOf(parents.get(id) ?? top.id);
    around.children.splice(-1, 0, { id: `${id}#dot`, width: DOT, height: DOT });
    around.edges.push({ id: `${id}#begin`, sources: [`${id}#dot`], targets: [id] });
    beginnings.push({ edge: `${id}#begin`, target: id });
  }

  const ancestorsOf = (id: string): string[] => {
    const parent = parents.get(id);
    return parent === undefined ? [] : [parent, ...ancestorsOf(parent)];
  };
  const lines: Line[] = [];
  let count = 0;
  const connect = (around: string, from: string, to: string, label?: Block): string => {
    const id = `${count++}`;
    const labels = label && [{ id: `${id}#label`, text: ' ', width: label.width, height: label.height }];
    nodeOf(around).edges.push({ id, sources: [from], targets: [to], ...(labels && { labels }) });
    return id;
  };

  for (const { bundle, label } of bundles) {
    const { sources, target, arrows, isInwards } = bundle;
    const arrowsOf = (source: string): Arrow[] => arrows.filter((arrow) => arrow.source === source);
    if (isInwards) {
      const around = nodeOf(parents.get(target) ?? top.id);
      for (const source of sources) {
        const stub = `${count}#stub`;
        around.children.splice(around.children.indexOf(nodeOf(target)), 0, { id: stub, width: DOT, height: DOT });
        const edge = connect(around.id, stub, target, label);
        lines.push({ source, target, isInwards, arrows: arrowsOf(source), label, pieces: [edge], isReversed: false, labelled: edge });
      }
      continue;
    }
    for (const isReversed of [false, true]) {
      const some = sources.filter((source) => (places.get(source) ?? 0) > (places.get(target) ?? 0) === isReversed);
      if (some.length === 0) continue;
      const around = [target, ...some].map(ancestorsOf);
      const shared = around[0]?.find((id) => around.every((ids) => ids.includes(id)) && !some.includes(id)) ?? top.id;
      /** The edges between a box and the border of the outermost frame around it that not all ends share. */
      const climb = (id: string, way: 'out' | 'into'): { readonly pieces: string[]; readonly end: string } => {
        const pieces: string[] = [];
        let end = id;
        for (const frame of ancestorsOf(id)) {
          if (frame === shared) break;
          const port = `${count}#port`;
          nodeOf(frame).ports.push({ id: port, width: 1, height: 1, layoutOptions: { 'elk.port.side': sides[way], 'elk.port.borderOffset': '-1' } });
          pieces.push(way === 'out' ? connect(frame, end, port) : connect(frame, port, end));
          end = port;
        }
        return { pieces: way === 'out' ? pieces : pieces.reverse(), end };
      };
      const ends = some.map((source) => ({ source, ...climb(source, isReversed ? 'into' : 'out') }));
      const goal = climb(target, isReversed ? 'out' : 'into');
      const [only] = ends;
      if (ends.length === 1 && only !== undefined) {
        const [first, last] = isReversed ? [goal, only] : [only, goal];
        const edge = connect(shared, first.end, last.end, label);
        lines.push({ source: only.source, target, isInwards, arrows: arrowsOf(only.source), label, pieces: [...first.pieces, edge, ...last.pieces], isReversed, labelled: edge });
        continue;
      }
      const junction = `${count}#junction`;
      nodeOf(shared).children.push(junctionNode(junction));
      const trunk = isReversed ? connect(shared, goal.end, `${junction}#into`, label) : connect(shared, `${junction}#out`, goal.end, label);
      for (const { source, pieces, end } of ends) {
        const branch = isReversed ? connect(shared, `${junction}#out`, end) : connect(shared, end, `${junction}#into`);
        lines.push({
          source, target, isInwards, arrows: arrowsOf(source), label, isReversed, labelled: trunk,
          pieces: isReversed ? [...goal.pieces, trunk, branch, ...pieces] : [...pieces, branch, trunk, ...goal.pieces],
        });
      }
    }
  }
  return { root: nodeOf(top.id), lines, beginnings };
}

const emptyNode = (id: string): Node => ({ id, ports: [], edges: [], children: [] });

/** Where lines of a bundle meet. */
function junctionNode(id: string): ElkNode {
  const port = (way: 'into' | 'out'): ElkPort => ({ id: `${id}#${way}`, width: 0, height: 0, layoutOptions: { 'elk.port.side': sides[way] } });
  return { id, width: 1, height: 1, ports: [port('into'), port('out')], layoutOptions: { 'elk.portConstraints': 'FIXED_SIDE' } };
}
