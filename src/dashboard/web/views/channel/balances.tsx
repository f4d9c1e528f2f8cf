import { formatWholeSat, msatOf, satToMsat } from '../../lib/amounts.ts';
import { BalanceBar, Sat } from '../../ui/amount.tsx';
import { Panel } from '../../ui/panel.tsx';
import type { Shown } from './shown.ts';

/** Who has what, and what hangs between them. */
export function Balances({ shown }: { readonly shown: Shown }) {
  const { localMsat, remoteMsat, capacitySat, htlcs } = shown;
  const [local, remote, capacity] = [msatOf(localMsat), msatOf(remoteMsat), satToMsat(capacitySat)];
  const inFlight = capacity - local - remote;
  return (
    <Panel title="Balances" class="balances">
      <BalanceBar localMsat={local} remoteMsat={remote} capacityMsat={capacity} label={`${formatWholeSat(local)} sat ours, ${formatWholeSat(remote)} sat theirs`} />
      <p class="ends">
        <span>
          ours <Sat msat={local} />
        </span>
        {inFlight > 0n && htlcs.length > 0 && (
          <span class="muted">
            in {htlcs.length} {htlcs.length === 1 ? 'HTLC' : 'HTLCs'} <Sat msat={inFlight} />
          </span>
        )}
        <span>
          theirs <Sat msat={remote} />
        </span>
      </p>
    </Panel>
  );
}
