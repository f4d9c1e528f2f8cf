/** Paying and being paid. */
import type { NodeClient } from '../api/types.ts';
import { ApiFailure } from '../api/failure.ts';
import type { Output } from '../api/types.ts';
import { formatMsat, msatOf } from '../lib/amounts.ts';
import { harmless } from '../lib/text.ts';
import { dateTime } from '../lib/time.ts';
import { Field, FormAction } from '../ui/action.tsx';
import { Sat } from '../ui/amount.tsx';
import { Id } from '../ui/id.tsx';
import { Facts } from '../ui/panel.tsx';
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { msatField, optionalMsat } from './fields.ts';

/** The node and the page may disagree on the time by so much. */
const CLOCKS_APART_MS = 5_000;

/** What to say of a payment that has come back; throws for one that failed. */
function outcomeOf({ status, amountMsat, feeMsat, failure, finishedAt }: Output<'payment'>, startedMs = 0): string {
  if (status === 'failed') throw new ApiFailure(failure?.code ?? 'payment_failed', `the payment failed: ${failure?.message ?? 'no reason is known'}`);
  const amount = `${formatMsat(msatOf(amountMsat))} sat`;
  if (status === 'inFlight') return `${amount} are still in flight: do not pay again before the payment has ended`;
  // An invoice is paid once: what came back is the payment of then.
  if (finishedAt !== undefined && finishedAt * 1_000 < startedMs - CLOCKS_APART_MS) return `It was paid already, ${dateTime(finishedAt * 1_000)}: nothing was sent`;
  return `${amount} paid, for a fee of ${formatMsat(msatOf(feeMsat))} sat`;
}

export function Keysend({ client, nodeId, name }: { readonly client: NodeClient; readonly nodeId: string; readonly name: string }) {
  return (
    <FormAction
      title={`Pay ${name} without an invoice`}
      button="Keysend"
      submit="Pay"
      act={async (fields) => outcomeOf(await client.call('keysend', { nodeId, amountMsat: msatField(fields, 'amountSat') }))}
    >
      <Field name="amountSat" label="Amount in sat" inputMode="decimal" required />
    </FormAction>
  );
}

/** In a cluster both ends are at hand: an invoice of the one is paid by the other. */
export function InvoiceAndPay(props: { readonly payer: NodeClient; readonly payee: NodeClient; readonly payeeName: string }) {
  const { payer, payee, payeeName } = props;
  return (
    <FormAction
      title={`Pay an invoice of ${payeeName}`}
      button="Invoice and pay"
      submit="Pay"
      act={async (fields) => {
        const { invoice = '' } = await payee.call('invoice', { amountMsat: msatField(fields, 'amountSat'), description: fields.description ?? '' });
        return outcomeOf(await payer.call('pay', { invoice }));
      }}
    >
      <Field name="amountSat" label="Amount in sat" inputMode="decimal" required />
      <Field name="description" label="Description" value="from the dashboard" />
    </FormAction>
  );
}

export function PayInvoice({ client }: { readonly client: NodeClient }) {
  return (
    <FormAction
      title="Pay an invoice"
      class="primary"
      submit="Pay"
      act={async (fields) => {
        const amountMsat = optionalMsat(fields, 'amountSat');
        const invoice = (fields.invoice ?? '').trim();
        const startedMs = Date.now();
        return outcomeOf(await client.call('pay', { invoice, ...(amountMsat !== undefined && { amountMsat }) }), startedMs);
      }}
    >
      <InvoiceField client={client} />
      <Field name="amountSat" label="Amount in sat" inputMode="decimal" hint="Only for an invoice that names none." />
    </FormAction>
  );
}

/** An invoice, and what it says: seen before it is paid. */
function InvoiceField({ client }: { readonly client: NodeClient }) {
  const read = useSignal<Output<'decode'> | undefined>(undefined);
  const last = useRef('');
  const decode = async (text: string): Promise<void> => {
    const invoice = text.trim();
    last.current = invoice;
    const decoded = invoice === '' ? undefined : await client.call('decode', { invoice }).catch(() => undefined);
    if (last.current === invoice) read.value = decoded;
  };
  return (
    <>
      <Field name="invoice" label="Invoice" required hint="It begins with ln." onText={(text) => void decode(text)} />
      {read.value !== undefined && <InvoiceFacts invoice={read.value} />}
    </>
  );
}

function InvoiceFacts({ invoice }: { readonly invoice: Output<'decode'> }) {
  const { amountMsat, payee, description, createdAt, expirySeconds, expired } = invoice;
  return (
    <Facts
      pairs={{
        Amount: amountMsat === undefined ? 'up to you' : <Sat msat={msatOf(amountMsat)} />,
        To: <Id of={payee} what="node id" />,
        'What for': harmless(description ?? '', 200),
        [expired ? 'Expired' : 'Until']: dateTime((createdAt + expirySeconds) * 1_000),
      }}
    />
  );
}

export function MakeInvoice({ client }: { readonly client: NodeClient }) {
  const made = useSignal<string | undefined>(undefined);
  return (
    <>
      <FormAction
        title="Make an invoice"
        submit="Make"
        act={async (fields) => {
          const amountMsat = optionalMsat(fields, 'amountSat');
          const { invoice } = await client.call('invoice', { description: fields.description ?? '', ...(amountMsat !== undefined && { amountMsat }) });
          made.value = invoice;
          return 'The invoice is made';
        }}
      >
        <Field name="amountSat" label="Amount in sat" inputMode="decimal" hint="Leave it empty to let the payer choose." />
        <Field name="description" label="Description" hint="The payer sees it." />
      </FormAction>
      {made.value !== undefined && (
        <p class="made" role="status">
          <Id of={made.value} what="invoice" />
        </p>
      )}
    </>
  );
}
