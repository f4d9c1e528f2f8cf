import { hrefOf, route } from '../api/location.ts';
import { chartNames, chartTitles, type ChartName } from '../../../statechart/names.ts';
import { ChartView } from '../ui/chart/chart-view.tsx';

/** All statecharts of a node. */
export function Charts() {
  return (
    <>
      <div class="page-head">
        <h1>Statecharts</h1>
        <p class="muted">Everything that a node does over time is one of these machines; they are drawn from the code that runs.</p>
      </div>
      <ul class="gallery">
        {chartNames.map((name) => (
          <li key={name}>
            <a class="panel" href={hrefOf({ view: 'chart', id: name })}>
              <strong>{chartTitles[name]}</strong>
              <span class="mono muted">{name}</span>
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}

export function ChartPage() {
  const name = chartNames.find((known) => known === route.value?.id);
  return (
    <>
      <div class="page-head">
        <h1>{name === undefined ? 'There is no such chart' : chartTitles[name]}</h1>
        <a class="end" href={hrefOf({ view: 'charts' })}>
          All statecharts
        </a>
      </div>
      {name !== undefined && (
        <div class="panel">
          <ChartView name={name satisfies ChartName} label={`Statechart: ${chartTitles[name]}`} />
        </div>
      )}
    </>
  );
}
