/** Payments that an LDK node makes and takes. */
import { randomBytes } from 'node:crypto';
import * as ldk from 'lightningdevkit';
import { fromString } from 'uint8arrays';
import { enumName, errorText, hex, optional, unwrap } from './library.ts';
import type { LdkLog } from './log.ts';

const KEYSEND_CLTV_DELTA = 80;
const ATTEMPTS = 5;
const INVOICE_EXPIRY_SECONDS = 3_600;

export interface PaySettings {
  /** For an invoice that names none. */
  readonly amountMsat?: bigint;
  readonly maxFeeMsat?: bigint;
  /** After the first. */
  readonly retries?: number;
}

export type LdkPaymentResult =
  | { readonly status: 'paid'; readonly hash: string; readonly preimage: string; readonly feeMsat: bigint; readonly parts: number }
  /** `failures`: one line for each part that failed, with what LDK said about it. */
  | { readonly status: 'failed'; readonly reason: string; readonly failures: readonly string[] };

export interface InvoiceSettings {
  readonly amountMsat?: bigint;
  readonly description?: string;
  readonly expirySeconds?: number;
}

/** A payment that has come in, and waits to be claimed. */
export interface Claimable {
  readonly hash: string;
  readonly amountMsat: bigint;
  readonly preimage: Uint8Array | undefined;
  /** The height at which LDK gives it back by itself. */
  readonly deadline: number | undefined;
}

interface Outgoing {
  readonly amountMsat: bigint;
  readonly failures: string[];
  readonly resolve: (result: LdkPaymentResult) => void;
  sent: { hash: string; preimage: string; feeMsat: bigint } | undefined;
  arrivedMsat: bigint;
  parts: number;
}

export class LdkPayments {
  /** Whether payments that come in wait for `claim` or `fail`. */
  holds = false;
  readonly received: { readonly hash: string; readonly amountMsat: bigint }[] = [];
  readonly #manager: () => ldk.ChannelManager;
  readonly #log: LdkLog;
  readonly #outgoing = new Map<string, Outgoing>();
  readonly #claimable = new Map<string, Claimable>();

  constructor(manager: () => ldk.ChannelManager, log: LdkLog) {
    this.#manager = manager;
    this.#log = log;
  }

  get claimable(): readonly Claimable[] {
    return [...this.#claimable.values()];
  }

  invoice({ amountMsat, description = '', expirySeconds = INVOICE_EXPIRY_SECONDS }: InvoiceSettings): string {
    const words = unwrap<ldk.Description>('a description', ldk.Description.constructor_new(description));
    const result = this.#manager().create_bolt11_invoice(
      amountMsat === undefined ? ldk.Option_u64Z.constructor_none() : ldk.Option_u64Z.constructor_some(amountMsat),
      ldk.Bolt11InvoiceDescription.constructor_direct(words),
      ldk.Option_u32Z.constructor_some(expirySeconds),
      ldk.Option_u16Z.constructor_none(),
      ldk.Option_ThirtyTwoBytesZ.constructor_none(),
    );
    return unwrap<ldk.Bolt11Invoice>('an invoice', result).to_str();
  }

