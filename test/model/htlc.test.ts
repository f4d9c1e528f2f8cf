import { createActor, getNextSnapshot, type SnapshotFrom } from 'xstate';
import { describe, expect, it } from 'vitest';
import {
  htlcMachine,
  type HtlcDetails,
  type HtlcEvent,
  type HtlcRemoval,
  type HtlcState,
} from '../../machines/htlc/htlc.machine.ts';
import { isSettled, isUncommitted, isUnsigned, stageOf } from '../../machines/htlc/htlc-states.ts';
import { htlcFacts } from './htlc-facts.ts';

type Live = Exclude<HtlcState, 'free'>;
type Snapshot = SnapshotFrom<typeof htlcMachine>;

const details = (direction: HtlcDetails['direction']): HtlcDetails => ({
  direction,
  id: 7n,
  amountMsat: 1_000n,
  paymentHash: new Uint8Array(32),
  cltvExpiry: 500,
  onionRoutingPacket: new Uint8Array(1366),
});
const fulfilled: HtlcRemoval = { kind: 'fulfilled', paymentPreimage: new Uint8Array(32).fill(1) };
const failed: HtlcRemoval = { kind: 'failed', reason: new Uint8Array(256) };

/** Every event that an HTLC may be given. */
const events: readonly HtlcEvent[] = [
  { type: 'offer', details: details('offered') },
  { type: 'receive', details: details('received') },
  { type: 'commitSent' },
  { type: 'revocationReceived' },
  { type: 'commitReceived' },
  { type: 'revocationSent' },
  { type: 'remove', removal: fulfilled },
  { type: 'remove', removal: failed },
  { type: 'disconnected' },
  { type: 'release' },
];

/**
 * What each state does with each event, as BOLT 2's "Normal Operation" and "Message Retransmission" have it. What is
 * not listed changes nothing.
 */
const moves: Readonly<Record<HtlcState, Partial<Record<HtlcEvent['type'], HtlcState>>>> = {
  free: { offer: 'SENT_ADD_HTLC', receive: 'RCVD_ADD_HTLC' },
  SENT_ADD_HTLC: { commitSent: 'SENT_ADD_COMMIT', disconnected: 'free' },
  SENT_ADD_COMMIT: { revocationReceived: 'RCVD_ADD_REVOCATION' },
  RCVD_ADD_REVOCATION: { commitReceived: 'RCVD_ADD_ACK_COMMIT' },
  RCVD_ADD_ACK_COMMIT: { revocationSent: 'SENT_ADD_ACK_REVOCATION' },
  SENT_ADD_ACK_REVOCATION: { remove: 'RCVD_REMOVE_HTLC' },
  RCVD_REMOVE_HTLC: { commitReceived: 'RCVD_REMOVE_COMMIT', disconnected: 'SENT_ADD_ACK_REVOCATION' },
  RCVD_REMOVE_COMMIT: { revocationSent: 'SENT_REMOVE_REVOCATION' },
  SENT_REMOVE_REVOCATION: { commitSent: 'SENT_REMOVE_ACK_COMMIT' },
  SENT_REMOVE_ACK_COMMIT: { revocationReceived: 'RCVD_REMOVE_ACK_REVOCATION' },
  RCVD_REMOVE_ACK_REVOCATION: { release: 'free' },
  RCVD_ADD_HTLC: { commitReceived: 'RCVD_ADD_COMMIT', disconnected: 'free' },
  RCVD_ADD_COMMIT: { revocationSent: 'SENT_ADD_REVOCATION' },
  SENT_ADD_REVOCATION: { commitSent: 'SENT_ADD_ACK_COMMIT' },
  SENT_ADD_ACK_COMMIT: { revocationReceived: 'RCVD_ADD_ACK_REVOCATION' },
  RCVD_ADD_ACK_REVOCATION: { remove: 'SENT_REMOVE_HTLC' },
  SENT_REMOVE_HTLC: { commitSent: 'SENT_REMOVE_COMMIT' },
  SENT_REMOVE_COMMIT: { revocationReceived: 'RCVD_REMOVE_REVOCATION' },
  RCVD_REMOVE_REVOCATION: { commitReceived: 'RCVD_REMOVE_ACK_COMMIT' },
  RCVD_REMOVE_ACK_COMMIT: { revocationSent: 'SENT_REMOVE_ACK_REVOCATION' },
  SENT_REMOVE_ACK_REVOCATION: { release: 'free' },
};

const states = Object.keys(moves) as HtlcState[];
const live = Object.keys(htlcFacts) as Live[];
const start = (): Snapshot => createActor(htlcMachine).getSnapshot();
const key = ({ value, context: { details, removal } }: Snapshot): string =>
  `${value}/${details?.direction ?? '-'}/${removal?.kind ?? '-'}`;

