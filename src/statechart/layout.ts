/** Gives everything in a chart its place: each sheet by ELK, and the sheets side by side. */
import Elk, { type ElkExtendedEdge, type ElkNode } from 'elkjs';
import { labelBlock, stateBlock, type Block } from './block.ts';
import { BELOW_HEADER, buildGraph, PADDING, PADDING_ABOVE, type Content, type Graph, type Line } from './elk-graph.ts';
import type { Box, LaidOutChart, LaidOutEdge, LaidOutReference, LaidOutState, Point, TextLine } from './laid-out.ts';
import type { Chart, ChartState } from './model.ts';
import { pack } from './pack.ts';
import { divide, type Sheet, type SheetBox } from './sheets.ts';
import { bundlesOf, internalOf } from './transitions.ts';

/** How wide text may be, in a state's box, at a line, and above what a frame holds. */
const STATE_WIDTH = 230;
const LABEL_WIDTH = 170;
const FRAME_WIDTH = 330;
/** Width to height, where sheets are set side by side. */
const ASPECT = 0.8;

/** What is drawn so far, from its own corner. */
interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly LaidOutState[];
  readonly references: readonly LaidOutReference[];
  readonly edges: readonly LaidOutEdge[];
  readonly initials: LaidOutChart['initials'];
  readonly junctions: readonly Point[];
}

/** A chart, and each of its sheets alone where it is too large for one. */
export interface Layout {
  readonly whole: LaidOutChart;
  readonly parts: readonly LaidOutChart[];
}

/** A sheet's own lines and boxes, and those that are opened beside it. */
interface DrawnSheet {
  readonly top: ChartState;
  readonly own: Drawing;
  readonly inner: readonly DrawnSheet[];
}

export async function layOut(chart: Chart): Promise<Layout> {
  const elk = new Elk.default();
  const [root] = chart.states;
  const sheets: DrawnSheet[] = [];
  for (const sheet of divide(chart)) sheets.push(await drawSheet(chart, sheet, elk));
  const [only] = sheets;
  if (root === undefined || only === undefined) throw new TypeError(`the chart ${chart.name} has no states`);
  const order = new Map(chart.states.map(({ id }, index) => [id, index]));
  const finished = ({ id: name, label: title }: ChartState, drawing: Drawing): LaidOutChart => ({
    name,
    title,
    ...drawing,
    nodes: drawing.nodes.toSorted((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0)),
  });
  const isLarge = sheets.some(({ inner }) => inner.length > 0);
  return {
    whole: finished(root, only.top === root ? opened(chart, only) : framed(chart, root, sheets.map((sheet) => opened(chart, sheet)))),
    parts: isLarge ? sheets.flatMap(withInner).map(({ top, own }) => finished(top, framed(chart, top, [own]))) : [],
  };
}

async function drawSheet(chart: Chart, sheet: Sheet, elk: InstanceType<typeof Elk.default>): Promise<DrawnSheet> {
  const content: Content = {
    blocks: new Map(sheet.boxes.map((box) => [box.id, blockOf(chart, box)])),
    bundles: bundlesOf(sheet.arrows).map((bundle) => ({ bundle, label: labelBlock(bundle.label, LABEL_WIDTH) })),
  };
  const graph = buildGraph(sheet, content);
  const own = read(chart, sheet, content, graph, (await elk.layout(graph.root)) as ElkNode);
  const inner: DrawnSheet[] = [];
  for (const closed of sheet.inner) inner.push(await drawSheet(chart, closed, elk));
  return { top: sheet.top, own, inner };
}

const withInner = (sheet: DrawnSheet): DrawnSheet[] => [sheet, ...sheet.inner.flatMap(withInner)];

const opened = (chart: Chart, { top, own, inner }: DrawnSheet): Drawing => framed(chart, top, [own, ...inner.map((sheet) => opened(chart, sheet))]);

function blockOf(chart: Chart, { state, kind }: SheetBox): Block {
  if (kind === 'from' || kind === 'to') return labelBlock([[{ kind: 'event', text: state.path.slice(1).join('.') }]], STATE_WIDTH);
  return stateBlock(state, kind === 'closed' ? [] : internalOf(state, chart), kind === 'frame' ? FRAME_WIDTH : STATE_WIDTH);
}

/** Drawings in the frame of the state that holds them, whose text stands above them. */
function framed(chart: Chart, state: ChartState, drawings: readonly Drawing[]): Drawing {
  const packing = pack(drawings, ASPECT);
  const header = stateBlock(state, internalOf(state, chart), Math.max(packing.width, FRAME_WIDTH));
  const above = PADDING_ABOVE + header.height + BELOW_HEADER;
  const box = { x: 0, y: 0, width: Math.max(packing.width, header.width) + 2 * PADDING, height: above + packing.height + PADDING };
  const moved = drawings.map((drawing, index) => {
    const { x = 0, y = 0 } = packing.corners[index] ?? {};
    return move(drawing, x + PADDING, y + above);
  });
  return {
    width: box.width,
    height: box.height,
    nodes: [laidOutState(chart, state, box, header), ...moved.flatMap(({ nodes }) => nodes)],
    references: moved.flatMap(({ references }) => references),
    edges: moved.flatMap(({ edges }) => edges),
    initials: moved.flatMap(({ initials }) => initials),
    junctions: moved.flatMap(({ junctions }) => junctions),
  };
}

