/**
 * A chart as a Mermaid `stateDiagram-v2`, which GitHub and many editors draw. Mermaid moves a state to where a transition
 * mentions it, so that a line that leaves a composite state is told within it, up to a box of the target's name, and once
 * more around it; and it lets no composite state have text or lead into itself, so that a box in it stands for all of it.
 */
import type { Run } from './laid-out.ts';
import type { Chart, ChartState } from './model.ts';
import { divide, type Sheet, type SheetBox } from './sheets.ts';
import { flow } from './text.ts';
import { bundlesOf, internalOf } from './transitions.ts';

/** How wide the text of a box may be, by our own measure of it. */
const TEXT_WIDTH = 260;
/** What comes before an alternative for the event above it: spaces that Mermaid keeps. */
const ALTERNATIVE = '\u00a0\u00a0\u00a0';

export function renderMermaid(chart: Chart): string {
  const [root] = chart.states;
  if (root === undefined) throw new TypeError(`the chart ${chart.name} has no states`);
  const sheets = divide(chart, 0);
  const [only] = sheets;
  const body = only?.top === root ? contentOf(chart, only) : composite(root, inParallel([wholeBox(chart, root, root), ...sheets.map((sheet) => opened(chart, sheet))]));
  return ['stateDiagram-v2', ...indented(body), ''].join('\n');
}

const composite = ({ id, label }: ChartState, content: readonly string[]): string[] => [`state "${escaped(label)}" as ${idOf(id)} {`, ...indented(content), '}'];

const opened = (chart: Chart, sheet: Sheet): string[] => composite(sheet.top, contentOf(chart, sheet));

const inParallel = (parts: readonly (readonly string[])[]): string[] =>
  parts.filter((part) => part.length > 0).flatMap((part, index) => (index === 0 ? part : ['--', ...part]));

/** What stands in a composite state, or in a chart without regions. */
function contentOf(chart: Chart, { top, boxes, arrows, inner }: Sheet): string[] {
  const ids = new Map(boxes.map(({ id, state, kind }) => [id, idOf(kind === 'closed' ? state.id : id)]));
  // Around a composite state its inner lines are told in short, but not up to a box for what lies still further out.
  const isElsewhere = (id: string): boolean => boxes.some((box) => box.id === id && (box.kind === 'from' || box.kind === 'to'));
  const told = arrows.filter(({ source, target, isBrief }) => !isBrief || !(isElsewhere(source) || isElsewhere(target)));
  const used = new Set(told.flatMap(({ source, target }) => [source, target]));
  const around = chart.states.filter(({ id }) => id !== top.id && told.some(({ isInwards, source }) => isInwards && source === id));
  const wholes = [...around.map((state) => wholeBox(chart, top, state)), wholeBox(chart, top, top, used.has(top.id))];
  const sections = boxes
    .filter(({ id }) => !isElsewhere(id) || used.has(id))
    .map((box) => {
      const open = inner.find((sheet) => sheet.top === box.state);
      return open === undefined ? plainBox(chart, box) : [...opened(chart, open), ...beginning(box)];
    });
  if (top.type === 'parallel') return inParallel([wholes.flat(), ...sections]);
  const lines = bundlesOf(told).flatMap(({ sources, target, isInwards, label }) =>
    sources.map((source) => `${isInwards ? wholeId(top, source) : (ids.get(source) ?? '')} --> ${ids.get(target) ?? ''} : ${label.map(textOf).join('<br/>')}`),
  );
  return [...wholes.flat(), ...sections.flat(), ...lines];
}

function plainBox(chart: Chart, box: SheetBox): string[] {
  const { id, state, kind } = box;
  if (kind === 'from' || kind === 'to') return [`state "${kind === 'from' ? 'from' : 'to'} ${escaped(state.path.slice(1).join('.'))}" as ${idOf(id)}`];
  return [
    `state "${escaped(state.label)}" as ${idOf(id)}`,
    ...textLines(idOf(id), state, internalOf(state, chart)),
    ...beginning(box),
    ...(state.type === 'final' ? [`${idOf(id)} --> [*]`] : []),
  ];
}

const beginning = ({ id, state, kind, isInitial }: SheetBox): string[] => (isInitial ? [`[*] --> ${idOf(kind === 'closed' ? state.id : id)}`] : []);

/** A box for all of a state, within it or deeper: with its text, and where lines begin that are taken from anywhere in it. */
function wholeBox(chart: Chart, top: ChartState, state: ChartState, isUsed = true): string[] {
  const text = state === top ? textLines(wholeId(top, state.id), state, internalOf(state, chart)) : [];
  if (text.length === 0 && !isUsed) return [];
  return [`state "anywhere in ${escaped(state.label)}" as ${wholeId(top, state.id)}`, ...text];
}

const wholeId = (top: ChartState, id: string): string => `${idOf(top.id)}_anywhere${id === top.id ? '' : `_${idOf(id)}`}`;

function textLines(id: string, { tags, description }: ChartState, internal: readonly (readonly Run[])[]): string[] {
  const paragraphs: (readonly Run[])[] = [
    ...(description === undefined ? [] : [[{ kind: 'description', text: description } as const]]),
    ...(tags.length === 0 ? [] : [[{ kind: 'tags', text: tags.join(' · ') } as const]]),
    ...internal,
  ];
  return paragraphs.map((runs) => {
    const lines = flow(runs, TEXT_WIDTH).map((line) => textOf(line.runs));
    return `${id} : ${runs[0]?.kind === 'guard' ? ALTERNATIVE : ''}${lines.join('<br/>')}`;
  });
}

const textOf = (runs: readonly Run[]): string => escaped(runs.map(({ text }) => text).join(' '));

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

/** Letters, digits and underscores are safe everywhere. */
const idOf = (id: string): string => id.replaceAll(/\W+/g, '_');

/** What Mermaid or Markdown would take for its own. */
const escaped = (text: string): string =>
  text.replaceAll(/[#;<>&"%{}]/g, (character) => `#${character.charCodeAt(0)};`);
