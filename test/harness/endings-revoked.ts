import type { Transaction } from 'bitcoinjs-lib';
import { negotiated } from '../../machines/channel/context.ts';
import { localCommitment } from '../../machines/channel/requests.ts';
import { buildCommitment } from '../../machines/commitment/commitment-transaction.ts';
import { completeHtlcTransaction, htlcSighash } from '../../machines/commitment/signatures.ts';
import type { LiveChannel } from '../../src/channels/live-channel.ts';
import type { Signer } from '../../src/keys/signer-api.ts';
import { signedCommitment } from '../../src/runtime/channel-wire.ts';

/** What a cheater keeps of a state, to use it once it is revoked. */
export interface CommitmentCopy {
  readonly commitment: Transaction;
  /** HTLC-timeout, or HTLC-success where the preimage is known: without a fee, so that only a miner can put them into a block. */
  readonly htlcTransactions: readonly Transaction[];
}

/** A channel's own latest commitment with all signatures, and its HTLC transactions. */
export function copyCommitment(
  { data, htlcs, keys }: LiveChannel,
  signer: Signer,
  preimageOf: (paymentHash: Uint8Array) => Uint8Array | undefined,
): CommitmentCopy {
  const request = localCommitment(negotiated(data), htlcs, (number) => keys.channel.perCommitmentPoint(number), 'latest');
  const { signature, htlcSignatures } = data.localSignatures!;
  const number = request.commitmentNumber;
  const built = buildCommitment(request.parameters, number, request.keys, request.spec);
  const htlcTransactions = built.htlcs.map(({ htlc }, index) => {
    const ours = signer.channel(data.channelIndex).signLocalHtlcTransaction(htlcSighash(built, index, 'local'), number, number);
    const preimage = htlc.direction === 'received' ? preimageOf(htlc.paymentHash) : undefined;
    return completeHtlcTransaction(built, index, ours, htlcSignatures[index]!, preimage);
  });
  return { commitment: signedCommitment(request, signature, keys), htlcTransactions };
}
