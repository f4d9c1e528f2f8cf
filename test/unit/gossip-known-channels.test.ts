import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scidFromParts, scidToParts } from '../../protocols/gossip/short-channel-id.ts';
import { KnownChannels } from '../../src/gossip/known-channels.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { connect } from '../harness/graph.ts';

/** Of the last four bytes, which the lists go by, some are the same. */
const TXIDS = ['00', 'ff'].flatMap((first) => ['00000001', '80000041'].map((last) => first.repeat(28) + last));

describe('channels by their funding output', () => {
  it('are, after any history, what a plain map would find, and the one that stands before the one that is gone', () => {
    const step = fc.record({
      kind: fc.constantFrom('add', 'add', 'delete', 'spend', 'restart'),
      blockHeight: fc.integer({ min: 100, max: 110 }),
      outputIndex: fc.nat(1),
      fundingTxid: fc.constantFrom(...TXIDS),
    });
    fc.assert(fc.property(fc.array(step, { minLength: 20, maxLength: 200, size: 'max' }), (steps) => {
      let graph = new ChannelGraph();
      let known = new KnownChannels(graph);
      const model = new Map<bigint, { fundingTxid: string; spentHeight: number | undefined }>();
      for (const [index, { kind, blockHeight, outputIndex, fundingTxid }] of steps.entries()) {
        const scid = scidFromParts({ blockHeight, transactionIndex: 1, outputIndex });
        if (kind === 'add' && !model.has(scid)) {
          connect(graph, scid, 'a', 'b');
          known.add(scid, { fundingTxid, addedAt: index, spentHeight: undefined }, true);
          model.set(scid, { fundingTxid, spentHeight: undefined });
        } else if (kind === 'delete' && model.delete(scid)) {
          known.delete(scid);
          graph.removeChannel(scid);
        } else if (kind === 'spend' && model.has(scid)) {
          known.get(scid)!.spentHeight = 500;
          model.get(scid)!.spentHeight = 500;
        } else if (kind === 'restart') {
          const again = new ChannelGraph();
          again.restore(structuredClone(graph.columns()));
          const knownAgain = new KnownChannels(again);
          knownAgain.restore(structuredClone(known.columns()));
          [graph, known] = [again, knownAgain];
        }
      }
      for (const [scid, { fundingTxid, spentHeight }] of model) expect(known.get(scid)).toMatchObject({ fundingTxid, spentHeight, featuresKnown: true });
      for (const txid of TXIDS) {
        for (const outputIndex of [0, 1]) {
          const there = [...model].filter(([scid, { fundingTxid }]) => fundingTxid === txid && scidToParts(scid).outputIndex === outputIndex);
          const standing = there.filter(([, { spentHeight }]) => spentHeight === undefined);
          const expected = (standing.length > 0 ? standing : there).map(([scid]) => scid);
          const found = known.at(txid, outputIndex);
          if (expected.length === 0) expect(found).toBeUndefined();
          else expect(expected).toContain(found);
        }
      }
    }), { numRuns: 100 });
  });
});
