import { useMemo } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import type { NodeClient } from '../../api/types.ts';
import type { Output } from '../../api/types.ts';
import { Loader } from '../../api/loader.ts';
import { harmless } from '../../lib/text.ts';
import { words } from '../../ui/badge.tsx';
import { useEffect } from 'preact/hooks';

type JournalEntry = Output<'journal'>['entries'][number];

/** The entries beside the one that is looked at, in pages that do not move with every step. */
const PAGE = 12;

export function Around(props: {
  readonly client: NodeClient;
  readonly channelId: string;
  readonly last: number;
  readonly at: number | undefined;
  readonly onMove: (sequence: number) => void;
}) {
  const { client, channelId, last, at, onMove } = props;
  const from = Math.max(0, at === undefined ? last - PAGE + 1 : Math.floor(at / PAGE) * PAGE);
  const earlier = useSignal<readonly JournalEntry[]>([]);
  const loader = useMemo(() => new Loader((abort) => client.call('journal', { channel: channelId, from, limit: PAGE }, abort)), [client, channelId, from]);
  useEffect(() => () => loader.end(), [loader]);
  const entries = loader.data.value?.entries ?? earlier.value;
  useEffect(() => {
    earlier.value = entries;
  }, [entries]);
  return (
    <ol class="around" aria-label="Entries of the journal">
      {entries.map((entry) => (
        <li key={entry.sequence}>
          <button type="button" class="quiet" aria-current={entry.sequence === at ? 'step' : undefined} onClick={() => onMove(entry.sequence)}>
            <span class="muted">{entry.sequence}</span> <strong>{harmless(words(entry.event), 60)}</strong>{' '}
            <span class="muted">{changesOf(entry)}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}

function changesOf({ transitions, htlcs }: JournalEntry): string {
  const regions = Object.keys(transitions).map((region) => words(region));
  const changed = Object.keys(htlcs).map((htlc) => `HTLC ${htlc}`);
  return [...regions, ...changed].join(', ');
}
