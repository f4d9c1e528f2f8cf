import { assertEvent, assign, raise } from 'xstate';
import type { ChannelContext, Step } from './context.ts';
import type { ChannelEvent } from './events.ts';

export type EventOf<T extends ChannelEvent['type']> = Extract<ChannelEvent, { type: T }>;

/** An action that decides a step from an event of these types: the data changes, the effects go to the outbox. */
export function step<T extends ChannelEvent['type']>(types: T | readonly T[], decide: (context: ChannelContext, event: EventOf<T>) => Step) {
  return assign<ChannelContext, ChannelEvent, undefined, ChannelEvent, never>(({ context, event }) => {
    assertEvent(event, types);
    return take(context, decide(context, event as unknown as EventOf<T>));
  });
}

/** The same for any event, or for actions that do not look at it. */
export function always(decide: (context: ChannelContext, event: ChannelEvent) => Step) {
  return assign<ChannelContext, ChannelEvent, undefined, ChannelEvent, never>(({ context, event }) => take(context, decide(context, event)));
}

/** What one region tells the others within the same step. */
export function tell(event: (args: { context: ChannelContext; event: ChannelEvent }) => ChannelEvent) {
  return raise<ChannelContext, ChannelEvent, ChannelEvent, undefined, never, never>(event);
}

function take(context: ChannelContext, { data, effects }: Step): Partial<ChannelContext> {
  for (const effect of effects ?? []) context.environment.emit(effect);
  return data === undefined ? {} : { data: { ...context.data, ...data } };
}
