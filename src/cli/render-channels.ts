/** Channels and their journals for people. */
import type { Output, StateValue } from '../api/client.ts';
import { formatMsat } from '../amounts.ts';
import { renderClosingTree, renderWhy } from './render-closing.ts';
import { renderDecoded } from './render-decoded.ts';
import { renderPendingBody } from './render-pending.ts';
import { list, section, table, time, timeOfMs, type Cell } from './text.ts';

type Channel = Output<'channel'>;
type JournalEntry = Output<'journal'>['entries'][number];

/** A state value on one line: `{ a: 'b', c: { d: 'e' } }` is `a:b c:(d:e)`. */
export function renderState(value: StateValue): string {
  if (typeof value === 'string') return value;
  return Object.entries(value)
    .map(([part, inner]) => `${part}:${typeof inner === 'string' ? inner : `(${renderState(inner)})`}`)
    .join(' ');
}

export function renderChannels({ channels }: Output<'channels'>): string {
  return table(
    ['CHANNEL', 'PEER', 'STATE', 'LINK', 'CAPACITY', 'LOCAL', 'REMOTE', 'SPENDABLE', 'RECEIVABLE', 'HTLCS'],
    channels.map((channel) => [
      channel.shortChannelId ?? channel.channelId.slice(0, 16),
      channel.alias ?? channel.nodeId.slice(0, 12),
      stateOf(channel),
      channel.connection,
      channel.capacitySat,
      formatMsat(channel.localMsat),
      formatMsat(channel.remoteMsat),
      formatMsat(channel.spendableMsat),
      formatMsat(channel.receivableMsat),
      channel.numHtlcs,
    ]),
    'No channels; `runnel open <node id> <amount in sat>` opens one.',
  );
}

/** Of a channel that ends, by what and how far it has come; `(!)` marks one that has failed or stands still. */
function stateOf({ state, closing, error }: Output<'channels'>['channels'][number]): string {
  if (closing === undefined) return error === undefined ? state : `${state} (!)`;
  const { kind, confirmations, confirmationsNeeded } = closing;
  if (confirmations >= confirmationsNeeded) return `${state} (${kind})`;
  return `${state} (${kind}), ${confirmations}/${confirmationsNeeded}`;
}

/** What a close has begun. */
export function renderClose({ channelId, state, closingTxid, ifForced }: Output<'close'>): string {
  const facts = list({ channel: channelId, state, 'closing transaction': closingTxid });
  if (closingTxid !== undefined) {
    return `${facts}\n\nOur commitment transaction is broadcast; \`runnel pending\` tells when our money comes back.`;
  }
  if (ifForced === undefined) return facts;
  const { delayBlocks, feeSat } = ifForced;
  return (
    `${facts}\n\nThe peer is offline: the channel closes when it is back. ` +
    `\`runnel close --force ${channelId.slice(0, 16)}\` does not wait for it: then\nour money waits ${delayBlocks} ` +
    `blocks, and the commitment transaction costs us ${feeSat} sat, beside the fee of fetching our money.`
  );
}

export function renderChannel(channel: Channel): string {
  const { commitments, limits, policies } = channel;
  const parts = [
    list({
      channel: channel.channelId,
      'short channel id': channel.shortChannelId,
      peer: `${channel.nodeId}${channel.alias === undefined ? '' : ` (${channel.alias})`}`,
      funding: channel.fundingOutpoint,
      confirmations: `${channel.fundingConfirmations} of ${channel.minimumDepth}`,
      state: channel.state,
      statechart: renderState(channel.stateValue),
      link: channel.connection,
      error: channel.error,
      'opened by': channel.opener === 'local' ? 'us' : 'the peer',
      announced: channel.announced,
      'capacity (sat)': channel.capacitySat,
      'local (sat)': formatMsat(channel.localMsat),
      'remote (sat)': formatMsat(channel.remoteMsat),
      'spendable (sat)': formatMsat(channel.spendableMsat),
      'receivable (sat)': formatMsat(channel.receivableMsat),
      'feerate (sat/kw)': channel.feeratePerKw,
      'closing transaction': channel.closingTxid,
    }),
  ];
  if (channel.why !== undefined) parts.push(section('why', renderWhy(channel.why)));
  if (channel.pending !== undefined) parts.push(section('pending', renderPendingBody(channel.pending)));
  if (channel.closingTree !== undefined) parts.push(section('transactions', renderClosingTree(channel.closingTree)));
  if (commitments !== undefined) parts.push(...renderCommitments(commitments));
  parts.push(
    section(
      'limits, as each side demands them of the other',
      sides([
        ['dust limit (sat)', limits.local.dustLimitSat, limits.remote?.dustLimitSat],
        ['reserve (sat)', limits.local.channelReserveSat, limits.remote?.channelReserveSat],
        [
          'most in flight (sat)',
          formatMsat(limits.local.maxHtlcValueInFlightMsat),
          msatOf(limits.remote?.maxHtlcValueInFlightMsat),
        ],
        ['smallest HTLC (sat)', formatMsat(limits.local.htlcMinimumMsat), msatOf(limits.remote?.htlcMinimumMsat)],
        ['most HTLCs', limits.local.maxAcceptedHtlcs, limits.remote?.maxAcceptedHtlcs],
        ['to_self_delay (blocks)', limits.local.toSelfDelay, limits.remote?.toSelfDelay],
      ]),
    ),
    section(
      'policies for forwarding',
      sides([
        ['base fee (msat)', policies.local.feeBaseMsat, policies.remote?.feeBaseMsat],
        ['fee (ppm)', policies.local.feeProportionalMillionths, policies.remote?.feeProportionalMillionths],
        ['follows the balance', renderFollowing(policies.local) ?? 'no', undefined],
        ['cltv_expiry_delta', policies.local.cltvExpiryDelta, policies.remote?.cltvExpiryDelta],
        ['disabled', policies.local.disabled, policies.remote?.disabled],
      ]),
    ),
    section('HTLCs', renderHtlcs(channel.htlcs)),
    section('end of the journal', renderEntries(channel.journalTail)),
  );
  return parts.join('\n\n');
}

