/** A channel as it was, and decoded messages, for people. */
import type { Output } from '../api/client.ts';
import { formatMsat } from './amounts.ts';
import { renderChanges, renderCommitments, renderHtlcs, renderState } from './render-channels.ts';
import { harmless, list, section, table, timeOfMs } from './text.ts';

type Moment = Output<'moment'>;
export type Decoded = Moment['event'];

export function renderMoment(moment: Moment): string {
  const { event, sent, commitments, htlcs, outputs } = moment;
  const parts = [
    list({
      entry: `${moment.sequence} of 0 to ${moment.total - 1}`,
      channel: moment.channelId,
      time: timeOfMs(moment.timeMs),
      'new states': renderChanges(moment.transitions, moment.htlcChanges),
      state: moment.state,
      statechart: renderState(moment.stateValue),
      error: moment.error,
      'local (sat)': formatMsat(moment.localMsat),
      'remote (sat)': formatMsat(moment.remoteMsat),
      hash: moment.hash,
    }),
    section(event.bolt === undefined ? event.name : `the peer's message ${event.name} (${event.bolt})`, renderDecoded(event)),
    ...sent.map((message) => section(`sent with it: ${message.name}`, renderDecoded(message))),
    section('HTLCs', renderHtlcs(htlcs)),
    ...(commitments === undefined ? [] : renderCommitments(commitments)),
  ];
  if (outputs.length > 0) {
    const rows = outputs.map(({ outpoint, amountSat, what, chart, state }) => [outpoint, amountSat, what, chart, state]);
    parts.push(section('outputs on chain', table(['OUTPUT', 'SAT', 'WHAT', 'STATECHART', 'STATE'], rows, 'none')));
  }
  return parts.join('\n\n');
}

/** A message or an event by field, those within others further in. */
export function renderDecoded({ fields }: Pick<Decoded, 'fields'>): string {
  const lines = linesOf(fields, '');
  const width = Math.max(0, ...lines.map(([name]) => name.length));
  return lines.length === 0 ? 'no fields' : lines.map(([name, value]) => harmless(`${name.padEnd(width)}  ${value}`)).join('\n');
}

function linesOf(fields: Decoded['fields'], indent: string): [string, string][] {
  return fields.flatMap(({ name, value, unit, fields: inner = [] }): [string, string][] => [
    [`${indent}${name}`, unit === undefined ? shortened(value) : `${value} ${unit}`],
    ...linesOf(inner, `${indent}  `),
  ]);
}

/** An onion packet says nothing to a person. */
const MAX_SHOWN = 160;
const shortened = (value: string): string =>
  value.length <= MAX_SHOWN ? value : `${value.slice(0, MAX_SHOWN)}… (${value.length} characters)`;
