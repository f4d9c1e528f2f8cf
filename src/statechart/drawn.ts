/** A chart in the format that is asked for. */
import { chartOf } from './charts.ts';
import { renderMermaid } from './mermaid.ts';
import type { ChartName } from './names.ts';

export type ChartFormat = 'svg' | 'mermaid' | 'json';

export async function drawn(name: ChartName, format: ChartFormat): Promise<string> {
  const chart = await chartOf(name);
  if (format === 'json') return `${JSON.stringify(chart, null, 2)}\n`;
  if (format === 'mermaid') return renderMermaid(chart);
  // The layout engine is large: it is loaded for pictures alone.
  const [{ layOut }, { renderSvg }] = await Promise.all([import('./layout.ts'), import('./svg.ts')]);
  return renderSvg((await layOut(chart)).whole);
}
