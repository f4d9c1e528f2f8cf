import { toString } from 'uint8arrays';
import { commitmentSpec } from '../../machines/channel/balances.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import { fundingOutput } from '../../machines/commitment/funding.ts';
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
  /** The channel as it is after the last entry that holds; the amounts are those of the node's latest commitment, which the peer has signed. */
  readonly state?: {
    readonly lifecycle: string;
    readonly localMsat: string;
    readonly remoteMsat: string;
    readonly inHtlcsMsat: string;
    readonly pendingHtlcs: number;
  };
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
  /** What the funding output pays to, with both of its keys: the chain shows whether that is so. */
  readonly fundingScript: string;
  readonly nodeFundingKey: string;
  readonly peerFundingKey: string;
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
  /** Signed with the peer's node key: that it is the peer, and which its keys are. */
  readonly isPeerProven: boolean;
  readonly failure: AuditFailure | undefined;
}

export function reportOf({ header, replay, checked, times, isPeerProven, failure }: Audited): AuditReport {
  return {
    holds: failure === undefined,
    ...(header && { channel: channelOf(header, replay?.data.shortChannelId) }),
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
    // Of a file that does not hold, nothing is shown.
    notChecked: header === undefined || replay === undefined || failure !== undefined ? [] : notChecked(header, replay.data, isPeerProven),
    ...(failure && { failure }),
  };
}

/** The short channel id is the journal's own: after what is withheld, a reorg may have moved the channel. */
function channelOf(header: AuditHeader, shortChannelId: bigint | undefined): AuditedChannel {
  const { funding } = header;
  return {
    channelId: hex(header.channelId),
    ...(shortChannelId !== undefined && { shortChannelId: formatScid(shortChannelId) }),
    fundingOutpoint: `${displayTxid(funding.txid)}:${funding.outputIndex}`,
    fundingScript: hex(fundingOutput(header.local.fundingPubkey, header.remote.fundingPubkey).scriptPubkey),
    nodeFundingKey: hex(header.local.fundingPubkey),
    peerFundingKey: hex(header.remote.fundingPubkey),
    capacitySat: header.fundingSatoshis.toString(),
    network: networkOf(header.chainHash) ?? `unknown (chain hash ${hex(header.chainHash)})`,
    nodeId: hex(header.localNodeId),
    peerId: hex(header.remoteNodeId),
    opener: header.isOpener ? 'local' : 'remote',
    madeAtMs: header.createdAt,
    software: header.software,
  };
}

function stateOf({ snapshot, data, htlcs }: ChannelReplay): AuditReport['state'] {
  const { toLocalMsat, toRemoteMsat, htlcs: standing } = commitmentSpec(data, htlcs, 'local', 'latest');
  return {
    lifecycle: lifecycleOf(snapshot.value),
    localMsat: toLocalMsat.toString(),
    remoteMsat: toRemoteMsat.toString(),
    inHtlcsMsat: standing.reduce((sum, { amountMsat }) => sum + amountMsat, 0n).toString(),
    pendingHtlcs: htlcs.size,
  };
}

function notChecked(header: AuditHeader, { isRecovered, localCommitmentNumber, remoteRevocations }: ChannelData, isPeerProven: boolean): string[] {
  const { firstSequence, withheld, gossip, announce, remoteNodeId, chainHash } = header;
  return [
    ...(isPeerProven
      ? []
      : [
          `that the peer is ${hex(remoteNodeId)} and the network ${networkOf(chainHash) ?? 'the one that is named'}: no announcement in the file is signed with that node's key, ` +
            "and whoever made the file could have made up the peer's keys too; the peer's own export shows whether they are its own (runnel audit compare)",
        ]),
    'that the funding transaction and what spends it are in the chain, and when: the journal says so, a block explorer or a node of your own proves it',
    'what nobody else has signed: when things happened, what this node was asked for, and messages of the peer that never came to be signed',
    'payments too small for an output in the commitments: no signature has their hashes, and so none proves their preimages',
    `the points of the node's commitments from ${localCommitmentNumber} and of the peer's from ${remoteRevocations} on, which are not revoked: only their secrets prove them`,
    ...(firstSequence > 0
      ? [
          `entries 0 to ${firstSequence - 1}, which the node has dropped: of what they led to, the peer has signed the balances and HTLCs of the latest commitment; ` +
            `whether the channel was closing at entry ${firstSequence}, its short channel id and its limits are the node's word`,
        ]
      : []),
    ...(withheld === undefined
      ? []
      : [`${withheld.numEntries} entries from ${withheld.firstSequence} on, which are withheld: they hold a preimage that the peer does not have yet`]),
    ...(isRecovered ? ['balances and commitments: this node lost the state of the channel, and began again from a backup'] : []),
    ...(announce && gossip.announcement === undefined ? ['gossip of the channel: the file has none'] : []),
  ];
}

const hex = (bytes: Uint8Array): string => toString(bytes, 'base16');
