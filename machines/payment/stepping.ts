import { assertEvent, assign, type EventObject } from 'xstate';

/** What an actor that pays, gets paid or forwards is made of: its data, and the turn's outbox. */
export interface ActorContext<Data, Effect> {
  readonly data: Data;
  readonly emit: (effect: Effect) => void;
}

/** What an action decides: changes of the actor's data, and effects for the outbox, in order. */
export interface Step<Data, Effect> {
  readonly data?: Partial<Data>;
  readonly effects?: readonly Effect[];
}

/** An event that its chart has no answer for: nothing was done, and whoever runs the node should know. */
export interface Unexpected {
  readonly type: 'unexpected';
  readonly event: string;
}

/** Makes the actions of one chart from pure functions: the data changes, the effects go to the outbox. */
export function stepsOf<Data, Effect, Event extends EventObject>() {
  type Context = ActorContext<Data, Effect | Unexpected>;

  const take = (context: Context, { data, effects }: Step<Data, Effect | Unexpected>): Partial<Context> => {
    for (const effect of effects ?? []) context.emit(effect);
    return data === undefined ? {} : { data: { ...context.data, ...data } };
  };

  return {
    /** An action that decides from an event of these types. */
    step<T extends Event['type']>(
      types: T | readonly T[],
      decide: (data: Data, event: Extract<Event, { type: T }>) => Step<Data, Effect>,
    ) {
      return assign<Context, Event, undefined, Event, never>(({ context, event }) => {
        assertEvent(event, types);
        return take(context, decide(context.data, event as unknown as Extract<Event, { type: T }>));
      });
    },

    /** An action that looks at the data alone. */
    always(decide: (data: Data) => Step<Data, Effect>) {
      return assign<Context, Event, undefined, Event, never>(({ context }) => take(context, decide(context.data)));
    },

    /** The answer to what has none. */
    reportUnexpected: assign<Context, Event, undefined, Event, never>(({ context, event }) =>
      take(context, { effects: [{ type: 'unexpected', event: event.type }] }),
    ),
  };
}
