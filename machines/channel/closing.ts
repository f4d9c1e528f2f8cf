import type { MessageOf } from '../../protocols/wire/messages.ts';
import { equals, toString } from 'uint8arrays';
import { closingFee, isValidShutdownScript } from '../commitment/closing-transaction.ts';
import type { Side } from '../htlc/htlc-states.ts';
import type { ChannelData, NegotiatedChannel } from './data.ts';
import type { FeeRange } from './effects.ts';
import { fundingOf, type ClosingRequest } from './requests.ts';
import { ChannelViolation, must, type Verdict } from './violation.ts';

/** BOLT 2, "Closing Initiation": the script's form, and the one that was committed to when the channel was opened. */
export function shutdownViolation(channel: NegotiatedChannel, message: MessageOf<'shutdown'>): Verdict {
  const committed = channel.remote.upfrontShutdownScript;
  const promised = committed.length > 0 ? committed : channel.remoteShutdownScript;
  if (promised !== undefined && !equals(promised, message.scriptpubkey)) {
    return new ChannelViolation(
      'shutdown_script_changed',
      `expected the shutdown script ${hex(promised)} that was given before, got ${hex(message.scriptpubkey)}`,
    );
  }
  return must(isValidShutdownScript(message.scriptpubkey, { anySegwit: true }), 'shutdown_script', 'a shutdown script of a segwit form', hex(message.scriptpubkey));
}

/** What we answer to a proposed closing fee: agree to it (and say so, unless it is the one we said last), or propose another. */
export type ClosingAnswer =
  | { readonly kind: 'agree'; readonly feeSatoshis: bigint; readonly reply: boolean }
  | { readonly kind: 'propose'; readonly feeSatoshis: bigint }
  | { readonly kind: 'refuse'; readonly violation: ChannelViolation };

/**
 * The fee that a mutual close costs at the feerate that was asked for, but one that propagates and that the opener has.
 */
export function idealClosingFee(channel: NegotiatedChannel): bigint {
  return clamp(closingFeeAt(channel, channel.closing.feeratePerKw), possibleFees(channel));
}

/**
 * What the opener gives at most for an agreement, beyond what it thinks right: no force close is that cheap. Since the accepter does not
 * pay, it may well take all of it, as LDK does.
 */
const MOST_FOR_AGREEMENT_SAT = 1_000n;

/**
 * What we are prepared to sign. The accepter does not pay, so it only asks that the transaction propagates; the opener pays up to twice
 * what it thinks right, where that is little.
 */
export function acceptableFees(channel: NegotiatedChannel): FeeRange {
  const possible = possibleFees(channel);
  if (!channel.isOpener) return possible;
  const idealSat = idealClosingFee(channel);
  return { ...possible, maxFeeSatoshis: clamp(idealSat + minOf(idealSat, MOST_FOR_AGREEMENT_SAT), possible) };
}

/**
 * From what nodes relay to what the opener has, less what it must keep where nobody else gets an output: there has to
 * be one.
 */
function possibleFees(channel: NegotiatedChannel): FeeRange {
  const { isOpener, toLocalMsat, toRemoteMsat, local, remote } = channel;
  const [openerMsat, accepterMsat] = isOpener ? [toLocalMsat, toRemoteMsat] : [toRemoteMsat, toLocalMsat];
  const [openerSat, accepterSat] = [openerMsat / 1000n, accepterMsat / 1000n];
  const dustSat = maxOf(local.dustLimitSatoshis, remote.dustLimitSatoshis);
  const maxFeeSatoshis = maxOf(openerSat - (accepterSat < dustSat ? dustSat : 0n), 0n);
  return { minFeeSatoshis: minOf(closingFeeAt(channel, MIN_RELAY_FEERATE_PER_KW), maxFeeSatoshis), maxFeeSatoshis };
}

