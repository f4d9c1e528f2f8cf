import { msatOf, satToMsat } from '../../lib/amounts.ts';
import { Sat } from '../../ui/amount.tsx';
import { Id } from '../../ui/id.tsx';
import { Facts, Panel } from '../../ui/panel.tsx';
import type { Shown } from './shown.ts';

type Both = NonNullable<Shown['commitments']>;

/** Both commitment transactions, with who can spend what of them. */
export function Commitments({ commitments: { local, remote } }: { readonly commitments: Both }) {
  return (
    <div class="grid">
      <CommitmentPanel title="Our commitment" owner="ours" other="theirs" commitment={local} />
      <CommitmentPanel title="Their commitment" owner="theirs" other="ours" commitment={remote} />
    </div>
  );
}

function CommitmentPanel(props: { readonly title: string; readonly owner: string; readonly other: string; readonly commitment: Both['local'] }) {
  const { title, owner, other, commitment } = props;
  const { commitmentNumber, toLocalMsat, toRemoteMsat, feeSat, feeratePerKw, numTrimmed, outputs, txid } = commitment;
  return (
    <Panel title={title} aside={<span class="muted">number {commitmentNumber}</span>}>
      <Facts
        pairs={{
          [owner]: <Sat msat={msatOf(toLocalMsat)} />,
          [other]: <Sat msat={msatOf(toRemoteMsat)} />,
          Fee: <Sat msat={satToMsat(feeSat)} />,
          Feerate: `${feeratePerKw} sat per kw`,
          'HTLCs too small for an output': numTrimmed === 0 ? undefined : numTrimmed,
          Transaction: txid === undefined ? undefined : <Id of={txid} what="txid" />,
        }}
      />
      <ol class="outputs" aria-label={`Outputs of ${title.toLowerCase()}`}>
        {outputs.map(({ index, kind, amountSat, words }) => (
          <li key={index}>
            <p>
              <span class="muted">{index}</span> <strong>{kind.replaceAll('_', ' ')}</strong>
              <Sat msat={satToMsat(amountSat)} />
            </p>
            <p class="muted">{words}</p>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
