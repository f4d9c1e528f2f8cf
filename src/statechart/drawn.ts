/** A chart in the format that is asked for. */
import { chartOf } from './charts.ts';
import type { ChartName } from './names.ts';

export type ChartFormat = 'json';

export async function drawn(name: ChartName, _format: ChartFormat): Promise<string> {
  return `${JSON.stringify(chartOf(name), null, 2)}\n`;
}
