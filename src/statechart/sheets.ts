/**
 * Divides a chart into sheets: each region of a parallel chart is one, and a compound state of a large region is closed
 * there and opened on a sheet of its own. A line that crosses the border of a sheet is drawn on both.
 */
import type { Chart, ChartState, ChartTransition } from './model.ts';

/** So many can still be taken in at once. */
const MOST_STATES = 12;

export interface Sheet {
  readonly top: ChartState;
  /** What is drawn within `top`: each before what it holds, and in the order in which it reads. */
  readonly boxes: readonly SheetBox[];
  readonly arrows: readonly Arrow[];
  /** What is closed here and drawn there. */
  readonly inner: readonly Sheet[];
}

export interface SheetBox {
  /** The state's, where it is drawn in full. */
  readonly id: string;
  readonly state: ChartState;
  /**
   * Drawn in full, alone or with the substates that it holds; closed, to be opened on a sheet of its own; or a state of
   * another sheet that lines come from or lead to.
   */
  readonly kind: 'state' | 'frame' | 'closed' | 'from' | 'to';
  /** The frame that holds it, unless `top` does. */
  readonly parent?: string;
  /** It is where what holds it begins. */
  readonly isInitial: boolean;
}

/** A transition as it is drawn on one sheet, from a state or reference to another. */
export interface Arrow {
  readonly transition: ChartTransition;
  readonly source: string;
  readonly target: string;
  /** From a state to one within it: it is taken wherever in the state the chart is. */
  readonly isInwards: boolean;
  /** Drawn in full on another sheet. */
  readonly isBrief: boolean;
}

/** Whether a state is another or lies within it. */
export const isWithin = (id: string, ancestor: string): boolean => id === ancestor || id.startsWith(`${ancestor}.`);
const isBelow = (id: string, ancestor: string): boolean => id !== ancestor && isWithin(id, ancestor);

/** The sheets that a chart's outermost frame holds; compound states are closed where a sheet has more states than these. */
export function divide(chart: Chart, mostStates = MOST_STATES): Sheet[] {
  const [root] = chart.states;
  if (root === undefined) return [];
  return (root.type === 'parallel' ? substates(chart, root) : [root]).map((top) => sheetOf(chart, top, mostStates));
}

/** As defined, but a state's beginning first: a line against this order is one that leads back. */
export function substates({ states }: Chart, parent: ChartState): ChartState[] {
  const own = states.filter((state) => state.parent === parent.id);
  return [...own.filter(({ id }) => id === parent.initial), ...own.filter(({ id }) => id !== parent.initial)];
}

function sheetOf(chart: Chart, top: ChartState, mostStates: number): Sheet {
  const isLarge = chart.states.filter(({ id }) => isBelow(id, top.id)).length > mostStates;
  const isClosed = (state: ChartState): boolean => isLarge && state.parent === top.id && substates(chart, state).length > 0;
  const closed = substates(chart, top).filter(isClosed);
  const closedId = ({ id }: ChartState): string => `${top.id}>closed ${id}`;
  const byId = new Map(chart.states.map((state) => [state.id, state]));
  const visit = (state: ChartState): SheetBox[] => {
    const inside = isClosed(state) ? [] : substates(chart, state);
    const box = {
      id: isClosed(state) ? closedId(state) : state.id,
      state,
      kind: isClosed(state) ? 'closed' : inside.length > 0 ? 'frame' : 'state',
      ...(state.parent !== top.id && { parent: state.parent }),
      isInitial: byId.get(state.parent ?? '')?.initial === state.id,
    } as const;
    return [box, ...inside.flatMap(visit)];
  };

  const others = new Map<string, SheetBox>();
  /** What stands for a state on this sheet. */
  const boxOf = (id: string, kind: 'from' | 'to'): string => {
    if (isBelow(id, top.id)) {
      const around = closed.find((state) => isWithin(id, state.id));
      return around === undefined ? id : closedId(around);
    }
    const state = byId.get(id);
    if (state === undefined) throw new TypeError(`the chart has no state ${id}`);
    const box = { id: `${top.id}>${kind} ${id}`, state, kind, isInitial: false };
    others.set(box.id, box);
    return box.id;
  };

  const arrows = chart.transitions.flatMap((transition) =>
    transition.targets.flatMap((target): Arrow[] => {
      const { source } = transition;
      const isInwards = isBelow(target, source);
      if (isInwards ? !isBelow(target, top.id) || closed.some(({ id }) => isWithin(source, id)) : !isBelow(source, top.id) && !isBelow(target, top.id)) return [];
      const ends = { source: isInwards ? source : boxOf(source, 'from'), target: boxOf(target, 'to') };
      // What stays within a closed state is told on its own sheet.
      if (ends.source === ends.target && source !== target) return [];
      return [{ transition, ...ends, isInwards, isBrief: closed.some(({ id }) => isBelow(source, id) || isBelow(target, id)) }];
    }),
  );
  const elsewhere = [...others.values()];
  return {
    top,
    boxes: [
      ...elsewhere.filter(({ kind }) => kind === 'from'),
      ...substates(chart, top).flatMap(visit),
      ...elsewhere.filter(({ kind }) => kind === 'to'),
    ],
    arrows,
    inner: closed.map((state) => sheetOf(chart, state, mostStates)),
  };
}
