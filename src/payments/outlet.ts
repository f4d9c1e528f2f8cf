import type { HtlcLocation } from '../../machines/forwarding/circuit.ts';
import type { AddHtlcCommand } from '../../machines/channel/events.ts';
import type { HtlcRemoval } from '../../machines/htlc/htlc.machine.ts';
import { createErrorPacket } from '../../protocols/onion/error-packet.ts';
import type { FailureMessage } from '../../protocols/onion/failures.ts';
import type { Turn } from '../runtime/turn.ts';

/** What the payments' actors do to the world, within the turn that is being made. */
export class Outlet {
  #turn: Turn | undefined;

  /** Runs `work` in a turn. */
  within<T>(turn: Turn, work: () => T): T {
    const outer = this.#turn;
    this.#turn = turn;
    try {
      return work();
    } finally {
      this.#turn = outer;
    }
  }

  /** Asks a channel for an HTLC; `htlcOffered` or `htlcRefused` answers within the turn. */
  offerHtlc(channelIndex: number, add: Omit<AddHtlcCommand, 'type'>): void {
    this.#now().dispatch({ to: 'channel', channelIndex, event: { type: 'addHtlc', ...add } });
  }

  /** Decides the end of an HTLC that we received. */
  removeHtlc({ channelIndex, id }: HtlcLocation, removal: HtlcRemoval): void {
    this.#now().dispatch({ to: 'channel', channelIndex, event: { type: 'removeHtlc', id, removal } });
  }

  /**
   * The same with a failure of our own, in an error packet that only the sender can read (BOLT 4, "Returning Errors").
   */
  failHtlc(htlc: HtlcLocation, sharedSecret: Uint8Array, failure: FailureMessage): void {
    this.removeHtlc(htlc, { kind: 'failed', reason: createErrorPacket(sharedSecret, failure) });
  }

  /** Runs once the turn is on disk. */
  afterCommit(action: () => void): void {
    this.#now().afterCommit(action);
  }

  #now(): Turn {
    if (this.#turn === undefined) throw new Error('the payments act only within a turn');
    return this.#turn;
  }
}

/** An HTLC as a key of a map. */
export const htlcKey = ({ channelIndex, id }: HtlcLocation): string => `${channelIndex}/${id}`;
