/** A chart in the format that is asked for. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chartOf } from './charts.ts';
import type { LaidOutChart } from './laid-out.ts';
import { renderMermaid } from './mermaid.ts';
import type { ChartName } from './names.ts';

export type ChartFormat = 'svg' | 'mermaid' | 'json';

export async function drawn(name: ChartName, format: ChartFormat): Promise<string> {
  if (format === 'svg') {
    const [chart, { renderSvg }] = await Promise.all([laidOut(name), import('./svg.ts')]);
    return renderSvg(chart);
  }
  const chart = await chartOf(name);
  return format === 'json' ? `${JSON.stringify(chart, null, 2)}\n` : renderMermaid(chart);
}

/** As the build laid it out, from these very machines: to do so again takes seconds. Sources that were not compiled have no build beside them. */
async function laidOut(name: ChartName): Promise<LaidOutChart> {
  const built = fileURLToPath(new URL(`../../dashboard/charts/${name}.json`, import.meta.url));
  const text = await readFile(built, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text !== undefined) return JSON.parse(text) as LaidOutChart;
  const { layOut } = await import('./layout.ts');
  return (await layOut(await chartOf(name))).whole;
}
