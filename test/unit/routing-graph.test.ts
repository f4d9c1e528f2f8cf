import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EdgePolicy, GraphChannel } from '../../src/routing/channel.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { TypedHeap } from '../../src/routing/heap.ts';
import { clampMsat, forwardingFeeMsat, MAX_AMOUNT_MSAT } from '../../src/routing/msat.ts';
import { connect, nodeNamed, policy } from '../harness/graph.ts';

describe('amounts in the router', () => {
  const u32 = fc.nat(2 ** 32 - 1);

  it('computes fees exactly as BOLT 7 has them, or above every limit', () => {
    fc.assert(fc.property(fc.maxSafeNat(), u32, u32, (amount, base, ppm) => {
      const exact = BigInt(base) + (BigInt(amount) * BigInt(ppm)) / 1_000_000n;
      const fee = forwardingFeeMsat(amount, base, ppm);
      if (exact <= BigInt(MAX_AMOUNT_MSAT)) expect(BigInt(fee)).toBe(exact);
      else expect(fee).toBeGreaterThan(MAX_AMOUNT_MSAT);
    }), { numRuns: 5_000 });
  });

  it('rounds down just below a whole msat, at the top of the range too', () => {
    for (const millions of [1, 4_294_967, 9_007_199_254]) {
      expect(forwardingFeeMsat(millions * 1e6 - 1, 0, 1)).toBe(millions - 1);
      expect(forwardingFeeMsat(millions * 1e6, 0, 1)).toBe(millions);
    }
  });

  it('clamps bounds that float64 cannot hold', () => {
    expect(clampMsat(2n ** 64n - 1n)).toBe(MAX_AMOUNT_MSAT);
    expect(clampMsat(-1n)).toBe(0);
    expect(clampMsat(123n)).toBe(123);
  });
});

describe('the heap', () => {
  it('gives back what it was given in order, and of equals the smaller first', () => {
    fc.assert(fc.property(fc.array(fc.nat(50), { maxLength: 3000 }), (keys) => {
      const heap = new TypedHeap();
      for (const [value, key] of keys.entries()) heap.push(key, value);
      const expected = [...keys.entries()].sort(([v, k], [w, l]) => k - l || v - w).map(([value]) => value);
      expect(keys.map(() => heap.pop())).toEqual(expected);
      expect(heap.pop()).toBe(-1);
    }));
  });
});