/**
 * Every configuration that any sequence of events leads to, with a shortest way there and the configurations that
 * follow it.
 */
function explore() {
  const found = new Map<string, {
    readonly snapshot: Snapshot; readonly path: readonly string[]; readonly next: Set<string>,
  }>();
  const queue: { snapshot: Snapshot; path: readonly string[] }[] = [{ snapshot: start(), path: [] }];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
    if (found.has(key(item.snapshot))) continue;
    const next = new Set<string>();
    found.set(key(item.snapshot), { ...item, next });
    for (const event of events) {
      const snapshot = getNextSnapshot(htlcMachine, item.snapshot, event);
      if (key(snapshot) === key(item.snapshot)) continue;
      next.add(key(snapshot));
      queue.push({ snapshot, path: [...item.path, event.type] });
    }
  }
  return found;
}

const configurations = explore();

describe('the HTLC chart', () => {
  it('has the ten states of each direction, and all can be reached', () => {
    expect(Object.keys(htlcMachine.states).sort()).toEqual([...states].sort());
    expect([...new Set([
      ...configurations.values()
    ].map(({ snapshot }) => snapshot.value))].sort()).toEqual([...states].sort());
  });

  it.each([...configurations])('%s answers each event as the table has it', (_key, { snapshot, path }) => {
    for (const event of events) {
      const after = getNextSnapshot(htlcMachine, snapshot, event);
      const expected = moves[snapshot.value][event.type] ?? snapshot.value;
      expect(after.value, `${path.join(' ')} then ${event.type}`).toBe(expected);
      if (expected === snapshot.value) expect(after.context).toEqual(snapshot.context);
    }
  });

  it.each(live)('%s says which commitments it stands in, and who is to sign', (state) => {
    const { local, remote, awaits } = htlcFacts[state];
    expect({ local: stageOf(state, 'local'), remote: stageOf(state, 'remote') }).toEqual({ local, remote });
    expect({
      unsigned: isUnsigned(state),
      uncommitted: isUncommitted(state),
    }).toEqual({ unsigned: awaits === 'us', uncommitted: awaits === 'them' });
    expect(isSettled(state)).toBe('release' in moves[state]);
  });

  it('takes every HTLC to its end from wherever it is, the removal kept on the way', () => {
    for (const [from, { path }] of configurations) {
      const seen = new Set<string>();
      const reaches = (name: string): boolean => {
        if (name === 'free/-/-') return true;
        if (seen.has(name)) return false;
        seen.add(name);
        return [...(configurations.get(name)?.next ?? [])].some(reaches);
      };
      expect(reaches(from), `${from}, reached by ${path.join(' ')}`).toBe(true);
    }
    for (const { snapshot } of configurations.values()) {
      const removed = snapshot.matches('free') ? undefined : snapshot.context.removal;
      if (/REMOVE/.test(snapshot.value)) expect(removed).toBeDefined();
      if (snapshot.value === 'free') expect(snapshot.context).toEqual({ details: undefined, removal: undefined });
    }
  });

  it('takes a removal once: neither another nor the loss of the connection changes one that is signed', () => {
    for (const { snapshot } of configurations.values()) {
      if (!/REMOVE/.test(snapshot.value) || snapshot.value === 'RCVD_REMOVE_HTLC') continue;
      for (const event of events) {
        if (event.type === 'release') continue;
        expect(getNextSnapshot(htlcMachine, snapshot, event).context.removal).toEqual(snapshot.context.removal);
      }
    }
  });

  it('forgets an uncommitted failure when the connection is lost, and keeps a preimage that it was given', () => {
    for (const [removal, kept] of [[failed, undefined], [fulfilled, fulfilled]] as const) {
      const at = configurations.get('SENT_ADD_ACK_REVOCATION/offered/-')!.snapshot;
      const pending = getNextSnapshot(htlcMachine, at, { type: 'remove', removal });
      const back = getNextSnapshot(htlcMachine, pending, { type: 'disconnected' });
      expect(back.value).toBe('SENT_ADD_ACK_REVOCATION');
      expect(back.context.removal).toEqual(kept);
    }
  });

  it('never stands in a commitment before it was signed into it, nor comes back into one that it left', () => {
    const order = { before: 0, in: 1, gone: 2 } as const;
    for (const [from, targets] of Object.entries(moves) as [HtlcState, object][]) {
      for (const to of Object.values(targets) as HtlcState[]) {
        if (from === 'free' || to === 'free') continue;
        for (const side of ['local', 'remote'] as const) {
          expect(order[htlcFacts[to][side]] - order[htlcFacts[from][side]]).toBeGreaterThanOrEqual(0);
        }
      }
    }
  });
});
