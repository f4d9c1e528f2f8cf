import { useSignal } from '@preact/signals';
import { PayInvoice } from '../../actions/payment-actions.tsx';
import { hrefOf } from '../../api/location.ts';
import { currentClient, isViewed } from '../../api/server.ts';
import { msatOf } from '../../lib/amounts.ts';
import { harmless, shortId } from '../../lib/text.ts';
import { Sat } from '../../ui/amount.tsx';
import { Status } from '../../ui/badge.tsx';
import { Pager } from '../../ui/pager.tsx';
import { Table } from '../../ui/panel.tsx';
import { Loaded } from '../../ui/states.tsx';
import { Ago } from '../../ui/time.tsx';
import { useLoader } from '../../ui/use-loader.ts';

const PAGE = 50;

export function Payments() {
  const client = currentClient();
  const offset = useSignal(0);
  const loader = useLoader(
    `payments ${offset.value}`,
    (abort) => client.call('payments', { limit: PAGE, offset: offset.value }, abort),
    ({ type }, node) => isViewed(node) && type === 'payment',
  );
  return (
    <>
      <div class="page-head">
        <h1>Payments</h1>
        <div class="end">
          <PayInvoice client={client} />
        </div>
      </div>
      <Loaded from={loader}>
        {({ total, payments }) =>
          total === 0 ? (
            <p class="muted">No payments yet.</p>
          ) : (
            <>
              <div class="panel">
                <Table label="Payments" head={['When', 'Payment', 'What for', 'To', { number: 'Amount' }, { number: 'Fee' }, { number: 'Attempts' }, 'Status']}>
                  {payments.map(({ paymentHash, createdAt, destination, description, keysend, amountMsat, feeMsat, attempts, status }) => (
                    <tr key={paymentHash}>
                      <td>
                        <Ago timeMs={createdAt * 1_000} />
                      </td>
                      <th scope="row">
                        <a class="mono" href={hrefOf({ view: 'payment', id: paymentHash })}>
                          {shortId(paymentHash)}
                        </a>
                      </th>
                      <td class="long">{keysend ? 'keysend' : harmless(description ?? '', 80)}</td>
                      <td class="mono">{shortId(destination)}</td>
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
