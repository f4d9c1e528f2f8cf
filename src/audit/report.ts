import { toString } from 'uint8arrays';
import type { ChannelData } from '../../machines/channel/data.ts';
import { formatScid } from '../../protocols/gossip/short-channel-id.ts';
import { networkOf } from '../chain/chain-hashes.ts';
import { lifecycleOf } from '../channels/live-channel.ts';
import type { ChannelReplay } from '../channels/replay.ts';
import { displayTxid } from '../sweep/sweep.ts';
import type { AuditHeader } from './header.ts';
import type { Checked } from './tally.ts';

/** What a verified file is, what holds of it, and what does not. Amounts are decimal strings, as everywhere in JSON. */
export interface AuditReport {
  readonly holds: boolean;
  readonly channel?: AuditedChannel;
  /** The channel as it is after the last entry that holds. */
  readonly state?: { readonly lifecycle: string; readonly localMsat: string; readonly remoteMsat: string; readonly pendingHtlcs: number };
  readonly entries?: { readonly first: number; readonly last: number; readonly firstTimeMs: number; readonly lastTimeMs: number };
  readonly checked: Checked;
  /** What the file cannot prove, or does not have. */
  readonly notChecked: readonly string[];
  readonly failure?: AuditFailure;
}

export interface AuditedChannel {
  readonly channelId: string;
  readonly shortChannelId?: string;
  readonly fundingOutpoint: string;
  readonly capacitySat: string;
  readonly network: string;
  readonly nodeId: string;
  readonly peerId: string;
  readonly opener: 'local' | 'remote';
  readonly madeAtMs: number;
  readonly software: string;
}

/** The first that does not hold. */
export interface AuditFailure {
  /** The entry, where it is one. */
  readonly sequence?: number;
  /** In the file, from 1. */
  readonly line: number;
  readonly code: string;
  readonly reason: string;
}

export interface Audited {
  readonly header: AuditHeader | undefined;
  readonly replay: ChannelReplay | undefined;
  readonly checked: Checked;
  readonly times: { readonly firstMs: number; readonly lastMs: number } | undefined;
  readonly failure: AuditFailure | undefined;
}

export function reportOf({ header, replay, checked, times, failure }: Audited): AuditReport {
  return {
    holds: failure === undefined,
    ...(header && { channel: channelOf(header) }),
    ...(replay && failure === undefined && { state: stateOf(replay) }),
    ...(header && times && {
      entries: {
        first: header.firstSequence,
        last: header.firstSequence + checked.entries - 1,
        firstTimeMs: times.firstMs,
        lastTimeMs: times.lastMs,
      },
    }),
    checked,
    notChecked: header === undefined || replay === undefined ? [] : notChecked(header, replay.data),
    ...(failure && { failure }),
  };
}

function channelOf(header: AuditHeader): AuditedChannel {
  const { shortChannelId, funding } = header;
  return {
    channelId: hex(header.channelId),
    ...(shortChannelId !== undefined && { shortChannelId: formatScid(shortChannelId) }),
    fundingOutpoint: `${displayTxid(funding.txid)}:${funding.outputIndex}`,
    capacitySat: header.fundingSatoshis.toString(),
    network: networkOf(header.chainHash) ?? `unknown (chain hash ${hex(header.chainHash)})`,
    nodeId: hex(header.localNodeId),
    peerId: hex(header.remoteNodeId),
    opener: header.isOpener ? 'local' : 'remote',
    madeAtMs: header.createdAt,
    software: header.software,
  };
}

const stateOf = ({ snapshot, htlcs }: ChannelReplay): AuditReport['state'] => ({
  lifecycle: lifecycleOf(snapshot.value),
  localMsat: snapshot.data.toLocalMsat.toString(),
  remoteMsat: snapshot.data.toRemoteMsat.toString(),
  pendingHtlcs: htlcs.size,
});

function notChecked({ firstSequence, withheld, gossip, announce }: AuditHeader, { isRecovered, localCommitmentNumber, remoteRevocations }: ChannelData): string[] {
  const isPruned = firstSequence > 0;
  return [
    'that the funding transaction and what spends it are in the chain, and when: the journal says so, a block explorer or a node of your own proves it',
    'what nobody else has signed: when things happened, what this node was asked for, and messages of the peer that never came to be signed',
    `the points of the node's commitments from ${localCommitmentNumber} and of the peer's from ${remoteRevocations} on, which are not revoked: only their secrets prove them`,
    ...(isPruned ? [`entries 0 to ${firstSequence - 1}, which the node has dropped: what they led to is signed by both in the checkpoint`] : []),
    ...(withheld === undefined
      ? []
      : [`${withheld.numEntries} entries from ${withheld.firstSequence} on, which are withheld: they hold a preimage that the peer does not have yet`]),
    ...(isRecovered ? ['balances and commitments: this node lost the state of the channel, and began again from a backup'] : []),
    ...(announce && gossip.announcement === undefined ? ['gossip of the channel: the file has none'] : []),
  ];
}

const hex = (bytes: Uint8Array): string => toString(bytes, 'base16');
