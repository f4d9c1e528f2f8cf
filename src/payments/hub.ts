import type { HtlcNotice } from '../../machines/channel/effects.ts';
import { decodeInvoice } from '../../protocols/invoice/decode.ts';
import type { Invoice } from '../../protocols/invoice/invoice.ts';
import type { NodeSigner } from '../keys/signer-api.ts';
import type { PaymentsEvent, Turn, TurnParticipant } from '../runtime/turn.ts';
import type { Database } from '../storage/database.ts';
import { CircuitStore, type ForwardList, type ForwardTotals } from './circuit-store.ts';
import { checkCircle, planCircle, type CircleRequest, type OwnEnd } from './circle.ts';
import { Circuits } from './circuits.ts';
import { PaymentError } from './errors.ts';
import type { InvoiceMakerOptions, InvoiceRequest } from './invoice-maker.ts';
import { hashKey, InvoiceStore, invoiceRecord, type InvoiceList } from './invoice-store.ts';
import { Invoices } from './invoices.ts';
import { OnionsSeen } from './onions-seen.ts';
import { Outlet } from './outlet.ts';
import {
  expiryMs,
  planInvoice,
  planKeysend,
  routeQuestion,
  type FindRouteRequest,
  type KeysendRequest,
  type PaymentPlan,
  type PayRequest,
} from './payment-request.ts';
import type { RouteRequest } from '../routing/request.ts';
import { paymentRecord, probeRecord } from './payment-record.ts';
import { PaymentStore, type PaymentList, type ProbeList } from './payment-store.ts';
import { Payments, type PaymentsOptions } from './payments.ts';
import { planProbe, type ProbeRequest } from './probe.ts';
import { Receiver } from './receiver.ts';
import type {
  ForwardStatus,
  InvoiceRecord,
  InvoiceStatus,
  Page,
  PaymentRecord,
  PaymentsNotice,
  PaymentStatus,
  ProbeRecord,
  ProbeStatus,
  UnexpectedEvent,
} from './records.ts';
import { paymentsMigrations } from './schema.ts';

export interface PaymentHubOptions
  extends Omit<InvoiceMakerOptions, 'signer'>, Pick<PaymentsOptions, 'router' | 'clock'> {
  readonly database: Database;
  readonly signer: Pick<NodeSigner, 'ecdh' | 'signInvoice'>;
  /**
   * Runs `work` in a turn and resolves with what it returned once that is on disk; rejects with what it threw, or if
   * the turn is discarded.
   */
  readonly inTurn: <T>(work: (turn: Turn) => T) => Promise<T>;
  /** Told once it is on disk. It must not throw. */
  readonly publish: (notice: PaymentsNotice) => void;
  readonly onUnexpected: (unexpected: UnexpectedEvent) => void;
}

/**
 * The actors that pay, get paid and forward, and their rows: it gives them the channels' notices, performs what they
 * want within the turn, and answers the API. In memory are only those that HTLCs stand for, all else is on disk.
 */
