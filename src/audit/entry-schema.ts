/** The form of a journal's entries, as a file has them. */
import { z } from 'zod';
import type { JournalEntry, JournalEvent } from '../channels/journal.ts';
import { AuditError } from './errors.ts';
import {
  amount, bytes, channelData, channelSnapshot, count, htlcRemoval, message, object, outputHtlc, policy, script, secretStore, text, timeMs, transaction,
} from './data-schema.ts';

type Type = JournalEvent['type'];
type EventOf<T extends Type> = Extract<JournalEvent, { readonly type: T }>;

const event = <T extends Type>(type: T, shape: { readonly [K in Exclude<keyof EventOf<T>, 'type'>]-?: z.ZodType<EventOf<T>[K]> }): z.ZodType<EventOf<T>> =>
  z.strictObject({ type: z.literal(type), ...shape }) as unknown as z.ZodType<EventOf<T>>;

const events: { readonly [T in Type]: z.ZodType<EventOf<T>> } = {
  created: event('created', { data: channelData, policy }),
  checkpoint: event('checkpoint', { previous: bytes(32), snapshot: channelSnapshot, policy, revokedSecrets: secretStore }),
  restored: event('restored', { policy }),
  message: event('message', { name: text }),
  connected: event('connected', {}),
  disconnected: event('disconnected', {}),
  openingTimedOut: event('openingTimedOut', {}),
  fundingTimedOut: event('fundingTimedOut', {}),
  open: event('open', { pushMsat: amount }),
  recover: event('recover', {}),
  fundingReady: event('fundingReady', { transaction, txid: bytes(32), outputIndex: count }),
  fundingUnavailable: event('fundingUnavailable', { reason: text }),
  fundingDepth: event('fundingDepth', { depth: count, blockHeight: count, transactionIndex: count, amountSat: amount, script }),
  fundingSpent: event('fundingSpent', { transaction, blockHeight: count, depth: count, pastHtlcs: z.array(outputHtlc).optional() }),
  blockConnected: event('blockConnected', { height: count, transactions: z.array(transaction), wasMissed: z.literal(true).optional() }),
  blockDisconnected: event('blockDisconnected', { height: count }),
  addHtlc: event('addHtlc', {
    reference: text, amountMsat: amount, paymentHash: bytes(32), cltvExpiry: count, onionRoutingPacket: bytes(1366),
  }),
  removeHtlc: event('removeHtlc', { id: amount, removal: htlcRemoval }),
  setFeerate: event('setFeerate', { feeratePerKw: count }),
  close: event('close', { scriptpubkey: script.optional(), feeratePerKw: count }),
  forceClose: event('forceClose', {}),
  turnEnded: event('turnEnded', {}),
};

const anyEvent = z.custom<JournalEvent>((value) => typeof value === 'object' && value !== null && 'type' in value && Object.hasOwn(events, String(value.type)), {
  error: 'expected the event of a channel',
});

const journalEntry = object<JournalEntry>({
  sequence: count,
  time: timeMs,
  event: anyEvent,
  wire: message.optional(),
  signed: z.array(message),
  points: z.record(z.string().regex(/^(?:0|[1-9][0-9]{0,14})$/), bytes(33)),
  transitions: z.record(z.string(), z.unknown()),
  htlcs: z.record(z.string(), text),
  stateHash: bytes(32).optional(),
});

/** An entry, if that is one. Throws `AuditError`. */
export function readEntry(value: unknown): JournalEntry {
  const entry = checked(journalEntry, value);
  checked<JournalEvent>(events[entry.event.type], entry.event, 'event');
  return entry;
}

/** The value, if it has that form. Throws `AuditError` that names the first field which does not. */
export function checked<T>(schema: z.ZodType<T>, value: unknown, where?: string): T {
  const { success, error } = schema.safeParse(value);
  if (success) return value as T;
  const issue = error?.issues[0];
  const path = [where, ...(issue?.path ?? [])].filter((part) => part !== undefined).join('.');
  throw new AuditError('audit_malformed', `${path === '' ? 'it' : path}: ${issue?.message ?? 'not as expected'}`);
}
