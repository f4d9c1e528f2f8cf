import { MakeInvoice } from '../../actions/payment-actions.tsx';
import { currentClient } from '../../api/server.ts';
import type { Output } from '../../api/types.ts';
import { msatOf } from '../../lib/amounts.ts';
import { harmless } from '../../lib/text.ts';
import { Sat } from '../../ui/amount.tsx';
import { Status } from '../../ui/badge.tsx';
import { Id } from '../../ui/id.tsx';
import { Ago } from '../../ui/time.tsx';
import { Listing } from './listing.tsx';

export function Invoices() {
  const client = currentClient();
  return (
    <Listing
      title="Invoices"
      type="invoice"
      action={<MakeInvoice client={client} />}
      head={['When', 'Payment hash', 'What for', { number: 'Asked, sat' }, { number: 'Received, sat' }, 'Status', 'Invoice']}
      load={async (page, abort) => {
        const { total, invoices } = await client.call('invoices', page, abort);
        return { total, items: invoices };
      }}
      row={(invoice) => <Row key={invoice.paymentHash} of={invoice} />}
    />
  );
}

function Row({ of }: { readonly of: Output<'invoices'>['invoices'][number] }) {
  const { paymentHash, createdAt, description, invoice, amountMsat, receivedMsat, status } = of;
  return (
    <tr>
      <td>
        <Ago timeMs={createdAt * 1_000} />
      </td>
      <th scope="row">
        <Id of={paymentHash} what="payment hash" />
      </th>
      <td class="long">{invoice === undefined ? 'keysend' : harmless(description ?? '', 80)}</td>
      <td class="number">{amountMsat === undefined ? 'any' : <Sat msat={msatOf(amountMsat)} unit={false} />}</td>
      <td class="number">{receivedMsat !== undefined && <Sat msat={msatOf(receivedMsat)} unit={false} />}</td>
      <td>
        <Status status={status} />
      </td>
      <td>{invoice !== undefined && <Id of={invoice} what="invoice" />}</td>
    </tr>
  );
}
