import type { NodeApi } from '../../api/contract.ts';
import { ApiError } from '../../api/errors.ts';
import type { AuditGossip } from '../../audit/header.ts';
import { ExportError, makeHeader, type SignedHeader } from '../../audit/make-header.ts';
import { hexOf } from '../../channels/channel-store.ts';
import { packageVersion } from '../../cli/version.ts';
import type { Node } from '../node.ts';
import { findChannel, type ShownChannel } from './shown-channel.ts';

/** What an audit begins with, through the API: the journal gives the rest. */
export function auditApi(node: Node): Pick<NodeApi, 'audit'> {
  return {
    audit: async ({ channel: ref }) => {
      const { header, text, signatures } = await headerOf(node, findChannel(node, ref));
      return {
        channelId: hexOf(header.channelId),
        header: text,
        signatures: { funding: hexOf(signatures.funding), node: hexOf(signatures.node) },
        first: header.firstSequence,
        numEntries: header.numEntries,
        headHash: hexOf(header.headHash),
        numWithheld: header.withheld?.numEntries ?? 0,
      };
    },
  };
}

async function headerOf(node: Node, { snapshot, htlcs }: ShownChannel): Promise<SignedHeader> {
  const { channelStore: store, options: { signer, clock } } = node;
  try {
    return await makeHeader({
      store,
      snapshot: { ...snapshot, htlcs: [...htlcs.rows()] },
      signer,
      gossip: gossipOf(node, snapshot.data.shortChannelId),
      now: clock.now(),
      software: packageVersion(),
    });
  } catch (error) {
    if (!(error instanceof ExportError)) throw error;
    const hint = error.code === 'audit_withheld' ? 'export it once the peer is back, or the channel is closed' : undefined;
    throw new ApiError('conflict', error.code, error.message, { ...(hint !== undefined && { hint }) });
  }
}

/** What the network was told of the channel, as far as this node keeps it. */
function gossipOf({ gossip: { store } }: Node, shortChannelId: bigint | undefined): AuditGossip {
  if (shortChannelId === undefined || store.channel(shortChannelId) === undefined) return { announcement: undefined, updates: [] };
  const updates = ([0, 1] as const).flatMap((direction) => store.update(shortChannelId, direction) ?? []);
  return { announcement: store.announcement(shortChannelId), updates };
}
