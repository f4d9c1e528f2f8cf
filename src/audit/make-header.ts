import type { ChannelData } from '../../machines/channel/data.ts';
import type { ChannelSnapshot } from '../../machines/channel/channel.ts';
import { RunnelError } from '../../protocols/errors.ts';
import { encodeJson } from '../../protocols/json.ts';
import type { ChannelStore } from '../channels/channel-store.ts';
import type { Signer } from '../keys/signer-api.ts';
import { AUDIT_FORMAT, AUDIT_VERSION, headerHash, type AuditGossip, type AuditHeader, type HeaderSignatures, type Withheld } from './header.ts';
import { firstWithPreimage, lastTurnBefore, preimagesNotGiven } from './withheld.ts';

export interface HeaderSources {
  readonly store: ChannelStore;
  readonly snapshot: ChannelSnapshot;
  readonly signer: Pick<Signer, 'node' | 'channel'>;
  readonly gossip: AuditGossip;
  readonly now: number;
  readonly software: string;
}

/** A header with its text, which is what is signed. */
export interface SignedHeader {
  readonly header: AuditHeader;
  readonly text: string;
  readonly signatures: HeaderSignatures;
}

/** A channel has no journal that could be given out: `audit_unfunded`, `audit_withheld`. */
export class ExportError extends RunnelError {
  declare readonly code: 'audit_unfunded' | 'audit_withheld';
}

/** The header of a channel's audit file, as of now. Throws `ExportError`. */
export async function makeHeader({ store, snapshot, signer, gossip, now, software }: HeaderSources): Promise<SignedHeader> {
  const { data } = snapshot;
  const { channelId, funding, remote, channelIndex } = data;
  const journal = store.journalHead(channelIndex);
  if (channelId === undefined || funding === undefined || remote === undefined || journal === undefined) {
    throw new ExportError('audit_unfunded', 'the channel was never funded: there is nothing to audit');
  }
  const ids = preimagesNotGiven(snapshot);
  const firstSecret = ids.size === 0 ? undefined : await firstWithPreimage(store, channelIndex, ids);
  const end = firstSecret === undefined ? { sequence: journal.length - 1, hash: journal.hash } : lastTurnBefore(store, channelIndex, firstSecret);
  const firstSequence = store.journalStart(channelIndex);
  if (end === undefined || firstSequence === undefined || end.sequence < firstSequence) {
    throw new ExportError('audit_withheld', 'all that is left of the journal follows a preimage that the peer does not have yet');
  }
  const withheld = firstSecret === undefined ? undefined : { firstSequence: end.sequence + 1, numEntries: journal.length - end.sequence - 1 };
  return signedHeader({ ...data, channelId, funding, remote }, { gossip, now, software, firstSequence, end, withheld }, signer);
}

/** From where to where the journal is given out, and what goes with it. */
export interface HeaderFacts extends Pick<HeaderSources, 'gossip' | 'now' | 'software'> {
  readonly firstSequence: number;
  readonly end: { readonly sequence: number; readonly hash: Uint8Array };
  readonly withheld: Withheld | undefined;
}

/** The header of these entries of a funded channel's journal. */
export function signedHeader(
  data: ChannelData & Pick<AuditHeader, 'channelId' | 'funding' | 'remote'>,
  { gossip, now, software, firstSequence, end, withheld }: HeaderFacts,
  signer: HeaderSources['signer'],
): SignedHeader {
  const header: AuditHeader = {
    format: AUDIT_FORMAT,
    version: AUDIT_VERSION,
    software,
    createdAt: now,
    chainHash: data.chainHash,
    channelId: data.channelId,
    funding: data.funding,
    fundingSatoshis: data.fundingSatoshis,
    shortChannelId: data.shortChannelId,
    announce: data.announce,
    isOpener: data.isOpener,
    localNodeId: data.localNodeId,
    remoteNodeId: data.remoteNodeId,
    local: data.local,
    remote: data.remote,
    firstSequence,
    numEntries: end.sequence - firstSequence + 1,
    headHash: end.hash,
    gossip,
    withheld,
  };
  const text = encodeJson(header);
  const hash = headerHash(text);
  return { header, text, signatures: { funding: signer.channel(data.channelIndex).signAudit(hash), node: signer.node.signAudit(hash) } };
}
