import type { HtlcLocation } from '../../machines/forwarding/circuit.ts';
import type { HtlcDetails, HtlcRemoval } from '../../machines/htlc/htlc.machine.ts';
import type { InvoiceEffect, InvoiceEvent, InvoicePart } from '../../machines/invoice/invoice.ts';
import { MIN_BLOCKS_TO_TAKE, unknownDetails } from '../../machines/invoice/rules.ts';
import type { FinalPayload } from '../../protocols/onion/payload.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { equals } from 'uint8arrays';
import type { Clock } from '../runtime/clock.ts';
import type { ChannelDirectory } from './directory.ts';
import { PaymentError } from './errors.ts';
import {
  makeInvoice,
  MIN_FINAL_CLTV_EXPIRY_DELTA,
  type InvoiceMakerOptions,
  type InvoiceRequest,
} from './invoice-maker.ts';
import { hashKey, invoiceRecord, type InvoiceStore } from './invoice-store.ts';
import { liveInvoice, newInvoice, storedInvoice, type LiveInvoice } from './live-invoice.ts';
import { htlcKey, type Outlet } from './outlet.ts';
import type { InvoiceRecord, PaymentsNotice, UnexpectedEvent } from './records.ts';
import { Timers } from './timers.ts';

/** An HTLC whose onion ends here. */
export interface FinalHtlc {
  readonly channelIndex: number;
  readonly htlc: HtlcDetails;
  readonly payload: FinalPayload;
  readonly sharedSecret: Uint8Array;
}

export interface InvoicesOptions extends InvoiceMakerOptions {
  readonly store: InvoiceStore;
  readonly outlet: Outlet;
  readonly directory: ChannelDirectory;
  readonly clock: Clock;
  /** Runs `work` in a turn of its own, soon. */
  readonly later: (work: () => void) => void;
  readonly publish: (notice: PaymentsNotice) => void;
  readonly onUnexpected: (unexpected: UnexpectedEvent) => void;
}

const EXPIRY_TIMER = 'expiry';
/** Invoices that one turn lets expire. */
const EXPIRED_PER_TURN = 100;

/** The invoices: in memory those that HTLCs stand for and those that this turn has touched, all others on disk. */
export class Invoices {
  readonly #options: InvoicesOptions;
  readonly #live = new Map<string, LiveInvoice>();
  readonly #byPart = new Map<string, LiveInvoice>();
  readonly #touched = new Set<LiveInvoice>();
  readonly #timers: Timers;

  constructor(options: InvoicesOptions) {
    this.#options = options;
    this.#timers = new Timers(options.clock, options.later);
    this.#load();
  }

  get size(): number {
    return this.#live.size;
  }

