/** The node at a glance, and what it forwarded, for people. */
import type { Output } from '../api/client.ts';
import { formatMsat } from '../amounts.ts';
import { renderAlarms } from './render-pending.ts';
import { withTotal } from './render-payments.ts';
import { list, section, table, timeOfMs } from './text.ts';

type Overview = Output<'overview'>;

export function renderOverview(overview: Overview): string {
  const { numChannels: channels, fees, forwards, payments, invoices, pending, onchain, alarms } = overview;
  const counts = `${channels.normal} normal, ${channels.opening} opening, ${channels.closing} closing`;
  const parts = [
    list({
      node: `${overview.alias} (${overview.nodeId})`,
      network: `${overview.network}, height ${overview.blockHeight}`,
      peers: overview.numPeers,
      channels: channels.frozen === 0 ? counts : `${counts}; ${channels.frozen} of them frozen`,
    }),
    section(
      'liquidity (sat)',
      list({
        'can be sent': formatMsat(overview.spendableMsat),
        'can be received': formatMsat(overview.receivableMsat),
        'ours in channels': formatMsat(overview.localMsat),
        "peers' in channels": formatMsat(overview.remoteMsat),
        'capacity of channels': overview.capacitySat,
        'wallet, confirmed': onchain.confirmedSat,
        'wallet, unconfirmed': onchain.unconfirmedSat,
        'kept for fees': onchain.reservedForFeesSat,
      }),
    ),
    section(
      'pending (sat)',
      list({
        'in channels that open': formatMsat(pending.openingMsat),
        'in channels that close': formatMsat(pending.closingMsat),
        'on chain, not yet in the wallet': pending.limboSat,
        'in HTLCs offered': formatMsat(pending.offeredHtlcsMsat),
        'in HTLCs received': formatMsat(pending.receivedHtlcsMsat),
      }),
    ),
    section(
      'earned by forwarding (sat)',
      list({
        'last 24 hours': formatMsat(fees.dayMsat),
        'last 7 days': formatMsat(fees.weekMsat),
        'last 30 days': formatMsat(fees.monthMsat),
        ever: formatMsat(fees.totalMsat),
        lost: fees.lostMsat === 0n ? undefined : formatMsat(fees.lostMsat),
      }),
    ),
    section(
      'so far',
      table(
        ['', 'DONE', 'FAILED', 'IN FLIGHT'],
        [
          ['forwards', forwards.settled, forwards.failed, forwards.inFlight],
          ['payments', payments.succeeded, payments.failed, payments.inFlight],
          ['invoices', invoices.paid, undefined, invoices.open],
        ],
        '',
      ),
    ),
    section('channels (sat)', renderLiquidity(overview.liquidity)),
  ];
  return [...parts, ...(alarms.length > 0 ? [section('ALARMS', renderAlarms(alarms))] : [])].join('\n\n');
}

/** The bar shows whose the channel's money is: ours on the left. */
function renderLiquidity(channels: Overview['liquidity']): string {
  return table(
    ['CHANNEL', 'PEER', 'STATE', 'LINK', 'OURS', "PEER'S", 'BALANCE', 'SPENDABLE', 'RECEIVABLE'],
    channels.map((channel) => [
      channel.shortChannelId ?? channel.channelId.slice(0, 16),
      channel.alias ?? channel.nodeId.slice(0, 12),
      channel.state,
      channel.connection,
      formatMsat(channel.localMsat),
      formatMsat(channel.remoteMsat),
      balanceBar(channel),
      formatMsat(channel.spendableMsat),
      formatMsat(channel.receivableMsat),
    ]),
    'No channels; `runnel open <node id> <amount in sat>` opens one.',
  );
}

const BAR_WIDTH = 16;

function balanceBar({ localMsat, remoteMsat }: Overview['liquidity'][number]): string {
  const totalMsat = localMsat + remoteMsat;
  const ours = totalMsat === 0n ? 0 : Number((localMsat * BigInt(BAR_WIDTH)) / totalMsat);
  return `${'█'.repeat(ours)}${'░'.repeat(BAR_WIDTH - ours)}`;
}

export function renderForwards({ forwards, total, feeMsat, lostMsat }: Output<'forwards'>): string {
  const rows = forwards.map((forward) => [
    timeOfMs(forward.createdAtMs),
    forward.failureCode === undefined ? forward.status : `${forward.status} (${forward.failureCode})`,
    forward.incoming.shortChannelId ?? forward.incoming.channelId?.slice(0, 16),
    forward.outgoing.shortChannelId,
    formatMsat(forward.outgoing.amountMsat),
    formatMsat(forward.feeMsat),
    forward.paymentHash,
  ]);
  const titles = ['TIME', 'STATUS', 'FROM', 'TO', 'SAT', 'FEE', 'PAYMENT HASH'];
  const shown = withTotal(table(titles, rows, 'Nothing was forwarded.'), rows.length, total);
  const lost = lostMsat === 0n ? '' : `, ${formatMsat(lostMsat)} sat lost`;
  return `${shown}\n\n${formatMsat(feeMsat)} sat earned by forwarding${lost}`;
}
