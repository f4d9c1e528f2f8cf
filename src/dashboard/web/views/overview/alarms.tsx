import { hrefOf } from '../../api/location.ts';
import type { Output } from '../../api/types.ts';
import { harmless, shortId } from '../../lib/text.ts';
import { Ago } from '../../ui/time.tsx';

/** Where the node cannot go on by itself, each with what to do. */
export function Alarms({ alarms }: { readonly alarms: Output<'overview'>['alarms'] }) {
  if (alarms.length === 0) return null;
  return (
    <section class="alarms" aria-label="Alarms">
      {alarms.map(({ code, message, channelId, sinceMs, advice }) => (
        <div key={`${code} ${channelId}`} class="alarm">
          <p>
            <strong>{harmless(message, 500)}</strong>{' '}
            {channelId !== undefined && <a href={hrefOf({ view: 'channel', id: channelId })}>channel {shortId(channelId)}</a>}{' '}
            <span class="muted">
              since <Ago timeMs={sinceMs} />
            </span>
          </p>
          <p>→ {harmless(advice, 500)}</p>
        </div>
      ))}
    </section>
  );
}
