/** What one event does in one state of a chart: where it leads and the types of the effects, in their order. */
export interface Reaction {
  readonly to: string;
  readonly effects: readonly string[];
}

interface Actor<Event> {
  send(event: Event): void;
  getSnapshot(): { readonly value: unknown; readonly status: string };
  subscribe(observer: { error(error: unknown): void }): unknown;
}

/** Puts an actor in a state, sends it an event, and says what came of it. Throws what the actor threw. */
export function reactionOf<Event, Effect extends { readonly type: string }>(
  start: (emit: (effect: Effect) => void) => Actor<Event>,
  event: Event,
): Reaction & { readonly actor: Actor<Event>; readonly emitted: readonly Effect[] } {
  const emitted: Effect[] = [];
  const actor = start((effect) => void emitted.push(effect));
  let fault: unknown;
  actor.subscribe({ error: (error) => void (fault = error) });
  actor.send(event);
  if (fault !== undefined) throw fault;
  return { to: String(actor.getSnapshot().value), effects: emitted.map(({ type }) => type), actor, emitted };
}

/** An event that is not answered: nothing moves, and it is reported. */
export const unanswered = (state: string): Reaction => ({ to: state, effects: ['unexpected'] });
/** An event that is expected and changes nothing. */
export const ignored = (state: string): Reaction => ({ to: state, effects: [] });
