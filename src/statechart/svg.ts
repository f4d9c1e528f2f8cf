/** A chart as one SVG file that needs nothing else, in light and dark as its reader prefers. */
import { PADDING } from './elk-graph.ts';
import type { LaidOutChart, LaidOutEdge, LaidOutReference, LaidOutState, Point, Run, TextLine } from './laid-out.ts';
import { flow, styles } from './text.ts';

const MARGIN = 8;

const css = `
svg{--page:#fff;--frame:#f6f8fb;--state:#eaf1f9;--ink:#18202b;--muted:#566172;--line:#8795a6;--edge:#47566a;--event:#0a4a85;--guard:#864800;--tags:#6a3a9f}
@media(prefers-color-scheme:dark){svg{--page:#10151c;--frame:#161d26;--state:#202b38;--ink:#e8edf4;--muted:#a3afbe;--line:#617185;--edge:#9aabbf;--event:#86c0f7;--guard:#eab26c;--tags:#c8aaf3}}
text{font:${styles.description.size}px Helvetica,Arial,"Liberation Sans",sans-serif;fill:var(--ink)}
.heading{font-size:${styles.heading.size}px;font-weight:bold}
.title{font-size:${styles.title.size}px;font-weight:bold}
.tags{fill:var(--tags)}
.description{fill:var(--muted)}
.event{fill:var(--event);font-weight:bold}
.guard{fill:var(--guard)}
rect{stroke:var(--line)}
.page{fill:var(--page);stroke:none}
.even{fill:var(--page)}
.odd{fill:var(--frame)}
.region{stroke-dasharray:6 4}
.state,.closed{fill:var(--state)}
.closed{stroke-width:2.5}
.inset{fill:none}
.elsewhere{fill:none;stroke:var(--edge);stroke-dasharray:1.5 3}
path{fill:none;stroke:var(--edge);stroke-width:1.2;stroke-linejoin:round}
.always{stroke-dasharray:4 3}
.head{fill:var(--edge);stroke:none}
.dot{fill:var(--edge);stroke:none}
.ring{fill:var(--page);stroke:var(--edge);stroke-width:1.2}`.trim();

