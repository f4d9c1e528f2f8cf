/** The mesh of the dashboard as data: what it is made of, how it follows events, and what runs along it. */
import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import type { z } from 'zod';
import { contract } from '../../src/api/contract.ts';
import type { Mesh as ToldMesh } from '../../src/cluster/control/contract.ts';
import type { ClusterMesh, EventOf, Output } from '../../src/dashboard/web/api/types.ts';
import { Gate } from '../../src/dashboard/web/lib/gate.ts';
import { Layout } from '../../src/dashboard/web/views/mesh/layout.ts';
import { hitAt } from '../../src/dashboard/web/views/mesh/hit.ts';
import { meshOfCluster, meshOfNode, withTold } from '../../src/dashboard/web/views/mesh/model.ts';
import { Particles } from '../../src/dashboard/web/views/mesh/particles.ts';
import { PulseFilter } from '../../src/dashboard/web/views/mesh/pulse-filter.ts';

const id = (index: number): string => `02${index.toString().padStart(64, '0')}`;
const summary = contract.channels.example.output.channels[0] as Output<'channels'>['channels'][number];
const channel = (number: number, peer: number, more: Partial<typeof summary> = {}): typeof summary => ({
  ...summary,
  channelId: number.toString().padStart(64, '0'),
  shortChannelId: `${number}x1x0`,
  nodeId: id(peer),
  alias: `node ${peer}`,
  ...more,
});
const cluster = (more: Partial<ClusterMesh> = {}): ClusterMesh => ({
  phase: 'ready',
  nodes: [1, 2, 3].map((index) => ({ name: `n${index}`, nodeId: id(index), state: 'up', apiPort: index })),
  links: [],
  blockHeight: 1,
  chain: 'embedded',
  blockIntervalSeconds: 0,
  traffic: { perSecond: 0, succeeded: 0, failed: 0 },
  ...more,
});

it("the page's type of a cluster's mesh is what the server tells", () => {
  expectTypeOf<ToldMesh>().toExtend<ClusterMesh>();
});

describe('the mesh of a plain node', () => {
  const info = { ...contract.getinfo.example.output, nodeId: id(1), alias: 'me' } as z.input<typeof contract.getinfo.output>;
  const graph = {
    nodes: [{ nodeId: id(3), alias: '\u202ethree', addresses: [] }],
    channels: [
      { shortChannelId: '9x1x0', node1: id(2), node2: id(3), capacitySat: '500' },
      { shortChannelId: '5x1x0', node1: id(1), node2: id(2) },
    ],
  };
  const peers = [{ nodeId: id(2), alias: 'two', connected: false, numChannels: 1 }];
  const mesh = meshOfNode({ info, graph, channels: [channel(5, 2, { localMsat: '700', remoteMsat: '300' })], peers });

  it('shows balances only of its own channels', () => {
    expect(mesh.channels.get('5x1x0')?.balance).toEqual({ aMsat: 700n, bMsat: 300n });
    expect(mesh.channels.get('9x1x0')).toMatchObject({ capacityMsat: 500_000n, state: 'announced' });
    expect(mesh.channels.get('9x1x0')?.balance).toBeUndefined();
    expect(mesh.channels.size).toBe(2);
  });

  it('knows who is there only of its peers, and makes names harmless', () => {
    expect([1, 2, 3].map((index) => mesh.nodes.get(id(index))?.state)).toEqual(['up', 'down', 'unknown']);
    expect(mesh.nodes.get(id(1))?.isOwn).toBe(true);
    expect(mesh.nodes.get(id(3))?.name).toBe('\ufffdthree');
  });
});

describe('the mesh of a cluster', () => {
  const told = new Map([
    ['n1', [channel(5, 2, { localMsat: '700', remoteMsat: '300' })]],
    ['n2', [channel(5, 1, { localMsat: '300', remoteMsat: '700' }), channel(6, 3, { state: 'confirming' })]],
  ]);

  it('has each channel once, whoever tells it', () => {
    const { channels } = meshOfCluster(cluster(), told);
    expect([...channels.keys()]).toEqual(['5x1x0', '6x1x0']);
    expect(channels.get('5x1x0')).toMatchObject({ a: id(1), b: id(2), balance: { aMsat: 700n, bMsat: 300n }, look: 'open' });
    expect(channels.get('6x1x0')?.look).toBe('opening');
  });

  it('shows cut links and nodes that are down, whatever was told last', () => {
    const links = [{ a: 'n2', b: 'n1', isCut: true }];
    expect(meshOfCluster(cluster({ links }), told).channels.get('5x1x0')?.look).toBe('cut');
    const nodes = cluster().nodes.map((node) => (node.name === 'n2' ? { ...node, state: 'down' as const } : node));
    const { channels } = meshOfCluster(cluster({ nodes }), new Map([...told, ['n2', [channel(5, 1, { localMsat: '1', remoteMsat: '999' })]]]));
    expect(channels.get('5x1x0')).toMatchObject({ balance: { aMsat: 700n }, look: 'offline' });
  });

  it('follows an event, and knows when it must ask', () => {
    const event = { node: 'n2', channelId: channel(5, 1).channelId, state: 'normal', connection: 'offline', localMsat: '400', remoteMsat: '600' } as const;
    const next = withTold(told, [{ ...event, localMsat: '1' }, event, { ...event, node: 'n1', localMsat: '600', remoteMsat: '400' }]);
    const shown = meshOfCluster(cluster(), next.channels).channels.get('5x1x0');
    expect(shown).toMatchObject({ balance: { aMsat: 600n, bMsat: 400n }, look: 'offline' });
    expect(next.unknown).toEqual(new Set());
    expect(meshOfCluster(cluster(), told).channels.get('5x1x0')?.balance).toEqual({ aMsat: 700n, bMsat: 300n });
    expect(withTold(told, [{ ...event, state: 'closing' }]).unknown).toEqual(new Set(['n2']));
    expect(withTold(told, [{ ...event, channelId: 'other' }]).unknown).toEqual(new Set(['n2']));
    expect(withTold(told, [{ ...event, node: 'n3' }]).unknown).toEqual(new Set(['n3']));
  });
});

