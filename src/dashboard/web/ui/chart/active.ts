/** Which states of a chart a machine is in. */
import type { StateValue } from '../../../../api/fields.ts';
import type { LaidOutChart } from '../../../../statechart/laid-out.ts';

/** The ids of the states that are active by a state value, each with those that it lies in. */
export function activeStates(chart: LaidOutChart, value: StateValue | undefined): ReadonlySet<string> {
  return new Set(chart.nodes.filter(({ path }) => value !== undefined && isIn(value, path)).map(({ id }) => id));
}

function isIn(value: StateValue, path: readonly string[]): boolean {
  const [name, ...rest] = path;
  if (name === undefined) return true;
  if (typeof value === 'string') return value === name && rest.length === 0;
  const inside = Object.hasOwn(value, name) ? value[name] : undefined;
  return inside !== undefined && (rest.length === 0 || isIn(inside, rest));
}

/** The innermost active states, as words: `lifecycle: closing, local`. */
export function activeWords(value: StateValue): string[] {
  if (typeof value === 'string') return [value];
  return Object.entries(value).map(([region, inside]) => [region, ...flat(inside)].join(' › '));
}

const flat = (value: StateValue): string[] =>
  typeof value === 'string' ? [value] : Object.entries(value).flatMap(([name, inside]) => [name, ...flat(inside)]);
