import { equals, toString } from 'uint8arrays';
import type { Message, MessageOf } from '../../protocols/wire/messages.ts';
import { closingSignedByRemote } from '../commitment/closing-transaction.ts';
import { buildCommitment } from '../commitment/commitment-transaction.ts';
import { insertSecret, secretIndex } from '../commitment/secrets.ts';
import { verifyCommitmentSignatures } from '../commitment/signatures.ts';
import { RunnelError } from '../../protocols/errors.ts';
import { announcementViolation } from './announcing.ts';
import { answerClosing, closingRequest, shutdownViolation } from './closing.ts';
import { channelIdOf, negotiated, type ChannelContext } from './context.ts';
import { withFunding } from './opening.ts';
import { acceptChannelViolation, openChannelViolation } from './opening-rules.ts';
import { reestablishViolation } from './reestablish.ts';
import { localCommitment, type CommitmentRequest } from './requests.ts';
import { addViolation, feeUpdateViolation, removalViolation, revocationViolation } from './update-rules.ts';
import { ChannelViolation, must, type Verdict } from './violation.ts';

type Rules = { readonly [N in Message['type']]?: (context: ChannelContext, message: MessageOf<N>) => Verdict };

/** What each message of a peer's must satisfy, whatever state it is expected in; one table, so that none is forgotten. */
const rules: Rules = {
  open_channel: ({ data, environment }, message) => openChannelViolation(data, environment.policy, message),
  accept_channel: ({ data, environment }, message) => acceptChannelViolation(data, environment.policy, message),
  funding_created: fundingCreatedViolation,
  funding_signed: fundingSignedViolation,
  channel_ready: () => undefined,
  update_add_htlc: ({ data, htlcs }, message) => addViolation(negotiated(data), htlcs, message),
  update_fulfill_htlc: ({ htlcs }, message) => removalViolation(htlcs, message),
  update_fail_htlc: ({ htlcs }, message) => removalViolation(htlcs, message),
  update_fail_malformed_htlc: ({ htlcs }, message) => removalViolation(htlcs, message),
  update_fee: ({ data, htlcs, environment }, message) => feeUpdateViolation(negotiated(data), environment.policy, htlcs, message),
  commitment_signed: commitmentViolation,
  revoke_and_ack: ({ data }, message) => revocationViolation(negotiated(data), message) ?? secretChainViolation(data, message),
  shutdown: ({ data }, message) => shutdownViolation(negotiated(data), message),
  closing_signed: closingViolation,
  channel_reestablish: ({ data, environment }, message) => reestablishViolation(data, message, environment.localPoint),
  announcement_signatures: ({ data }, message) => announcementViolation(negotiated(data), message),
};

const verdicts = new WeakMap<object, { readonly context: ChannelContext; readonly verdict: Verdict }>();

/** The rule that this message of the peer's breaks, if any. Guard and action ask the same; the signatures are checked once. */
export function violationOf(context: ChannelContext, message: Message): Verdict {
  const known = verdicts.get(message);
  if (known?.context === context) return known.verdict;
  const rule = rules[message.type] as ((context: ChannelContext, message: Message) => Verdict) | undefined;
  const verdict = otherChannelViolation(context, message) ?? rule?.(context, message);
  verdicts.set(message, { context, verdict });
  return verdict;
}

/** BOLT 2, "The funding_created Message": the signature for our first commitment. */
function fundingCreatedViolation({ data, htlcs, environment }: ChannelContext, message: MessageOf<'funding_created'>): Verdict {
  const channel = negotiated(withFunding(data, message));
  const request = localCommitment(channel, htlcs, environment.localPoint, 'latest');
  return signatureViolation(request, message.signature, [], 'error');
}

/** BOLT 2, "The funding_signed Message". */
function fundingSignedViolation({ data, htlcs, environment }: ChannelContext, message: MessageOf<'funding_signed'>): Verdict {
  return signatureViolation(
    localCommitment(negotiated(data), htlcs, environment.localPoint, 'latest'),
    message.signature,
    [],
    'error',
  );
}

/** BOLT 2, "Committing Updates So Far": all signatures for our next commitment. */
function commitmentViolation({ data, htlcs, environment }: ChannelContext, message: MessageOf<'commitment_signed'>): Verdict {
  if (data.remoteNextPoint === undefined) {
    return new ChannelViolation('commitment_before_ready', 'expected channel_ready before the first commitment_signed');
  }
  const channel = negotiated(data);
  const request = localCommitment(channel, htlcs, environment.localPoint, 'next');
  return signatureViolation(request, message.signature, message.htlcSignatures, 'warning');
}

function signatureViolation(
  request: CommitmentRequest,
  signature: Uint8Array,
  htlcSignatures: readonly Uint8Array[],
  answer: 'warning' | 'error',
): Verdict {
  const built = buildCommitment(request.parameters, request.commitmentNumber, request.keys, request.spec);
  const wrong = verifyCommitmentSignatures(built, signature, htlcSignatures);
  if (wrong === undefined) return undefined;
  return new ChannelViolation(wrong.code, `commitment ${request.commitmentNumber}: ${wrong.message}`, answer, wrong.details);
}

/** BOLT 2, "Completing the Transition": the secret must come from the same seed as those before it. */
function secretChainViolation(data: ChannelContext['data'], message: MessageOf<'revoke_and_ack'>): Verdict {
  return refused('error', () => insertSecret(data.remoteSecrets, secretIndex(data.remoteRevocations), message.perCommitmentSecret));
}

/** BOLT 2, "Legacy Closing Negotiation": the signature first, then the fee. */
function closingViolation({ data }: ChannelContext, message: MessageOf<'closing_signed'>): Verdict {
  const channel = negotiated(data);
  const { parameters } = closingRequest(channel, message.feeSatoshis, 'remote');
  const wrong = refused('warning', () => closingSignedByRemote(parameters, message.feeSatoshis, message.signature));
  if (wrong !== undefined) return wrong;
  const answer = answerClosing(channel, message);
  return answer.kind === 'refuse' ? answer.violation : undefined;
}

/** What a check that throws a typed error says, as a violation. Anything else that is thrown is a fault of ours and goes on. */
function refused(answer: 'warning' | 'error', check: () => unknown): Verdict {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof RunnelError)) throw error;
    return new ChannelViolation(error.code, error.message, answer, error.details);
  }
}

/**
 * BOLT 2, "Definition of channel_id": messages name the channel, or, before its funding is known, the attempt at one.
 */
function otherChannelViolation({ data }: ChannelContext, message: Message): Verdict {
  const [expected, got] =
    'temporaryChannelId' in message
      ? [data.temporaryChannelId, message.temporaryChannelId]
      : [channelIdOf(data), 'channelId' in message ? message.channelId : undefined];
  if (got === undefined) return undefined;
  const answer = data.localSignatures === undefined ? 'error' : 'warning';
  return must(equals(expected, got), 'wrong_channel_id', `the channel's id ${hex(expected)}`, hex(got), answer);
}

const hex = (bytes: Uint8Array): string => toString(bytes, 'base16');