export function renderSvg(chart: LaidOutChart): string {
  const legend = flow(legendOf(chart), chart.width - 2 * PADDING);
  const { lineHeight } = styles.description;
  const width = round(chart.width + 2 * MARGIN);
  const height = round(chart.height + legend.length * lineHeight + 3 * MARGIN);
  const legendLines = legend.map(({ runs }, index) => ({ x: PADDING, y: chart.height + MARGIN + (index + 0.8) * lineHeight, runs }));
  const about = [chart.nodes[0]?.description, `A statechart with ${chart.nodes.length} states, drawn from the machine that a Runnel node runs.`];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${-MARGIN} ${-MARGIN} ${width} ${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escape(chart.title)}</title>`,
    `<desc id="desc">${escape(about.filter(Boolean).join(' '))}</desc>`,
    `<style>${css}</style>`,
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="head" d="M0 .5 8 4 0 7.5z"/></marker></defs>',
    `<rect class="page" x="${-MARGIN}" y="${-MARGIN}" width="${width}" height="${height}"/>`,
    ...chart.nodes.map(stateElement),
    ...chart.references.map(referenceElement),
    ...chart.initials.map(({ points }) => lineElement(points) + dotElement('dot', points[0], 4.5)),
    ...edgeElements(chart.edges).filter(Boolean),
    ...chart.junctions.map((point) => dotElement('dot', point, 2.5)),
    ...chart.edges.flatMap(({ text }) => textElements(text)),
    ...textElements(legendLines),
    '</svg>',
    '',
  ].join('\n');
}

const shade = (depth: number): string => (depth % 2 === 0 ? 'even' : 'odd');

function stateElement({ path, type, isRegion, depth, description, text, ...box }: LaidOutState): string {
  const isFrame = type === 'compound' || type === 'parallel';
  const name = isFrame ? `${shade(depth)}${isRegion ? ' region' : ''}` : 'state';
  const inset = { x: box.x + 3, y: box.y + 3, width: box.width - 6, height: box.height - 6 };
  return [
    `<g data-state="${escape(path.join('.'))}">`,
    ...(description === undefined ? [] : [`<title>${escape(description)}</title>`]),
    rectElement(name, box),
    ...(type === 'final' ? [rectElement('inset', inset, 6)] : []),
    ...textElements(text),
    '</g>',
  ].join('');
}

function referenceElement({ isClosed, text, ...box }: LaidOutReference): string {
  return rectElement(isClosed ? 'closed' : 'elsewhere', box, isClosed ? 8 : 11) + textElements(text).join('');
}

/** Where lines have joined, only the first of them is drawn. */
function edgeElements(edges: readonly LaidOutEdge[]): string[] {
  const drawn = new Set<string>();
  return edges.map(({ points, isAlways, isInwards }) => {
    const piece = (end: number): string => JSON.stringify(points.slice(end - 2, end));
    let end = points.length;
    while (end > 1 && drawn.has(piece(end))) end -= 1;
    for (let index = 2; index <= points.length; index += 1) drawn.add(piece(index));
    const line = end > 1 ? lineElement(points.slice(0, end), isAlways, end === points.length) : '';
    return line + (isInwards ? dotElement('ring', points[0], 4.5) : '');
  });
}

function lineElement(points: readonly Point[], isAlways = false, hasHead = true): string {
  const path = points.map(({ x, y }) => `${round(x)} ${round(y)}`).join('L');
  return `<path${isAlways ? ' class="always"' : ''} d="M${path}"${hasHead ? ' marker-end="url(#head)"' : ''}/>`;
}

function dotElement(name: string, point: Point | undefined, radius: number): string {
  return point === undefined ? '' : `<circle class="${name}" cx="${round(point.x)}" cy="${round(point.y)}" r="${radius}"/>`;
}

function rectElement(name: string, box: Point & { readonly width: number; readonly height: number }, radius = 8): string {
  return `<rect class="${name}" x="${round(box.x)}" y="${round(box.y)}" width="${round(box.width)}" height="${round(box.height)}" rx="${radius}"/>`;
}

function textElements(lines: readonly TextLine[]): string[] {
  return lines.map(({ x, y, runs }) => {
    const spans = runs.map(({ kind, text }, index) => `<tspan class="${kind}">${index === 0 ? '' : ' '}${escape(text)}</tspan>`);
    return `<text x="${round(x)}" y="${round(y)}">${spans.join('')}</text>`;
  });
}

function legendOf({ edges, initials, nodes, references }: LaidOutChart): Run[] {
  const words = (text: string): Run => ({ kind: 'description', text });
  const usesGuard = (text: string): boolean => [...nodes.flatMap((node) => node.text), ...edges.flatMap((edge) => edge.text)]
    .some(({ runs }) => runs.some((run) => run.kind === 'guard' && run.text.startsWith(text)));
  return [
    { kind: 'event', text: 'event' },
    { kind: 'guard', text: '[guard]' },
    { kind: 'actions', text: '/ actions' },
    ...(initials.length > 0 ? [words('· filled dot: begins here')] : []),
    ...(edges.some(({ isInwards }) => isInwards) ? [words('· ring: from anywhere in a state around it')] : []),
    ...(edges.some(({ isAlways }) => isAlways) ? [words('· dashed line: at once, when its guard holds')] : []),
    ...(usesGuard('[else]') ? [words('· [else]: when no guard before it holds')] : []),
    ...(nodes.some(({ isRegion }) => isRegion) ? [words('· dashed frame: a region, active beside the others')] : []),
    ...(nodes.some(({ type }) => type === 'final') ? [words('· double frame: final')] : []),
    ...(references.some(({ isClosed }) => isClosed) ? [words('· thick frame: drawn in full in a frame of its own')] : []),
    ...(references.some(({ isClosed }) => !isClosed) ? [words('· dotted frame: a state that is drawn elsewhere')] : []),
  ];
}

const round = (length: number): number => Math.round(length * 10) / 10;

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
