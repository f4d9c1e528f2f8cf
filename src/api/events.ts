/** The events that the node tells the API's listeners, and the hub through which it tells them. */
import { z } from 'zod';
import { channelState, connectionState } from './contract/channel-state.ts';
import { invoiceStatus, paymentStatus } from './contract/payments.ts';
import { outputKind, outputState } from './contract/pending-types.ts';
import { probeStatus } from './contract/probes.ts';
import {
  blockHeight,
  channelId,
  count,
  hash32,
  msat,
  nodeId,
  outpoint,
  paymentHash,
  sat,
  shortChannelId,
  stateValue,
  u64,
} from './fields.ts';

const event = <const Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) =>
  z.object({
    type: z.literal(type),
    timeMs: count.meta({ description: "Unix time in milliseconds by the node's clock" }),
    ...shape,
  });

/** How far a payment or a probe has come. */
const lastAttempt = {
  attempt: count.meta({ description: 'Attempts made so far' }),
  message: z.string().optional().meta({ description: 'Why the last attempt, or all of it, failed' }),
  route: z
    .array(z.object({ nodeId, shortChannelId }))
    .optional()
    .meta({ description: "The last attempt's way: the channels, each with the node at its end" }),
  failedHop: count.optional().meta({ description: 'The hop at whose end the last attempt failed, as in `payment`' }),
};

export const eventSchemas = {
  block: event('block', { height: blockHeight, hash: hash32 }),
  peer: event('peer', { nodeId, connected: z.boolean(), reason: z.string().optional() }),
  channel: event('channel', {
    channelId,
    nodeId,
    shortChannelId: shortChannelId.optional(),
    state: channelState,
    stateValue,
    connection: connectionState,
    localMsat: msat.meta({ description: 'Ours, HTLCs in flight excluded' }),
    remoteMsat: msat.meta({ description: "The peer's, HTLCs in flight excluded" }),
    error: z.string().optional(),
  }),
  htlc: event('htlc', {
    channelId,
    htlcId: u64,
    direction: z.enum(['offered', 'received']),
    paymentHash,
    amountMsat: msat,
    state: z.string().meta({ description: 'State that the HTLC has now' }),
  }),
  output: event('output', {
    channelId,
    kind: outputKind,
    outpoint: outpoint.optional().meta({ description: 'Absent for an HTLC that has no output' }),
    state: outputState.meta({ description: 'State that the output has now' }),
    amountSat: sat,
  }),
  payment: event('payment', { paymentHash, status: paymentStatus, amountMsat: msat, feeMsat: msat, ...lastAttempt }),
  probe: event('probe', { paymentHash, status: probeStatus, amountMsat: msat, ...lastAttempt }),
  alarm: event('alarm', {
    code: z.string(),
    message: z.string(),
    raised: z.boolean().meta({ description: 'False once it is over' }),
    channelId: channelId.optional(),
  }),
  backup: event('backup', { numChannels: count.meta({ description: 'Channels in the backup that was just written' }) }),
  invoice: event('invoice', { paymentHash, status: invoiceStatus, receivedMsat: msat.optional() }),
} as const;

export type EventType = keyof typeof eventSchemas;
export const eventTypes = Object.keys(eventSchemas) as readonly EventType[];
export const eventSchema = z
  .discriminatedUnion('type', [
    eventSchemas.block,
    eventSchemas.peer,
    eventSchemas.channel,
    eventSchemas.htlc,
    eventSchemas.output,
    eventSchemas.payment,
    eventSchemas.probe,
    eventSchemas.alarm,
    eventSchemas.backup,
    eventSchemas.invoice,
  ])
  .meta({ id: 'Event' });

/** An event as the node and the client see it: amounts are bigint. */
export type NodeEvent = z.output<typeof eventSchema>;

/** Where the API hears of events. `subscribe` returns what ends the subscription. */
export interface NodeEvents {
  subscribe(listener: (event: NodeEvent) => void): () => void;
}

/**
 * Gives each event to every listener at once, in order. It keeps none: what a listener cannot take at once it must
 * buffer itself, within bounds. A listener must not throw; if one does, the others still hear, and `onListenerError` is
 * told.
 */
export class EventHub implements NodeEvents {
  readonly #listeners = new Set<(event: NodeEvent) => void>();
  readonly #onListenerError: (error: unknown) => void;

  constructor(onListenerError: (error: unknown) => void = () => {}) {
    this.#onListenerError = onListenerError;
  }

  publish(event: NodeEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }

  subscribe(listener: (event: NodeEvent) => void): () => void {
    const own = (event: NodeEvent): void => listener(event);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }
}
