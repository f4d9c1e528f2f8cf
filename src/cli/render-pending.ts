/** What is pending, for people. */
import type { Output } from '../api/client.ts';
import { perVbyte } from '../api/feerate.ts';
import { formatMsat } from '../amounts.ts';
import { list, section, table, time } from './text.ts';

type Pending = Output<'pending'>;
type PendingChannel = Pending['channels'][number];
type Alarm = Pending['alarms'][number];

export function renderPending({ channels, deadlines, alarms, totals, blockHeight }: Pending): string {
  const parts = [
    ...(alarms.length > 0 ? [section('ALARMS', renderAlarms(alarms))] : []),
    ...channels.map(renderPendingChannel),
    ...(deadlines.length > 0 ? [section('HTLCs that expire soon', renderDeadlines(deadlines))] : []),
  ];
  if (channels.length > 0) parts.push(section(`all together, at height ${blockHeight}`, renderTotals(totals)));
  return parts.length === 0 ? `Nothing is pending at height ${blockHeight}.` : parts.join('\n\n');
}

export function renderAlarms(alarms: readonly Alarm[]): string {
  return table(
    ['ALARM', 'CHANNEL', 'MESSAGE', 'SINCE', 'WHAT TO DO'],
    alarms.map(({ code, sinceMs, channelId, message, advice }) => [
      code,
      channelId?.slice(0, 16),
      message,
      time(Math.floor(sinceMs / 1_000)),
      advice,
    ]),
    'none',
  );
}

/** One channel: what it does, the transaction that ends it, and what hangs on that. */
export function renderPendingChannel(channel: PendingChannel): string {
  const { shortChannelId, channelId, alias, nodeId, state } = channel;
  return section(
    `channel ${shortChannelId ?? channelId.slice(0, 16)} with ${alias ?? nodeId.slice(0, 12)}: ${state}`,
    renderPendingBody(channel),
  );
}

/** The same without its title. */
export function renderPendingBody(channel: PendingChannel): string {
  const { closing, confirmations, confirmationsNeeded, outputs, totals } = channel;
  const bump = closing?.bump;
  const facts = list({
    now: channel.text,
    why: channel.reason?.text,
    funding: confirmations === undefined ? undefined : `${confirmations} of ${confirmationsNeeded ?? 0} confirmations`,
    'closing transaction': closing?.txid,
    'waits since': time(closing?.sinceMs && Math.floor(closing.sinceMs / 1_000)),
    'closing fee': closing && renderFee(closing),
    'fee raised by': bump && `${bump.txid}, ${bump.feeSat} sat, both at ${perVbyte(bump.feeratePerKw)}`,
  });
  const parts = [facts];
  if (outputs.length > 0) parts.push(renderOutputs(outputs));
  if (closing !== undefined || totals.limboSat > 0n) parts.push(renderTotals(totals));
  return parts.join('\n\n');
}

function renderFee({ feeSat, feeratePerKw }: NonNullable<PendingChannel['closing']>): string | undefined {
  if (feeSat === undefined) return undefined;
  return `${feeSat} sat${feeratePerKw === undefined ? '' : ` (${perVbyte(feeratePerKw)})`}`;
}

function renderOutputs(outputs: PendingChannel['outputs']): string {
  return table(
    ['OUTPUT', 'SAT', 'WHAT', 'STATE', 'WAITS FOR'],
    outputs.map(({ outpoint, amountSat, what, state, text }) => [
      outpoint === undefined ? undefined : shortOutpoint(outpoint),
      amountSat,
      what,
      stateText[state],
      text,
    ]),
    'none',
  );
}

/** The states of an output's statechart in words. */
const stateText: Readonly<Record<PendingChannel['outputs'][number]['state'], string>> = {
  unconfirmed: 'not in a block',
  waiting: 'waits',
  claimable: 'can be taken',
  expired: 'expired',
  claimed: 'taken by us',
  claimBuried: 'taken by us',
  taken: 'taken by the peer',
  takeBuried: 'taken by the peer',
  buried: 'buried',
  resolved: 'over',
};

function renderDeadlines(deadlines: Pending['deadlines']): string {
  return table(
    ['CHANNEL', 'HTLC', 'SAT', 'EXPIRY', 'BLOCKS LEFT', 'PAYMENT HASH'],
    deadlines.map((htlc) => [
      htlc.shortChannelId ?? htlc.channelId.slice(0, 16),
      `${htlc.direction} ${htlc.htlcId}`,
      formatMsat(htlc.amountMsat),
      htlc.cltvExpiry,
      htlc.blocksLeft,
      htlc.paymentHash,
    ]),
    'none',
  );
}

function renderTotals({ limboSat, recoveredSat, lostSat, feesSat }: Pending['totals']): string {
  return list({
    'ours, not yet in the wallet (sat)': limboSat,
    'back in the wallet (sat)': recoveredSat,
    'lost (sat)': lostSat,
    'fees paid on chain (sat)': feesSat,
  });
}

const shortOutpoint = (outpoint: string): string => `${outpoint.slice(0, 16)}…${outpoint.slice(64)}`;
