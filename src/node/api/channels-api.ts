import { ApiError } from '../../api/errors.ts';
import { parseChannelRef, type ChannelRef } from '../../api/fields.ts';
import type { NodeApi } from '../../api/contract.ts';
import { HtlcTable } from '../../../machines/htlc/htlc-table.ts';
import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import { channelIdOf } from '../../../machines/channel/context.ts';
import type { ChannelData } from '../../../machines/channel/data.ts';
import { hexOf, mustLoad } from '../../channels/channel-store.ts';
import type { LiveChannel } from '../../channels/live-channel.ts';
import { addressToScript, bitcoinNetwork } from '../../wallet/address.ts';
import { COMMITMENT_TARGET_BLOCKS } from '../fee-updater.ts';
import type { Node } from '../node.ts';
import { detailOf, displayTxid, entryView, localPolicy, summaryOf, type ShownChannel } from './channel-views.ts';

const JOURNAL_TAIL = 10;
const JOURNAL_PAGE = 100;
/** Blocks within which a funding or closing transaction should confirm, where the user names no feerate. */
const FUNDING_TARGET_BLOCKS = 6;

type Methods = Pick<NodeApi, 'open' | 'channels' | 'channel' | 'journal' | 'setpolicy' | 'close'>;

/** Channels through the API. */
export function channelsApi(node: Node): Methods {
  const { chain, chainName } = node.options;

  const shownLive = (channel: LiveChannel): ShownChannel => ({
    snapshot: { value: channel.value, data: channel.data },
    htlcs: channel.htlcs,
    error: node.channels.isFrozen(channel.index) ? 'frozen after a fault in this node: restart it, and report it' : undefined,
  });
  const shownEnded = (index: number): ShownChannel => {
    const snapshot = mustLoad(node.channelStore, index);
    const htlcs = new HtlcTable(snapshot.htlcs);
    return { snapshot, htlcs, error: undefined };
  };
  const ended = (): ShownChannel[] => node.channelStore.indexes('ended').map(shownEnded);

  const findLive = (ref: string): LiveChannel => {
    const matches = [...node.channels.all()].filter(({ data }) => isNamed(data, parseChannelRef(ref)));
    return one(matches, ref);
  };
  const find = (ref: string): ShownChannel => {
    const parsed = parseChannelRef(ref);
    const live = [...node.channels.all()].filter(({ data }) => isNamed(data, parsed)).map(shownLive);
    return one(live.length > 0 ? live : ended().filter(({ snapshot }) => isNamed(snapshot.data, parsed)), ref);
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
      const all = [...[...node.channels.all()].map(shownLive), ...(closed === true ? ended() : [])];
      const channels = all.map((shown) => summaryOf(node, shown));
      return { channels: channels.filter((channel) => (nodeId ?? channel.nodeId) === channel.nodeId && (state ?? channel.state) === channel.state) };
    },

    async channel({ channel: ref }) {
      const shown = find(ref);
      const index = shown.snapshot.data.channelIndex;
      const length = node.channelStore.journalHead(index)?.length ?? 0;
      const tail = node.channelStore.journal(index, Math.max(0, length - JOURNAL_TAIL), JOURNAL_TAIL);
      return detailOf(node, shown, tail.map(entryView));
    },

    async journal({ channel: ref, from, limit }) {
      const { data } = find(ref).snapshot;
      const entries = node.channelStore.journal(data.channelIndex, from ?? 0, limit ?? JOURNAL_PAGE);
      const total = node.channelStore.journalHead(data.channelIndex)?.length ?? 0;
      return { channelId: hexOf(channelIdOf(data)), total, entries: entries.map(entryView) };
    },

    async setpolicy({ channel: ref, feeBaseMsat, ...changes }) {
      const chosen = ref === undefined ? [...node.channels.all()] : [findLive(ref)];
      await node.dispatcher.inTurn(() => {
        for (const { index } of chosen) node.policies.set(index, { ...changes, ...(feeBaseMsat !== undefined && { feeBaseMsat: Number(feeBaseMsat) }) });
      });
      for (const channel of chosen) node.policyChanged(channel);
      const channels = chosen.map(({ data, isUsable }) => ({
        channelId: hexOf(channelIdOf(data)),
        ...(data.shortChannelId !== undefined && { shortChannelId: formatScid(data.shortChannelId) }),
        policy: localPolicy(node, data, !isUsable),
      }));
      return { channels };
    },

    async close({ channel: ref, address, feeratePerKw }) {
      const channel = findLive(ref);
      if (channel.lifecycle !== 'normal' && channel.lifecycle !== 'confirming') {
        throw new ApiError('conflict', 'channel_not_open', `the channel is ${channel.lifecycle}: it cannot be asked to close`);
      }
      const scriptpubkey = address === undefined ? undefined : addressToScript(address, bitcoinNetwork(chainName));
      const feerate = feeratePerKw ?? (await chain.feeratePerKw(FUNDING_TARGET_BLOCKS));
      await node.dispatcher.inTurn((turn) => {
        turn.dispatch({ to: 'channel', channelIndex: channel.index, event: { type: 'close', scriptpubkey, feeratePerKw: feerate } });
      });
      return summaryOf(node, shownLive(channel));
    },
  };
}

function isNamed(data: ChannelData, ref: ChannelRef): boolean {
  switch (ref.kind) {
    case 'shortChannelId':
      return data.shortChannelId !== undefined && formatScid(data.shortChannelId) === ref.shortChannelId;
    case 'outpoint':
      return data.funding !== undefined && displayTxid(data.funding.txid) === ref.txid && data.funding.outputIndex === ref.outputIndex;
    case 'channelId':
      return hexOf(channelIdOf(data)).startsWith(ref.prefix);
  }
}

function one<T>(matches: readonly T[], ref: string): T {
  const [match] = matches;
  if (match === undefined) {
    throw new ApiError('notFound', 'channel_not_found', `no channel is called ${ref}`, { hint: 'see `runnel channels`' });
  }
  if (matches.length > 1) {
    throw new ApiError('invalid', 'channel_ambiguous', `${matches.length} channels begin with ${ref}`, { hint: 'give more of the channel id' });
  }
  return match;
}
