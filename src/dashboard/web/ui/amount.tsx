import { formatMsat, formatWholeSat, share } from '../lib/amounts.ts';

/** An amount in sat; `whole` leaves the decimals to the title. */
export function Sat({ msat, whole = false, unit = true }: { readonly msat: bigint; readonly whole?: boolean; readonly unit?: boolean }) {
  const exact = formatMsat(msat);
  return (
    <span class="amount" title={whole && exact !== formatWholeSat(msat) ? `${exact} sat` : undefined}>
      {whole ? formatWholeSat(msat) : exact}
      {unit && <span class="unit"> sat</span>}
    </span>
  );
}

/** Two sides' shares of a whole, as one bar with a name for those who do not see it. */
export function BalanceBar(props: { readonly localMsat: bigint; readonly remoteMsat: bigint; readonly label: string; readonly capacityMsat?: bigint }) {
  const { localMsat, remoteMsat, label, capacityMsat = localMsat + remoteMsat } = props;
  const local = share(localMsat, capacityMsat);
  const remote = share(remoteMsat, capacityMsat);
  return (
    <span class="bar" role="img" aria-label={label}>
      <span class="bar-local" style={{ width: `${local * 100}%` }} />
      <span class="bar-between" style={{ width: `${Math.max(0, 1 - local - remote) * 100}%` }} />
      <span class="bar-remote" style={{ width: `${remote * 100}%` }} />
    </span>
  );
}
