import { negotiated } from '../../machines/channel/context.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import { localCommitment, remoteCommitment } from '../../machines/channel/requests.ts';
import { buildCommitment } from '../../machines/commitment/commitment-transaction.ts';
import { secretStoreOf, type SecretStore } from '../../machines/commitment/secrets.ts';
import { verifyCommitmentSignatures } from '../../machines/commitment/signatures.ts';
import type { HtlcTable } from '../../machines/htlc/htlc-table.ts';
import { ReplayError } from './journal-keys.ts';

/** The points of our own that a checkpoint vouches for: of the commitment that holds, and of the one after it. */
export function pointsOf(
  { localCommitmentNumber }: ChannelData,
  pointOf: (commitmentNumber: number) => Uint8Array | undefined,
): Readonly<Record<string, Uint8Array>> {
  const numbers = [localCommitmentNumber, localCommitmentNumber + 1];
  return Object.fromEntries(numbers.flatMap((number) => {
    const point = pointOf(number);
    return point === undefined ? [] : [[number, point]];
  }));
}

/**
 * Our signatures for the peer's latest commitment once more, as a commitment_signed, so that a checkpoint can be checked by itself; undefined where
 * none was ever signed, or none is known.
 */
export function repeatedSignature(data: ChannelData, htlcs: HtlcTable): Extract<ChannelEffect, { type: 'sendSigned' }> | undefined {
  if (data.localSignatures === undefined) return undefined;
  return { type: 'sendSigned', message: 'commitment_signed', commitment: remoteCommitment(negotiated(data), htlcs) };
}

/** Throws unless both sides' revoked secrets are at the places that so many revocations give them. Whether they are right, later ones show. */
export function expectSecretsInPlace({ localCommitmentNumber, remoteRevocations, remoteSecrets }: ChannelData, revokedSecrets: SecretStore): void {
  const isInPlace = (store: SecretStore, count: number): boolean => {
    const due = secretStoreOf(count, () => new Uint8Array(32));
    return store.length === due.length && due.every(({ index }, position) => store[position]?.index === index);
  };
  if (isInPlace(revokedSecrets, localCommitmentNumber) && isInPlace(remoteSecrets, remoteRevocations)) return;
  throw new ReplayError('the checkpoint has secrets of other commitments than those that are revoked');
}

/** Throws unless the peer's signatures for our latest commitment are right, where there are any. */
export function expectLatestSigned(data: ChannelData, htlcs: HtlcTable, pointOf: (commitmentNumber: number) => Uint8Array | undefined): void {
  if (data.localSignatures === undefined) return;
  const point = (number: number): Uint8Array => {
    const known = pointOf(number);
    if (known === undefined) throw new ReplayError(`the checkpoint lacks the point of commitment ${number}`);
    return known;
  };
  const { parameters, commitmentNumber, keys, spec } = localCommitment(negotiated(data), htlcs, point, 'latest');
  const { signature, htlcSignatures } = data.localSignatures;
  const wrong = verifyCommitmentSignatures(buildCommitment(parameters, commitmentNumber, keys, spec), signature, htlcSignatures);
  if (wrong !== undefined) throw wrong;
}
