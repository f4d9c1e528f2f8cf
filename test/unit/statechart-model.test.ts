/** The charts are the machines: nothing of a machine is missing in its chart, in any format. */
import { describe, expect, it } from 'vitest';
import { and, createMachine, not, or, setup, stateIn, type AnyStateMachine, type AnyStateNode } from 'xstate';
import { chartOf, machineOf } from '../../src/statechart/charts.ts';
import { renderMermaid } from '../../src/statechart/mermaid.ts';
import { walk } from '../../src/statechart/model.ts';
import { chartNames } from '../../src/statechart/names.ts';

/** The machine's own configuration is what the chart is held against: the chart is read off `machine.root`. */
interface Config {
  readonly states?: Readonly<Record<string, Config>>;
  readonly on?: Readonly<Record<string, unknown>>;
  readonly always?: unknown;
  readonly onDone?: unknown;
}

const configOf = ({ config }: AnyStateMachine): Config => config as Config;
const number = (transitions: unknown): number => (transitions === undefined ? 0 : Array.isArray(transitions) ? transitions.length : 1);

/** State paths and numbers of transitions of a configuration. */
function read(config: Config, path: string): { readonly paths: string[]; readonly transitions: number } {
  const inner = Object.entries(config.states ?? {}).map(([key, state]) => read(state, `${path}.${key}`));
  return {
    paths: [path, ...inner.flatMap(({ paths }) => paths)],
    transitions:
      Object.values(config.on ?? {}).reduce<number>((sum, transitions) => sum + number(transitions), 0) +
      number(config.always) +
      number(config.onDone) +
      inner.reduce((sum, { transitions }) => sum + transitions, 0),
  };
}

/** `machine.root`, walked again. */
const nodesOf = (node: AnyStateNode): AnyStateNode[] => [node, ...Object.values(node.states).flatMap(nodesOf)];

const charts = await Promise.all(chartNames.map(async (name) => ({ name, chart: await chartOf(name), machine: await machineOf(name) })));

describe.each(charts)('the chart $name', ({ name, chart, machine }) => {

  it('has every state and every transition of its machine, and no other', () => {
    const { paths, transitions } = read(configOf(machine), name);
    expect(chart.states.map(({ id }) => id).sort()).toEqual(paths.sort());
    expect(chart.transitions).toHaveLength(transitions);
    const nodes = nodesOf(machine.root);
    const inRoot = nodes.reduce((sum, node) => sum + (node.always?.length ?? 0) + [...node.transitions.values()].flat().length, 0);
    expect(chart.transitions).toHaveLength(inRoot);
    expect(new Set(chart.transitions.map(({ id }) => id)).size).toBe(transitions);
    const ids = new Set(chart.states.map(({ id }) => id));
    for (const { source, targets } of chart.transitions) expect([source, ...targets].every((id) => ids.has(id))).toBe(true);
  });

  it('names every guard and action by what the machine calls it', () => {
    const { guards, actions } = machine.implementations;
    for (const { guard = '' } of chart.transitions) {
      const names = guard.replaceAll(/\bin [\w.]+|\b(and|or|not)\b|[()]/g, ' ').split(' ').filter(Boolean);
      for (const each of names) expect(Object.keys(guards), guard).toContain(each);
    }
    const used = [...chart.transitions.flatMap((transition) => transition.actions), ...chart.states.flatMap(({ entry, exit }) => [...entry, ...exit])];
    for (const action of used) expect(Object.keys(actions)).toContain(action);
  });

  it('says of every state which part of the BOLTs it stands for, or plainly what it is', () => {
    for (const { id, description = '' } of chart.states) {
      expect(description, id).toMatch(/^[A-Za-z_].{10,}[.?)]$/);
      if (description.startsWith('BOLT')) expect(description, id).toMatch(/^BOLT \d+(, \S[^:]*)?: \S/);
    }
  });

  it('is told whole in Mermaid', () => {
    const mermaid = renderMermaid(chart);
    const lines = mermaid.split('\n');
    expect(lines[0]).toBe('stateDiagram-v2');
    for (const { id, path, label } of chart.states) {
      if (path.length === 0 && chart.states[0]?.type !== 'parallel') continue;
      expect(lines.filter((line) => line.trim().startsWith(`state "${label}" as ${id.replaceAll(/\W/g, '_')}`)), id).toHaveLength(1);
    }
    for (const { event, isAlways } of chart.transitions) expect(mermaid).toContain(isAlways ? 'always' : event);
    // A semicolon ends a statement, unless it ends an escape; a box of a state must be declared before GitHub draws it.
    for (const line of lines) expect(line.replaceAll(/#\d+;/g, '')).not.toMatch(/[;#]/);
  });
});

describe('the walk', () => {
  it('writes combined guards as one would say them', () => {
    const guards = { a: () => true, b: () => true, c: () => true };
    const machine = setup({ guards }).createMachine({
      initial: 'on',
      on: {
        1: { guard: and(['a', not('b')]) },
        2: { guard: or(['a', and(['b', 'c'])]) },
        3: { guard: and(['a', or(['b', 'c'])]) },
        4: { guard: not(and(['a', 'b'])) },
        5: { guard: not(stateIn({ on: { deep: 'deeper' } })) },
        6: { guard: stateIn('#off') },
        7: { guard: function isSpelledOut() { return true; } },
      },
      states: { on: {}, off: { id: 'off' } },
    });
    expect(walk('test', 'Test', machine).transitions.map(({ guard }) => guard)).toEqual([
      'a and not b',
      'a or (b and c)',
      'a and (b or c)',
      'not (a and b)',
      'not in on.deep.deeper',
      'in #off',
      'isSpelledOut',
    ]);
  });

  it('knows always, wildcard, done, else, entry, exit, final states and reentry', () => {
    const machine = createMachine({
      type: 'parallel',
      states: {
        a: {
          initial: 'one',
          onDone: { actions: 'told' },
          states: {
            one: { entry: 'come', exit: ['go', { type: 'leave' }], always: { guard: 'ready', target: 'two' }, on: { '*': [{ guard: 'odd', target: 'two' }, { target: 'one', reenter: true }] } },
            two: { type: 'final', tags: ['over'] },
          },
        },
      },
    });
    const { states, transitions } = walk('test', 'Test', machine);
    expect(states).toMatchObject([
      { id: 'test', label: 'Test', type: 'parallel', path: [] },
      { id: 'test.a', type: 'compound', parent: 'test', initial: 'test.a.one' },
      { id: 'test.a.one', type: 'atomic', entry: ['come'], exit: ['go', 'leave'] },
      { id: 'test.a.two', type: 'final', tags: ['over'] },
    ]);
    expect(transitions).toMatchObject([
      { id: 'test.a:onDone:0', event: 'onDone', actions: ['told'], targets: [] },
      { id: 'test.a.one:*:0', event: '*', guard: 'odd', isElse: false, targets: ['test.a.two'], reenters: false },
      { id: 'test.a.one:*:1', event: '*', isElse: true, targets: ['test.a.one'], reenters: true },
      { id: 'test.a.one:always:0', event: '', isAlways: true, guard: 'ready', targets: ['test.a.two'] },
    ]);
  });
});
