/** A channel as it was, for people. */
import type { Output } from '../api/client.ts';
import { formatMsat } from '../amounts.ts';
import { renderChanges, renderCommitments, renderHtlcs, renderState } from './render-channels.ts';
import { renderDecoded } from './render-decoded.ts';
import { list, section, table, timeOfMs } from './text.ts';

type Moment = Output<'moment'>;

export function renderMoment(moment: Moment): string {
  const { event, sent, commitments, htlcs, outputs } = moment;
  const parts = [
    list({
      entry: `${moment.sequence} of ${moment.first} to ${moment.total - 1}`,
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
