import { useSignal } from '@preact/signals';
import { MakeInvoice } from '../../actions/payment-actions.tsx';
import { currentClient, isViewed } from '../../api/server.ts';
import { msatOf } from '../../lib/amounts.ts';
import { harmless } from '../../lib/text.ts';
import { Sat } from '../../ui/amount.tsx';
import { Status } from '../../ui/badge.tsx';
import { Id } from '../../ui/id.tsx';
import { Pager } from '../../ui/pager.tsx';
import { Table } from '../../ui/panel.tsx';
import { Loaded } from '../../ui/states.tsx';
import { Ago } from '../../ui/time.tsx';
import { useLoader } from '../../ui/use-loader.ts';

const PAGE = 50;

export function Invoices() {
  const client = currentClient();
  const offset = useSignal(0);
  const loader = useLoader(
    `invoices ${offset.value}`,
    (abort) => client.call('invoices', { limit: PAGE, offset: offset.value }, abort),
    ({ type }, node) => isViewed(node) && type === 'invoice',
  );
  return (
    <>
      <div class="page-head">
        <h1>Invoices</h1>
        <div class="end">
          <MakeInvoice client={client} />
        </div>
      </div>
      <Loaded from={loader}>
        {({ total, invoices }) =>
          total === 0 ? (
            <p class="muted">No invoices yet.</p>
          ) : (
            <>
              <div class="panel">
                <Table label="Invoices" head={['When', 'Payment hash', 'What for', { number: 'Asked' }, { number: 'Received' }, 'Status', 'Invoice']}>
                  {invoices.map(({ paymentHash, createdAt, description, invoice, amountMsat, receivedMsat, status }) => (
                    <tr key={paymentHash}>
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
                  ))}
                </Table>
              </div>
              <Pager offset={offset} size={PAGE} total={total} />
            </>
          )
        }
      </Loaded>
    </>
  );
}
