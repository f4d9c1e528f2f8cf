import type { Transaction } from 'bitcoinjs-lib';
import { closingSighash, closingSignedByRemote, buildClosing, completeClosing } from '../../machines/commitment/closing-transaction.ts';
import { buildCommitment } from '../../machines/commitment/commitment-transaction.ts';
import { commitmentSighash, completeCommitment, htlcSighash } from '../../machines/commitment/signatures.ts';
import { unsignedAnnouncement } from '../../machines/channel/announcing.ts';
import { channelIdOf, negotiated } from '../../machines/channel/context.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import { fundingOf, type ClosingRequest, type CommitmentRequest } from '../../machines/channel/requests.ts';
import { channelAnnouncementHash } from '../../protocols/gossip/channel-announcement.ts';
import type { Message } from '../../protocols/wire/messages.ts';
import type { ChannelSigner, NodeSigner } from '../keys/signer-api.ts';

export interface ChannelKeys {
  readonly node: NodeSigner;
  readonly channel: ChannelSigner;
}

/** As much of a channel's keys as its messages take; a replay has them answered by the journal. */
export interface WireKeys {
  readonly node: Pick<NodeSigner, 'signGossip'>;
  readonly channel: Omit<ChannelSigner, 'channelIndex' | 'publicKeys' | 'signLocalCommitment' | 'signAudit'>;
}

/**
 * The wire message that an effect asks for, with what only the signer knows filled in: signatures, revocation secrets, points. Undefined for
 * effects that send nothing. Signatures are deterministic, so that the same effect gives the same bytes after a restart.
 */
export function wireMessage(effect: ChannelEffect, data: ChannelData, keys: WireKeys): Message | undefined {
  const channelId = channelIdOf(data);
  switch (effect.type) {
    case 'send':
    case 'sendReestablish':
      return effect.message;
    case 'sendSigned':
      return signedMessage(effect.message, effect.commitment, data, keys);
    case 'sendRevocation': {
      const revoked = effect.revokedCommitmentNumber;
      return {
        type: 'revoke_and_ack',
        channelId,
        perCommitmentSecret: keys.channel.perCommitmentSecret(revoked, data.localCommitmentNumber),
        nextPerCommitmentPoint: keys.channel.perCommitmentPoint(revoked + 2),
      };
    }
    case 'sendReady':
      return { type: 'channel_ready', channelId, secondPerCommitmentPoint: keys.channel.perCommitmentPoint(1) };
    case 'sendClosingSigned': {
      const { parameters, feeSatoshis } = effect.closing;
      const signature = keys.channel.signMutualClose(closingSighash(buildClosing(parameters, feeSatoshis)));
      return { type: 'closing_signed', channelId, feeSatoshis, signature, ...(effect.feeRange && { feeRange: effect.feeRange }) };
    }
    case 'sendAnnouncementSignatures': {
      const { shortChannelId } = effect;
      const hash = channelAnnouncementHash(unsignedAnnouncement(negotiated(data), shortChannelId));
      return {
        type: 'announcement_signatures',
        channelId,
        shortChannelId,
        nodeSignature: keys.node.signGossip(hash),
        bitcoinSignature: keys.channel.signChannelAnnouncement(hash),
      };
    }
    default:
      return undefined;
  }
}

function signedMessage(
  type: 'funding_created' | 'funding_signed' | 'commitment_signed',
  { parameters, commitmentNumber, perCommitmentPoint, keys: derived, spec }: CommitmentRequest,
  data: ChannelData,
  keys: WireKeys,
): Message {
  const built = buildCommitment(parameters, commitmentNumber, derived, spec);
  const { signature, htlcSignatures } = keys.channel.signRemoteCommitment({
    sighash: commitmentSighash(built),
    perCommitmentPoint,
    htlcSighashes: built.htlcs.map((_, index) => htlcSighash(built, index, 'remote')),
  });
  if (type === 'funding_created') {
    const { txid, outputIndex } = fundingOf(negotiated(data));
    return { type, temporaryChannelId: data.temporaryChannelId, fundingTxid: txid, fundingOutputIndex: outputIndex, signature };
  }
  if (type === 'funding_signed') return { type, channelId: channelIdOf(data), signature };
  // BOLT 2, "Committing Updates So Far": which funding transaction the signed commitment spends.
  return { type, channelId: channelIdOf(data), signature, htlcSignatures, fundingTxid: parameters.fundingTxid };
}

/** The mutual close with both signatures (BOLT 3, "Legacy Closing Transaction"), in the variant that the peer signed. */
export function signedClosing({ parameters, feeSatoshis }: ClosingRequest, remoteSignature: Uint8Array, keys: ChannelKeys): Transaction {
  const built = closingSignedByRemote(parameters, feeSatoshis, remoteSignature);
  return completeClosing(built, keys.channel.signMutualClose(closingSighash(built)), remoteSignature);
}

/** Our own latest commitment with both signatures, for a local force close. The signer refuses one that was revoked. */
export function signedCommitment(request: CommitmentRequest, remoteSignature: Uint8Array, keys: ChannelKeys): Transaction {
  const { commitmentNumber } = request;
  const built = buildCommitment(request.parameters, commitmentNumber, request.keys, request.spec);
  const signature = keys.channel.signLocalCommitment(commitmentSighash(built), commitmentNumber, commitmentNumber);
  return completeCommitment(built, signature, remoteSignature);
}
