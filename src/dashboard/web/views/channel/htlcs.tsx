import { useSignal } from '@preact/signals';
import { msatOf } from '../../lib/amounts.ts';
import { Sat } from '../../ui/amount.tsx';
import { ChartView } from '../../ui/chart/chart-view.tsx';
import { Id } from '../../ui/id.tsx';
import { Panel, Table } from '../../ui/panel.tsx';
import type { Shown } from './shown.ts';

type Htlc = Shown['htlcs'][number];

/** A channel may hold hundreds. */
const MOST_ROWS = 100;

export function Htlcs({ htlcs }: { readonly htlcs: readonly Htlc[] }) {
  const opened = useSignal<string | undefined>(undefined);
  const shown = htlcs.slice(0, MOST_ROWS);
  return (
    <Panel title="HTLCs" aside={<span class="muted">{htlcs.length} in flight</span>}>
      {htlcs.length === 0 ? (
        <p class="muted">None in flight.</p>
      ) : (
        <Table label="HTLCs" head={['HTLC', { number: 'Amount' }, 'Payment hash', { number: 'Expires' }, 'State', 'In ours', 'In theirs', 'Chart']}>
          {shown.map((htlc) => {
            const { direction, htlcId, amountMsat, paymentHash, cltvExpiry, state, inLocalCommitment, inRemoteCommitment } = htlc;
            const key = `${direction} ${htlcId}`;
            const isOpen = opened.value === key;
            return [
              <tr key={key}>
                <th scope="row">
                  {direction === 'offered' ? '→' : '←'} {key}
                </th>
                <td class="number">
                  <Sat msat={msatOf(amountMsat)} />
                </td>
                <td>
                  <Id of={paymentHash} what="payment hash" />
                </td>
                <td class="number">{cltvExpiry}</td>
                <td class="mono">{state}</td>
                <td>{inLocalCommitment ? 'yes' : 'no'}</td>
                <td>{inRemoteCommitment ? 'yes' : 'no'}</td>
                <td>
                  <button type="button" aria-expanded={isOpen} onClick={() => (opened.value = isOpen ? undefined : key)}>
                    {isOpen ? 'Hide' : 'Show'}
                  </button>
                </td>
              </tr>,
              isOpen && (
                <tr key={`${key} chart`}>
                  <td colSpan={8} class="inner">
                    <ChartView name="htlc" value={state} label={`Statechart of HTLC ${key}`} />
                  </td>
                </tr>
              ),
            ];
          })}
        </Table>
      )}
      {htlcs.length > MOST_ROWS && <p class="muted">… and {htlcs.length - MOST_ROWS} more.</p>}
    </Panel>
  );
}
