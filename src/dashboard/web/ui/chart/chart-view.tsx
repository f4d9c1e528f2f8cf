import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { StateValue } from '../../../../api/fields.ts';
import type { Box, LaidOutChart } from '../../../../statechart/laid-out.ts';
import type { ChartName } from '../../../../statechart/names.ts';
import { Loader } from '../../api/loader.ts';
import { Loaded } from '../states.tsx';
import { activeStates, activeWords } from './active.ts';
import { ChartSvg } from './chart-svg.tsx';
import { loadChart } from './load-chart.ts';
import { StateText } from './state-text.tsx';
import './chart.css';

interface Props {
  /** What the machine is in; undefined for a chart of no machine in particular. */
  readonly value?: StateValue | undefined;
  readonly label: string;
}

/** A statechart with the states lit that its machine is in; a state that is chosen tells what it is. */
export function ChartView({ name, ...props }: Props & { readonly name: ChartName }) {
  const loader = useMemo(() => new Loader(() => loadChart(name)), [name]);
  useEffect(() => () => loader.end(), [loader]);
  return <Loaded from={loader}>{(chart) => <Drawing chart={chart} {...props} />}</Loaded>;
}

const STEP = 1.3;
/** Smaller, nothing of it could be read: it is scrolled instead. */
const LEAST_FIT = 0.5;
/** Of several regions, the one whose state is kept in view. */
const MAIN_REGION = 'lifecycle';

const fitOf = ({ clientWidth }: HTMLElement, { width }: LaidOutChart): number => Math.min(1, clientWidth / width);

/** Scrolls a chart, and nothing around it, to where a state is, unless that is in view. */
function reveal(scroller: HTMLElement, { x, y, width, height }: Box, scale: number): void {
  const { scrollLeft, scrollTop, clientWidth, clientHeight } = scroller;
  const [left, top, right, bottom] = [x * scale, y * scale, (x + width) * scale, (y + height) * scale];
  const isSeen = left >= scrollLeft && right <= scrollLeft + clientWidth && top >= scrollTop && bottom <= scrollTop + clientHeight;
  if (!isSeen) scroller.scrollTo((left + right - clientWidth) / 2, Math.min(top - 16, (top + bottom - clientHeight) / 2));
}

function Drawing({ chart, value, label }: Props & { readonly chart: LaidOutChart }) {
  const chosen = useSignal<string | undefined>(undefined);
  const scale = useSignal<number | undefined>(undefined);
  const scroller = useRef<HTMLDivElement>(null);
  const active = useMemo(() => activeStates(chart.nodes, value), [chart, value]);
  const state = chart.nodes.find(({ id }) => id === chosen.value);
  const place = chart.nodes.findLast(({ id, type, path }) => active.has(id) && type === 'atomic' && path[0] === MAIN_REGION) ?? chart.nodes.find(({ id, type }) => active.has(id) && type === 'atomic');
  useEffect(() => {
    const { current } = scroller;
    if (current !== null && current.clientWidth / chart.width < LEAST_FIT) scale.value = LEAST_FIT;
  }, [chart]);
  useEffect(() => {
    if (scroller.current !== null && place !== undefined) reveal(scroller.current, place, scale.value ?? fitOf(scroller.current, chart));
  }, [place, scale.value]);
  const zoomBy = (factor: number): void => {
    const shown = scale.value ?? (scroller.current === null ? 1 : fitOf(scroller.current, chart));
    scale.value = Math.max(0.1, Math.min(3, shown * factor));
  };
  return (
    <div class="chart">
      <div class="chart-bar">
        {value === undefined ? (
          <span />
        ) : (
          <ul class="active-states" aria-label="Active states">
            {activeWords(value).map((words) => (
              <li key={words}>{words}</li>
            ))}
          </ul>
        )}
        <div class="chart-zoom">
          <button type="button" aria-label={`Zoom into ${label}`} onClick={() => zoomBy(STEP)}>
            +
          </button>
          <button type="button" aria-label={`Zoom out of ${label}`} onClick={() => zoomBy(1 / STEP)}>
            −
          </button>
          <button type="button" onClick={() => (scale.value = undefined)}>
            Fit
          </button>
        </div>
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard */}
      <div class="chart-scroll" ref={scroller} role="group" aria-label={`${label}, drawn`} tabIndex={0}>
        <ChartSvg chart={chart} active={active} chosen={chosen.value} scale={scale.value} label={label} onChoose={(id) => (chosen.value = id)} />
      </div>
      <StateText state={state} isActive={state !== undefined && active.has(state.id)} hasValue={value !== undefined} />
    </div>
  );
}
