import type { NodeApi, Output } from '../../api/contract.ts';
import { feeReserveWarning } from '../../wallet/fee-reserve.ts';
import type { Node } from '../node.ts';
import { channelBalances } from './channel-balances.ts';
import { summaryOf, type ChannelSummary } from './channel-views.ts';
import { alarmsOf, hereOf, isClosing } from './pending-api.ts';
import { shownLive } from './shown-channel.ts';

type Overview = Output<'overview'>;

const DAY_MS = 24 * 60 * 60 * 1_000;

/** The node at a glance, through the API. */
export const overviewApi = (node: Node): Pick<NodeApi, 'overview'> => ({ overview: async () => overviewOf(node) });

/** The same for whoever else asks. */
export function overviewOf(node: Node): Overview {
  const { payments, peers, options } = node;
  const here = hereOf(node);
  const live = [...node.channels.all()];
  const summaries = live.map((channel) => summaryOf(node, shownLive(node, channel), here));
  const normal = summaries.filter(({ state }) => state === 'normal');
  const { localMsat, remoteMsat, ...waiting } = channelBalances(node);
  const { earnedMsat, lostMsat } = payments.forwardTotals();
  const earned = (days: number): bigint => payments.earnedSince(options.clock.now() - days * DAY_MS);
  return {
    blockHeight: node.height,
    alias: options.profile.alias,
    nodeId: node.nodeId,
    network: options.chainName,
    capacitySat: sum(normal.map(({ capacitySat }) => capacitySat)),
    spendableMsat: sum(normal.map(({ connection, spendableMsat }) => (connection === 'online' ? spendableMsat : 0n))),
    receivableMsat: sum(normal.map(({ connection, receivableMsat }) => (connection === 'online' ? receivableMsat : 0n))),
    localMsat,
    remoteMsat,
    numChannels: {
      opening: live.filter(({ lifecycle }) => lifecycle === 'opening' || lifecycle === 'confirming').length,
      normal: normal.length,
      closing: live.filter(isClosing).length,
      frozen: live.filter(({ index }) => node.channels.isFrozen(index)).length,
    },
    numPeers: peers.list().filter(({ isConnected }) => isConnected).length,
    fees: { dayMsat: earned(1), weekMsat: earned(7), monthMsat: earned(30), totalMsat: earnedMsat, lostMsat },
    forwards: payments.countForwards(),
    payments: countBy(['succeeded', 'failed', 'inFlight'], (status) => payments.listPayments({ status, limit: 0 }).total),
    invoices: countBy(['paid', 'open'], (status) => payments.listInvoices({ status, limit: 0 }).total),
    pending: { ...waiting, limboSat: sum(summaries.map(({ limboSat = 0n }) => limboSat)) },
    onchain: onchainBalance(node),
    alarms: alarmsOf(node),
    liquidity: summaries.map(liquidityOf),
  };
}

/** What is in the wallet, and what of it is kept for fees. */
export function onchainBalance({ wallet }: Node): Overview['onchain'] {
  const reserve = wallet.feeReserve();
  const warning = feeReserveWarning(reserve);
  return { ...wallet.balance(), reservedForFeesSat: reserve.neededSat, ...(warning !== undefined && { warning }) };
}

function liquidityOf(channel: ChannelSummary): Overview['liquidity'][number] {
  const { channelId, shortChannelId, nodeId, alias, capacitySat, localMsat, remoteMsat, spendableMsat, receivableMsat, connection, state } = channel;
  return {
    channelId,
    ...(shortChannelId !== undefined && { shortChannelId }),
    nodeId,
    ...(alias !== undefined && { alias }),
    capacitySat,
    localMsat,
    remoteMsat,
    spendableMsat,
    receivableMsat,
    connection,
    state,
  };
}

const countBy = <Status extends string>(statuses: readonly Status[], count: (status: Status) => number) =>
  Object.fromEntries(statuses.map((status) => [status, count(status)])) as Record<Status, number>;

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);
