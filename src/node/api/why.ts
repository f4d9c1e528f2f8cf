import { Transaction } from 'bitcoinjs-lib';
import { toString } from 'uint8arrays';
import type { ChannelData, ChannelFailure } from '../../../machines/channel/data.ts';
import { decodeMessage } from '../../../protocols/wire/messages.ts';
import { printableText } from '../../../protocols/wire/text.ts';
import type { Output } from '../../api/contract.ts';
import type { JournalEntry } from '../../channels/journal.ts';
import type { EndingEntries } from './ending-entries.ts';
import { closingKindOf, closingText, type PendingSubject } from './pending-channel-view.ts';

export type Why = NonNullable<Output<'channel'>['why']>;
type Evidence = Why['evidence'][number];

/** The lifecycle's states from the end on. */
const ENDING: ReadonlySet<string> = new Set(['shuttingDown', 'negotiatingClose', 'failed', 'fallenBehind', 'closing', 'closed', 'abandoned']);

/** Why a channel failed, closes or is closed, and what shows it in its journal. */
export function whyOf(snapshot: PendingSubject['snapshot'], { moves, revocations }: EndingEntries): Why | undefined {
  if (!isEnding(snapshot.value.lifecycle)) return undefined;
  return {
    text: `${sentence(snapshot, moves)}.`,
    evidence: [...revocationIn(snapshot.data, revocations), ...moves.map((entry) => evidenceOf(entry, snapshot))],
  };
}

export const isEnding = (lifecycle: unknown): boolean => ENDING.has(stateOf(lifecycle));

/** The first step of the lifecycle's path. */
function stateOf(lifecycle: unknown): string {
  if (typeof lifecycle === 'string') return lifecycle;
  return typeof lifecycle === 'object' && lifecycle !== null ? (Object.keys(lifecycle)[0] ?? '') : '';
}

function sentence(snapshot: PendingSubject['snapshot'], moves: readonly JournalEntry[]): string {
  const { data } = snapshot;
  const { failure, ending } = data;
  const kind = closingKindOf(snapshot);
  if (kind === 'revoked') {
    return `The peer cheated: it broadcast its commitment ${ending?.commitmentNumber ?? ''}, which it had revoked, and all of it is taken from it`;
  }
  if (failure !== undefined) return failureSentence(data, failure, kind);
  const isAsked = moves.some(({ event }) => event.type === 'close');
  const isSigned = data.agreedClosing !== undefined || data.fundingSpend !== undefined;
  const rest = isSigned ? 'both signed a transaction that closes it' : 'it closes as soon as its HTLCs are settled and both have signed';
  if (isAsked) return `This node was told to close the channel together with its peer, and ${rest}`;
  return moves.some(({ event }) => event.type === 'message' && event.name === 'shutdown')
    ? `The peer asked to close the channel, and ${rest}`
    : `Both sides close the channel together: ${rest}`;
}

function failureSentence({ localSignatures }: ChannelData, { code, reason, by }: ChannelFailure, kind: ReturnType<typeof closingKindOf>): string {
  switch (code) {
    case 'force_close':
      return 'This node was told to close the channel without its peer';
    case 'peer_error':
      return `The peer ended the channel with an error, saying: ${reason === '' ? 'nothing' : reason}`;
    case 'htlc_timed_out':
    case 'fulfilment_deadline':
      return `An HTLC had to be brought to the chain in time: ${reason}`;
    case 'fallen_behind':
      return 'This node has lost state of the channel, and the peer has to close it';
    case 'data_lost':
      return 'The channel came back from a backup, without its state, and the peer has to close it';
    case 'funding_spent':
      return `The channel was ended on chain without an agreement, by ${closingText[kind ?? 'unknown']}`;
    case 'wrong_funding':
      return `The funding is not what was agreed on: ${reason}`;
    case 'opening_timed_out':
    case 'funding_timed_out':
    case 'funding_unavailable':
    case 'connection_lost':
      return `The channel was given up while it opened: ${reason}`;
    default:
      if (by === 'remote') return `The peer ended the channel: ${reason}`;
      return localSignatures === undefined
        ? `The channel was given up while it opened: ${reason}`
        : `The peer broke a rule of the protocol (${code}): ${reason}`;
  }
}

/** One step of the channel's end, as its journal has it. */
function evidenceOf({ sequence, event, wire, transitions }: JournalEntry, { data }: PendingSubject['snapshot']): Evidence {
  const state = stateOf(transitions.lifecycle);
  switch (event.type) {
    case 'message':
      return { text: messageText(event.name, wire, state, data), sequence };
    case 'close':
      return { text: 'this node was told to close the channel together with its peer', sequence };
    case 'forceClose':
      return { text: 'this node was told to close the channel without its peer', sequence };
    case 'fundingSpent': {
      const txid = Transaction.fromBuffer(event.transaction).getId();
      const what = event.depth === 0 ? 'a reorg took this transaction out of its block' : `block ${event.blockHeight} holds the transaction that spends the funding`;
      return { text: what, sequence, txid };
    }
    case 'blockConnected':
      return { text: state === 'closed' ? `at height ${event.height} all of it is final` : `at height ${event.height}: ${data.failure?.reason ?? 'a deadline passed'}`, sequence };
    case 'recover':
      return { text: 'the channel came back from a backup', sequence };
    default:
      return { text: `${event.type}: the channel is ${state}`, sequence };
  }
}

function messageText(name: string, wire: Uint8Array | undefined, state: string, data: ChannelData): string {
  const message = wire === undefined ? undefined : decodeMessage(wire);
  if (message?.type === 'error') return `the peer sent an error: ${printableText(message.data)}`;
  if (name === 'shutdown') return 'the peer sent shutdown';
  if (state === 'negotiatingClose') return `the last HTLC was settled, with the peer's ${name}`;
  if (name === 'closing_signed') return 'the peer signed the closing transaction, as we did';
  if (state === 'fallenBehind') return "the peer's message shows that this node has lost state";
  return `the peer's ${name}: ${data.failure?.reason ?? `the channel is ${state}`}`;
}

/** The message with which a cheater had revoked what it broadcast. */
function revocationIn({ ending }: ChannelData, revocations: EndingEntries['revocations']): Evidence[] {
  const secret = ending?.perCommitmentSecret;
  const sequence = secret === undefined ? undefined : revocations.get(toString(secret, 'base16'));
  if (sequence === undefined) return [];
  return [{ text: `the peer's revoke_and_ack gave the secret of its commitment ${ending?.commitmentNumber ?? ''}`, sequence }];
}
