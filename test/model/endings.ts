import assert from 'node:assert/strict';
import { negotiated } from '../../machines/channel/context.ts';
import { localCommitment } from '../../machines/channel/requests.ts';
import { endingOf, kindOfSpend } from '../../machines/channel/spending.ts';
import { buildCommitment } from '../../machines/commitment/commitment-transaction.ts';
import type { OutputRow } from '../../machines/onchain/output.ts';
import type { Party } from '../harness/channel-pair.ts';

/**
 * Were `owner` to go on chain now, with what it holds: both know the transaction for what it is, and each of its outputs
 * is watched by the one that it belongs to, HTLCs by both, each from its side.
 */
export function expectEnding(owner: Party, other: Party): void {
  const { context } = owner.actor.getSnapshot();
  if (owner.data.localSignatures === undefined || other.data.localSignatures === undefined) return;
  const request = localCommitment(negotiated(context.data), context.htlcs, context.environment.localPoint, 'latest');
  const built = buildCommitment(request.parameters, request.commitmentNumber, request.keys, request.spec);
  const event = { type: 'fundingSpent', transaction: built.transaction.toBuffer(), blockHeight: 200, depth: 1 } as const;
  const otherContext = other.actor.getSnapshot().context;
  assert.equal(kindOfSpend(context, event), 'local', `${owner.name} knows its own commitment`);
  const kind = kindOfSpend(otherContext, event);
  const isNext = otherContext.data.remoteCommitmentNumber > otherContext.data.remoteRevocations;
  const due = isNext && request.commitmentNumber === otherContext.data.remoteCommitmentNumber ? 'remoteNext' : 'remoteCurrent';
  assert.equal(kind, due, `${other.name} knows ${owner.name}'s commitment ${request.commitmentNumber}`);
  const mine = endingOf(context, event)?.outputs ?? [];
  const theirs = endingOf(otherContext, event)?.outputs ?? [];
  for (const output of built.outputs) {
    const watchers = [mine, theirs].map((rows) => rows.find(({ outpoint }) => outpoint?.outputIndex === output.index));
    const expected = output.kind === 'htlc' ? [true, true] : output.kind === 'to_local' || output.kind === 'local_anchor' ? [true, false] : [false, true];
    assert.deepEqual(watchers.map((row) => row !== undefined), expected, `who watches ${output.kind} ${output.index}`);
    if (output.kind !== 'htlc') continue;
    const [a, b] = watchers.map((row) => row?.htlc?.direction);
    assert.deepEqual([a, b].sort(), ['offered', 'received'], `HTLC ${output.htlc.id} is the one's and the other's`);
  }
  for (const [party, rows] of [[owner, mine], [other, theirs]] as const) expectEveryHtlc(party, rows);
}

/** Each HTLC that a party has is resolved by one row, with an output or without. */
function expectEveryHtlc(party: Party, rows: readonly OutputRow[]): void {
  const { htlcs } = party.actor.getSnapshot().context;
  const keyOf = ({ direction, id }: { direction: string; id: bigint }): string => `${direction}:${id}`;
  const resolved = rows.flatMap(({ htlc }) => (htlc === undefined ? [] : [keyOf(htlc)])).sort();
  assert.deepEqual(resolved, [...htlcs.rows()].map(({ details }) => keyOf(details)).sort(), `${party.name} resolves each HTLC once`);
}
