import { Deaf, quiet, tell } from './endings.ts';
import type { Mesh } from './mesh.ts';
import type { MeshNode } from './mesh-node.ts';
import type { PaymentRecord } from '../../src/payments/records.ts';

/** The one payment of a case, whose payee answers for it when it is told to. */
export class Htlc {
  readonly payer: MeshNode;
  readonly payee: MeshNode;
  readonly amountMsat: bigint;
  readonly #mesh: Mesh;
  readonly #deaf: Deaf;
  #paymentHash: Uint8Array | undefined;

  constructor(mesh: Mesh, payer: MeshNode, payee: MeshNode, amountMsat: bigint) {
    this.#mesh = mesh;
    this.payer = payer;
    this.payee = payee;
    this.amountMsat = amountMsat;
    this.#deaf = new Deaf(payee);
  }

  async offer(): Promise<void> {
    this.#paymentHash = await this.#mesh.outcome(this.#mesh.pay(this.payer, this.payee, this.amountMsat));
  }

  /** It has come to the payee, irrevocably committed. */
  async stand(): Promise<void> {
    await this.offer();
    await this.#mesh.until('the HTLC stands', () => this.#deaf.hears === 1);
  }

  /** The payee takes it, unless the invoice was taken back. */
  async answer(): Promise<void> {
    await this.#mesh.outcome(this.#deaf.listen());
    await quiet(this.#mesh);
  }

  async refuse(): Promise<void> {
    await this.#mesh.outcome(this.payee.node.payments.cancelInvoice(this.#paymentHash!));
    await this.answer();
  }

  /** The payee comes to know the preimage from elsewhere, when it would not take the HTLC any more by itself. */
  async learn(): Promise<void> {
    const paymentPreimage = this.preimage(this.#paymentHash!);
    for (const channel of this.payee.node.channels.all()) {
      const htlc = [...channel.htlcs.rows()].find(({ details }) => details.direction === 'received');
      if (htlc === undefined || paymentPreimage === undefined) continue;
      const removal = { kind: 'fulfilled', paymentPreimage } as const;
      await tell(this.#mesh, this.payee, channel, { type: 'removeHtlc', id: htlc.details.id, removal });
    }
    await quiet(this.#mesh);
  }

  preimage(paymentHash: Uint8Array): Uint8Array | undefined {
    const [row] = this.payee.database.all<{ preimage: Uint8Array }>('SELECT preimage FROM invoices WHERE payment_hash = ?', paymentHash);
    return row?.preimage;
  }

  /** As the payer has it; undefined if nothing was ever offered. */
  get payment(): PaymentRecord | undefined {
    return this.#paymentHash && this.payer.node.payments.getPayment(this.#paymentHash);
  }
}
