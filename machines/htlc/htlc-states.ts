import { htlcMachine, type DanceEvent, type HtlcState } from './htlc.machine.ts';

/**
 * What the HTLC chart says of each state, read off the chart itself once at load, so that the commitments' arithmetic asks the chart
 * and never keeps a second table.
 */
export type Side = 'local' | 'remote';

/** Where an update stands as seen from one side's commitment. */
export type Stage = 'before' | 'in' | 'gone';

export type DanceStep = DanceEvent['type'];

interface StateFacts {
  readonly stage: Readonly<Record<Side, Stage>>;
  readonly unsigned: boolean;
  readonly uncommitted: boolean;
  readonly settled: boolean;
  readonly after: Readonly<Partial<Record<DanceStep, HtlcState>>>;
}

const steps: readonly DanceStep[] = ['commitSent', 'revocationReceived', 'commitReceived', 'revocationSent'];

export const htlcStates = Object.keys(htlcMachine.states) as readonly HtlcState[];

const facts = new Map<string, StateFacts>(
  htlcStates.map((state) => {
    const node = htlcMachine.root.states[state];
    if (node === undefined) throw new RangeError(`the HTLC chart has no state "${state}"`);
    const tags = new Set<string>(node.tags);
    const stageIn = (present: string, gone: string): Stage => (tags.has(present) ? 'in' : tags.has(gone) ? 'gone' : 'before');
    const after: Partial<Record<DanceStep, HtlcState>> = {};
    for (const step of steps) {
      const target = node.transitions.get(step)?.[0]?.target?.[0];
      if (target !== undefined) after[step] = target.key as HtlcState;
    }
    return [
      state,
      {
        stage: { local: stageIn('inLocal', 'goneLocal'), remote: stageIn('inRemote', 'goneRemote') },
        unsigned: tags.has('unsigned'),
        uncommitted: tags.has('uncommitted'),
        settled: tags.has('settled'),
        after,
      },
    ];
  }),
);

const factsOf = (state: HtlcState): StateFacts => {
  const found = facts.get(state);
  if (found === undefined) throw new RangeError(`the HTLC chart has no state "${state}"`);
  return found;
};

/** Whether an update in `state` is before, in or gone from the latest commitment of `side`. */
export const stageOf = (state: HtlcState, side: Side): Stage => factsOf(state).stage[side];

/** The state that `step` leads to, or the same state where the chart has no such transition. */
export const stateAfter = (state: HtlcState, step: DanceStep): HtlcState => factsOf(state).after[step] ?? state;

/** The state from which `step` led here, or the same state where it leads nowhere else to. */
export const stateBefore = (state: HtlcState, step: DanceStep): HtlcState =>
  htlcStates.find((before) => factsOf(before).after[step] === state) ?? state;

/** The states that `step` moves. */
export const statesMovedBy = (step: DanceStep): readonly HtlcState[] =>
  htlcStates.filter((state) => factsOf(state).after[step] !== undefined);

/** Our next commitment_signed carries a change of it. */
export const isUnsigned = (state: HtlcState): boolean => factsOf(state).unsigned;

/** Their next commitment_signed carries a change of it. */
export const isUncommitted = (state: HtlcState): boolean => factsOf(state).uncommitted;

/** Its removal is irrevocably committed on both sides. */
export const isSettled = (state: HtlcState): boolean => factsOf(state).settled;

/** The states that lead on from `beginning`, to the end of that HTLC's life. */
function lifeFrom(beginning: 'offer' | 'receive'): ReadonlySet<string> {
  const life = new Set<string>();
  const { states } = htlcMachine.root;
  const goOn = (key: string | undefined): void => {
    const node = key === undefined || key === 'free' || life.has(key) ? undefined : states[key];
    if (node === undefined) return;
    life.add(node.key);
    for (const transitions of node.transitions.values()) for (const { target } of transitions) goOn(target?.[0]?.key);
  };
  goOn(states.free?.transitions.get(beginning)?.[0]?.target?.[0]?.key);
  return life;
}

const livesOf = { offered: lifeFrom('offer'), received: lifeFrom('receive') } as const;

/** Whether an HTLC of that direction may be in `state`. */
export const isStateOf = (direction: 'offered' | 'received', state: HtlcState): boolean => livesOf[direction].has(state);

/** The step of the dance by which a side's commitment gets its next version. */
export const signingStep = (side: Side): DanceStep => (side === 'local' ? 'commitReceived' : 'commitSent');