/** How a fee follows the balance, on one line. */
export function renderFollowing({ followsBalance }: Channel['policies']['local']): string | undefined {
  if (followsBalance === undefined) return undefined;
  const { minPpm, maxPpm, step, numSteps, wantedStep, nextChangeAt } = followsBalance;
  const next = wantedStep === undefined ? '' : `, to ${wantedStep} at ${time(nextChangeAt)}`;
  return `${minPpm} to ${maxPpm} ppm, step ${step} of ${numSteps}${next}`;
}

const sides = (rows: readonly (readonly Cell[])[]): string => table(['', 'LOCAL', 'REMOTE'], rows, '');

/** Both sides' commitment transactions, and the outputs of each in words. */
export function renderCommitments({ local, remote }: NonNullable<Channel['commitments']>): string[] {
  const rows = sides([
    ['number', local.commitmentNumber, remote.commitmentNumber],
    ["owner's balance (sat)", formatMsat(local.toLocalMsat), formatMsat(remote.toLocalMsat)],
    ["other's balance (sat)", formatMsat(local.toRemoteMsat), formatMsat(remote.toRemoteMsat)],
    ['HTLCs offered by owner', local.numOfferedHtlcs, remote.numOfferedHtlcs],
    ['HTLCs received by owner', local.numReceivedHtlcs, remote.numReceivedHtlcs],
    ['too small for an output', local.numTrimmed, remote.numTrimmed],
    ['feerate (sat/kw)', local.feeratePerKw, remote.feeratePerKw],
    ['fee (sat)', local.feeSat, remote.feeSat],
  ]);
  return [
    section('commitments', rows),
    section(`our commitment ${local.commitmentNumber}, ${local.txid ?? ''}`, renderCommitmentOutputs(local)),
    section(`the peer's commitment ${remote.commitmentNumber}, ${remote.txid ?? ''}`, renderCommitmentOutputs(remote)),
  ];
}

function renderCommitmentOutputs({ outputs }: NonNullable<Channel['commitments']>['local']): string {
  const rows = outputs.map(({ index, kind, htlcId, amountSat, words }) => [index, htlcId === undefined ? kind : `${kind} ${htlcId}`, amountSat, words]);
  return table(['OUTPUT', 'KIND', 'SAT', 'WHO CAN SPEND IT'], rows, 'no outputs');
}

export function renderHtlcs(htlcs: Channel['htlcs']): string {
  return table(
    ['ID', 'DIRECTION', 'SAT', 'EXPIRY', 'STATE', 'IN LOCAL', 'IN REMOTE', 'PAYMENT HASH'],
    htlcs.map((htlc) => [
      htlc.htlcId,
      htlc.direction,
      formatMsat(htlc.amountMsat),
      htlc.cltvExpiry,
      htlc.state,
      htlc.inLocalCommitment,
      htlc.inRemoteCommitment,
      htlc.paymentHash,
    ]),
    'none',
  );
}

export function renderJournal({ entries, total, channelId }: Output<'journal'>): string {
  const isDecoded = entries.some(({ decoded }) => decoded !== undefined);
  return `${isDecoded ? renderDecodedEntries(entries) : renderEntries(entries)}\n\n${entries.length} of ${total} entries of channel ${channelId}`;
}

/** Each with its event by field. */
function renderDecodedEntries(entries: readonly JournalEntry[]): string {
  return entries
    .map(({ sequence, timeMs, event, transitions, htlcs, hash, decoded }) => {
      const changes = list({ 'new states': renderChanges(transitions, htlcs), hash });
      const fields = decoded === undefined || decoded.fields.length === 0 ? [] : [renderDecoded(decoded)];
      return section(`${sequence}  ${timeOfMs(timeMs)}  ${event}`, [...fields, changes].join('\n'));
    })
    .join('\n\n');
}

/** What an entry changed, on one line. */
export function renderChanges(
  transitions: Readonly<Record<string, StateValue>>,
  htlcs: Readonly<Record<string, string | null>>,
): string {
  const regions = Object.entries(transitions).map(([region, state]) => `${region} → ${renderState(state)}`);
  const changed = Object.entries(htlcs).map(([htlc, state]) => `HTLC ${htlc} → ${state ?? 'ended'}`);
  return [...regions, ...changed].join('; ');
}

function renderEntries(entries: readonly JournalEntry[]): string {
  const rows = entries.map((entry) => [
    entry.sequence,
    timeOfMs(entry.timeMs),
    entry.event,
    renderChanges(entry.transitions, entry.htlcs),
    entry.hash.slice(0, 16),
  ]);
  return table(['ENTRY', 'TIME', 'EVENT', 'NEW STATES', 'HASH'], rows, 'empty');
}

const msatOf = (amountMsat: bigint | undefined): string | undefined =>
  amountMsat === undefined ? undefined : formatMsat(amountMsat);
