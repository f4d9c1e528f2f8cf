import type { ChannelStateValue } from '../../machines/channel/channel.ts';
import { channelIdOf } from '../../machines/channel/context.ts';
import type { HtlcRow } from '../../machines/htlc/htlc-table.ts';
import { encodeJson } from '../../protocols/json.ts';
import { formatScid } from '../../protocols/gossip/short-channel-id.ts';
import type { NodeEvent } from '../api/events.ts';
import { hexOf } from '../channels/channel-store.ts';
import type { LiveChannel } from '../channels/live-channel.ts';

/** Of the chart's regions, those whose moves are news to a user: the dance of each payment is told by its HTLCs. */
const told = ({ lifecycle, connection, announcement }: ChannelStateValue): string => encodeJson({ lifecycle, connection, announcement });

/** What a turn changed in a channel, for the API's listeners. */
export function channelEvents(
  channel: LiveChannel,
  before: ChannelStateValue,
  htlcs: ReadonlyMap<string, HtlcRow | undefined>,
  timeMs: number,
): NodeEvent[] {
  const { data, value } = channel;
  const channelId = hexOf(channelIdOf(data));
  const events: NodeEvent[] = [...htlcs.values()].flatMap((htlc) =>
    htlc === undefined
      ? []
      : [
          {
            type: 'htlc',
            timeMs,
            channelId,
            htlcId: htlc.details.id,
            direction: htlc.details.direction,
            paymentHash: hexOf(htlc.details.paymentHash),
            amountMsat: htlc.details.amountMsat,
            state: htlc.state,
          },
        ],
  );
  if (told(before) === told(value)) return events;
  events.push({
    type: 'channel',
    timeMs,
    channelId,
    nodeId: hexOf(data.remoteNodeId),
    ...(data.shortChannelId !== undefined && { shortChannelId: formatScid(data.shortChannelId) }),
    state: channel.lifecycle,
    stateValue: value,
    connection: value.connection,
    ...(data.failure && { error: data.failure.reason }),
  });
  return events;
}
