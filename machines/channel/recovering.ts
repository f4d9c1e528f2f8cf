import { channelIdOfFunding } from './channel-id.ts';
import { newChannelData } from './channel.ts';
import type { ChannelData, ChannelFailure, Funding, SideParameters } from './data.ts';
import type { ChannelPolicy } from './policy.ts';

/**
 * What never changes about a funded channel and is no secret. With the seed it is enough to find the peer's commitment in
 * the chain and to take `to_remote` of it, whatever its state was.
 */
export interface StaticChannel
  extends Pick<
    ChannelData,
    | 'channelIndex'
    | 'isOpener'
    | 'openedAtHeight'
    | 'remoteNodeId'
    | 'announce'
    | 'fundingSatoshis'
    | 'shortChannelId'
    | 'local'
    | 'localShutdownScript'
  > {
  readonly funding: Funding;
  readonly remote: SideParameters;
}

/** Undefined for a channel without a funding outpoint. */
export function staticChannelOf(data: ChannelData): StaticChannel | undefined {
  const { funding, remote } = data;
  if (funding === undefined || remote === undefined) return undefined;
  return {
    channelIndex: data.channelIndex,
    isOpener: data.isOpener,
    openedAtHeight: data.openedAtHeight,
    remoteNodeId: data.remoteNodeId,
    announce: data.announce,
    fundingSatoshis: data.fundingSatoshis,
    shortChannelId: data.shortChannelId,
    local: data.local,
    localShutdownScript: data.localShutdownScript,
    funding,
    remote,
  };
}

/** BOLT 2, "Message Retransmission": it asks the peer to fail the channel. */
const recovered: ChannelFailure = {
  code: 'data_lost',
  reason: 'this node has lost the state of the channel, and asks for it to be closed with your latest commitment',
  by: 'local',
};

/**
 * The data of a channel of which nothing but this is left. Its first event must be `recover`. No balance and no commitment
 * is known: there is nothing that could be broadcast.
 */
export function recoveredChannelData(
  { local, remote, funding, shortChannelId, localShutdownScript, ...channel }: StaticChannel,
  node: { readonly localNodeId: Uint8Array; readonly chainHash: Uint8Array; readonly policy: ChannelPolicy },
): ChannelData {
  const channelId = channelIdOfFunding(funding.txid, funding.outputIndex);
  const fresh = newChannelData({
    ...channel,
    ...node,
    temporaryChannelId: channelId,
    feeratePerKw: 0,
    openingFeeratePerKw: 0,
    publicKeys: local,
    shutdownScript: localShutdownScript,
  });
  return { ...fresh, isRecovered: true, channelId, local, remote, funding, shortChannelId, failure: recovered };
}