  /** Makes an invoice. Throws `PaymentError` or `InvoiceError`, and then nothing is made. */
  create(request: InvoiceRequest): InvoiceRecord {
    const nowMs = this.#options.clock.now();
    const { text, preimage, paymentHash, paymentSecret, expiresAtMs } = makeInvoice(this.#options, request, nowMs);
    const made = newInvoice(
      {
        paymentHash,
        paymentSecret,
        amountMsat: request.amountMsat,
        minFinalCltvExpiryDelta: MIN_FINAL_CLTV_EXPIRY_DELTA,
        expiresAtMs,
      },
      { preimage, invoice: text, description: request.description, createdAtMs: nowMs },
    );
    const invoice = this.#add(made);
    this.#touch(invoice);
    return invoiceRecord(storedInvoice(invoice));
  }

  /** Throws `PaymentError` unless it can still be paid. */
  cancel(paymentHash: Uint8Array): InvoiceRecord {
    const invoice = this.#find(paymentHash);
    const key = hashKey(paymentHash);
    if (invoice === undefined)
      throw new PaymentError('invoice_unknown', `no invoice has the payment hash ${key}`, { paymentHash: key });
    if (!mayBePaid(invoice)) {
      const { status } = invoiceRecord(storedInvoice(invoice));
      throw new PaymentError('invoice_not_open', `expected an open invoice, got one that is ${status}`, {
        paymentHash: key,
        status,
      });
    }
    this.#send(invoice, { type: 'cancel', blockHeight: this.#options.directory.blockHeight() });
    return invoiceRecord(storedInvoice(invoice));
  }

  /** Takes an invoice back if it can still be paid. */
  withdraw(paymentHash: Uint8Array): void {
    const invoice = this.#find(paymentHash);
    if (invoice !== undefined && mayBePaid(invoice)) this.cancel(paymentHash);
  }

  /** An HTLC has come to its end here: it pays an invoice, or it is a spontaneous payment, or it is refused. */
  arrived({ channelIndex, htlc, payload, sharedSecret }: FinalHtlc): void {
    const { outlet, directory, clock } = this.#options;
    const { amtToForwardMsat, outgoingCltvValue, paymentData } = payload;
    const { id, amountMsat, cltvExpiry } = htlc;
    const part: InvoicePart = { channelIndex, id, amountMsat, cltvExpiry, amtToForwardMsat };
    const blockHeight = directory.blockHeight();
    const known = this.#find(htlc.paymentHash);
    const invoice = known ?? this.#spontaneous(htlc.paymentHash, payload.keysendPreimage);
    if (invoice === undefined) {
      outlet.failHtlc(part, sharedSecret, unknownDetails(part, blockHeight));
      return;
    }
    invoice.partSecrets.set(htlcKey(part), sharedSecret);
    this.#send(invoice, {
      type: 'partArrived',
      part,
      amtToForwardMsat,
      outgoingCltvValue,
      payment: paymentData,
      blockHeight,
      nowMs: clock.now(),
    });
    // A spontaneous payment that was refused leaves nothing behind: it is neither written nor told.
    if (known === undefined && invoice.actor.state === 'open') {
      this.#live.delete(invoice.key);
      this.#touched.delete(invoice);
    }
  }

  /** The channel says again that it holds the HTLC; false if no invoice knows it. */
  received(htlc: HtlcLocation): boolean {
    return this.#tell({ type: 'htlcReceived', htlc });
  }

  ended(htlc: HtlcLocation, { kind }: HtlcRemoval): boolean {
    return this.#tell({ type: 'htlcEnded', htlc, isPaid: kind === 'fulfilled' });
  }

  blockHeight(blockHeight: number): void {
    for (const invoice of this.#live.values()) {
      if (invoice.actor.state === 'collecting') this.#send(invoice, { type: 'blockHeight', blockHeight });
    }
  }

  persist(): void {
    const { store } = this.#options;
    for (const invoice of this.#touched) {
      const { actor, key, savedParts } = invoice;
      if (actor.isChanged) {
        store.save(storedInvoice(invoice), savedParts);
        invoice.savedParts = actor.markSaved().data.parts;
      }
      if (actor.state === 'open' || actor.isFinished) this.#live.delete(key);
    }
    this.#touched.clear();
  }

  reset(): void {
    this.stop();
    this.#live.clear();
    this.#byPart.clear();
    this.#touched.clear();
    this.#load();
  }

  /** No timer runs any more. */
  stop(): void {
    this.#timers.clear();
  }

  #load(): void {
    for (const row of this.#options.store.beingPaid()) {
      const invoice = this.#add(liveInvoice(row));
      const { deadlineMs } = invoice.actor.data;
      if (invoice.actor.state === 'collecting' && deadlineMs !== undefined) this.#awaitRest(invoice, deadlineMs);
    }
    this.#awaitExpiry();
  }

  #find(paymentHash: Uint8Array): LiveInvoice | undefined {
    const live = this.#live.get(hashKey(paymentHash));
    if (live !== undefined) return live;
    const row = this.#options.store.get(paymentHash);
    if (row === undefined) return undefined;
    const invoice = this.#add(liveInvoice(row));
    this.#touch(invoice);
    return invoice;
  }

  #add(invoice: LiveInvoice): LiveInvoice {
    this.#live.set(invoice.key, invoice);
    this.#indexParts(invoice);
    return invoice;
  }

  /** bLIP 3: the payer made the preimage, and the onion brings it. */
  #spontaneous(paymentHash: Uint8Array, preimage: Uint8Array | undefined): LiveInvoice | undefined {
    if (preimage === undefined || !equals(sha256(preimage), paymentHash)) return undefined;
    const made = newInvoice(
      {
        paymentHash,
        paymentSecret: undefined,
        amountMsat: undefined,
        // Nobody was asked for more.
        minFinalCltvExpiryDelta: MIN_BLOCKS_TO_TAKE,
        expiresAtMs: undefined,
      },
      { preimage, invoice: undefined, description: undefined, createdAtMs: this.#options.clock.now() },
    );
    return this.#add(made);
  }

  #tell(event: Extract<InvoiceEvent, { type: 'htlcReceived' | 'htlcEnded' }>): boolean {
    const invoice = this.#byPart.get(htlcKey(event.htlc));
    if (invoice === undefined) return false;
    this.#send(invoice, event);
    return true;
  }

  #send(invoice: LiveInvoice, event: InvoiceEvent): void {
    this.#touch(invoice);
    for (const effect of invoice.actor.send(event)) this.#perform(invoice, effect);
    this.#indexParts(invoice);
  }

  #touch(invoice: LiveInvoice): void {
    const { outlet, publish } = this.#options;
    if (this.#touched.has(invoice)) return;
    this.#touched.add(invoice);
    const before = invoice.actor.isChanged ? undefined : invoice.actor.state;
    const { receivedMsat: beforeMsat = 0n, paymentHash } = invoice.actor.data;
    outlet.afterCommit(() => {
      const { isChanged: isRefused, state, data } = invoice.actor;
      const lostMsat = beforeMsat - (data.receivedMsat ?? 0n);
      if (lostMsat > 0n) {
        const reason = 'an HTLC that was taken for an invoice was given back to its payer on chain';
        publish({ type: 'loss', key: `invoice/${invoice.key}`, isCertain: true, paymentHash, amountMsat: lostMsat, reason });
      }
      if (isRefused || state === before) return;
      publish({ type: 'invoice', invoice: invoiceRecord(storedInvoice(invoice)) });
      if (state === 'open') this.#awaitExpiry();
    });
  }

  #perform(invoice: LiveInvoice, effect: InvoiceEffect): void {
    const { outlet, onUnexpected } = this.#options;
    switch (effect.type) {
      case 'fulfillPart':
        outlet.removeHtlc(effect.part, { kind: 'fulfilled', paymentPreimage: invoice.preimage });
        return;
      case 'failPart': {
        const sharedSecret = invoice.partSecrets.get(htlcKey(effect.part));
        if (sharedSecret !== undefined) outlet.failHtlc(effect.part, sharedSecret, effect.failure);
        return;
      }
      case 'setTimer':
        this.#awaitRest(invoice, effect.atMs);
        return;
      case 'clearTimer':
        this.#timers.cancel(invoice.key);
        return;
      case 'unexpected':
        onUnexpected({ actor: 'invoice', key: invoice.key, state: invoice.actor.state, event: effect.event });
    }
  }

  #awaitRest(invoice: LiveInvoice, atMs: number): void {
    this.#timers.set(invoice.key, atMs, () => {
      // Before its turn came, a set may have ended and another begun, which has a time of its own.
      const live = this.#live.get(invoice.key);
      const deadlineMs = live?.actor.data.deadlineMs;
      if (live === undefined || deadlineMs === undefined || deadlineMs > this.#options.clock.now()) return;
      this.#send(live, { type: 'mppTimeout' });
    });
  }

  #awaitExpiry(): void {
    const { store, clock, outlet } = this.#options;
    const nextMs = store.nextExpiryMs();
    if (nextMs === undefined) {
      this.#timers.cancel(EXPIRY_TIMER);
      return;
    }
    this.#timers.set(EXPIRY_TIMER, nextMs, () => {
      for (const paymentHash of store.expired(clock.now(), EXPIRED_PER_TURN)) {
        const invoice = this.#find(paymentHash);
        if (invoice !== undefined) this.#send(invoice, { type: 'expire' });
      }
      outlet.afterCommit(() => this.#awaitExpiry());
    });
  }

  /** Knows the HTLCs that stand for the invoice, and forgets the others with their secrets. */
  #indexParts(invoice: LiveInvoice): void {
    const now = new Set(invoice.actor.data.parts.map(htlcKey));
    for (const key of invoice.partSecrets.keys()) {
      if (now.has(key)) continue;
      invoice.partSecrets.delete(key);
      this.#byPart.delete(key);
    }
    for (const key of now) this.#byPart.set(key, invoice);
  }
}

const mayBePaid = ({ actor }: LiveInvoice): boolean => actor.state === 'open' || actor.state === 'collecting';
