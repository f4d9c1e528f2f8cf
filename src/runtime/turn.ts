import type { ExternalChannelEvent } from '../../machines/channel/events.ts';
import type { HtlcNotice } from '../../machines/channel/effects.ts';

/** An event for an actor of this node. All go through the dispatcher's one queue. */
export type NodeEvent =
  | { readonly to: 'channel'; readonly channelIndex: number; readonly event: ExternalChannelEvent; readonly bytes?: Uint8Array }
  | { readonly to: 'payments'; readonly event: PaymentsEvent };

/** What the actors that pay, get paid and forward are told from outside their own kind. */
export type PaymentsEvent =
  | { readonly type: 'htlcNotice'; readonly channelIndex: number; readonly notice: HtlcNotice }
  | { readonly type: 'blockHeight'; readonly height: number };

/**
 * What is done between taking external events from the queue and the commit. Nothing may leave the node but through `afterCommit`:
 * persist, then send.
 */
export interface Turn {
  /** Queues an event for this same turn, behind those that wait already. */
  dispatch(event: NodeEvent): void;
  /** Runs once the turn is on disk, in the order of the calls; never, if the turn is discarded. It must not throw. */
  afterCommit(action: () => void): void;
}

/** One who holds live actors and their rows. */
export interface TurnParticipant<E> {
  handle(event: E, turn: Turn): void;
  /** Called when the turn's queue is drained, before `persist`; may dispatch more. */
  endTurn?(turn: Turn): void;
  /** Writes what changed in this turn; called inside the turn's one transaction. */
  persist(): void;
  /** The turn is on disk; called before anything is released. It must not throw. */
  committed?(): void;
  /** The turn was discarded: throw away what is in memory and come back from disk. */
  reset(): void;
}
