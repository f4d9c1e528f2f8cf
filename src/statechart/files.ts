/** The files that are made of the charts: documents to read, and data that the dashboard draws. */
import { chartOf } from './charts.ts';
import type { LaidOutChart } from './laid-out.ts';
import { layOut } from './layout.ts';
import { renderMermaid } from './mermaid.ts';
import type { Chart } from './model.ts';
import { chartNames } from './names.ts';
import { renderSvg } from './svg.ts';

/** Texts by the names of their files. */
export type Files = ReadonlyMap<string, string>;

export interface Drawn {
  readonly chart: Chart;
  readonly laidOut: LaidOutChart;
}

/** Every chart, laid out: a matter of seconds. */
export async function drawAll(): Promise<Drawn[]> {
  const all: Drawn[] = [];
  for (const name of chartNames) {
    const chart = chartOf(name);
    all.push({ chart, laidOut: await layOut(chart) });
  }
  return all;
}

/** For `docs/statecharts`: each chart as a picture and as a Mermaid diagram, and a page with all of them. */
export function documents(all: readonly Drawn[]): Files {
  return new Map([
    ...all.flatMap(({ chart, laidOut }): [string, string][] => [
      [`${chart.name}.svg`, renderSvg(laidOut)],
      [`${chart.name}.md`, mermaidPage(chart)],
    ]),
    ['README.md', index(all.map(({ chart }) => chart))],
  ]);
}

/** For the dashboard: each chart with a place for everything. */
export function dashboardData(all: readonly Drawn[]): Files {
  return new Map(all.map(({ laidOut }) => [`${laidOut.name}.json`, compact(laidOut)]));
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

const index = (charts: readonly Chart[]): string => `# Statecharts

Drawn from the machines that a node runs, by \`./scripts/statecharts\`; a test fails when a machine has changed and these have not. \`runnel statechart\` draws the
same. A click on a picture opens it alone, to zoom in; the link below each leads to the chart as a Mermaid diagram.

| chart | |
|---|---|
${charts.map((chart) => `| [${chart.title}](#${anchor(chart.title)}) | ${aboutOf(chart)} |`).join('\n')}

## How to read them

A box is a state: its name, its tags, the part of the BOLTs that it stands for, and below that what it does without leaving it. An arrow is a
transition: **event** [guard] / actions. Of several for one event, the first whose guard holds is taken; \`[else]\` is the one that is left. \`always\` waits for no event,
\`*\` is every event that no other transition takes. A dot leads to where a state begins, a ring to where it goes from anywhere in it. Regions with a dashed
frame are active side by side. Where a region is large, its compound states stand there as closed boxes with a thick frame, and open beside them; a dotted box is
a state that is drawn elsewhere.

${charts.map(section).join('\n')}`;

const section = (chart: Chart): string => `## ${chart.title}

${aboutOf(chart)}

[![${chart.title}](${chart.name}.svg)](${chart.name}.svg)

[As a Mermaid diagram](${chart.name}.md)
`;

/** As GitHub makes anchors of headings. */
const anchor = (title: string): string => title.toLowerCase().replaceAll(' ', '-');
