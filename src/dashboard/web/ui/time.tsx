import { signal } from '@preact/signals';
import { ago, dateTime } from '../lib/time.ts';

const now = signal(Date.now());
setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 10_000);

/** A time as how long ago it is, with the exact one in the title. */
export function Ago({ timeMs }: { readonly timeMs: number }) {
  return (
    <time dateTime={new Date(timeMs).toISOString()} title={dateTime(timeMs)}>
      {ago(timeMs, now.value)}
    </time>
  );
}
