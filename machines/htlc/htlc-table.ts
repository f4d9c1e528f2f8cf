import { createActor, type ActorRefFrom, type AnyActorRef, type SnapshotFrom } from 'xstate';
import { htlcMachine, type HtlcDetails, type HtlcEvent, type HtlcRemoval, type HtlcState } from './htlc.machine.ts';
import { htlcStates, isSettled, isUncommitted, isUnsigned, statesMovedBy, type DanceStep } from './htlc-states.ts';

/** An HTLC as it is kept on disk, and as the rest of the channel reads it. */
export interface HtlcRow {
  readonly details: HtlcDetails;
  readonly state: HtlcState;
  readonly removal: HtlcRemoval | undefined;
}

/** HTLCs as those see them who only read: live ones, or rows from disk. */
export interface HtlcRows {
  rows(): Iterable<HtlcRow>;
}

interface Slot {
  readonly actor: ActorRefFrom<typeof htlcMachine>;
  row: HtlcRow | undefined;
}

/** The key of an HTLC within its channel: the ids of each direction count on their own. */
export const htlcKey = (direction: HtlcDetails['direction'], id: bigint): string => `${direction}:${id}`;

const keyOf = (details: HtlcDetails): string => htlcKey(details.direction, details.id);

/** Of one direction. */
const byId = (a: HtlcRow, b: HtlcRow): number => (a.details.id < b.details.id ? -1 : 1);

/**
 * The live HTLC actors of one channel, in recycled slots. It sends them events and indexes them by the state that they are in; what
 * they may do is the chart's business alone. Mutable: it belongs to the channel's actor and is rebuilt from rows after a failed turn.
 */
export class HtlcTable implements HtlcRows {
  #parent: AnyActorRef | undefined;
  readonly #slots = new Map<string, Slot>();
  readonly #free: Slot[] = [];
  readonly #byState = new Map<HtlcState, Set<Slot>>();
  readonly #changed = new Set<string>();
  #slotsMade = 0;

  readonly #stored: readonly HtlcRow[];

  constructor(rows: readonly HtlcRow[] = []) {
    this.#stored = rows;
  }

  /** Brings the stored HTLCs to life as children of the channel's actor, which exists only once its context does. Once, before any use. */
  attach(parent: AnyActorRef): void {
    this.#parent = parent;
    for (const row of this.#stored) {
      const snapshot = htlcMachine.resolveState({ value: row.state, context: { details: row.details, removal: row.removal } });
      const slot = this.#makeSlot(snapshot);
      slot.row = row;
      this.#slots.set(keyOf(row.details), slot);
      this.#index(row.state).add(slot);
    }
  }

  get size(): number {
    return this.#slots.size;
  }

  get(direction: HtlcDetails['direction'], id: bigint): HtlcRow | undefined {
    return this.#slots.get(htlcKey(direction, id))?.row;
  }

  *rows(): IterableIterator<HtlcRow> {
    for (const slot of this.#slots.values()) if (slot.row !== undefined) yield slot.row;
  }

  /** The HTLCs in `state`, by their ids: the same order after a restart as without one. */
  inState(state: HtlcState): HtlcRow[] {
    return [...(this.#byState.get(state) ?? [])].flatMap((slot) => slot.row ?? []).sort(byId);
  }

  /** Our next commitment_signed would carry a change of an HTLC. */
  get hasUnsigned(): boolean {
    return this.#some(isUnsigned);
  }

  /** The peer's next commitment_signed is to carry a change of an HTLC. */
  get hasUncommitted(): boolean {
    return this.#some(isUncommitted);
  }

  /** Begins an HTLC's life: `offer` for ours, `receive` for the peer's. */
  add(details: HtlcDetails): void {
    const slot = this.#free.pop() ?? this.#makeSlot();
    this.#slots.set(keyOf(details), slot);
    this.#send(slot, { type: details.direction === 'offered' ? 'offer' : 'receive', details }, keyOf(details));
  }

  /** Decides an irrevocably committed HTLC's end. The caller has checked that it stands; the chart ignores it anywhere else. */
  remove(direction: HtlcDetails['direction'], id: bigint, removal: HtlcRemoval): void {
    const key = htlcKey(direction, id);
    const slot = this.#slots.get(key);
    if (slot !== undefined) this.#send(slot, { type: 'remove', removal }, key);
  }

  /** Takes every HTLC that is concerned one step of the dance further. */
  dance(step: DanceStep): void {
    for (const state of statesMovedBy(step)) {
      for (const slot of this.#byState.get(state) ?? []) this.#send(slot, { type: step });
    }
  }

  /**
   * BOLT 2, "Message Retransmission": what was not signed when the connection was lost never was. Returns the HTLCs of
   * either direction whose addition that undid, as they were; their ids are free again. They are the last ones of their
   * direction, since one signature takes all that were added before it.
   */
  disconnect(): HtlcRow[] {
    const undone = (['RCVD_ADD_HTLC', 'SENT_ADD_HTLC'] as const).flatMap((state) => this.inState(state));
    for (const state of ['RCVD_ADD_HTLC', 'SENT_ADD_HTLC', 'RCVD_REMOVE_HTLC'] as const) {
      for (const slot of this.#byState.get(state) ?? []) this.#send(slot, { type: 'disconnected' });
    }
    return undone;
  }

  /** Frees the slots of the HTLCs whose removal is irrevocable and returns them as they ended, by their ids. */
  releaseSettled(): HtlcRow[] {
    const ended = htlcStates.filter(isSettled).flatMap((state) => this.inState(state));
    for (const { details } of ended) {
      const slot = this.#slots.get(keyOf(details));
      if (slot !== undefined) this.#send(slot, { type: 'release' });
    }
    return ended;
  }

  /** The keys changed since the last call, each with its row as it is now; undefined where the HTLC is gone. */
  takeChanges(): Map<string, HtlcRow | undefined> {
    const changes = new Map([...this.#changed].map((key) => [key, this.#slots.get(key)?.row]));
    this.#changed.clear();
    return changes;
  }

  #some(predicate: (state: HtlcState) => boolean): boolean {
    for (const [state, slots] of this.#byState) if (slots.size > 0 && predicate(state)) return true;
    return false;
  }

  #index(state: HtlcState): Set<Slot> {
    let slots = this.#byState.get(state);
    if (slots === undefined) this.#byState.set(state, (slots = new Set()));
    return slots;
  }

  #makeSlot(snapshot?: SnapshotFrom<typeof htlcMachine>): Slot {
    const options = { ...(this.#parent && { parent: this.#parent }), id: `htlc-${this.#slotsMade++}`, ...(snapshot && { snapshot }) };
    return { actor: createActor(htlcMachine, options).start(), row: undefined };
  }

  #send(slot: Slot, event: HtlcEvent, key = slot.row && keyOf(slot.row.details)): void {
    const before = slot.row?.state;
    slot.actor.send(event);
    const { value, context } = slot.actor.getSnapshot();
    if (before !== undefined) this.#byState.get(before)?.delete(slot);
    if (key !== undefined) this.#changed.add(key);
    if (context.details === undefined) {
      if (key !== undefined) this.#slots.delete(key);
      slot.row = undefined;
      this.#free.push(slot);
      return;
    }
    slot.row = { details: context.details, state: value, removal: context.removal };
    this.#index(value).add(slot);
  }
}
