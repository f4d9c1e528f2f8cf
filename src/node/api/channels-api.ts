import { ApiError } from '../../api/errors.ts';
import type { NodeApi } from '../../api/contract.ts';
import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import { channelIdOf } from '../../../machines/channel/context.ts';
import { hexOf } from '../../channels/channel-store.ts';
import { lifecycleOf, type LiveChannel } from '../../channels/live-channel.ts';
import { displayTxid } from '../../sweep/sweep.ts';
import { COMMITMENT_TARGET_BLOCKS } from '../fee-updater.ts';
import type { Node } from '../node.ts';
import { policyChanges, type PolicyChoice } from '../policy-choice.ts';
import { detailOf, entryView, localPolicy, summaryOf } from './channel-views.ts';
import { closeChannel } from './close-api.ts';
import { EndingSearch } from './ending-entries.ts';
import { defined } from './payment-views.ts';
import { hereOf } from './pending-api.ts';
import { findChannel, shownEnded, shownLive } from './shown-channel.ts';
import { isEnding } from './why.ts';

const JOURNAL_TAIL = 10;
const JOURNAL_PAGE = 100;
/** Blocks within which a funding transaction should confirm, where the user names no feerate. */
const FUNDING_TARGET_BLOCKS = 6;

type Methods = Pick<NodeApi, 'open' | 'channels' | 'channel' | 'journal' | 'setpolicy' | 'close'>;

/** Channels through the API. */
export function channelsApi(node: Node): Methods {
  const { chain } = node.options;
  const endings = new EndingSearch();

  const findLive = (ref: string): LiveChannel => {
    const { live, snapshot } = findChannel(node, ref);
    if (live !== undefined) return live;
    throw new ApiError('conflict', 'channel_closed', `the channel is ${lifecycleOf(snapshot.value)}: it is over`);
  };

  return {
    async open({ nodeId, amountSat, pushMsat, private: isPrivate, feeratePerKw }) {
      const channel = await node.opener.open({
        nodeId,
        amountSat,
        pushMsat: pushMsat ?? 0n,
        announce: isPrivate !== true,
        fundingFeeratePerKw: feeratePerKw ?? (await chain.feeratePerKw(FUNDING_TARGET_BLOCKS)),
        feeratePerKw: await chain.feeratePerKw(COMMITMENT_TARGET_BLOCKS),
      });
      const { funding } = channel.data;
      const fundingTxid = funding === undefined ? '' : displayTxid(funding.txid);
      return { channelId: hexOf(channelIdOf(channel.data)), fundingTxid, fundingOutpoint: `${fundingTxid}:${funding?.outputIndex ?? 0}` };
    },

    async channels({ nodeId, state, closed }) {
      const live = [...node.channels.all()].map((channel) => shownLive(node, channel));
      const all = closed === true ? [...live, ...shownEnded(node)] : live;
      const here = hereOf(node);
      const channels = all.map((shown) => summaryOf(node, shown, here));
      return { channels: channels.filter((channel) => (nodeId ?? channel.nodeId) === channel.nodeId && (state ?? channel.state) === channel.state) };
    },

    async channel({ channel: ref }) {
      const { value, data: { channelIndex: index } } = findChannel(node, ref).snapshot;
      const ended = isEnding(value.lifecycle) ? await endings.of(node.channelStore, index) : undefined;
      // As it is by now.
      const shown = findChannel(node, ref);
      const length = node.channelStore.journalHead(index)?.length ?? 0;
      const tail = node.channelStore.journal(index, Math.max(0, length - JOURNAL_TAIL), JOURNAL_TAIL);
      return detailOf(node, shown, tail.map((entry) => entryView(entry)), ended);
    },

    async journal({ channel: ref, from, limit, decode }) {
      const { data } = findChannel(node, ref).snapshot;
      const entries = node.channelStore.journal(data.channelIndex, from ?? 0, limit ?? JOURNAL_PAGE);
      const total = node.channelStore.journalHead(data.channelIndex)?.length ?? 0;
      const first = node.channelStore.journalStart(data.channelIndex) ?? 0;
      return { channelId: hexOf(channelIdOf(data)), first, total, entries: entries.map((entry) => entryView(entry, decode)) };
    },

    async setpolicy({ channel: ref, feeBaseMsat, ...changes }) {
      const chosen = ref === undefined ? [...node.channels.all()] : [findLive(ref)];
      const choice = defined({ ...changes, ...(feeBaseMsat !== undefined && { feeBaseMsat: Number(feeBaseMsat) }) }) as PolicyChoice;
      await node.dispatcher.inTurn(() => {
        const plan = chosen.map((channel) => ({ channel, changes: policyChanges(node.policies.of(channel.index), choice) }));
        for (const each of plan) node.balanceFees.choose(each.channel, each.changes);
      });
      for (const channel of chosen) node.policyChanged(channel);
      const channels = chosen.map(({ data, isUsable }) => ({
        channelId: hexOf(channelIdOf(data)),
        ...(data.shortChannelId !== undefined && { shortChannelId: formatScid(data.shortChannelId) }),
        policy: localPolicy(node, data, !isUsable),
      }));
      return { channels };
    },

    close: ({ channel: ref, ...options }) => closeChannel(node, findLive(ref), options),
  };
}
