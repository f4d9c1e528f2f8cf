/** Guards, actions and events of a machine, as they are written in a chart. */
import { and, not, or, stateIn } from 'xstate';

/** What XState's combinators make: a function that carries its evaluation, the same for each kind, and its operands. */
interface Combined {
  readonly check: unknown;
  readonly guards?: readonly unknown[];
  readonly stateValue?: unknown;
}

const kindOf = (guard: unknown): unknown => (guard as Partial<Combined>).check;
const AND = kindOf(and([]));
const OR = kindOf(or([]));
const NOT = kindOf(not(() => true));
const STATE_IN = kindOf(stateIn(''));

/** `isNormal and not hasSaidAnnouncement`, `in connection.online`; a guard by name is its name. */
export function guardText(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  const { guards = [], stateValue } = guard as Partial<Combined>;
  switch (kindOf(guard)) {
    case AND:
      return guards.map((operand) => (kindOf(operand) === OR ? inBrackets(operand) : guardText(operand))).join(' and ');
    case OR:
      return guards.map((operand) => (kindOf(operand) === AND ? inBrackets(operand) : guardText(operand))).join(' or ');
    case NOT: {
      const [operand] = guards;
      return `not ${[AND, OR].includes(kindOf(operand)) ? inBrackets(operand) : guardText(operand)}`;
    }
    case STATE_IN:
      return `in ${stateText(stateValue)}`;
    default:
      return nameOf(guard);
  }
}

const inBrackets = (guard: unknown): string => `(${guardText(guard)})`;

/** `connection.online` of `{ connection: 'online' }`; an id stays as it is. */
function stateText(value: unknown): string {
  if (typeof value === 'string') return value;
  return Object.entries(value as object)
    .map(([key, inner]) => [key, stateText(inner)].filter(Boolean).join('.'))
    .join(' and ');
}

export function actionName(action: unknown): string {
  return typeof action === 'string' ? action : nameOf(action);
}

/** Of an object with parameters, or of a function that stands in the chart itself. */
function nameOf(implementation: unknown): string {
  const { type, name } = implementation as { readonly type?: string; readonly name?: string };
  return type ?? (name || 'unnamed');
}

/** XState's own name for the end of a state's regions is long, and says nothing more than that. */
export function eventName(descriptor: string): string {
  return descriptor.startsWith('xstate.done.state.') ? 'onDone' : descriptor;
}
