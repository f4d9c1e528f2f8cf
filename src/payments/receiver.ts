import type { HtlcDetails } from '../../machines/htlc/htlc.machine.ts';
import { OnionError, OnionPayloadError } from '../../protocols/onion/errors.ts';
import { failureCode, type FailureMessage } from '../../protocols/onion/failures.ts';
import { decodeFinalPayload, decodeForwardPayload } from '../../protocols/onion/payload.ts';
import { onionReplayKey } from '../../protocols/onion/replay.ts';
import { peelOnion, type PeeledOnion } from '../../protocols/onion/sphinx.ts';
import type { NodeSigner } from '../keys/signer-api.ts';
import type { Circuits } from './circuits.ts';
import type { ChannelDirectory } from './directory.ts';
import type { Invoices } from './invoices.ts';
import type { OnionsSeen } from './onions-seen.ts';
import type { Outlet } from './outlet.ts';

export interface ReceiverOptions {
  readonly signer: Pick<NodeSigner, 'ecdh'>;
  readonly onionsSeen: OnionsSeen;
  readonly circuits: Circuits;
  readonly invoices: Invoices;
  readonly outlet: Outlet;
  readonly directory: Pick<ChannelDirectory, 'isUnwelcome'>;
}

/** Looks into the onion of each HTLC that is received, and gives it to the actor that it is for. */
export class Receiver {
  readonly #options: ReceiverOptions;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** A received HTLC is irrevocably committed; a channel says so again after a restart, until its end is decided. */
  receive(channelIndex: number, htlc: HtlcDetails): void {
    const { circuits, invoices } = this.#options;
    const location = { channelIndex, id: htlc.id };
    if (circuits.received(location) || invoices.received(location)) return;
    const onion = this.#peel(channelIndex, htlc);
    if (onion === undefined) return;
    const failure = this.#open(channelIndex, htlc, onion);
    if (failure !== undefined) this.#options.outlet.failHtlc(location, onion.sharedSecret, failure);
  }

  /**
   * BOLT 2, "Removing an HTLC": who cannot read the onion has no key to make an error packet with, and leaves it to the
   * peer.
   */
  #peel(channelIndex: number, { id, onionRoutingPacket, paymentHash }: HtlcDetails): PeeledOnion | undefined {
    try {
      return peelOnion(onionRoutingPacket, paymentHash, (publicKey) => this.#options.signer.ecdh(publicKey));
    } catch (error) {
      if (!(error instanceof OnionError)) throw error;
      const { failure } = error;
      const removal = {
        kind: 'malformed',
        sha256OfOnion: failure.sha256OfOnion,
        failureCode: failureCode(failure),
      } as const;
      this.#options.outlet.removeHtlc({ channelIndex, id }, removal);
      return undefined;
    }
  }

  /**
   * Gives the HTLC to whom its payload names; returns the failure of one that names nobody in a way that can be read.
   */
  #open(channelIndex: number, htlc: HtlcDetails, onion: PeeledOnion): FailureMessage | undefined {
    const { onionsSeen, circuits, invoices, directory } = this.#options;
    const { payload, next, sharedSecret } = onion;
    const replayKey = onionReplayKey(sharedSecret);
    const isNew = onionsSeen.accept({ replayKey, channelIndex, id: htlc.id, cltvExpiry: htlc.cltvExpiry });
    // Of a replay only the sender of the first can read it, and whoever plays it again learns nothing from it. The rest
    // is BOLT 2, "Closing Initiation: shutdown" and "Bounding exposure to trimmed in-flight HTLCs".
    if (!isNew || directory.isUnwelcome(channelIndex, htlc)) return { type: 'temporary_node_failure' };
    try {
      if (next === undefined)
        invoices.arrived({ channelIndex, htlc, payload: decodeFinalPayload(payload), sharedSecret });
      else
        circuits.forward({ channelIndex, htlc, payload: decodeForwardPayload(payload), nextOnion: next, sharedSecret });
      return undefined;
    } catch (error) {
      if (error instanceof OnionPayloadError) return error.failure;
      throw error;
    }
  }
}
