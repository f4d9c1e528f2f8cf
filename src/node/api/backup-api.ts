import { channelIdOfFunding } from '../../../machines/channel/channel-id.ts';
import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import type { NodeApi } from '../../api/contract.ts';
import { hexOf } from '../../channels/channel-store.ts';
import type { Node } from '../node.ts';
import { displayTxid } from '../../sweep/sweep.ts';

/** The backup of the channels through the API. */
export function backupApi({ backups, options }: Node): Pick<NodeApi, 'exportbackup' | 'verifybackup'> {
  return {
    exportbackup: async () => {
      const { text, numChannels } = backups.current();
      return { backup: text, numChannels };
    },
    verifybackup: async ({ backup }) => {
      const { content, plan } = backups.verify(backup);
      return {
        createdAt: Math.floor(content.createdAtMs / 1_000),
        nodeId: hexOf(content.nodeId),
        network: options.chainName,
        scanFromHeight: content.scanFromHeight,
        numRestorable: plan.restored.length,
        channels: content.channels.map((channel) => {
          const { funding, shortChannelId } = channel;
          return {
            channelId: hexOf(channelIdOfFunding(funding.txid, funding.outputIndex)),
            ...(shortChannelId !== undefined && { shortChannelId: formatScid(shortChannelId) }),
            nodeId: hexOf(channel.remoteNodeId),
            addresses: [...channel.addresses],
            fundingOutpoint: `${displayTxid(funding.txid)}:${funding.outputIndex}`,
            capacitySat: channel.fundingSatoshis,
            opener: channel.isOpener ? 'local' : 'remote',
            openedAtHeight: channel.openedAtHeight,
            known: plan.refused.includes(channel),
          };
        }),
      };
    },
  };
}
