import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import { formatMsat } from '../../amounts.ts';
import type { Output } from '../../api/contract.ts';
import type { NodeId } from '../../network/network.ts';
import type { Learnt } from '../../routing/lesson.ts';

type LearntView = Output<'payment'>['attempts'][number]['learnt'][number];

/** What a node is called in a sentence. */
export type NodeName = (nodeId: NodeId) => string;

/** What an attempt taught, as the API shows it. */
export function learntView(learnt: Learnt, nameOf: NodeName): LearntView {
  const { kind, shortChannelId, fromNodeId, toNodeId, nodeId, amountMsat } = learnt;
  return {
    kind,
    ...(shortChannelId !== undefined && { shortChannelId: formatScid(shortChannelId) }),
    ...(fromNodeId !== undefined && { fromNodeId }),
    ...(toNodeId !== undefined && { toNodeId }),
    ...(nodeId !== undefined && { nodeId }),
    ...(amountMsat !== undefined && { amountMsat }),
    text: textOf(learnt, nameOf),
  };
}

function textOf(learnt: Learnt, nameOf: NodeName): string {
  const { kind, nodeId, amountMsat = 0n, isPermanent, isSuspicion } = learnt;
  const where = nodeId === undefined ? channelName(learnt, nameOf) : `node ${nameOf(nodeId)}`;
  switch (kind) {
    case 'carried':
      return `${where} can carry ${formatMsat(amountMsat)} sat: it carried the HTLC, which was failed behind it`;
    case 'settled':
      return `${where} carried ${formatMsat(amountMsat)} sat, which lies on its other side now`;
    case 'failed': {
      const what = amountMsat <= 1n ? 'cannot be used' : `cannot carry ${formatMsat(amountMsat)} sat`;
      const how = isPermanent === true ? ', by what its node says for good' : isSuspicion === true ? ', it or one beside it' : ' for now';
      return `${where} ${what}${how}`;
    }
    case 'nodeFailed':
      return `${where} does not forward${isPermanent === true ? ', by what it says for good' : ' for now'}`;
    case 'policy':
      return `${where} asks for more than gossip says: this payment goes by its newer policy`;
    case 'excluded':
      return `this payment keeps off ${where} from now on`;
  }
}

function channelName({ shortChannelId = 0n, fromNodeId, toNodeId }: Learnt, nameOf: NodeName): string {
  const scid = formatScid(shortChannelId);
  if (fromNodeId === undefined || toNodeId === undefined) return `our channel ${scid}`;
  return `${scid} from ${nameOf(fromNodeId)} to ${nameOf(toNodeId)}`;
}
