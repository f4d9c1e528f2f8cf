import { PayInvoice } from '../../actions/payment-actions.tsx';
import { hrefOf } from '../../api/location.ts';
import { currentClient, nameOfNode } from '../../api/server.ts';
import type { Output } from '../../api/types.ts';
import { msatOf } from '../../lib/amounts.ts';
import { harmless, shortId } from '../../lib/text.ts';
import { Sat } from '../../ui/amount.tsx';
import { Status } from '../../ui/badge.tsx';
import { Ago } from '../../ui/time.tsx';
import { Listing } from './listing.tsx';

export function Payments() {
  const client = currentClient();
  return (
    <Listing
      title="Payments"
      type="payment"
      action={<PayInvoice client={client} />}
      head={['When', 'Payment', 'What for', 'To', { number: 'Amount, sat' }, { number: 'Fee, sat' }, { number: 'Attempts' }, 'Status']}
      load={async (page, abort) => {
        const { total, payments } = await client.call('payments', page, abort);
        return { total, items: payments };
      }}
      row={(payment) => <Row key={payment.paymentHash} of={payment} />}
    />
  );
}

function Row({ of }: { readonly of: Output<'payments'>['payments'][number] }) {
  const { paymentHash, createdAt, destination, description, keysend, amountMsat, feeMsat, attempts, status } = of;
  return (
    <tr>
      <td>
        <Ago timeMs={createdAt * 1_000} />
      </td>
      <th scope="row">
        <a class="mono" href={hrefOf({ view: 'payment', id: paymentHash })}>
          {shortId(paymentHash)}
        </a>
      </th>
      <td class="long">{keysend ? 'keysend' : harmless(description ?? '', 80)}</td>
      <td title={destination}>{nameOfNode(destination)}</td>
      <td class="number">
        <Sat msat={msatOf(amountMsat)} unit={false} />
      </td>
      <td class="number">
        <Sat msat={msatOf(feeMsat)} unit={false} />
      </td>
      <td class="number">{attempts.length}</td>
      <td>
        <Status status={status} />
      </td>
    </tr>
  );
}
