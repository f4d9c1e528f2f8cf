import { useSignal } from '@preact/signals';
import { satToMsat } from '../../lib/amounts.ts';
import { Sat } from '../../ui/amount.tsx';
import { words } from '../../ui/badge.tsx';
import { ChartView } from '../../ui/chart/chart-view.tsx';
import { Id } from '../../ui/id.tsx';
import { Panel, Table } from '../../ui/panel.tsx';
import type { Shown } from './shown.ts';

type WatchedOutput = Shown['outputs'][number] & { readonly text?: string };

/** The outputs of an ending that concern us, each with the chart that resolves it. */
export function Outputs({ outputs }: { readonly outputs: readonly WatchedOutput[] }) {
  const opened = useSignal<number | undefined>(undefined);
  return (
    <Panel title="Outputs on chain">
      <Table label="Outputs on chain" head={['Output', { number: 'Amount' }, 'State', 'What it waits for', 'Where', 'Chart']}>
        {outputs.map(({ what, amountSat, state, text, outpoint, chart }, index) => {
          const isOpen = opened.value === index;
          return [
            <tr key={index}>
              <th scope="row">{what}</th>
              <td class="number">
                <Sat msat={satToMsat(amountSat)} />
              </td>
              <td>{words(state)}</td>
              <td class="wide">{text}</td>
              <td>{outpoint !== undefined && <Id of={outpoint} what="outpoint" />}</td>
              <td>
                <button type="button" aria-expanded={isOpen} onClick={() => (opened.value = isOpen ? undefined : index)}>
                  {isOpen ? 'Hide' : 'Show'}
                </button>
              </td>
            </tr>,
            isOpen && (
              <tr key={`${index} chart`}>
                <td colSpan={6} class="inner">
                  <ChartView name={chart} value={state} label={`Statechart of the output: ${what}`} />
                </td>
              </tr>
            ),
          ];
        })}
      </Table>
    </Panel>
  );
}
