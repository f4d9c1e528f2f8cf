import { createActor, type AnyStateMachine } from 'xstate';
import { outputCharts } from './output-charts.ts';
import type { Depths, OutputEffect, OutputEvent, OutputRow, OutputState } from './output.ts';

export interface ResolverStep {
  readonly row: OutputRow;
  readonly effects: readonly OutputEffect[];
}

/**
 * One event in the life of an output's resolver: the row as its chart leaves it, the same object if nothing changed. The
 * rows lie in the channel's own row, so that its journal and its recovery hold for them; an actor lives for the event.
 */
export function resolve(row: OutputRow, event: OutputEvent, depths: Depths): ResolverStep {
  const effects: OutputEffect[] = [];
  const machine: AnyStateMachine = outputCharts[row.kind];
  const context = { row, depths, emit: (effect: OutputEffect) => void effects.push(effect) };
  const actor = createActor(machine, { snapshot: machine.resolveState({ value: row.state, context }), input: context });
  actor.start();
  actor.send(event);
  const { value, context: after } = actor.getSnapshot();
  actor.stop();
  const state = value as OutputState;
  const next: OutputRow = after.row;
  return { row: state === row.state ? next : { ...next, state }, effects };
}
