/** The API's answers for people: short tables and lists, amounts in sat with three decimals where they are msat. */
import type { MethodName, Output } from '../api/contract.ts';
import { renderExport } from './render-audit.ts';
import { renderBackup } from './render-backup.ts';
import { renderChannel, renderChannels, renderClose, renderFollowing, renderJournal } from './render-channels.ts';
import { renderMoment } from './render-moment.ts';
import { renderForwards, renderOverview } from './render-overview.ts';
import { renderAlarms, renderPending } from './render-pending.ts';
import {
  renderDecoded,
  renderInvoice,
  renderInvoices,
  renderOutcome,
  renderPayment,
  renderPayments,
  renderRoutes,
} from './render-payments.ts';
import { isMultiaddr } from '../api/fields.ts';
import { renderProbeOutcome, renderProbes } from './render-probes.ts';
import { renderBalance, renderBump, renderUtxos, renderWithdrawal } from './render-wallet.ts';
import { list, section, table, time } from './text.ts';

type Renderers = { readonly [Name in MethodName]: (output: Output<Name>) => string };

const renderers: Renderers = {
  getinfo: (info) => {
    const facts = list({
      'node id': info.nodeId,
      alias: info.alias,
      version: info.version,
      network: info.network,
      'block height': `${info.blockHeight}${info.syncedToChain ? '' : ' (catching up)'}`,
      'for the mesh': info.addresses.filter(isMultiaddr).map((address) => `${info.nodeId}@${address}`),
      'for Lightning': info.addresses.filter((address) => !isMultiaddr(address)).map((address) => `${info.nodeId}@${address}`),
      peers: info.numPeers,
      'active channels': info.numActiveChannels,
      'inactive channels': info.numInactiveChannels,
      'pending channels': renderNumPending(info),
      graph: `${info.numGraphNodes} nodes, ${info.numGraphChannels} channels`,
      'API port': info.apiPort,
    });
    return info.alarms.length === 0 ? facts : `${facts}\n\n${section('ALARMS', renderAlarms(info.alarms))}`;
  },
  overview: renderOverview,
  audit: renderExport,
  debuglevel: ({ level }) => `log level ${level}`,
  stop: () => 'The node is stopping.',
  newaddress: ({ address }) => address,
  balance: renderBalance,
  utxos: renderUtxos,
  withdraw: renderWithdrawal,
  bumpfee: renderBump,
  connect: (peer) => `connected to ${peer.nodeId}${peer.address === undefined ? '' : ` at ${peer.address}`}`,
  disconnect: () => 'disconnected',
  peers: ({ peers }) =>
    table(
      ['NODE ID', 'ALIAS', 'STATE', 'CHANNELS', 'ADDRESS'],
      peers.map((peer) => [
        peer.nodeId,
        peer.alias,
        peer.heldApart === true ? 'kept apart' : peer.connected ? (peer.inbound === true ? 'inbound' : 'outbound') : 'offline',
        peer.numChannels,
        peer.address,
      ]),
      'No peers; `runnel connect <node id>@<host>:<port>` finds one.',
    ),
  open: ({ channelId, fundingOutpoint }) => list({ channel: channelId, funding: fundingOutpoint }),
  channels: renderChannels,
  channel: renderChannel,
  journal: renderJournal,
  moment: renderMoment,
  setpolicy: ({ channels }) =>
    table(
      ['CHANNEL', 'BASE FEE (MSAT)', 'PPM', 'CLTV DELTA', 'FOLLOWS THE BALANCE'],
      channels.map(({ channelId, shortChannelId, policy }) => [
        shortChannelId ?? channelId,
        policy.feeBaseMsat,
        policy.feeProportionalMillionths,
        policy.cltvExpiryDelta,
        renderFollowing(policy) ?? 'no',
      ]),
      'No channels; the policy holds for those to come.',
    ),
  close: renderClose,
  pending: renderPending,
  exportbackup: ({ backup }) => backup.trimEnd(),
  verifybackup: renderBackup,
  invoice: renderInvoice,
  invoices: renderInvoices,
  decode: renderDecoded,
  pay: renderOutcome,
  keysend: renderOutcome,
  rebalance: renderOutcome,
  payments: renderPayments,
  probe: renderProbeOutcome,
  probes: renderProbes,
  payment: renderPayment,
  route: renderRoutes,
  forwards: renderForwards,
  graph: ({ nodes, channels }) =>
    [
      section(
        `${nodes.length} nodes`,
        table(
          ['NODE ID', 'ALIAS', 'UPDATED', 'ADDRESSES'],
          nodes.map((node) => [node.nodeId, node.alias, time(node.updatedAt), node.addresses.join(' ')]),
          'none',
        ),
      ),
      section(
        `${channels.length} channels`,
        table(
          ['CHANNEL', 'NODE 1', 'NODE 2', 'SAT', 'FEE 1', 'FEE 2'],
          channels.map((channel) => [
            channel.shortChannelId,
            channel.node1.slice(0, 12),
            channel.node2.slice(0, 12),
            channel.capacitySat,
            renderFee(channel.policy1),
            renderFee(channel.policy2),
          ]),
          'none',
        ),
      ),
    ].join('\n\n'),
};

function renderNumPending({ numPendingChannels, numClosingChannels }: Output<'getinfo'>): string {
  if (numPendingChannels === 0) return '0';
  return `${numPendingChannels}, ${numClosingChannels} of them closing (see \`runnel pending\`)`;
}

function renderFee(policy: Output<'graph'>['channels'][number]['policy1']): string | undefined {
  if (policy === undefined) return undefined;
  return policy.disabled ? 'disabled' : `${policy.feeBaseMsat} msat + ${policy.feeProportionalMillionths} ppm`;
}

/** The answer of a method, which must be of that method. */
export function render(name: MethodName, output: unknown): string {
  return (renderers[name] as (output: unknown) => string)(output);
}
