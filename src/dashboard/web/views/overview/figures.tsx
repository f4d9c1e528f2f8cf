import type { ComponentChildren } from 'preact';
import type { Output } from '../../api/types.ts';
import { msatOf, satToMsat } from '../../lib/amounts.ts';
import { Sat } from '../../ui/amount.tsx';

/** The numbers that an operator looks at first. */
export function Figures({ overview }: { readonly overview: Output<'overview'> }) {
  const { fees, onchain, pending, numChannels, numPeers, payments, invoices, forwards } = overview;
  const lost = msatOf(fees.lostMsat);
  return (
    <div class="figures">
      <Figure title="Can be sent" main={<Sat msat={msatOf(overview.spendableMsat)} whole />}>
        of <Sat msat={msatOf(overview.localMsat)} whole /> in channels
      </Figure>
      <Figure title="Can be received" main={<Sat msat={msatOf(overview.receivableMsat)} whole />}>
        of <Sat msat={msatOf(overview.remoteMsat)} whole /> with peers
      </Figure>
      <Figure title="Fees earned" main={<Sat msat={msatOf(fees.totalMsat)} />}>
        <dl class="pairs">
          <Pair name="day" value={<Sat msat={msatOf(fees.dayMsat)} />} />
          <Pair name="week" value={<Sat msat={msatOf(fees.weekMsat)} />} />
          <Pair name="30 days" value={<Sat msat={msatOf(fees.monthMsat)} />} />
          {lost > 0n && <Pair name="lost" value={<Sat msat={lost} />} />}
        </dl>
      </Figure>
      <Figure title="On chain" main={<Sat msat={satToMsat(onchain.confirmedSat)} />}>
        <dl class="pairs">
          <Pair name="unconfirmed" value={<Sat msat={satToMsat(onchain.unconfirmedSat)} />} />
          <Pair name="kept for fees" value={<Sat msat={satToMsat(onchain.reservedForFeesSat)} />} />
          {onchain.immatureSat !== '0' && <Pair name="immature" value={<Sat msat={satToMsat(onchain.immatureSat)} />} />}
        </dl>
        {onchain.warning !== undefined && <p class="problem">{onchain.warning}</p>}
      </Figure>
      <Figure title="Pending" main={<Sat msat={msatOf(pending.openingMsat) + msatOf(pending.closingMsat) + satToMsat(pending.limboSat)} />}>
        <dl class="pairs">
          <Pair name="opening" value={<Sat msat={msatOf(pending.openingMsat)} />} />
          <Pair name="closing" value={<Sat msat={msatOf(pending.closingMsat)} />} />
          <Pair name="on its way back" value={<Sat msat={satToMsat(pending.limboSat)} />} />
          <Pair name="HTLCs out" value={<Sat msat={msatOf(pending.offeredHtlcsMsat)} />} />
          <Pair name="HTLCs in" value={<Sat msat={msatOf(pending.receivedHtlcsMsat)} />} />
        </dl>
      </Figure>
      <Figure title="Channels" main={numChannels.normal}>
        <dl class="pairs">
          <Pair name="opening" value={numChannels.opening} />
          <Pair name="closing" value={numChannels.closing} />
          {numChannels.frozen > 0 && <Pair name="frozen" value={numChannels.frozen} />}
          <Pair name="peers online" value={numPeers} />
        </dl>
      </Figure>
      <Figure title="Payments made" main={payments.succeeded}>
        <dl class="pairs">
          <Pair name="in flight" value={payments.inFlight} />
          <Pair name="failed" value={payments.failed} />
          <Pair name="invoices paid" value={invoices.paid} />
          <Pair name="invoices open" value={invoices.open} />
        </dl>
      </Figure>
      <Figure title="Forwarded" main={forwards.settled}>
        <dl class="pairs">
          <Pair name="in flight" value={forwards.inFlight} />
          <Pair name="failed" value={forwards.failed} />
          {forwards.lost > 0 && <Pair name="lost" value={forwards.lost} />}
        </dl>
      </Figure>
    </div>
  );
}

export function Figure(props: { readonly title: string; readonly main: ComponentChildren; readonly children?: ComponentChildren }) {
  return (
    <div class="panel figure">
      <h2>{props.title}</h2>
      <p class="main">{props.main}</p>
      <div class="more">{props.children}</div>
    </div>
  );
}

function Pair({ name, value }: { readonly name: string; readonly value: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