describe('the layout', () => {
  const mesh = meshOfCluster(cluster(), new Map([['n1', [channel(5, 2), channel(7, 2)]], ['n2', [channel(6, 3)]]]));

  it('settles, keeps who was there in place, and forgets who is gone', () => {
    const layout = new Layout();
    layout.take(mesh);
    let ticks = 0;
    while (layout.isMoving && ticks < 1_000) {
      layout.tick();
      ticks++;
    }
    expect(ticks).toBeLessThan(1_000);
    const before = layout.nodes.map(({ x, y }) => [x, y]);
    layout.take({ ...mesh });
    expect(layout.isMoving).toBe(false);
    layout.take({ nodes: new Map([...mesh.nodes].slice(0, 2)), channels: mesh.channels });
    expect(layout.nodes.map(({ x, y }) => [x, y])).toEqual(before.slice(0, 2));
    expect(layout.channels.map(({ key }) => key)).toEqual(['5x1x0', '7x1x0']);
    expect(layout.isMoving).toBe(true);
  });

  it('has channels between the same nodes beside each other, and finds what lies under a point', () => {
    const layout = new Layout();
    layout.take(mesh);
    expect(layout.channels.map(({ lane }) => lane)).toEqual([-0.5, 0.5, 0]);
    const scene = { nodes: layout.nodes, channels: layout.channels, transform: { k: 1, x: 10, y: 20 } };
    const [first, second] = [layout.node(id(2))!, layout.node(id(3))!];
    expect(hitAt(scene, first.x + 10, first.y + 20)).toEqual({ node: first });
    expect(hitAt({ ...scene, nodes: [] }, (first.x + second.x) / 2 + 10, (first.y + second.y) / 2 + 20)).toEqual({ channel: layout.channel('6x1x0') });
    expect(hitAt(scene, 5_000, 5_000)).toBeUndefined();
  });

  it('bounds what runs along it', () => {
    const layout = new Layout();
    layout.take(mesh);
    const particles = new Particles();
    for (let i = 0; i < 10_000; i++) particles.add({ channel: layout.channels[0]!, isForward: true, isReturn: false, startMs: 1_000 });
    expect([...particles.at(900)]).toEqual([]);
    expect(particles.isEmpty).toBe(false);
    expect([...particles.at(1_100)].length).toBeLessThanOrEqual(250);
    expect([...particles.at(9_000)]).toEqual([]);
    expect(particles.isEmpty).toBe(true);
  });
});

describe('pulses', () => {
  const event = (htlcId: number, state: string, direction: 'offered' | 'received' = 'offered'): EventOf<'htlc'> => ({
    type: 'htlc',
    timeMs: 1,
    channelId: 'c',
    htlcId: String(htlcId),
    direction,
    paymentHash: 'h',
    amountMsat: '1',
    state,
  });

  it('show each HTLC once on its way out and once on its way back', () => {
    const filter = new PulseFilter();
    const pulses = ['SENT_ADD_HTLC', 'SENT_ADD_COMMIT', 'RCVD_ADD_ACK_COMMIT', 'RCVD_REMOVE_HTLC', 'RCVD_REMOVE_COMMIT'].map((state) =>
      filter.pulseOf(event(1, state), 'me', 'peer', false),
    );
    expect(pulses).toEqual([{ fromId: 'me', isReturn: false }, undefined, undefined, { fromId: 'me', isReturn: true }, undefined]);
  });

  it('come from the peer for what is received, and from one end only where both tell', () => {
    expect(new PulseFilter().pulseOf(event(1, 'RCVD_ADD_HTLC', 'received'), 'me', 'peer', false)).toEqual({ fromId: 'peer', isReturn: false });
    expect(new PulseFilter().pulseOf(event(1, 'RCVD_ADD_HTLC', 'received'), 'me', 'peer', true)).toBeUndefined();
  });
});

describe('the gate', () => {
  it('asks few at once, each again only after a rest, and nobody after its end', async () => {
    vi.useFakeTimers();
    try {
      const asked: string[] = [];
      const answers: (() => void)[] = [];
      const gate = new Gate((name) => {
        asked.push(name);
        return new Promise((resolve) => answers.push(resolve));
      });
      for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'a', 'a']) gate.ask(name);
      expect(asked.join('')).toBe('abcdef');
      answers.shift()?.();
      await vi.advanceTimersByTimeAsync(0);
      expect(asked.join('')).toBe('abcdefg');
      answers.splice(0).forEach((answer) => answer());
      await vi.advanceTimersByTimeAsync(100);
      expect(asked).toHaveLength(7);
      await vi.advanceTimersByTimeAsync(2_000);
      expect(asked.join('')).toBe('abcdefga');
      gate.end();
      answers.splice(0).forEach((answer) => answer());
      gate.ask('b');
      await vi.advanceTimersByTimeAsync(5_000);
      expect(asked).toHaveLength(8);
    } finally {
      vi.useRealTimers();
    }
  });
});
