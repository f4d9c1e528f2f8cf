/** A statechart as plain data, walked from the machine that runs: what is drawn and exported is what happens. */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';
import { actionName, eventName, guardText } from './wording.ts';

export type StateType = 'atomic' | 'compound' | 'parallel' | 'final';

export interface ChartState {
  /** The chart's name and the path, such as `channel.lifecycle.normal`. */
  readonly id: string;
  /** Below the root, which has an empty one. */
  readonly path: readonly string[];
  readonly label: string;
  readonly type: StateType;
  readonly parent?: string;
  /** The substate that it begins in. */
  readonly initial?: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly entry: readonly string[];
  readonly exit: readonly string[];
}

export interface ChartTransition {
  readonly id: string;
  readonly source: string;
  /** Empty for a transition that is taken as soon as its guard holds (`always`); `*` for what no other takes. */
  readonly event: string;
  readonly guard?: string;
  /** It comes after others for the same event, and has no guard of its own. */
  readonly isElse: boolean;
  readonly actions: readonly string[];
  /** None: the state stays. */
  readonly targets: readonly string[];
  readonly isAlways: boolean;
  /** The source is left and entered again even if the target lies within it. */
  readonly reenters: boolean;
}

export interface Chart {
  readonly name: string;
  readonly title: string;
  /** The root first, then each state before its substates. */
  readonly states: readonly ChartState[];
  /** As they are tried: those of a state for one event in their order. */
  readonly transitions: readonly ChartTransition[];
}

/** The chart of a machine. */
export function walk(name: string, title: string, machine: AnyStateMachine): Chart {
  const idOf = (node: AnyStateNode): string => [name, ...node.path].join('.');
  const nodes = withDescendants(machine.root);
  return {
    name,
    title,
    states: nodes.map((node) => stateOf(node, title, idOf)),
    transitions: nodes.flatMap((node) => transitionsOf(node, idOf)),
  };
}

function withDescendants(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(withDescendants)];
}

function stateOf(node: AnyStateNode, title: string, idOf: (node: AnyStateNode) => string): ChartState {
  if (node.type === 'history') throw new TypeError(`${idOf(node)} is a history state, which the charts do not know`);
  const initial = node.type === 'compound' ? node.initial?.target?.[0] : undefined;
  return {
    id: idOf(node),
    path: node.path,
    label: node.parent === undefined ? title : node.key,
    type: node.type,
    ...(node.parent && { parent: idOf(node.parent) }),
    ...(initial && { initial: idOf(initial) }),
    ...(node.description !== undefined && { description: node.description }),
    tags: node.tags,
    entry: node.entry.map(actionName),
    exit: node.exit.map(actionName),
  };
}

function transitionsOf(node: AnyStateNode, idOf: (node: AnyStateNode) => string): ChartTransition[] {
  const ordered: (readonly AnyTransitionDefinition[])[] = [...node.transitions.values(), node.always ?? []];
  return ordered.flatMap((candidates) =>
    candidates.map((definition, index) => ({
      id: `${idOf(node)}:${eventName(definition.eventType) || 'always'}:${index}`,
      source: idOf(node),
      event: eventName(definition.eventType),
      ...(definition.guard !== undefined && { guard: guardText(definition.guard) }),
      isElse: index > 0 && definition.guard === undefined,
      actions: definition.actions.map(actionName),
      targets: (definition.target ?? []).map(idOf),
      isAlways: definition.eventType === '',
      reenters: definition.reenter,
    })),
  );
}