function move(drawing: Drawing, dx: number, dy: number): Drawing {
  const to = <P extends Point>(point: P): P => ({ ...point, x: point.x + dx, y: point.y + dy });
  const withText = <B extends Point & { readonly text: readonly TextLine[] }>(box: B): B => ({ ...to(box), text: box.text.map(to) });
  return {
    ...drawing,
    nodes: drawing.nodes.map(withText),
    references: drawing.references.map(withText),
    edges: drawing.edges.map((edge) => ({ ...edge, labelX: edge.labelX + dx, labelY: edge.labelY + dy, text: edge.text.map(to), points: edge.points.map(to) })),
    initials: drawing.initials.map((initial) => ({ ...initial, points: initial.points.map(to) })),
    junctions: drawing.junctions.map(to),
  };
}

/** What ELK made of a sheet. */
function read(chart: Chart, { boxes }: Sheet, { blocks }: Content, { lines, beginnings }: Graph, root: ElkNode): Drawing {
  const nodes = new Map<string, ElkNode>();
  const edges = new Map<string, ElkExtendedEdge>();
  const visit = (node: ElkNode): void => {
    nodes.set(node.id, node);
    for (const edge of node.edges ?? []) edges.set(edge.id, edge);
    node.children?.forEach(visit);
  };
  visit(root);
  const pointsOf = (id: string): Point[] => {
    const section = edges.get(id)?.sections?.[0];
    if (section === undefined) throw new TypeError(`ELK has not drawn the edge ${id}`);
    return [section.startPoint, ...(section.bendPoints ?? []), section.endPoint].map(({ x, y }) => ({ x, y }));
  };
  const placeOf = (id: string): Box => {
    const { x = 0, y = 0, width = 0, height = 0 } = nodes.get(id) ?? {};
    return { x, y, width, height };
  };
  const blockAt = (id: string): Block => blocks.get(id) ?? { width: 0, height: 0, text: [] };
  const stateIds = new Map(boxes.map(({ id, state }) => [id, state.id]));
  return {
    width: root.width ?? 0,
    height: root.height ?? 0,
    nodes: boxes
      .filter(({ kind }) => kind === 'state' || kind === 'frame')
      .map(({ id, state }) => laidOutState(chart, state, placeOf(id), blockAt(id))),
    references: boxes
      .filter(({ kind }) => kind !== 'state' && kind !== 'frame')
      .map(({ id, state, kind }) => ({ id, state: state.id, isClosed: kind === 'closed', ...placeOf(id), text: inBox(blockAt(id), placeOf(id)) })),
    edges: lines.map((line, index) => {
      const points = withoutRepeats(line.pieces.flatMap(pointsOf));
      const label = edges.get(line.labelled)?.labels?.[0];
      const edge = laidOutEdge(line, (id) => stateIds.get(id) ?? id, line.isReversed ? points.reverse() : points, { x: label?.x ?? 0, y: label?.y ?? 0 });
      return lines[index - 1]?.labelled === line.labelled ? { ...edge, text: [] } : edge;
    }),
    initials: beginnings.map(({ edge, target }) => ({ target, points: pointsOf(edge) })),
    junctions: [...edges.values()].flatMap(({ junctionPoints = [] }) => junctionPoints.map(({ x, y }) => ({ x, y }))),
  };
}

const withoutRepeats = (points: readonly Point[]): Point[] =>
  points.filter(({ x, y }, index) => x !== points[index - 1]?.x || y !== points[index - 1]?.y);

const inBox = (block: Block, box: Box): TextLine[] =>
  block.text.map((line) => ({ ...line, x: line.x + box.x + PADDING, y: line.y + box.y + PADDING_ABOVE }));

function laidOutState(chart: Chart, state: ChartState, box: Box, block: Block): LaidOutState {
  const parent = chart.states.find(({ id }) => id === state.parent);
  const { id, path, label, type, description, tags, entry, exit } = state;
  return {
    id,
    path,
    label,
    type,
    ...box,
    depth: path.length,
    ...(description !== undefined && { description }),
    tags,
    entry,
    exit,
    isInitial: parent?.initial === id,
    isRegion: parent?.type === 'parallel',
    internal: internalOf(state, chart).map((runs) => runs.map(({ text }) => text).join(' ')),
    text: inBox(block, box),
  };
}

function laidOutEdge(line: Line, stateOf: (id: string) => string, points: readonly Point[], corner: Point): LaidOutEdge {
  const { source, target, isInwards, arrows, label } = line;
  const transitions = arrows.map(({ transition }) => transition);
  const [first] = transitions;
  return {
    id: `${source} → ${target}: ${transitions.map(({ id }) => id).join(' ')}`,
    source: stateOf(source),
    target: stateOf(target),
    event: first?.event ?? '',
    ...(first?.guard !== undefined && { guard: first.guard }),
    actions: first?.actions ?? [],
    isAlways: transitions.every(({ isAlways }) => isAlways),
    isInwards,
    transitions: transitions.map(({ id }) => id),
    label: label.text.map(({ runs }) => runs.map(({ text }) => text).join(' ')),
    labelX: corner.x,
    labelY: corner.y,
    labelWidth: label.width,
    labelHeight: label.height,
    text: label.text.map((text) => ({ ...text, x: text.x + corner.x, y: text.y + corner.y })),
    points,
  };
}
