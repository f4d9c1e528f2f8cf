import { harmless, shortId } from '../../lib/text.ts';
import { Panel } from '../../ui/panel.tsx';
import type { Detail } from './shown.ts';

/** Why it ended, in a sentence, and what shows it. */
export function Why({ why, onEntry }: { readonly why: NonNullable<Detail['why']>; readonly onEntry: (sequence: number) => void }) {
  return (
    <Panel title="Why it closed" class="why">
      <p>
        <strong>{harmless(why.text, 600)}</strong>
      </p>
      <ul class="evidence">
        {why.evidence.map(({ text, sequence, txid }, index) => (
          <li key={index}>
            {harmless(text, 400)}
            {sequence !== undefined && (
              <button type="button" class="link" onClick={() => onEntry(sequence)}>
                entry {sequence}
              </button>
            )}
            {txid !== undefined && <span class="mono muted"> {shortId(txid)}</span>}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
