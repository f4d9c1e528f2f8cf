/** Which states of a chart a machine is in. */
import type { StateValue } from '../../../../api/fields.ts';

interface State {
  readonly id: string;
  readonly path: readonly string[];
}

/** The ids of those of a chart's states that are active by a state value, each with those that it lies in. */
export function activeStates(states: readonly State[], value: StateValue | undefined): ReadonlySet<string> {
  return new Set(states.filter(({ path }) => value !== undefined && isIn(value, path)).map(({ id }) => id));
}

function isIn(value: StateValue, path: readonly string[]): boolean {
  const [name, ...rest] = path;
  if (name === undefined) return true;
  if (typeof value === 'string') return value === name && rest.length === 0;
  const inside = Object.hasOwn(value, name) ? value[name] : undefined;
  return inside !== undefined && (rest.length === 0 || isIn(inside, rest));
}

/** The innermost active states, a line for each region: `lifecycle: closing › local`. */
export function activeWords(value: StateValue): string[] {
  if (typeof value === 'string') return [value];
  const regions = Object.entries(value);
  return regions.map(([region, inside]) => `${region}${regions.length > 1 ? ': ' : ' › '}${activeWords(inside).join(', ')}`);
}
