import { routeNode } from '../../api/location.ts';
import type { Output } from '../../api/types.ts';
import { formatRoute } from '../../lib/route.ts';
import { harmless, shortId } from '../../lib/text.ts';
import { Ago } from '../../ui/time.tsx';

/** Where the node cannot go on by itself, each with what to do. */
export function Alarms({ alarms, node = routeNode.value }: { readonly alarms: Output<'overview'>['alarms']; readonly node?: string | undefined }) {
  if (alarms.length === 0) return null;
  return (
    <section class="alarms" aria-label={node === undefined ? 'Alarms' : `Alarms of ${node}`}>
      {alarms.map(({ code, message, channelId, sinceMs, advice }) => (
        <div key={`${code} ${channelId}`} class="alarm">
          <p>
            {node !== undefined && <span class="muted">{node}: </span>}
            <strong>{harmless(message, 500)}</strong>{' '}
            {channelId !== undefined && <a href={formatRoute({ view: 'channel', id: channelId, ...(node !== undefined && { node }) })}>channel {shortId(channelId)}</a>}{' '}
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