describe('the channel graph', () => {
  const channel = (changes: Partial<GraphChannel> = {}): GraphChannel => ({
    shortChannelId: 7n, nodeId1: nodeNamed('a'), nodeId2: nodeNamed('b'), capacityMsat: 5_000n, usable: true,
    ...changes,
  });

  it('knows a channel once, and its policies by direction', () => {
    const graph = new ChannelGraph();
    expect(graph.addChannel(channel())).toBe(true);
    expect(graph.addChannel(channel({ capacityMsat: 9n }))).toBe(false);
    expect(graph.channel(7n)).toEqual(channel());

    const update = policy({ timestamp: 5, feeBaseMsat: 3, htlcMaximumMsat: 5_000n });
    expect(graph.applyUpdate(7n, 1, update)).toBe('applied');
    expect(graph.policy(7n, 1)).toEqual(update);
    expect(graph.policy(7n, 0)).toBeUndefined();
  });

  it('keeps the newest policy, and of equals the first', () => {
    const graph = new ChannelGraph();
    graph.addChannel(channel());
    graph.applyUpdate(7n, 0, policy({ timestamp: 5, feeBaseMsat: 1 }));
    expect(graph.applyUpdate(7n, 0, policy({ timestamp: 5, feeBaseMsat: 2 }))).toBe('stale');
    expect(graph.applyUpdate(7n, 0, policy({ timestamp: 4, feeBaseMsat: 2 }))).toBe('stale');
    expect(graph.policy(7n, 0)?.feeBaseMsat).toBe(1);
    expect(graph.applyUpdate(7n, 0, policy({ timestamp: 6, feeBaseMsat: 2 }))).toBe('applied');
    expect(graph.policy(7n, 0)?.feeBaseMsat).toBe(2);
    expect(graph.applyUpdate(8n, 0, policy())).toBe('unknown_channel');
  });

  /** The graph that has the same columns. */
  const restored = (graph: ChannelGraph): ChannelGraph => {
    const again = new ChannelGraph();
    again.restore(structuredClone(graph.columns()));
    return again;
  };

  it('tells of the channels that it is restored with, and not of those that were removed', () => {
    const graph = new ChannelGraph();
    connect(graph, 1n, 'a', 'b');
    connect(graph, 2n, 'b', 'c');
    graph.removeChannel(1n);
    const again = new ChannelGraph();
    const heard: number[] = [];
    again.listen({ edgeChanged: (edge) => heard.push(edge) });
    again.restore(structuredClone(graph.columns()));
    expect(heard).toEqual([2 * graph.channelIndex(2n)!]);
    expect(() => again.restore(graph.columns())).toThrow('empty');
  });

  it('forgets a node with its last channel', () => {
    const graph = new ChannelGraph();
    connect(graph, 1n, 'a', 'b');
    connect(graph, 2n, 'b', 'c');
    expect(graph.removeChannel(1n)).toBe(true);
    expect(graph.hasNode(nodeNamed('a'))).toBe(false);
    expect(graph.channelsOf(nodeNamed('b'))).toEqual([2n]);
    expect(graph.removeChannel(1n)).toBe(false);
    expect([graph.nodeCount, graph.channelCount]).toEqual([2, 1]);
  });

  it('does not remember a removed channel\'s policy or node\'s flag in what takes its place', () => {
    const graph = new ChannelGraph();
    connect(graph, 1n, 'a', 'b', policy(), policy());
    graph.setNodeUsable(nodeNamed('a'), false);
    graph.removeChannel(1n);
    connect(graph, 2n, 'c', 'd');
    expect(graph.policy(2n, 0)).toBeUndefined();
    expect([...graph.arrays().nodeUsable.subarray(0, graph.nodeSlots)]).toEqual([1, 1]);
    expect(graph.channelSlots).toBe(1);
  });

  const refused: [string, () => void][] = [
    ['a node id in capitals', () => new ChannelGraph().addChannel(channel({ nodeId2: nodeNamed('z').toUpperCase() }))],
    ['a node id of 32 bytes', () => new ChannelGraph().addChannel(channel({ nodeId1: nodeNamed('a').slice(2) }))],
    ['node ids in the wrong order', () => new ChannelGraph().addChannel(channel({ nodeId1: nodeNamed('c') }))],
    ['a channel of a node with itself', () => new ChannelGraph().addChannel(channel({ nodeId2: nodeNamed('a') }))],
    ['a short channel id of 65 bits', () => new ChannelGraph().addChannel(channel({ shortChannelId: 2n ** 64n }))],
    ['a negative capacity', () => new ChannelGraph().addChannel(channel({ capacityMsat: -1n }))],
    ['a fraction of a fee', () => new ChannelGraph().applyUpdate(1n, 0, policy({ feeBaseMsat: 0.5 }))],
    ['a delta of 17 bits', () => new ChannelGraph().applyUpdate(1n, 0, policy({ cltvExpiryDelta: 65_536 }))],
    ['a negative minimum', () => new ChannelGraph().applyUpdate(1n, 0, policy({ htlcMinimumMsat: -1n }))],
  ];
  it.each(refused)('refuses %s', (_, attempt) => {
    expect(attempt).toThrow(
      expect.objectContaining({ name: 'RoutingError', code: expect.stringMatching(/^invalid_/) }),
    );
  });

  it('is, after any history of additions, updates, removals and restarts, what a plain map would be', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const step = fc.record({
      kind: fc.constantFrom('add', 'add', 'update', 'remove', 'restart'),
      scid: fc.bigInt(1n, 150n),
      from: fc.constantFrom(...names),
      to: fc.constantFrom(...names),
      direction: fc.constantFrom(0, 1) as fc.Arbitrary<0 | 1>,
      timestamp: fc.nat(5),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      let graph = new ChannelGraph();
      const model = new Map<bigint, { ends: string[]; policies: (EdgePolicy | undefined)[] }>();
      for (const { kind, scid, from, to, direction, timestamp } of steps) {
        const known = model.get(scid);
        if (kind === 'add' && from !== to) {
          connect(graph, scid, from, to);
          if (known === undefined) {
            model.set(scid, { ends: [from, to].map(nodeNamed).sort(), policies: [undefined, undefined] });
          }
        } else if (kind === 'update') {
          const update = policy({ timestamp, feeBaseMsat: steps.length });
          graph.applyUpdate(scid, direction, update);
          if (known !== undefined && timestamp > (known.policies[direction]?.timestamp ?? -1)) {
            known.policies[direction] = update;
          }
        } else if (kind === 'remove') {
          expect(graph.removeChannel(scid)).toBe(model.delete(scid));
        } else if (kind === 'restart') {
          graph = restored(graph);
        }
      }
      expect(new Set(graph.shortChannelIds())).toEqual(new Set(model.keys()));
      expect(new Set(graph.nodeIds())).toEqual(new Set([...model.values()].flatMap(({ ends }) => ends)));
      for (const [scid, { ends, policies }] of model) {
        expect(graph.channel(scid)).toMatchObject({ nodeId1: ends[0], nodeId2: ends[1] });
        expect([graph.policy(scid, 0), graph.policy(scid, 1)]).toEqual(policies);
      }
      for (const name of names) {
        const node = nodeNamed(name);
        const expected = [...model].filter(([, { ends }]) => ends.includes(node)).map(([scid]) => scid);
        expect(new Set(graph.channelsOf(node))).toEqual(new Set(expected));
      }
    }), { numRuns: 60 });
  });
});
