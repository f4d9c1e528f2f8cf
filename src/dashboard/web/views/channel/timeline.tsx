import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { NodeClient } from '../../api/types.ts';
import { dateTime } from '../../lib/time.ts';
import { Panel } from '../../ui/panel.tsx';
import { Around } from './around.tsx';

const PLAY_MS = 700;

/** The journal as a line: its slider goes back to any entry, and `now` returns to what is. */
export function Timeline(props: {
  readonly client: NodeClient;
  readonly channelId: string;
  /** The number of the last entry. */
  readonly last: number;
  /** The entry that is asked for, and the one that is shown meanwhile. */
  readonly at: number | undefined;
  readonly shownAt: number | undefined;
  readonly timeMs: number | undefined;
  readonly onMove: (sequence: number | undefined) => void;
}) {
  const { client, channelId, last, at, shownAt, timeMs, onMove } = props;
  const isPlaying = useSignal(false);
  const place = Math.min(at ?? last, last);
  // The next step waits for what is shown by the last.
  const isReady = at === undefined || shownAt === at;
  useEffect(() => {
    if (!isPlaying.value || !isReady) return undefined;
    const timer = setTimeout(() => {
      if (place >= last) isPlaying.value = false;
      else onMove(place + 1);
    }, PLAY_MS);
    return () => clearTimeout(timer);
  }, [isPlaying.value, place, last, isReady]);
  const play = (): void => {
    if (!isPlaying.value && (at === undefined || place >= last)) onMove(0);
    isPlaying.value = !isPlaying.value;
  };
  const stepTo = (sequence: number): void => {
    isPlaying.value = false;
    onMove(Math.max(0, Math.min(last, sequence)));
  };
  const told = at === undefined ? 'now' : `entry ${place} of ${last}`;
  return (
    <Panel
      title="Timeline"
      class="timeline"
      aside={<span class="muted">{at === undefined ? `${last + 1} entries in the journal` : `${told}${timeMs === undefined ? '' : `, ${dateTime(timeMs)}`}`}</span>}
    >
      <div class="slider">
        <button type="button" onClick={play} aria-label={isPlaying.value ? 'Pause' : 'Play the journal'}>
          {isPlaying.value ? '❚❚' : '▶'}
        </button>
        <button type="button" aria-label="One entry back" disabled={place === 0} onClick={() => stepTo(at === undefined ? last : place - 1)}>
          ‹
        </button>
        <input
          type="range"
          min={0}
          max={last}
          step={1}
          value={place}
          aria-label="Entry of the journal"
          aria-valuetext={told}
          onInput={({ currentTarget }) => stepTo(Number(currentTarget.value))}
        />
        <button type="button" aria-label="One entry on" disabled={at === undefined || place >= last} onClick={() => stepTo(place + 1)}>
          ›
        </button>
        <button
          type="button"
          class={at === undefined ? 'primary' : undefined}
          aria-pressed={at === undefined}
          onClick={() => {
            isPlaying.value = false;
            onMove(undefined);
          }}
        >
          Now
        </button>
      </div>
      <Around client={client} channelId={channelId} last={last} at={at} onMove={stepTo} />
    </Panel>
  );
}
