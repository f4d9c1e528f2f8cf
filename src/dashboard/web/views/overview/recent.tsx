/** The last of what moved. */
import { hrefOf } from '../../api/location.ts';
import type { Output } from '../../api/types.ts';
import { msatOf } from '../../lib/amounts.ts';
import { harmless, shortId } from '../../lib/text.ts';
import { Sat } from '../../ui/amount.tsx';
import { Status } from '../../ui/badge.tsx';
import { Panel, Table } from '../../ui/panel.tsx';
import { Ago } from '../../ui/time.tsx';

export function RecentPayments({ payments }: { readonly payments: Output<'payments'>['payments'] }) {
  return (
    <Panel title="Recent payments" aside={<a href={hrefOf({ view: 'payments' })}>All payments</a>}>
      {payments.length === 0 ? (
        <p class="muted">None yet.</p>
      ) : (
        <Table label="Recent payments" head={['When', 'Payment', { number: 'Amount, sat' }, { number: 'Fee, sat' }, 'Status']}>
          {payments.map(({ paymentHash, createdAt, amountMsat, feeMsat, status, description }) => (
            <tr key={paymentHash}>
              <td>
                <Ago timeMs={createdAt * 1_000} />
              </td>
              <th scope="row" class="long">
                <a href={hrefOf({ view: 'payment', id: paymentHash })}>{described(description, paymentHash)}</a>
              </th>
              <td class="number">
                <Sat msat={msatOf(amountMsat)} unit={false} />
              </td>
              <td class="number">
                <Sat msat={msatOf(feeMsat)} unit={false} />
              </td>
              <td>
                <Status status={status} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  );
}

export function RecentInvoices({ invoices }: { readonly invoices: Output<'invoices'>['invoices'] }) {
  return (
    <Panel title="Recent invoices" aside={<a href={hrefOf({ view: 'invoices' })}>All invoices</a>}>
      {invoices.length === 0 ? (
        <p class="muted">None yet.</p>
      ) : (
        <Table label="Recent invoices" head={['When', 'Invoice', { number: 'Amount, sat' }, 'Status']}>
          {invoices.map(({ paymentHash, createdAt, amountMsat, receivedMsat, status, description, invoice }) => (
            <tr key={paymentHash}>
              <td>
                <Ago timeMs={createdAt * 1_000} />
              </td>
              <th scope="row" class="long">
                {invoice === undefined && description === undefined ? 'keysend' : described(description, paymentHash)}
              </th>
              <td class="number">{(receivedMsat ?? amountMsat) === undefined ? 'any' : <Sat msat={msatOf(receivedMsat ?? amountMsat)} unit={false} />}</td>
              <td>
                <Status status={status} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  );
}

export function RecentForwards({ forwards }: { readonly forwards: Output<'forwards'>['forwards'] }) {
  return (
    <Panel title="Recent forwards">
      {forwards.length === 0 ? (
        <p class="muted">None yet.</p>
      ) : (
        <Table label="Recent forwards" head={['When', 'From', 'To', { number: 'Amount, sat' }, { number: 'Fee, sat' }, 'Status']}>
          {forwards.map(({ incoming, outgoing, createdAtMs, feeMsat, status, failureCode }) => (
            <tr key={`${incoming.channelId} ${incoming.htlcId}`}>
              <td>
                <Ago timeMs={createdAtMs} />
              </td>
              <td class="mono">{incoming.shortChannelId ?? '–'}</td>
              <td class="mono">{outgoing.shortChannelId ?? '–'}</td>
              <td class="number">
                <Sat msat={msatOf(outgoing.amountMsat)} unit={false} />
              </td>
              <td class="number">
                <Sat msat={msatOf(feeMsat)} unit={false} />
              </td>
              <td title={failureCode}>
                <Status status={status} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  );
}

export function described(description: string | undefined, id: string): string {
  const text = description === undefined ? '' : harmless(description, 80).trim();
  return text === '' ? shortId(id) : text;
}
