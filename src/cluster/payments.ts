/** Makes the planned payments, one after the other, and tells how each went. */
import { ApiError, type Output } from '../api/client.ts';
import type { Cluster } from './cluster.ts';
import type { NodeProcess } from './node-process.ts';
import type { PlannedPayment } from './payment-plan.ts';

type Payment = Output<'payment'>;
/** Who pays, or is paid. */
type Party = Pick<NodeProcess, 'name' | 'id' | 'client'>;
type Hop = Payment['attempts'][number]['route']['hops'][number];

export interface PaymentOutcome {
  readonly from: string;
  readonly to: string;
  readonly kind: PlannedPayment['kind'];
  readonly amountMsat: bigint;
  readonly status: Payment['status'];
  /** As the payer tells it. */
  readonly feeMsat: bigint;
  /** The hops of each part that succeeded: mostly one part. */
  readonly parts: readonly (readonly Hop[])[];
  readonly elapsedMs: number;
  /** Why it failed. */
  readonly failure?: string;
  /** What the payee tells of it, in msat; undefined where it knows nothing. */
  readonly receivedMsat?: bigint;
}

export async function makePayments(
  { nodes }: Cluster,
  plan: readonly PlannedPayment[],
  onOutcome: (outcome: PaymentOutcome) => void,
): Promise<PaymentOutcome[]> {
  const outcomes: PaymentOutcome[] = [];
  for (const planned of plan) {
    const [from, to] = [nodes[planned.from], nodes[planned.to]];
    if (from === undefined || to === undefined) throw new RangeError(`no nodes ${planned.from} and ${planned.to}`);
    const outcome = await makePayment(from, to, planned);
    outcomes.push(outcome);
    onOutcome(outcome);
  }
  return outcomes;
}

/** Never throws for what the nodes answer, or for one that does not: the payment has failed then. */
export async function makePayment(
  from: Party,
  to: Party,
  { kind, amountMsat }: Pick<PlannedPayment, 'kind' | 'amountMsat'>,
  timeoutSeconds?: number,
): Promise<PaymentOutcome> {
  const about = { from: from.name, to: to.name, kind, amountMsat };
  const started = performance.now();
  const elapsed = (): number => Math.round(performance.now() - started);
  try {
    const payment =
      kind === 'keysend'
        ? await from.client.keysend({ nodeId: to.id, amountMsat, timeoutSeconds })
        : await payInvoice(from, to, amountMsat, timeoutSeconds);
    const elapsedMs = elapsed();
    const { status, feeMsat, attempts, failure, paymentHash } = payment;
    const parts = attempts.filter((attempt) => attempt.status === 'succeeded').map(({ route }) => route.hops);
    const receivedMsat = await receivedBy(to, paymentHash);
    return {
      ...about,
      status,
      feeMsat,
      parts,
      elapsedMs,
      ...(failure === undefined ? {} : { failure: failure.message }),
      ...(receivedMsat === undefined ? {} : { receivedMsat }),
    };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { ...about, status: 'failed', feeMsat: 0n, parts: [], elapsedMs: elapsed(), failure: error.message };
  }
}

async function receivedBy({ client }: Party, paymentHash: string): Promise<bigint | undefined> {
  try {
    const { invoices } = await client.invoices({ paymentHash });
    return invoices.find((invoice) => invoice.status === 'paid')?.receivedMsat;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return undefined;
  }
}

async function payInvoice(from: Party, to: Party, amountMsat: bigint, timeoutSeconds?: number): Promise<Payment> {
  const { invoice } = await to.client.invoice({ amountMsat, description: `from ${from.name}` });
  if (invoice === undefined) throw new TypeError(`${to.name} made an invoice without its text`);
  return from.client.pay({ invoice, timeoutSeconds });
}
