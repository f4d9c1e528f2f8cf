import type { ReturnCode } from '../../machines/channel/effects.ts';
import type { HtlcRemoval } from '../../machines/htlc/htlc.machine.ts';
import type { PaymentFailure, PaymentRoute } from '../../machines/payment/payment.ts';
import { readErrorPacket } from '../../protocols/onion/error-packet.ts';
import { failureCode, failureFlags, failureFromMalformed, PERM, type FailureMessage } from '../../protocols/onion/failures.ts';
import type { AttemptOutcome } from '../routing/lesson.ts';
import type { PolicyOverride } from '../routing/request.ts';

/** How a part ended: for the router to learn from, and for the user to read. */
export interface PartReport {
  readonly outcome: AttemptOutcome;
  readonly failure: PaymentFailure;
}

/** BOLT 4, "Origin node": what came back for a part that was out. */
export function readPartFailure(
  route: PaymentRoute,
  sharedSecrets: readonly Uint8Array[],
  removal: Exclude<HtlcRemoval, { kind: 'fulfilled' }>,
  policyOverrides: readonly PolicyOverride[],
): PartReport {
  if (removal.kind === 'malformed')
    return fromOurPeer(route, failureFromMalformed(removal.failureCode, removal.sha256OfOnion));
  const read = readErrorPacket(sharedSecrets, removal.reason);
  if (!read.readable) {
    const message = 'a failure came back that cannot be read: a node on the way has garbled it';
    return { outcome: { type: 'unreadable', route }, failure: { code: 'unreadable_failure', message } };
  }
  const { hopIndex, failure } = read;
  return {
    outcome: { type: 'failed', route, hopIndex, failure, policyOverrides },
    failure: describe(route, hopIndex, failure),
  };
}

/** The HTLC never left: our own channel would not take it, or lost it. */
export function notSent(route: PaymentRoute, code: string, reason: string): PartReport {
  return {
    outcome: { type: 'not_sent', route },
    failure: withChannel(route, 0, { code, message: `our channel did not take the HTLC: ${reason}`, isLocal: true }),
  };
}

const RETURNED: Readonly<Record<ReturnCode, Pick<PaymentFailure, 'message' | 'isLocal'>>> = {
  temporary_channel_failure: { message: 'our channel lost its peer before the HTLC was signed', isLocal: true },
  permanent_channel_failure: { message: 'our channel ended on chain, which gave the HTLC back' },
};

/** BOLT 5, "HTLC Output Handling", and BOLT 2, "Message Retransmission": it came to nothing in our own channel. */
export function notTaken(route: PaymentRoute, code: ReturnCode): PartReport {
  return { outcome: { type: 'not_sent', route }, failure: withChannel(route, 0, { code, ...RETURNED[code] }) };
}

/** BOLT 4, "Failure Messages", whatever data it came with. */
const UNKNOWN_DETAILS = PERM | 15;

/** Whether the payee itself says that it knows of no such payment: the HTLC has come all the way. */
export const isUnknownToPayee = (outcome: AttemptOutcome): boolean =>
  outcome.type === 'failed' && outcome.hopIndex === outcome.route.hops.length - 1 && failureCode(outcome.failure) === UNKNOWN_DETAILS;

/**
 * BOLT 2, "Removing an HTLC": the peer could not read the onion that we made, which no other node has had in its hands.
 */
function fromOurPeer(route: PaymentRoute, failure: FailureMessage): PartReport {
  const code = codeOf(failure);
  const failed: PaymentFailure = { code, message: `our peer could not read the onion: ${code}`, ...nodeAt(route, 0) };
  return { outcome: { type: 'not_sent', route }, failure: withChannel(route, 0, failed) };
}

function describe(route: PaymentRoute, hopIndex: number, failure: FailureMessage): PaymentFailure {
  const code = codeOf(failure);
  const isPayee = hopIndex === route.hops.length - 1;
  const { nodeId } = nodeAt(route, hopIndex);
  const said = { code, message: `${isPayee ? 'the payee' : `hop ${hopIndex + 1}`} (${nodeId}) says ${code}`, nodeId };
  // A node that does not speak of itself speaks of the channel that it was to forward over.
  return isPayee || failureFlags(failure).node ? said : withChannel(route, hopIndex + 1, said);
}

const codeOf = (failure: FailureMessage): string =>
  failure.type === 'unknown' ? `unknown_failure_0x${failure.code.toString(16).padStart(4, '0')}` : failure.type;

const nodeAt = ({ hops }: PaymentRoute, index: number): { nodeId: string } => ({ nodeId: hops[index]?.nodeId ?? '' });

function withChannel({ hops }: PaymentRoute, index: number, failure: PaymentFailure): PaymentFailure {
  const shortChannelId = hops[index]?.shortChannelId;
  return shortChannelId === undefined ? failure : { ...failure, shortChannelId };
}
