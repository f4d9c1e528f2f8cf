import {
  createInvoiceActor,
  restoreInvoice,
  type InvoiceData,
  type InvoiceEffect,
  type InvoiceEvent,
  type InvoicePart,
} from '../../machines/invoice/invoice.ts';
import type { InvoiceState } from '../../machines/invoice/invoice.machine.ts';
import { hashKey, type StoredInvoice } from './invoice-store.ts';
import { LiveActor } from './live-actor.ts';

/** An invoice in memory: its actor, and what its chart must not know. */
export interface LiveInvoice extends Omit<StoredInvoice, 'state' | 'data'> {
  readonly key: string;
  readonly actor: LiveActor<InvoiceEvent, InvoiceEffect, InvoiceState, InvoiceData>;
  readonly partSecrets: Map<string, Uint8Array>;
  /** As they are on disk. */
  savedParts: readonly InvoicePart[];
}

/** A new invoice, open. */
export function newInvoice(
  asked: Pick<InvoiceData, 'paymentHash' | 'paymentSecret' | 'amountMsat' | 'minFinalCltvExpiryDelta' | 'expiresAtMs'>,
  rest: Pick<StoredInvoice, 'preimage' | 'invoice' | 'description' | 'createdAtMs'>,
): LiveInvoice {
  const data: InvoiceData = {
    ...asked,
    parts: [],
    totalMsat: undefined,
    deadlineMs: undefined,
    receivedMsat: undefined,
    paidAtMs: undefined,
  };
  const actor = new LiveActor((emit: (effect: InvoiceEffect) => void) => createInvoiceActor(data, emit));
  return { ...rest, key: hashKey(asked.paymentHash), actor, partSecrets: new Map(), savedParts: [] };
}

/** An invoice as it was saved. */
export function liveInvoice({ state, data, ...rest }: StoredInvoice): LiveInvoice {
  const actor = new LiveActor((emit: (effect: InvoiceEffect) => void) => restoreInvoice(state, data, emit));
  return {
    ...rest,
    key: hashKey(data.paymentHash),
    actor: actor.markSaved(),
    partSecrets: new Map(rest.partSecrets),
    savedParts: data.parts,
  };
}

/** An invoice as it is to be saved. */
export function storedInvoice(live: LiveInvoice): StoredInvoice {
  const { actor, preimage, partSecrets, invoice, description, createdAtMs } = live;
  return { state: actor.state, data: actor.data, preimage, partSecrets, invoice, description, createdAtMs };
}
