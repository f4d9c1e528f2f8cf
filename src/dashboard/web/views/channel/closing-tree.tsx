import { satToMsat } from '../../lib/amounts.ts';
import { Sat } from '../../ui/amount.tsx';
import { Id } from '../../ui/id.tsx';
import { Panel } from '../../ui/panel.tsx';
import type { Detail } from './shown.ts';

type Node = NonNullable<Detail['closingTree']>;

/** From the funding down to the wallet: what is on chain, what it waits for, and until when. */
export function ClosingTree({ root }: { readonly root: Node }) {
  return (
    <Panel title="On chain">
      <ul class="tree">
        <Branch node={root} />
      </ul>
    </Panel>
  );
}

function Branch({ node }: { readonly node: Node }) {
  const { kind, what, txid, outpoint, amountSat, feeSat, confirmations, confirmationsNeeded, blockHeight, deadline, blocksLeft, isOurs, text, children } = node;
  return (
    <li class={`${kind} ${isOurs ? 'ours' : 'not-ours'}`}>
      <div class="twig">
        <p>
          <strong>{what}</strong>
          {amountSat !== undefined && <Sat msat={satToMsat(amountSat)} />}
          {feeSat !== undefined && (
            <span class="muted">
              fee <Sat msat={satToMsat(feeSat)} />
            </span>
          )}
          {kind === 'transaction' && txid !== undefined && <Id of={txid} what="txid" />}
          {kind === 'output' && outpoint !== undefined && <Id of={outpoint} what="outpoint" />}
        </p>
        <p class="muted">
          {text}
          {blockHeight !== undefined && `; in block ${blockHeight}`}
          {deadline !== undefined && <span class="deadline">; the peer can take it from height {deadline} on</span>}
        </p>
        {kind === 'transaction' && confirmationsNeeded > 0 && (
          <p class="confirmations">
            <progress max={confirmationsNeeded} value={Math.min(confirmations, confirmationsNeeded)} aria-label={`Confirmations of ${what}`} />
            {Math.min(confirmations, confirmationsNeeded)} of {confirmationsNeeded} confirmations
            {blocksLeft !== undefined && blocksLeft > 0 && `, ${blocksLeft} blocks left`}
          </p>
        )}
      </div>
      {children.length > 0 && (
        <ul>
          {children.map((child, index) => (
            <Branch key={index} node={child} />
          ))}
        </ul>
      )}
    </li>
  );
}
