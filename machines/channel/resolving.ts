import { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays';
import { FORMAT, stageIn } from './balances.ts';
import { deriveCommitmentKeys } from '../commitment/keys.ts';
import { toLocalScript } from '../commitment/scripts.ts';
import type { HtlcRemoval } from '../htlc/htlc.machine.ts';
import type { HtlcRow } from '../htlc/htlc-table.ts';
import { secondStage } from '../onchain/ending-outputs.ts';
import type { OutputEffect, OutputEvent, OutputRow } from '../onchain/output.ts';
import { resolve } from '../onchain/resolver.ts';
import { inputSpending, preimageIn, spenderOf } from '../onchain/spend.ts';
import { negotiated, type ChannelContext, type Step } from './context.ts';
import type { ChannelData, EndingCommitment } from './data.ts';
import type { ChannelEffect } from './effects.ts';
import type { BlockConnected, FundingSpent } from './events.ts';
import { endingOf } from './spending.ts';

/**
 * A block holds the transaction that ends the channel: its outputs are watched from now on; those that were watched
 * before a reorg took it out go on from there.
 */
export function watchOutputs(context: ChannelContext, event: FundingSpent): Step {
  const found = endingOf(context, event);
  if (found === undefined) return { data: { ending: undefined, outputs: [] } };
  const { ending, outputs } = context.data;
  if (ending === undefined || !equals(ending.txid, found.ending.txid)) return { data: found };
  const confirmed: OutputEvent = { type: 'confirmed', height: event.blockHeight };
  return takeAll(context, outputs, (row) => (isOf(row, ending) ? confirmed : undefined));
}

/** Whether a block, or its end, changes anything for what is watched: else it leaves no trace. */
export const concernsOutputs = (context: ChannelContext, event: BlockConnected | { type: 'blockDisconnected'; height: number }): boolean =>
  stepOutputs(context, event).data !== undefined;

/** Takes each output that is watched through a block: first what its transactions spend, then its height. */
export function stepOutputs(context: ChannelContext, event: BlockConnected | { type: 'blockDisconnected'; height: number }): Step {
  if (event.type === 'blockDisconnected') return takeAll(context, context.data.outputs, () => event);
  const effects: ChannelEffect[] = [];
  let { outputs } = context.data;
  for (const bytes of event.transactions) {
    const step = takeTransaction(context, outputs, Transaction.fromBuffer(bytes), event.height);
    outputs = step.outputs;
    effects.push(...step.effects);
  }
  const deeper: OutputEvent = { type: 'blockConnected', height: event.height };
  const last = takeAll(context, outputs, () => deeper);
  const after = last.data?.outputs ?? outputs;
  if (after === context.data.outputs) return {};
  return { data: { outputs: after }, effects: [...effects, ...(last.effects ?? [])] };
}

/** The preimage of a received HTLC came after the channel ended: its output can be claimed now. */
export function tellPreimage(context: ChannelContext, id: bigint, paymentPreimage: Uint8Array): Step {
  const isIt = ({ kind, htlc }: OutputRow): boolean => kind === 'htlc' && htlc?.direction === 'received' && htlc.id === id;
  return takeAll(context, context.data.outputs, (row) => (isIt(row) ? { type: 'preimageKnown', paymentPreimage } : undefined));
}

/** BOLT 5, "General Nomenclature": all of it is irrevocably resolved. */
export function isIrrevocablyResolved(context: ChannelContext, event: BlockConnected): boolean {
  const { data, environment } = context;
  const depth = data.fundingSpend === undefined ? 0 : event.height - data.fundingSpend.blockHeight + 1;
  if (depth < environment.policy.irrevocableDepth) return false;
  const outputs = stepOutputs(context, event).data?.outputs ?? data.outputs;
  return outputs.every(({ state }) => state === 'resolved');
}

/** After a restart: what the chain had decided and may not have reached those whom it concerns. They take it idempotently. */
export function repeatOutcomes(context: ChannelContext): Step {
  const effects = context.data.outputs.flatMap((row): ChannelEffect[] => {
    const { state, htlc, paymentPreimage, kind } = row;
    if (htlc === undefined || kind === 'second_stage' || kind.startsWith('revoked')) return [];
    const learnt = htlc.direction === 'offered' && paymentPreimage !== undefined;
    return [
      ...(learnt ? noticesOf(context, row, { type: 'fulfilled', paymentPreimage }) : []),
      ...(isOver(row) ? noticesOf(context, row, { type: 'ended', to: state === 'claimBuried' ? 'us' : 'peer' }) : []),
    ];
  });
  return { effects };
}

/** What becomes of its HTLC is buried. */
const isOver = ({ state }: OutputRow): boolean => state === 'claimBuried' || state === 'takeBuried' || state === 'buried';

function takeTransaction(
  context: ChannelContext,
  outputs: readonly OutputRow[],
  transaction: Transaction,
  blockHeight: number,
): { readonly outputs: readonly OutputRow[]; readonly effects: readonly ChannelEffect[] } {
  const { ending } = context.data;
  const effects: ChannelEffect[] = [];
  if (ending === undefined) return { outputs, effects };
  const txid = transaction.getHash();
  let after = outputs;
  for (const row of outputs) {
    const inputIndex = inputSpending(row, transaction);
    if (inputIndex === undefined) continue;
    const witness = transaction.ins[inputIndex]?.witness ?? [];
    const by = spenderOf(row, ending.owner, witness);
    const step = resolve(row, { type: 'spent', spend: { txid, blockHeight, by }, paymentPreimage: preimageIn(row, witness) }, context.environment.policy);
    // A second stage of another transaction, which a reorg took out, will never be.
    after = after
      .map((other) => (other === row ? step.row : other))
      .filter(({ parent, outpoint }) => !isSame(parent, row.outpoint) || equals(outpoint?.txid ?? txid, txid));
    effects.push(...step.effects.flatMap((effect) => noticesOf(context, row, effect)));
    after = withSecondStage(context, after, row, by, transaction, inputIndex, blockHeight);
  }
  return { outputs: after, effects };
}

/** BOLT 5, "HTLC Output Handling": what an HTLC transaction makes is watched in its turn: ours, or the cheater's. */
function withSecondStage(
  context: ChannelContext,
  outputs: readonly OutputRow[],
  row: OutputRow,
  by: 'us' | 'peer',
  transaction: Transaction,
  inputIndex: number,
  blockHeight: number,
): readonly OutputRow[] {
  const { ending } = context.data;
  const isOurs = row.kind === 'htlc' && ending?.owner === 'local' && by === 'us';
  const isCheaters = row.kind === 'revoked_htlc' && by === 'peer';
  if ((!isOurs && !isCheaters) || ending?.perCommitmentPoint === undefined) return outputs;
  const { local, remote } = negotiated(context.data);
  const [owner, other] = isOurs ? [local, remote] : [remote, local];
  const keys = deriveCommitmentKeys(FORMAT, ending.perCommitmentPoint, owner, other);
  const delay = other.toSelfDelay;
  const made = secondStage(row, transaction, inputIndex, toLocalScript(keys, delay), isOurs ? delay : 0, blockHeight);
  if (made === undefined) return outputs;
  const known = outputs.find(({ outpoint }) => isSame(outpoint, made.outpoint));
  if (known === undefined) return [...outputs, made];
  const again = resolve(known, { type: 'confirmed', height: blockHeight }, context.environment.policy).row;
  return outputs.map((other) => (other === known ? again : other));
}

function takeAll(
  context: ChannelContext,
  outputs: readonly OutputRow[],
  eventFor: (row: OutputRow) => OutputEvent | undefined,
): Step {
  const effects: ChannelEffect[] = [];
  const after = outputs.map((row) => {
    const event = eventFor(row);
    if (event === undefined) return row;
    const step = resolve(row, event, context.environment.policy);
    effects.push(...step.effects.flatMap((effect) => noticesOf(context, step.row, effect)));
    return step.row;
  });
  const isSameAsBefore = after.every((row, index) => row === outputs[index]);
  return isSameAsBefore ? {} : { data: { outputs: after }, effects };
}

/** What an output's chart tells, as the actors that pay, get paid and forward hear it. */
function noticesOf({ data, htlcs }: ChannelContext, row: OutputRow, effect: OutputEffect): ChannelEffect[] {
  const found = row.htlc && htlcs.get(row.htlc.direction, row.htlc.id);
  if (found === undefined) return [];
  const { details: htlc, removal } = found;
  if (htlc.direction === 'offered') {
    if (effect.type === 'fulfilled') return [{ type: 'htlcFulfilled', htlc, paymentPreimage: effect.paymentPreimage }];
    const isPaid = removal?.kind === 'fulfilled' || row.paymentPreimage !== undefined;
    return isPaid ? [] : [{ type: 'htlcReturned', htlc, code: 'permanent_channel_failure' }];
  }
  if (effect.type === 'fulfilled') return [];
  const isPaid = row.kind === 'no_output' ? isPaidWithoutOutput(data, found) : effect.to === 'us';
  // That we decided to fulfill it is not enough: the chain may have given it back to the peer.
  const end: HtlcRemoval =
    isPaid && row.paymentPreimage !== undefined
      ? { kind: 'fulfilled', paymentPreimage: row.paymentPreimage }
      : { kind: 'failed', reason: new Uint8Array() };
  return [{ type: 'htlcEnded', htlc, removal: end }];
}

/**
 * BOLT 5, "HTLC Output Handling": an HTLC that we received and fulfilled may have no output because it was too small,
 * and then it is lost, or because the commitment has paid it to us. A revoked commitment is all ours; of one that we
 * cannot rebuild nothing better is known.
 */
function isPaidWithoutOutput({ ending, remoteCommitmentNumber }: ChannelData, { state }: HtlcRow): boolean {
  if (ending?.perCommitmentPoint === undefined || ending.perCommitmentSecret !== undefined) return true;
  const isPrevious = ending.owner === 'remote' && ending.commitmentNumber < remoteCommitmentNumber;
  return stageIn(state, ending.owner, isPrevious ? 'previous' : 'latest') === 'gone';
}

const isOf = ({ outpoint, kind }: OutputRow, { txid }: EndingCommitment): boolean =>
  kind === 'no_output' || (outpoint !== undefined && equals(outpoint.txid, txid));

const isSame = (a: OutputRow['outpoint'], b: OutputRow['outpoint']): boolean =>
  a !== undefined && b !== undefined && a.outputIndex === b.outputIndex && equals(a.txid, b.txid);
