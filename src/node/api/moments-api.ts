import { balancesBeside } from '../../../machines/channel/balances.ts';
import { channelIdOf } from '../../../machines/channel/context.ts';
import type { OutputRow } from '../../../machines/onchain/output.ts';
import type { NodeApi, Output } from '../../api/contract.ts';
import { ApiError } from '../../api/errors.ts';
import { decodedMessage, decodeEntry } from '../../channels/decoded.ts';
import { hexOf } from '../../channels/channel-store.ts';
import { lifecycleOf } from '../../channels/live-channel.ts';
import { replayTo, type Moment } from '../../channels/moment.ts';
import { outpointKey } from '../../sweep/sweep.ts';
import type { Node } from '../node.ts';
import { entryView, htlcViews } from './channel-views.ts';
import { commitmentsOf } from './commitment-views.ts';
import { chartOf, whatOf } from './pending-view.ts';
import { findChannel } from './shown-channel.ts';

type MomentView = Output<'moment'>;

/** Channels as they were, through the API. */
export function momentsApi(node: Node): Pick<NodeApi, 'moment'> {
  const { channelStore: store, options } = node;
  return {
    moment: async ({ channel: ref, sequence }) => {
      const { data } = findChannel(node, ref).snapshot;
      const index = data.channelIndex;
      const moment = await replayTo(store, index, sequence);
      const first = store.journalStart(index) ?? 0;
      const total = store.journalHead(index)?.length ?? 0;
      if (moment === undefined) {
        const message = `expected an entry from ${first} to ${total - 1}, got ${sequence}`;
        throw new ApiError('notFound', 'moment_not_found', message, {
          hint: first > 0 ? 'earlier entries were dropped, which journal.keep_entries decides' : 'see `runnel journal`',
        });
      }
      const keys = options.signer.channel(index);
      // At its beginning it had a temporary id, by which nobody knows it.
      return { channelId: hexOf(channelIdOf(data)), first, total, ...momentView(moment, (number) => moment.channel.localPoint(number) ?? keys.perCommitmentPoint(number)) };
    },
  };
}

function momentView({ entry, hash, sent, channel }: Moment, localPoint: (commitmentNumber: number) => Uint8Array): Omit<MomentView, 'channelId' | 'first' | 'total'> {
  const { data, htlcs } = channel;
  const { value } = channel.snapshot;
  const { transitions, htlcs: htlcChanges } = entryView({ entry, hash });
  const { localMsat, remoteMsat } = balancesBeside(data, htlcs);
  const commitments = commitmentsOf(data, htlcs, localPoint);
  return {
    sequence: entry.sequence,
    timeMs: entry.time,
    event: decodeEntry(entry),
    sent: sent.map(decodedMessage),
    transitions,
    htlcChanges,
    state: lifecycleOf(value),
    stateValue: value,
    capacitySat: data.fundingSatoshis,
    localMsat,
    remoteMsat,
    htlcs: htlcViews(htlcs),
    ...(commitments && { commitments }),
    outputs: data.outputs.map(outputView),
    hash: hexOf(hash),
    ...(data.failure && { error: data.failure.reason }),
  };
}

function outputView(row: OutputRow): MomentView['outputs'][number] {
  const { kind, state, outpoint, amountSat } = row;
  return { chart: chartOf[kind], kind, state, ...(outpoint && { outpoint: outpointKey(outpoint) }), amountSat, what: whatOf(row) };
}
