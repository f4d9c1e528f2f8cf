import type { LaidOutState } from '../../../../statechart/laid-out.ts';

/** What a state of a chart is, in words. */
export function StateText({ state, isActive, hasValue }: { readonly state: LaidOutState | undefined; readonly isActive: boolean; readonly hasValue: boolean }) {
  return (
    <div class="state-text" aria-live="polite">
      {state === undefined ? (
        <p class="muted">Choose a state to read what it means.</p>
      ) : (
        <>
          <h3>
            {state.path.join(' › ')}
            {hasValue && <span class="muted">{isActive ? ' – active' : ' – not active'}</span>}
          </h3>
          {state.description !== undefined && <p>{state.description}</p>}
          <Listed title="Tags" lines={state.tags} />
          <Listed title="On entry" lines={state.entry} />
          <Listed title="On exit" lines={state.exit} />
          <Listed title="Stays in it on" lines={state.internal} />
        </>
      )}
    </div>
  );
}

function Listed({ title, lines }: { readonly title: string; readonly lines: readonly string[] }) {
  if (lines.length === 0) return null;
  return (
    <p>
      <span class="muted">{title}:</span> <span class="mono">{lines.join(', ')}</span>
    </p>
  );
}
