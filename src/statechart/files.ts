/** The files that are made of the charts: documents to read, and data that the dashboard draws. */
import { chartOf } from './charts.ts';
import type { LaidOutChart } from './laid-out.ts';
import { layOut, type Layout } from './layout.ts';
import { renderMermaid } from './mermaid.ts';
import type { Chart } from './model.ts';
import { chartNames } from './names.ts';
import { renderSvg } from './svg.ts';

/** Texts by the names of their files. */
export type Files = ReadonlyMap<string, string>;

export interface Drawn extends Layout {
  readonly chart: Chart;
}

/** Every chart, laid out: a matter of seconds. */
export async function drawAll(): Promise<Drawn[]> {
  const all: Drawn[] = [];
  for (const name of chartNames) {
    const chart = await chartOf(name);
    all.push({ chart, ...(await layOut(chart)) });
  }
  return all;
}

/** For `docs/statecharts`: each chart as a picture and as a Mermaid diagram, and a page with all of them. */
export function documents(all: readonly Drawn[]): Files {
  return new Map([
    ...all.flatMap(({ chart, whole, parts }): [string, string][] => [
      [`${chart.name}.md`, mermaidPage(chart)],
      ...[whole, ...parts].map((drawing): [string, string] => [`${drawing.name}.svg`, renderSvg(drawing)]),
      ...(parts.length > 0 ? [[partsFile(chart), partsPage(chart, parts)] satisfies [string, string]] : []),
    ]),
    ['README.md', index(all)],
  ]);
}

/** For the dashboard: each chart with a place for everything. */
export function dashboardData(all: readonly Drawn[]): Files {
  return new Map(all.map(({ whole }) => [`${whole.name}.json`, compact(whole)]));
}

/** A tenth of a pixel is fine enough. */
const compact = (chart: LaidOutChart): string =>
  JSON.stringify(chart, (_key, value: unknown) => (typeof value === 'number' ? Math.round(value * 10) / 10 : value));

const aboutOf = ({ states: [root] }: Chart): string => root?.description ?? '';

const mermaidPage = (chart: Chart): string => `# ${chart.title}

${aboutOf(chart)} [As a picture](${chart.name}.svg), [all charts](README.md).

\`\`\`mermaid
${renderMermaid(chart)}\`\`\`
`;

const partsFile = ({ name }: Chart): string => `${name}-parts.md`;

const partsPage = (chart: Chart, parts: readonly LaidOutChart[]): string => `# ${chart.title}, part by part

Large enough to be read without zooming in. [The whole of it](${chart.name}.svg), [all charts](README.md).

${parts.map((part) => `## ${part.name.slice(chart.name.length + 1)}\n\n![${part.title}](${part.name}.svg)\n`).join('\n')}`;

const index = (all: readonly Drawn[]): string => `# Statecharts

Drawn from the machines that a node runs, by \`./scripts/statecharts\`; a test fails when a machine has changed and these have not. \`runnel statechart\` draws the
same. A click on a picture opens it alone, to zoom in.

| chart | |
|---|---|
${all.map(({ chart }) => `| [${chart.title}](#${anchor(chart.title)}) | ${aboutOf(chart)} |`).join('\n')}

## How to read them

A box is a state: its name, its tags, the part of the BOLTs that it stands for, and below that what it does without leaving it. An arrow is a
transition: **event** [guard] / actions. Of several for one event, the first whose guard holds is taken; \`[else]\` is the one that is left. \`always\` waits for no event,
\`*\` is every event that no other transition takes. A dot leads to where a state begins, a ring to where it goes from anywhere in it. Regions with a dashed
frame are active side by side. Where a region is large, its compound states stand there as closed boxes with a thick frame, and open beside them; a dotted box is
a state that is drawn elsewhere.

${all.map(section).join('\n')}`;

const section = ({ chart, parts }: Drawn): string => `## ${chart.title}

${aboutOf(chart)} ${parts.length > 0 ? `[Part by part](${partsFile(chart)}), large enough to read; [as` : '[As'} a Mermaid diagram](${chart.name}.md).

[![${chart.title}](${chart.name}.svg)](${chart.name}.svg)
`;

/** As GitHub makes anchors of headings. */
const anchor = (title: string): string => title.toLowerCase().replaceAll(' ', '-');
