import type { Output } from '../../api/types.ts';
import { msatOf } from '../../lib/amounts.ts';
import { harmless } from '../../lib/text.ts';
import { Sat } from '../../ui/amount.tsx';
import { Status } from '../../ui/badge.tsx';

type Attempt = Output<'payment'>['attempts'][number];

/** One attempt, or one part: its route hop by hop, where it failed, and what that taught. */
export function AttemptPanel(props: {
  readonly index: number;
  readonly attempt: Attempt;
  readonly payer: string;
  readonly nameOf: (nodeId: string) => string;
  readonly isShown: boolean;
  readonly onShow: () => void;
}) {
  const { index, attempt, payer, nameOf, isShown, onShow } = props;
  const { status, route, failure, failedHop, learnt } = attempt;
  return (
    <li>
      <header>
        <h3>{index + 1}.</h3>
        <Status status={status} />
        <span>
          <Sat msat={msatOf(route.amountMsat)} />, fee <Sat msat={msatOf(route.feeMsat)} />
        </span>
        <button type="button" aria-pressed={isShown} onClick={onShow}>
          {isShown ? 'Shown on the mesh' : 'Show on the mesh'}
        </button>
      </header>
      <ol class="hops" aria-label="Route">
        <li>
          <span class="hop-node">{payer}</span>
          <span class="muted">pays</span>
          <span class="number">
            <Sat msat={msatOf(route.totalMsat)} />
          </span>
        </li>
        {route.hops.map((hop, place) => (
          <li key={hop.shortChannelId} class={place === failedHop ? 'failed' : undefined}>
            <span class="hop-node">{nameOf(hop.nodeId)}</span>
            <span class="mono muted">{hop.shortChannelId}</span>
            <span class="number">
              <Sat msat={msatOf(hop.amountMsat)} />
            </span>
            <span class="number muted">{hop.feeMsat !== '0' && <>keeps {<Sat msat={msatOf(hop.feeMsat)} />}</>}</span>
            {place === failedHop && <span class="problem">failed here</span>}
          </li>
        ))}
      </ol>
      {failure !== undefined && (
        <p class="problem">
          {harmless(failure.message, 400)} <span class="mono muted">{harmless(failure.code, 60)}</span>
          {failedHop === undefined && ' (nobody knows where)'}
        </p>
      )}
      {learnt.length > 0 && (
        <>
          <p class="muted">Learnt from it:</p>
          <ul class="learnt">
            {learnt.map(({ kind, text }, place) => (
              <li key={place} class={`learnt-${kind}`}>
                {harmless(text, 300)}
              </li>
            ))}
          </ul>
        </>
      )}
    </li>
  );
}
