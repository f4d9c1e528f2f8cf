/** How the transitions of a chart are told: what leads to another state as a labelled line, the rest inside the box. */
import type { Run } from './laid-out.ts';
import type { Chart, ChartState, ChartTransition } from './model.ts';
import type { Arrow } from './sheets.ts';

/** Lines that are drawn as one, since they lead to the same state for the same reasons. */
export interface Bundle {
  readonly sources: readonly string[];
  readonly target: string;
  readonly isInwards: boolean;
  /** One paragraph for events that do the same under the same guard. */
  readonly label: readonly (readonly Run[])[];
  readonly arrows: readonly Arrow[];
}

export function bundlesOf(arrows: readonly Arrow[]): Bundle[] {
  const reasons = groupBy(arrows, ({ source, target, isInwards, isBrief, transition: { guard, isElse, actions } }) =>
    JSON.stringify([source, target, isInwards, isBrief, ...(isBrief ? [] : [guard, isElse, actions])]),
  ).map((alike) => ({ arrows: alike, paragraph: paragraphOf(alike) }));
  const shared = groupBy(reasons, ({ arrows: [first], paragraph }) => JSON.stringify([first?.target, first?.isInwards, paragraph])).map((alike) => ({
    arrows: alike.flatMap((reason) => reason.arrows),
    paragraph: alike[0]?.paragraph ?? [],
  }));
  const sourcesOf = (some: readonly Arrow[]): string[] => [...new Set(some.map(({ source }) => source))];
  return groupBy(shared, ({ arrows: some }) => JSON.stringify([sourcesOf(some), some[0]?.target, some[0]?.isInwards])).map((alike) => {
    const all = alike.flatMap((reason) => reason.arrows);
    return {
      sources: sourcesOf(all),
      target: all[0]?.target ?? '',
      isInwards: all[0]?.isInwards ?? false,
      label: alike.map(({ paragraph }) => paragraph),
      arrows: all,
    };
  });
}

function paragraphOf(alike: readonly Arrow[]): Run[] {
  const [first] = alike;
  if (first === undefined) return [];
  return [eventRun(alike.map(({ transition }) => transition)), ...(first.isBrief ? [] : conditionRuns(first.transition))];
}

/** What a state does without leaving it: one paragraph for events that are answered alike, their alternatives below. */
export function internalOf(state: ChartState, { transitions }: Chart): Run[][] {
  const own = transitions.filter(({ source, targets }) => source === state.id && targets.length === 0);
  const byEvent = groupBy(own, ({ event }) => event);
  const alike = groupBy(byEvent, (candidates) => JSON.stringify(candidates.map(({ guard, isElse, actions }) => [guard, isElse, actions])));
  const isIgnored = ([candidates]: ChartTransition[][]): boolean => candidates?.length === 1 && candidates[0] !== undefined && doesNothing(candidates[0]);
  const paragraphs = [...alike.filter((group) => !isIgnored(group)), ...alike.filter(isIgnored)].flatMap((group) => {
    const [candidates = []] = group;
    const events = eventRun(group.map(([first]) => first).filter((first) => first !== undefined));
    const [only] = candidates;
    if (candidates.length === 1 && only !== undefined) return [[events, ...told(only, group.length > 1)]];
    return [[events], ...candidates.map((candidate) => told(candidate, group.length > 1))];
  });
  return [...phase('entry', state.entry), ...phase('exit', state.exit), ...paragraphs];
}

const phase = (name: string, actions: readonly string[]): Run[][] =>
  actions.length === 0 ? [] : [[{ kind: 'event', text: name }, actionsRun(actions)]];

const doesNothing = ({ guard, actions, isElse }: ChartTransition): boolean => guard === undefined && !isElse && actions.length === 0;

/** A transition that neither leads anywhere nor does anything keeps the event from the states around. */
function told(transition: ChartTransition, isPlural: boolean): Run[] {
  const runs = conditionRuns(transition);
  return transition.actions.length > 0 ? runs : [...runs, { kind: 'actions', text: isPlural ? 'are ignored' : 'is ignored' }];
}

function eventRun(transitions: readonly ChartTransition[]): Run {
  return { kind: 'event', text: [...new Set(transitions.map(eventText))].join(', ') };
}

function eventText({ event, isAlways }: ChartTransition): string {
  if (isAlways) return 'always';
  return event === '*' ? '* (any other)' : event;
}

function conditionRuns(transition: ChartTransition | undefined): Run[] {
  if (transition === undefined) return [];
  const { guard, isElse, actions } = transition;
  const condition = guard ?? (isElse ? 'else' : undefined);
  return [
    ...(condition === undefined ? [] : [{ kind: 'guard', text: `[${condition}]` } as const]),
    ...(actions.length === 0 ? [] : [actionsRun(actions)]),
  ];
}

const actionsRun = (actions: readonly string[]): Run => ({ kind: 'actions', text: `/ ${actions.join(', ')}` });

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return [...groups.values()];
}
