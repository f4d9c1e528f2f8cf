import { setImmediate } from 'node:timers/promises';
import type { ChannelSnapshot } from '../../machines/channel/channel.ts';
import type { HtlcState } from '../../machines/htlc/htlc.machine.ts';
import type { OutputRow } from '../../machines/onchain/output.ts';
import type { ChannelStore } from '../channels/channel-store.ts';
import type { JournalEntry } from '../channels/journal.ts';

/** Entries that are looked through before others of this process come to their turn. */
const PAGE = 100;

/** The peer has revoked the commitment that still had the HTLC: it cannot have missed the preimage. */
const acknowledged: ReadonlySet<HtlcState> = new Set(['RCVD_REMOVE_REVOCATION', 'RCVD_REMOVE_ACK_COMMIT', 'SENT_REMOVE_ACK_REVOCATION']);

/** Before that no end of it can have been decided. */
const notYetOurs: ReadonlySet<string> = new Set(['RCVD_ADD_HTLC', 'RCVD_ADD_COMMIT', 'SENT_ADD_REVOCATION', 'SENT_ADD_ACK_COMMIT'] satisfies HtlcState[]);

/**
 * The received HTLCs whose preimage this node knows, and of which neither the peer has proven that it has it nor a block shows it, by their ids. Whoever else
 * had one could take the payment on its way here.
 */
export function preimagesNotGiven({ value, data, htlcs }: ChannelSnapshot): ReadonlySet<bigint> {
  const ids = new Set<bigint>();
  if (value.lifecycle === 'closed' || value.lifecycle === 'abandoned') return ids;
  const outputs = data.outputs ?? [];
  const isShown = (id: bigint): boolean => outputs.some((row) => isReceived(row, id) && row.kind === 'htlc' && row.spend?.by === 'us');
  for (const { details, state, removal } of htlcs) {
    const isKnown = removal?.kind === 'fulfilled' || outputs.some((row) => isReceived(row, details.id) && row.paymentPreimage !== undefined);
    if (details.direction === 'received' && isKnown && !acknowledged.has(state) && !isShown(details.id)) ids.add(details.id);
  }
  return ids;
}

const isReceived = ({ htlc }: OutputRow, id: bigint): boolean => htlc?.direction === 'received' && htlc.id === id;

/** The first entry of the journal that holds one of these preimages; undefined if there is none. */
export async function firstWithPreimage(store: ChannelStore, channelIndex: number, ids: ReadonlySet<bigint>): Promise<number | undefined> {
  const open = new Set(ids);
  const start = store.journalStart(channelIndex) ?? 0;
  let first: number | undefined;
  for (let end = store.journalHead(channelIndex)?.length ?? 0; end > start && open.size > 0; end -= PAGE) {
    const from = Math.max(start, end - PAGE);
    for (const { entry } of store.journal(channelIndex, from, end - from).reverse()) {
      if (open.size > 0 && holdsOne(entry, open)) first = entry.sequence;
      for (const id of open) if (notYetOurs.has(entry.htlcs[`received:${id}`] ?? '')) open.delete(id);
    }
    await setImmediate();
  }
  return first;
}

function holdsOne({ event }: JournalEntry, ids: ReadonlySet<bigint>): boolean {
  if (event.type === 'removeHtlc') return event.removal.kind === 'fulfilled' && ids.has(event.id);
  if (event.type !== 'checkpoint') return false;
  const held = preimagesNotGiven(event.snapshot);
  return [...ids].some((id) => held.has(id));
}

/** The last entry before that one with which a turn ends, and so a journal may; undefined if there is none. */
export function lastTurnBefore(store: ChannelStore, channelIndex: number, sequence: number): { readonly sequence: number; readonly hash: Uint8Array } | undefined {
  const start = store.journalStart(channelIndex) ?? 0;
  for (let end = sequence; end > start; end -= PAGE) {
    const from = Math.max(start, end - PAGE);
    const last = store.journal(channelIndex, from, end - from).findLast(({ entry }) => entry.stateHash !== undefined);
    if (last !== undefined) return { sequence: last.entry.sequence, hash: last.hash };
  }
  return undefined;
}
