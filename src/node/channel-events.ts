import type { ChannelStateValue } from '../../machines/channel/channel.ts';
import { balancesBeside } from '../../machines/channel/balances.ts';
import { channelIdOf } from '../../machines/channel/context.ts';
import type { HtlcRow } from '../../machines/htlc/htlc-table.ts';
import type { OutputRow } from '../../machines/onchain/output.ts';
import { encodeJson } from '../../protocols/json.ts';
import { formatScid } from '../../protocols/gossip/short-channel-id.ts';
import type { NodeEvent } from '../api/events.ts';
import { hexOf } from '../channels/channel-store.ts';
import type { LiveChannel } from '../channels/live-channel.ts';
import { outpointKey } from '../sweep/sweep.ts';
import type { Alarm } from './alarms.ts';

/** What of a channel is looked at. */
export type EventfulChannel = Pick<LiveChannel, 'index' | 'data' | 'value' | 'lifecycle' | 'isEnded' | 'htlcs'>;

/** Of the chart's regions, those whose moves are news to a user: the dance of each payment is told by its HTLCs. */
const told = ({ lifecycle, connection, announcement }: ChannelStateValue): string =>
  encodeJson({ lifecycle, connection, announcement });

type Balances = Pick<ReturnType<typeof balancesBeside>, 'localMsat' | 'remoteMsat'>;

/** What turns change in channels, for the API's listeners. */
export class ChannelEvents {
  /** The watched outputs as they were told last, by channel index. */
  readonly #outputs = new Map<number, readonly OutputRow[]>();
  /** The balances as they were told last, by channel index. */
  readonly #balances = new Map<number, Balances>();

  /** `channels` are those that came back from disk: what they have by then is no news. */
  constructor(channels: Iterable<EventfulChannel>) {
    for (const { index, data, htlcs } of channels) {
      this.#outputs.set(index, data.outputs);
      this.#balances.set(index, balancesBeside(data, htlcs));
    }
  }

  /** What a turn changed in a channel, in order: its HTLCs, its outputs on chain, its state or its balances. */
  of(
    channel: EventfulChannel,
    before: ChannelStateValue,
    htlcs: ReadonlyMap<string, HtlcRow | undefined>,
    timeMs: number,
  ): NodeEvent[] {
    const channelId = hexOf(channelIdOf(channel.data));
    return [
      ...[...htlcs.values()].flatMap((htlc) => (htlc === undefined ? [] : [htlcEvent(channelId, htlc, timeMs)])),
      ...this.#outputEvents(channel, channelId, timeMs),
      ...this.#channelEvent(channel, channelId, before, timeMs),
    ];
  }

  /** One, however much of it has changed. */
  #channelEvent(channel: EventfulChannel, channelId: string, before: ChannelStateValue, timeMs: number): NodeEvent[] {
    const { index, data, htlcs, value, isEnded } = channel;
    const last = this.#balances.get(index);
    const now = balancesBeside(data, htlcs);
    if (isEnded) this.#balances.delete(index);
    else this.#balances.set(index, now);
    const isSame = last?.localMsat === now.localMsat && last.remoteMsat === now.remoteMsat;
    return isSame && told(before) === told(value) ? [] : [channelEvent(channel, channelId, now, timeMs)];
  }

  #outputEvents({ index, data, isEnded }: EventfulChannel, channelId: string, timeMs: number): NodeEvent[] {
    const { outputs } = data;
    const last = this.#outputs.get(index) ?? [];
    if (isEnded) this.#outputs.delete(index);
    else this.#outputs.set(index, outputs);
    if (last === outputs) return [];
    const states = new Map(last.map((row) => [nameOf(row), row.state]));
    const changed = outputs.filter((row) => states.get(nameOf(row)) !== row.state);
    return changed.map((row) => outputEvent(channelId, row, timeMs));
  }
}

function htlcEvent(channelId: string, { details, state }: HtlcRow, timeMs: number): NodeEvent {
  const { id, direction, paymentHash, amountMsat } = details;
  return { type: 'htlc', timeMs, channelId, htlcId: id, direction, paymentHash: hexOf(paymentHash), amountMsat, state };
}

function outputEvent(channelId: string, { kind, outpoint, state, amountSat }: OutputRow, timeMs: number): NodeEvent {
  const where = outpoint && { outpoint: outpointKey(outpoint) };
  return { type: 'output', timeMs, channelId, kind, ...where, state, amountSat };
}

function channelEvent(
  { data, value, lifecycle }: EventfulChannel,
  channelId: string,
  { localMsat, remoteMsat }: Balances,
  timeMs: number,
): NodeEvent {
  return {
    type: 'channel',
    timeMs,
    channelId,
    nodeId: hexOf(data.remoteNodeId),
    ...(data.shortChannelId !== undefined && { shortChannelId: formatScid(data.shortChannelId) }),
    state: lifecycle,
    stateValue: value,
    connection: value.connection,
    localMsat,
    remoteMsat,
    ...(data.failure && { error: data.failure.reason }),
  };
}

/** An alarm that is raised or over, for the API's listeners. */
export function alarmEvent(
  { code, message }: Alarm,
  raised: boolean,
  channel: EventfulChannel | undefined,
  timeMs: number,
): NodeEvent {
  const where = channel && { channelId: hexOf(channelIdOf(channel.data)) };
  return { type: 'alarm', timeMs, code, message, raised, ...where };
}

/** Which output a row stands for, from one turn to the next. */
const nameOf = ({ outpoint, htlc }: OutputRow): string =>
  outpoint === undefined ? `${htlc?.direction} ${htlc?.id}` : outpointKey(outpoint);
