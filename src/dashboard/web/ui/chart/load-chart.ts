/** Charts as the build has laid them out; each is fetched once. */
import type { LaidOutChart } from '../../../../statechart/laid-out.ts';
import type { ChartName } from '../../../../statechart/names.ts';
import { send } from '../../api/request.ts';

const charts = new Map<ChartName, Promise<LaidOutChart>>();

export function loadChart(name: ChartName): Promise<LaidOutChart> {
  let chart = charts.get(name);
  if (chart === undefined) {
    chart = send('GET', `/charts/${encodeURIComponent(name)}.json`) as Promise<LaidOutChart>;
    charts.set(name, chart);
    // What failed may go better the next time.
    chart.catch(() => charts.delete(name));
  }
  return chart;
}