  /** Throws where the text is no invoice; what becomes of the payment is in the result. */
  pay(bolt11: string, { amountMsat, maxFeeMsat, retries = ATTEMPTS }: PaySettings = {}): Promise<LdkPaymentResult> {
    const invoice = unwrap<ldk.Bolt11Invoice>('the invoice', ldk.Bolt11Invoice.constructor_from_str(bolt11));
    const parameters = amountMsat === undefined
      ? ldk.UtilMethods.constructor_payment_parameters_from_invoice(invoice)
      : ldk.UtilMethods.constructor_payment_parameters_from_variable_amount_invoice(invoice, amountMsat);
    const what = 'the amount, which either the invoice or the caller has to name';
    const parts = unwrap<ldk.ThreeTuple_ThirtyTwoBytesRecipientOnionFieldsRouteParametersZ>(what, parameters);
    const route = parts.get_c();
    if (maxFeeMsat !== undefined) route.set_max_total_routing_fee_msat(ldk.Option_u64Z.constructor_some(maxFeeMsat));
    return this.#send(route.get_final_value_msat(), (id) =>
      this.#manager().send_payment(parts.get_a(), parts.get_b(), id, route, ldk.Retry.constructor_attempts(retries)),
    );
  }

  keysend(nodeId: string, amountMsat: bigint): Promise<LdkPaymentResult> {
    const payee = ldk.PaymentParameters.constructor_for_keysend(fromString(nodeId, 'hex'), KEYSEND_CLTV_DELTA, false);
    const route = ldk.RouteParameters.constructor_from_payment_params_and_value(payee, amountMsat);
    const onion = ldk.RecipientOnionFields.constructor_spontaneous_empty();
    const preimage = ldk.Option_ThirtyTwoBytesZ.constructor_some(new Uint8Array(randomBytes(32)));
    return this.#send(amountMsat, (id) =>
      this.#manager().send_spontaneous_payment(preimage, onion, id, route, ldk.Retry.constructor_attempts(ATTEMPTS)),
    );
  }

  /** Takes what waits. Throws where nothing does, or LDK does not know the preimage. */
  claim(hash: string): void {
    const { preimage } = this.#take(hash);
    if (preimage === undefined) throw new Error(`LDK knows no preimage of ${hash}`);
    this.#manager().claim_funds(preimage);
  }

  fail(hash: string): void {
    this.#take(hash);
    this.#manager().fail_htlc_backwards(fromString(hash, 'hex'));
  }

  handle(event: ldk.Event): void {
    if (event instanceof ldk.Event_PaymentClaimable) this.#claimableCame(event);
    else if (event instanceof ldk.Event_PaymentClaimed) {
      this.received.push({ hash: hex(event.payment_hash), amountMsat: event.amount_msat });
    } else if (event instanceof ldk.Event_PaymentSent) this.#sentOne(event);
    else if (event instanceof ldk.Event_PaymentPathSuccessful) this.#partArrived(event);
    else if (event instanceof ldk.Event_PaymentPathFailed) this.#partFailed(event);
    else if (event instanceof ldk.Event_PaymentFailed) {
      const reason = optional<ldk.PaymentFailureReason>(event.reason);
      this.#fail(hex(event.payment_id), reason === undefined ? 'unknown' : enumName(ldk.PaymentFailureReason as never, reason));
    }
  }

  #send(amountMsat: bigint, send: (id: Uint8Array) => { is_ok(): boolean }): Promise<LdkPaymentResult> {
    return new Promise((resolve) => {
      const id = new Uint8Array(randomBytes(32));
      this.#outgoing.set(hex(id), { amountMsat, failures: [], resolve, sent: undefined, arrivedMsat: 0n, parts: 0 });
      const result = send(id);
      if (result.is_ok()) return;
      const { err } = result as { err?: number };
      this.#fail(hex(id), err === undefined ? 'unknown' : enumName(ldk.RetryableSendFailure as never, err));
    });
  }

  #claimableCame(event: ldk.Event_PaymentClaimable): void {
    const hash = hex(event.payment_hash);
    const preimage = optional<Uint8Array>(event.purpose.preimage());
    const deadline = optional<number>(event.claim_deadline);
    this.#claimable.set(hash, { hash, amountMsat: event.amount_msat, preimage, deadline });
    if (!this.holds) this.claim(hash);
  }

  #take(hash: string): Claimable {
    const claimable = this.#claimable.get(hash);
    if (claimable === undefined) throw new Error(`no payment ${hash} waits to be claimed`);
    this.#claimable.delete(hash);
    return claimable;
  }

  #sentOne(event: ldk.Event_PaymentSent): void {
    const id = optional<Uint8Array>(event.payment_id);
    const outgoing = id && this.#outgoing.get(hex(id));
    if (id === undefined || outgoing === undefined) return;
    const feeMsat = optional<bigint>(event.fee_paid_msat) ?? 0n;
    outgoing.sent = { hash: hex(event.payment_hash), preimage: hex(event.payment_preimage), feeMsat };
    this.#settle(hex(id), outgoing);
  }

  #partArrived({ payment_id, path }: ldk.Event_PaymentPathSuccessful): void {
    const outgoing = this.#outgoing.get(hex(payment_id));
    if (outgoing === undefined) return;
    outgoing.parts++;
    outgoing.arrivedMsat += path.final_value_msat();
    this.#settle(hex(payment_id), outgoing);
  }

  /** A payment is done when LDK has the preimage and each part has arrived. */
  #settle(id: string, { sent, arrivedMsat, amountMsat, parts, resolve }: Outgoing): void {
    if (sent === undefined || arrivedMsat < amountMsat) return;
    this.#outgoing.delete(id);
    resolve({ status: 'paid', ...sent, parts });
  }

  #partFailed(event: ldk.Event_PaymentPathFailed): void {
    const id = optional<Uint8Array>(event.payment_id);
    const outgoing = id && this.#outgoing.get(hex(id));
    outgoing?.failures.push(this.#failureText(event));
  }

  #fail(id: string, reason: string): void {
    const outgoing = this.#outgoing.get(id);
    this.#outgoing.delete(id);
    outgoing?.resolve({ status: 'failed', reason, failures: outgoing.failures });
  }

  /** LDK's event does not say what the onion's error was; its log does. */
  #failureText({ failure, path, short_channel_id, payment_failed_permanently }: ldk.Event_PaymentPathFailed): string {
    const way = path.get_hops().map((hop) => hop.get_short_channel_id()).join(' ');
    const at = optional<bigint>(short_channel_id);
    const said = failure instanceof ldk.PathFailure_InitialSend ? errorText(failure.err) : this.#log.last('Onion Error');
    const kind = payment_failed_permanently ? 'permanently' : 'for now';
    return `over ${way} ${kind}${at === undefined ? '' : ` at ${at}`}: ${said ?? 'without a word'}`;
  }
}