/** BOLT 2, "Legacy Closing Negotiation": the receiving node's rules, in their order. */
export function answerClosing(channel: NegotiatedChannel, message: MessageOf<'closing_signed'>): ClosingAnswer {
  const { feeSatoshis, feeRange: theirs } = message;
  const { localFeeSatoshis, remoteFeeSatoshis } = channel.closing;
  const ours = acceptableFees(channel);
  const haveSent = localFeeSatoshis !== undefined;
  if (feeSatoshis === localFeeSatoshis) return { kind: 'agree', feeSatoshis, reply: false };
  if (haveSent && isIn(feeSatoshis, ours)) return { kind: 'agree', feeSatoshis, reply: true };
  if (theirs !== undefined) return answerRange(channel, feeSatoshis, theirs, ours, haveSent);
  if (haveSent && remoteFeeSatoshis !== undefined && !isBetween(feeSatoshis, localFeeSatoshis, remoteFeeSatoshis)) {
    return refuse('closing_fee_not_between', `a fee strictly between ${localFeeSatoshis} and ${remoteFeeSatoshis} sat`, feeSatoshis, 'warning');
  }
  if (isIn(feeSatoshis, ours)) return { kind: 'agree', feeSatoshis, reply: true };
  const midpoint = clamp((feeSatoshis + (localFeeSatoshis ?? idealClosingFee(channel))) / 2n, ours);
  if (midpoint === feeSatoshis || midpoint === localFeeSatoshis) {
    return refuse('closing_fee_stuck', 'a fee that can be met halfway', feeSatoshis, 'warning');
  }
  return { kind: 'propose', feeSatoshis: midpoint };
}

function answerRange(channel: NegotiatedChannel, feeSatoshis: bigint, theirs: FeeRange, ours: FeeRange, haveSent: boolean): ClosingAnswer {
  const overlap = {
    minFeeSatoshis: maxOf(ours.minFeeSatoshis, theirs.minFeeSatoshis),
    maxFeeSatoshis: minOf(ours.maxFeeSatoshis, theirs.maxFeeSatoshis),
  };
  const expected = `a fee of ${overlap.minFeeSatoshis} to ${overlap.maxFeeSatoshis} sat`;
  if (overlap.minFeeSatoshis > overlap.maxFeeSatoshis) {
    const range = `${theirs.minFeeSatoshis} to ${theirs.maxFeeSatoshis}`;
    return refuse('closing_no_overlap', `a fee_range that meets ours (${ours.minFeeSatoshis} to ${ours.maxFeeSatoshis})`, range, 'warning');
  }
  if (!haveSent && !channel.isOpener) {
    return isIn(feeSatoshis, overlap)
      ? { kind: 'agree', feeSatoshis, reply: true }
      : { kind: 'propose', feeSatoshis: clamp(feeSatoshis, overlap) };
  }
  return refuse('closing_fee_outside_range', expected, feeSatoshis, 'error');
}

const MIN_RELAY_FEERATE_PER_KW = 253;

function closingFeeAt(channel: NegotiatedChannel, feeratePerKw: number): bigint {
  return closingFee(feeratePerKw, [channel.localShutdownScript, remoteScript(channel)]);
}

function remoteScript({ remoteShutdownScript }: ChannelData): Uint8Array {
  if (remoteShutdownScript !== undefined) return remoteShutdownScript;
  throw new ChannelViolation('closing_without_shutdown', "expected the peer's shutdown script to be known");
}

/**
 * The mutual close at a fee, once both shutdown scripts are known and no HTLC is left. BOLT 3, "Legacy Closing
 * Transaction": whoever signs leaves out what is dust by its own limit.
 */
export function closingRequest(channel: NegotiatedChannel, feeSatoshis: bigint, signer: Side): ClosingRequest {
  const funding = fundingOf(channel);
  return {
    parameters: {
      fundingTxid: funding.txid,
      fundingOutputIndex: funding.outputIndex,
      fundingSatoshis: channel.fundingSatoshis,
      localFundingPubkey: channel.local.fundingPubkey,
      remoteFundingPubkey: channel.remote.fundingPubkey,
      localIsOpener: channel.isOpener,
      localMsat: channel.toLocalMsat,
      remoteMsat: channel.toRemoteMsat,
      localScriptpubkey: channel.localShutdownScript,
      remoteScriptpubkey: remoteScript(channel),
      dustLimitSatoshis: channel[signer].dustLimitSatoshis,
    },
    feeSatoshis,
  };
}

function refuse(code: string, expected: string, got: bigint | string, answer: 'warning' | 'error'): ClosingAnswer {
  return { kind: 'refuse', violation: new ChannelViolation(code, `expected ${expected}, got ${got}`, answer) };
}

const isIn = (fee: bigint, range: FeeRange): boolean => fee >= range.minFeeSatoshis && fee <= range.maxFeeSatoshis;
const isBetween = (fee: bigint, a: bigint, b: bigint): boolean => fee > minOf(a, b) && fee < maxOf(a, b);
const clamp = (fee: bigint, range: FeeRange): bigint => minOf(maxOf(fee, range.minFeeSatoshis), range.maxFeeSatoshis);
const minOf = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const hex = (bytes: Uint8Array): string => toString(bytes, 'base16');