export class PaymentHub implements TurnParticipant<PaymentsEvent> {
  readonly #options: PaymentHubOptions;
  readonly #outlet = new Outlet();
  readonly #stores: {
    readonly payments: PaymentStore;
    readonly invoices: InvoiceStore;
    readonly circuits: CircuitStore;
  };
  readonly #payments: Payments;
  readonly #invoices: Invoices;
  readonly #circuits: Circuits;
  readonly #onionsSeen: OnionsSeen;
  readonly #receiver: Receiver;
  /** The last one. */
  #turn: Turn | undefined;

  constructor(options: PaymentHubOptions) {
    this.#options = options;
    const { database } = options;
    database.migrate('payments', paymentsMigrations);
    this.#stores = {
      payments: new PaymentStore(database),
      invoices: new InvoiceStore(database),
      circuits: new CircuitStore(database),
    };
    const common = { ...options, outlet: this.#outlet };
    this.#payments = new Payments({ ...common, store: this.#stores.payments, onCircleFailed: (paymentHash) => this.#invoices.withdraw(paymentHash) });
    this.#circuits = new Circuits({ ...common, store: this.#stores.circuits });
    this.#invoices = new Invoices({ ...common, store: this.#stores.invoices, later: (work) => this.#later(work) });
    this.#onionsSeen = new OnionsSeen(database);
    this.#receiver = new Receiver({
      signer: options.signer,
      onionsSeen: this.#onionsSeen,
      circuits: this.#circuits,
      invoices: this.#invoices,
      outlet: this.#outlet,
      directory: options.directory,
    });
  }

  /**
   * To be called once the channels are back from disk: ends the doubt about what was asked of a channel and not answered
   * when the node stopped, should nothing else happen.
   */
  start(): Promise<void> {
    return this.#command(() => this.#circuits.repeatWarnings());
  }

  /** No timer runs any more. */
  stop(): void {
    this.#invoices.stop();
  }

  handle(event: PaymentsEvent, turn: Turn): void {
    this.#within(turn, () => {
      switch (event.type) {
        case 'htlcNotice':
          this.#notice(event.channelIndex, event.notice);
          return;
        case 'blockHeight':
          this.#onionsSeen.blockHeight(event.height);
          this.#circuits.blockHeight(event.height);
          this.#invoices.blockHeight(event.height);
      }
    });
  }

  persist(): void {
    for (const part of [this.#onionsSeen, this.#circuits, this.#invoices, this.#payments]) part.persist();
  }

  reset(): void {
    for (const part of [this.#onionsSeen, this.#circuits, this.#invoices, this.#payments]) part.reset();
  }

  /** Makes an invoice, with route hints where no gossip leads to us. Rejects with `PaymentError` or `InvoiceError`. */
  createInvoice(request: InvoiceRequest): Promise<InvoiceRecord> {
    return this.#command(() => this.#invoices.create(request));
  }

  /** Takes an invoice back; parts that are held for it are failed. Rejects with `PaymentError`. */
  cancelInvoice(paymentHash: Uint8Array): Promise<InvoiceRecord> {
    return this.#command(() => this.#invoices.cancel(paymentHash));
  }

  /**
   * Begins to pay an invoice and resolves with the payment as it then is, on its way in most cases. One that is paid
   * already is not paid again. Rejects with `InvoiceError` or `PaymentError`, and then nothing is sent.
   */
  async pay(request: PayRequest): Promise<PaymentRecord> {
    return this.getPayment(await this.#begin(() => planInvoice(request, this.#options.currency, this.#moment())));
  }

  /** The same to a node that did not ask (bLIP 3). */
  async keysend(request: KeysendRequest): Promise<PaymentRecord> {
    return this.getPayment(await this.#begin(() => planKeysend(request, this.#options.randomBytes, this.#moment())));
  }

  /**
   * Begins to try out a payment that nobody can settle, and resolves with the probe as it then is. Rejects with
   * `InvoiceError`, `PaymentError` or `RoutingError`, and then nothing is sent.
   */
  async probe(request: ProbeRequest): Promise<ProbeRecord> {
    const { currency, randomBytes } = this.#options;
    return this.getProbe(await this.#begin(() => planProbe(request, currency, randomBytes, this.#moment())));
  }

  /**
   * Pays this node itself, out over one channel and back over another. Rejects with `PaymentError` for a circle that
   * cannot be, and then nothing is sent.
   */
  async rebalance(circle: CircleRequest, ours: OwnEnd): Promise<PaymentRecord> {
    checkCircle(circle, ours);
    const plan = (): PaymentPlan => {
      const { invoice = '' } = this.#invoices.create({ amountMsat: circle.amountMsat, description: 'rebalance' });
      return planCircle(planInvoice({ ...circle, invoice }, this.#options.currency, this.#moment()), circle, ours);
    };
    // Both in one turn: an invoice that is on disk is being paid.
    return this.getPayment(await this.#begin(plan));
  }

  /** What is asked of a router to look for a way without paying. Throws `PaymentError` or `RoutingError`. */
  routeQuestion(request: FindRouteRequest): RouteRequest {
    return routeQuestion(request, this.#options.directory.blockHeight());
  }

  /** Reads an invoice. Throws `InvoiceError`. */
  decode(text: string): Invoice & { readonly isExpired: boolean } {
    const invoice = decodeInvoice(text);
    return { ...invoice, isExpired: this.#options.clock.now() >= expiryMs(invoice) };
  }

  /** Throws `PaymentError` `payment_unknown`. */
  getPayment(paymentHash: Uint8Array): PaymentRecord {
    const payment = this.#stores.payments.get(paymentHash);
    if (payment?.data.purpose !== 'payment') throw unknown('payment_unknown', 'payment', paymentHash);
    return paymentRecord(payment);
  }

  /** Throws `PaymentError` `probe_unknown`. */
  getProbe(paymentHash: Uint8Array): ProbeRecord {
    const probe = this.#stores.payments.get(paymentHash);
    if (probe?.data.purpose !== 'probe') throw unknown('probe_unknown', 'probe', paymentHash);
    return probeRecord(probe);
  }

  /** Throws `PaymentError` `invoice_unknown`. */
  getInvoice(paymentHash: Uint8Array): InvoiceRecord {
    const invoice = this.#stores.invoices.get(paymentHash);
    if (invoice === undefined) throw unknown('invoice_unknown', 'invoice', paymentHash);
    return invoiceRecord(invoice);
  }

  listPayments(query?: Page & { readonly status?: PaymentStatus }): PaymentList {
    return this.#stores.payments.list(query);
  }

  listProbes(query?: Page & { readonly status?: ProbeStatus }): ProbeList {
    return this.#stores.payments.listProbes(query);
  }

  listInvoices(query?: Page & { readonly status?: InvoiceStatus }): InvoiceList {
    return this.#stores.invoices.list(query);
  }

  listForwards(query?: Page & { readonly status?: ForwardStatus }): ForwardList {
    return this.#stores.circuits.list(query);
  }

  /** What forwarding has earned and lost ever. */
  forwardTotals(): ForwardTotals {
    return this.#stores.circuits.totals();
  }

  /** What forwarding has earned from that moment on. */
  earnedSince(sinceMs: number): bigint {
    return this.#stores.circuits.earnedSince(sinceMs);
  }

  countForwards(): Readonly<Record<ForwardStatus, number>> {
    return this.#stores.circuits.counts();
  }

  /** How many actors are in memory. */
  get liveActors(): { readonly payments: number; readonly invoices: number; readonly circuits: number } {
    return { payments: this.#payments.size, invoices: this.#invoices.size, circuits: this.#circuits.size };
  }

  /** Resolves with the payment hash, once it is on disk. */
  #begin(plan: () => PaymentPlan): Promise<Uint8Array> {
    return this.#command(() => {
      const planned = plan();
      this.#payments.pay(planned);
      return planned.paymentHash;
    });
  }

  #moment(): { nowMs: number; blockHeight: number } {
    return { nowMs: this.#options.clock.now(), blockHeight: this.#options.directory.blockHeight() };
  }

  #command<T>(work: () => T): Promise<T> {
    return this.#options.inTurn((turn) => this.#within(turn, work));
  }

  /** Runs `work` in a turn, after what earlier turns left open: a channel answers within the turn, or it never will. */
  #within<T>(turn: Turn, work: () => T): T {
    return this.#outlet.within(turn, () => {
      if (this.#turn !== turn) {
        this.#turn = turn;
        this.#circuits.reconcile();
        this.#payments.reconcile();
      }
      return work();
    });
  }

  /** For timers: if their turn is discarded, `reset` sets them anew; if the node stops, the next start does. */
  #later(work: () => void): void {
    this.#command(work).catch(() => {});
  }

  /**
   * What a channel says goes to the actor that it concerns. One that is unknown is over already: channels repeat
   * themselves.
   */
  #notice(channelIndex: number, notice: HtlcNotice): void {
    const circuits = this.#circuits;
    const payments = this.#payments;
    switch (notice.type) {
      case 'htlcReceived':
        this.#receiver.receive(channelIndex, notice.htlc);
        return;
      case 'htlcOffered': {
        const { reference, htlc } = notice;
        if (!circuits.offered(reference, htlc)) payments.offered(reference, { channelIndex, id: htlc.id });
        return;
      }
      case 'htlcRefused':
        if (!circuits.refused(notice.reference)) payments.refused(notice.reference, notice.code, notice.reason);
        return;
      case 'htlcFulfilled': {
        const htlc = { channelIndex, id: notice.htlc.id };
        if (!circuits.fulfilled(htlc, notice.paymentPreimage)) payments.fulfilled(htlc, notice.paymentPreimage);
        return;
      }
      case 'htlcFailed': {
        const htlc = { channelIndex, id: notice.htlc.id };
        if (!circuits.failed(htlc, notice.removal)) payments.failed(htlc, notice.removal);
        return;
      }
      case 'htlcReturned': {
        const htlc = { channelIndex, id: notice.htlc.id };
        if (!circuits.returned(htlc, notice.code)) payments.returned(htlc, notice.code);
        return;
      }
      case 'htlcEnded': {
        const htlc = { channelIndex, id: notice.htlc.id };
        if (!circuits.ended(htlc, notice.removal)) this.#invoices.ended(htlc, notice.removal);
      }
    }
  }
}

function unknown(code: 'payment_unknown' | 'probe_unknown' | 'invoice_unknown', what: string, paymentHash: Uint8Array): PaymentError {
  const key = hashKey(paymentHash);
  return new PaymentError(code, `no ${what} has the payment hash ${key}`, { paymentHash: key });
}
