import { useId } from 'preact/hooks';
import type { LaidOutChart, LaidOutEdge, LaidOutReference, LaidOutState, Point, TextLine } from '../../../../statechart/laid-out.ts';

/** The drawing itself. It is one stop for the Tab key; the arrows move from state to state. */
export function ChartSvg(props: {
  readonly chart: LaidOutChart;
  readonly active: ReadonlySet<string>;
  readonly chosen: string | undefined;
  readonly scale: number | undefined;
  readonly label: string;
  readonly onChoose: (id: string) => void;
}) {
  const { chart, active, chosen, scale, label, onChoose } = props;
  const arrow = useId();
  const states = chart.nodes.filter(({ path }) => path.length > 0);
  const first = chosen ?? states.find(({ id, type }) => active.has(id) && type !== 'parallel')?.id ?? states[0]?.id;
  const move = (event: KeyboardEvent): void => {
    const at = states.findIndex(({ id }) => id === (event.target as Element).getAttribute('data-id'));
    const steps: Readonly<Record<string, number>> = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: states.length - 1 };
    const to = steps[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = states[Math.max(0, Math.min(states.length - 1, to))];
    const element = [...(event.currentTarget as Element).querySelectorAll<SVGGElement>('[data-id]')].find((one) => one.dataset.id === next?.id);
    element?.focus();
  };
  return (
    <svg
      viewBox={`0 0 ${chart.width} ${chart.height}`}
      class={scale === undefined ? 'fitted' : undefined}
      width={chart.width * (scale ?? 1)}
      height={chart.height * (scale ?? 1)}
      role="group"
      aria-label={label}
      onKeyDown={move}
    >
      <defs>
        <marker id={arrow} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse">
          <path class="arrow" d="M0 0.5 8 4 0 7.5z" />
        </marker>
      </defs>
      {states.map((state) => (
        <State key={state.id} state={state} isActive={active.has(state.id)} isChosen={state.id === chosen} isFirst={state.id === first} onChoose={onChoose} />
      ))}
      <g aria-hidden="true">
        <Lines lines={chart.nodes.find(({ path }) => path.length === 0)?.text ?? []} />
        {chart.references.map((reference) => (
          <Reference key={reference.id} reference={reference} isActive={active.has(reference.state)} onChoose={onChoose} />
        ))}
        {chart.initials.map(({ target, points }) => (
          <g key={target} class="initial">
            <circle cx={points[0]?.x} cy={points[0]?.y} r="4" />
            <path d={lineThrough(points)} marker-end={`url(#${arrow})`} />
          </g>
        ))}
        {chart.edges.map((edge) => (
          <Edge key={edge.id} edge={edge} arrow={arrow} isActive={active.has(edge.source)} />
        ))}
        {chart.junctions.map(({ x, y }, index) => (
          <circle key={index} class="junction" cx={x} cy={y} r="2.5" />
        ))}
      </g>
    </svg>
  );
}

function State(props: { readonly state: LaidOutState; readonly isActive: boolean; readonly isChosen: boolean; readonly isFirst: boolean; readonly onChoose: (id: string) => void }) {
  const { state, isActive, isChosen, isFirst, onChoose } = props;
  const { id, path, x, y, width, height, type, text, isRegion } = state;
  const isLeaf = type === 'atomic' || type === 'final';
  const classes = ['state', isLeaf ? 'leaf' : 'group', isActive && 'active', isChosen && 'chosen', isRegion && 'region', type === 'final' && 'final'];
  return (
    <g
      class={classes.filter(Boolean).join(' ')}
      data-id={id}
      role="button"
      tabIndex={isFirst ? 0 : -1}
      aria-label={`${path.join(' › ')}${isActive ? ', active' : ''}`}
      aria-pressed={isChosen}
      onFocus={() => onChoose(id)}
      onClick={() => onChoose(id)}
    >
      <rect x={x} y={y} width={width} height={height} rx="7" />
      <Lines lines={text} />
    </g>
  );
}

/** A box for a state that is drawn in full elsewhere in the chart: it is lit with it, and chooses it. */
function Reference({ reference, isActive, onChoose }: { readonly reference: LaidOutReference; readonly isActive: boolean; readonly onChoose: (id: string) => void }) {
  const { state, isClosed, x, y, width, height, text } = reference;
  return (
    <g class={`state leaf ${isClosed ? 'closed' : 'elsewhere'} ${isActive ? 'active' : ''}`} onClick={() => onChoose(state)}>
      <rect x={x} y={y} width={width} height={height} rx={isClosed ? 7 : 11} />
      <Lines lines={text} />
    </g>
  );
}

function Edge({ edge, arrow, isActive }: { readonly edge: LaidOutEdge; readonly arrow: string; readonly isActive: boolean }) {
  return (
    <g class={`edge ${isActive ? 'from-active' : ''} ${edge.isAlways ? 'always' : ''}`}>
      <path d={lineThrough(edge.points)} marker-end={`url(#${arrow})`} />
      {edge.isInwards && <circle class="ring" cx={edge.points[0]?.x} cy={edge.points[0]?.y} r="4" />}
      <Lines lines={edge.text} />
    </g>
  );
}

function Lines({ lines }: { readonly lines: readonly TextLine[] }) {
  return (
    <>
      {lines.map(({ x, y, runs }, index) => (
        <text key={index} x={x} y={y}>
          {runs.map(({ kind, text }, place) => (
            <tspan key={place} class={`line-${kind}`}>
              {place === 0 ? text : ` ${text}`}
            </tspan>
          ))}
        </text>
      ))}
    </>
  );
}

const lineThrough = (points: readonly Point[]): string =>
  points.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('');
