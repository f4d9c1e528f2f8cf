/** What an entry of the journal is about: what came, what left with it, and what it changed. */
import type { StateValue } from '../../../../api/fields.ts';
import { activeWords } from '../../ui/chart/active.ts';
import { grouped, formatMsat } from '../../lib/amounts.ts';
import { harmless, shortId } from '../../lib/text.ts';
import { words } from '../../ui/badge.tsx';
import { Panel } from '../../ui/panel.tsx';
import type { Moment } from './shown.ts';

type Decoded = Moment['event'];
type Field = Decoded['fields'][number];

export function Entry({ moment }: { readonly moment: Moment }) {
  const { sequence, event, sent, transitions, htlcChanges, hash, error } = moment;
  const changes = [
    ...Object.entries(transitions).map(([region, value]) => `${words(region)}: ${activeWords(value as StateValue).join('; ')}`),
    ...Object.entries(htlcChanges).map(([htlc, state]) => `HTLC ${htlc}: ${state ?? 'ended'}`),
  ];
  return (
    <Panel title={`Entry ${sequence}`} aside={<span class="mono muted">hash {shortId(hash)}</span>}>
      <div class="grid">
        <Message decoded={event} title={event.bolt === undefined ? 'What happened' : 'The peer sent'} />
        {sent.map((message, index) => (
          <Message key={index} decoded={message} title="We sent" />
        ))}
        <div>
          <h3 class="muted">What it changed</h3>
          {changes.length === 0 ? <p class="muted">No state.</p> : <ul class="changes">{changes.map((text) => <li key={text}>{harmless(text, 300)}</li>)}</ul>}
          {error !== undefined && <p class="problem">{harmless(error, 500)}</p>}
        </div>
      </div>
    </Panel>
  );
}

function Message({ decoded, title }: { readonly decoded: Decoded; readonly title: string }) {
  return (
    <div>
      <h3>
        <span class="muted">{title}</span> {harmless(words(decoded.name), 60)} {decoded.bolt !== undefined && <span class="muted">{decoded.bolt}</span>}
      </h3>
      <Fields fields={decoded.fields} />
    </div>
  );
}

function Fields({ fields }: { readonly fields: readonly Field[] }) {
  if (fields.length === 0) return <p class="muted">No fields.</p>;
  return (
    <dl class="fields">
      {fields.map((field, index) => (
        <div key={index}>
          <dt>{harmless(field.name, 60)}</dt>
          <dd>
            <Value field={field} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Longer is folded. */
const LONG = 66;

function Value({ field: { type, value, unit, fields } }: { readonly field: Field }) {
  if (fields !== undefined) {
    return (
      <details>
        <summary>{harmless(value, 60)}</summary>
        <Fields fields={fields} />
      </details>
    );
  }
  if (type === 'amount' && /^[0-9]+$/.test(value)) return <>{unit === 'sat' ? `${grouped(BigInt(value))} sat` : `${formatMsat(BigInt(value))} sat`}</>;
  const text = harmless(value, 100_000);
  if (text.length <= LONG) return <span class={type === 'hex' ? 'mono wrap' : 'wrap'}>{text}</span>;
  return (
    <details>
      <summary class="mono">{text.slice(0, 24)}…</summary>
      <span class={type === 'hex' ? 'mono wrap' : 'wrap'}>{text}</span>
    </details>
  );
}
