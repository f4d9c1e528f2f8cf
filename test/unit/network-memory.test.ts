import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemoryHub } from '../../src/network/memory-network.ts';
import type { MemoryHub, MemoryHubOptions } from '../../src/network/memory-network.ts';
import type { GossipVerdict, Network, NetworkHandlers } from '../../src/network/network.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';

/** A small seeded generator (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

class Mesh {
  readonly clock = new VirtualClock(1_000_000);
  readonly hub: MemoryHub;
  readonly log: string[] = [];
  readonly networks = new Map<string, Network>();
  /** True while test code is inside a call to a network: handlers must not run then. */
  inCall = false;

  constructor(seed = 1, options: Partial<MemoryHubOptions> = {}) {
    this.hub = createMemoryHub({ clock: this.clock, random: seeded(seed), minDelayMs: 1, maxDelayMs: 20, ...options });
  }

  async node(id: string, overrides: Partial<NetworkHandlers> = {}): Promise<Network> {
    const network = this.hub.network(id);
    const note = (text: string): void => {
      expect(this.inCall).toBe(false);
      this.log.push(`${this.clock.now() - 1_000_000} ${id} ${text}`);
    };
    await network.start({
      onPeerConnected: (peer, { inbound }) => note(`+${peer} ${inbound ? 'in' : 'out'}`),
      onPeerAddress: () => {},
      onPeerDisconnected: (peer, reason) => note(`-${peer} ${reason}`),
      onMessage: (peer, message) => note(`<${peer} ${message.join('.')}`),
      onGossip: async (message, from) => {
        note(`g${from} ${message.join('.')}`);
        return 'accept';
      },
      onGossipDistrusted: () => true,
      onSyncRequest: async function* () {},
      ...overrides,
    });
    this.networks.set(id, network);
    return network;
  }

  call<T>(action: () => T): T {
    this.inCall = true;
    try {
      return action();
    } finally {
      this.inCall = false;
    }
  }

  /** What happened at a node, without the times. */
  of(id: string): string[] {
    const lines = this.log.map((line) => line.split(' ')).filter((parts) => parts[1] === id);
    return lines.map((parts) => parts.slice(2).join(' '));
  }
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('links in memory', () => {
  it('tells both ends of a link once and keeps the order of messages, as copies', async () => {
    const mesh = new Mesh();
    const alice = await mesh.node('a');
    const bob = await mesh.node('b');
    const connected = mesh.call(() => alice.connect('b', bob.listenAddresses()[0]));
    expect(mesh.log).toEqual([]);
    await mesh.clock.run();
    await connected;
    const message = bytes(0, 1);
    mesh.call(() => alice.send('b', [message, bytes(0, 2)]));
    message.fill(9);
    for (let i = 3; i < 20; i++) mesh.call(() => alice.send('b', [bytes(0, i)]));
    mesh.call(() => bob.send('a', [bytes(1, 1)]));
    mesh.call(() => bob.send('nobody', [bytes(1, 1)]));
    await mesh.clock.run();
    expect(mesh.of('b')).toEqual(['+a in', ...Array.from({ length: 19 }, (_, i) => `<a 0.${i + 1}`)]);
    expect(mesh.of('a')).toEqual(['+b out', '<b 1.1']);
    await alice.connect('b');
    expect(mesh.of('a')).toHaveLength(2);
  });

  it('makes one link of two dials at once', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const mesh = new Mesh(seed);
      const alice = await mesh.node('a');
      const bob = await mesh.node('b');
      const dials = mesh.call(() => Promise.all([alice.connect('b'), bob.connect('a'), alice.connect('b')]));
      await mesh.clock.run();
      await dials;
      expect([mesh.of('a').length, mesh.of('b').length]).toEqual([1, 1]);
      expect([mesh.of('a')[0], mesh.of('b')[0]].map((line) => line!.slice(3)).sort()).toEqual(['in', 'out']);
    }
  });

  it('says why a dial failed', async () => {
    const mesh = new Mesh();
    const alice = await mesh.node('a');
    await mesh.node('b');
    mesh.hub.network('asleep');
    const code = async (dial: Promise<void>): Promise<unknown> => {
      const failure = dial.then(
        () => 'connected',
        (error: { code: string }) => error.code,
      );
      await mesh.clock.run();
      return failure;
    };
    expect(await code(alice.connect('a'))).toBe('peer_is_self');
    expect(await code(alice.connect('nobody'))).toBe('peer_unknown_address');
    expect(await code(alice.connect('nobody', '/memory/nobody'))).toBe('peer_unreachable');
    expect(await code(alice.connect('nobody', '/memory/b'))).toBe('peer_identity_mismatch');
    expect(await code(alice.connect('asleep'))).toBe('peer_unreachable');
    mesh.hub.cut('a', 'b');
    expect(await code(alice.connect('b'))).toBe('peer_unreachable');
    mesh.hub.heal('b', 'a');
    expect(await code(alice.connect('b'))).toBe('connected');
    await alice.stop();
    expect(await code(alice.connect('b'))).toBe('network_stopped');
    await expect(alice.publishGossip(bytes(1, 2))).rejects.toMatchObject({ code: 'network_stopped' });
  });

  it('a cut delivers a prefix each way and ends the link once at each end', async () => {
    const lengths = new Set<number>();
    for (let seed = 0; seed < 40; seed++) {
      const mesh = new Mesh(seed);
      const alice = await mesh.node('a');
      await mesh.node('b');
      void alice.connect('b');
      await mesh.clock.run();
      for (let i = 0; i < 10; i++) alice.send('b', [bytes(0, i)]);
      mesh.call(() => mesh.hub.cut('a', 'b'));
      alice.send('b', [bytes(0, 99)]);
      await mesh.clock.run();
      const received = mesh.of('b').slice(1);
      expect(received.pop()).toBe('-a the link was cut');
      expect(received).toEqual(received.map((_, i) => `<a 0.${i}`));
      expect(mesh.of('a')).toEqual(['+b out', '-b the link was cut']);
      lengths.add(received.length);
    }
    expect(lengths.size).toBeGreaterThan(5);
  });

  it('a crashed node hears nothing more, and comes back as a new one', async () => {
    const mesh = new Mesh(3);
    const alice = await mesh.node('a');
    const bob = await mesh.node('b');
    void alice.connect('b');
    await mesh.clock.run();
    alice.send('b', [bytes(0, 1)]);
    bob.send('a', [bytes(1, 1)]);
    expect(() => mesh.hub.network('b')).toThrow('has not ended');
    mesh.hub.crash('b');
    bob.send('a', [bytes(1, 2)]);
    // Before it hears of the crash the link looks fine to it.
    alice.send('b', [bytes(0, 2)]);
    await mesh.clock.run();
    expect(mesh.of('b')).toEqual(['+a in']);
    expect(mesh.of('a').at(-1)).toBe('-b the peer is gone');
    const reborn = await mesh.node('b');
    void reborn.connect('a');
    await mesh.clock.run();
    expect(mesh.of('b')).toEqual(['+a in', '+a out']);
    expect(mesh.of('a').at(-1)).toBe('+b in');
  });

  it('a node that comes back before its peer has noticed replaces the old link', async () => {
    const mesh = new Mesh(3, { minDelayMs: 5, maxDelayMs: 5 });
    const alice = await mesh.node('a');
    await mesh.node('b');
    void alice.connect('b');
    await mesh.clock.run();
    for (let i = 0; i < 3; i++) mesh.networks.get('b')!.send('a', [bytes(1, i)]);
    mesh.hub.crash('b');
    const reborn = await mesh.node('b');
    void reborn.connect('a');
    await mesh.clock.run();
    const kinds = mesh.of('a').map((line) => line[0]).join('');
    expect(kinds).toMatch(/^\+<*-\+$/);
  });

  it('hanging up lets what was sent arrive, and nothing after it', async () => {
    const mesh = new Mesh(5);
    const alice = await mesh.node('a');
    const bob = await mesh.node('b');
    void alice.connect('b');
    await mesh.clock.run();
    alice.send('b', [bytes(0, 1), bytes(0, 2)]);
    bob.send('a', [bytes(1, 1)]);
    await mesh.call(() => alice.disconnect('b', 'enough'));
    alice.send('b', [bytes(0, 3)]);
    await mesh.clock.run();
    expect(mesh.of('a')).toEqual(['+b out', '-b enough']);
    expect(mesh.of('b')).toEqual(['+a in', '<a 0.1', '<a 0.2', '-a the peer hung up']);
    void alice.connect('b');
    await mesh.clock.run();
    await bob.stop();
    await mesh.clock.run();
    expect(mesh.of('b').slice(4)).toEqual(['+a in', '-a stopped']);
    expect(mesh.of('a').slice(2)).toEqual(['+b out', '-b the peer stopped']);
  });

  it('gives up a link whose peer is too far behind', async () => {
    const mesh = new Mesh(1, { maxQueuedBytes: 1_000 });
    const alice = await mesh.node('a');
    await mesh.node('b');
    void alice.connect('b');
    await mesh.clock.run();
    for (let i = 0; i < 11; i++) alice.send('b', [new Uint8Array(100)]);
    await mesh.clock.run();
    expect(mesh.of('a').at(-1)).toBe('-b outgoing_queue_full');
    void alice.connect('b');
    await mesh.clock.run();
    alice.send('b', [new Uint8Array(65_536)]);
    await mesh.clock.run();
    expect(mesh.of('a').at(-1)).toBe('-b bad_outgoing_message');
  });

  it('holds back messages while the handler is busy', async () => {
    const mesh = new Mesh(1);
    let release = (): void => {};
    const got: number[] = [];
    const alice = await mesh.node('a');
    await mesh.node('b', {
      onMessage: (_, message) => {
        got.push(message[1]!);
        return got.length === 1 ? new Promise((resolve) => (release = resolve)) : undefined;
      },
    });
    void alice.connect('b');
    await mesh.clock.run();
    alice.send('b', [bytes(0, 1), bytes(0, 2), bytes(0, 3)]);
    await mesh.clock.run();
    expect(got).toEqual([1]);
    release();
    await mesh.clock.run();
    expect(got).toEqual([1, 2, 3]);
  });
});

describe('gossip in memory', () => {
  async function ring(verdict: (id: string, message: Uint8Array) => GossipVerdict): Promise<[Mesh, string[]]> {
    const mesh = new Mesh(9);
    const heard: string[] = [];
    const ids = ['a', 'b', 'c', 'd', 'e'];
    for (const id of ids) {
      await mesh.node(id, {
        onGossip: async (message) => {
          heard.push(id);
          return verdict(id, message);
        },
      });
    }
    for (const [i, id] of ids.entries()) void mesh.networks.get(id)!.connect(ids[(i + 1) % ids.length]!);
    await mesh.clock.run();
    return [mesh, heard];
  }

  it('floods what is accepted to every node once', async () => {
    const [mesh, heard] = await ring(() => 'accept');
    const alice = mesh.networks.get('a')!;
    await mesh.call(() => alice.publishGossip(bytes(1, 2, 3)));
    await alice.publishGossip(bytes(1, 2, 3));
    await mesh.clock.run();
    expect(heard.toSorted()).toEqual(['b', 'c', 'd', 'e']);
    await mesh.networks.get('c')!.publishGossip(bytes(1, 2, 3));
    await mesh.clock.run();
    expect(heard).toHaveLength(4);
    mesh.clock.advance(200_000);
    await alice.publishGossip(bytes(1, 2, 3));
    await mesh.clock.run();
    expect(heard).toHaveLength(8);
  });

  it.each(['reject', 'ignore'] as const)('does not pass on what a node answers with %s', async (verdict) => {
    const [mesh, heard] = await ring((id) => (id === 'b' || id === 'e' ? verdict : 'accept'));
    await mesh.networks.get('a')!.publishGossip(bytes(7, 7));
    await mesh.clock.run();
    expect(heard.toSorted()).toEqual(['b', 'e']);
  });

  it('refuses to publish more than a message can hold', async () => {
    const [mesh] = await ring(() => 'accept');
    const publish = mesh.networks.get('a')!.publishGossip(new Uint8Array(65_536));
    await expect(publish).rejects.toMatchObject({ code: 'message_too_large' });
  });
});

describe('sync in memory', () => {
  async function pair(): Promise<[Mesh, Network, string[]]> {
    const mesh = new Mesh(11);
    const served: string[] = [];
    const alice = await mesh.node('a');
    await mesh.node('b', {
      onSyncRequest: async function* (from, request) {
        try {
          for (let i = 0; i < request[0]!; i++) {
            served.push(`${from} ${i}`);
            yield bytes(0, i);
          }
        } finally {
          served.push('end');
        }
      },
    });
    void alice.connect('b');
    await mesh.clock.run();
    return [mesh, alice, served];
  }

  async function collect(answers: AsyncIterable<Uint8Array>, into: number[]): Promise<string> {
    try {
      for await (const answer of answers) into.push(answer[1]!);
      return 'complete';
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  it('yields what the peer answers', async () => {
    const [mesh, alice, served] = await pair();
    const got: number[] = [];
    const outcome = collect(alice.requestSync('b', bytes(5)), got);
    await mesh.clock.run();
    expect([await outcome, got, served.at(-1)]).toEqual(['complete', [0, 1, 2, 3, 4], 'end']);
    expect(await collect(alice.requestSync('c', bytes(5)), [])).toBe('not_connected');
  });

  it('fails when the link is lost on the way, and the peer stops answering', async () => {
    const [mesh, alice, served] = await pair();
    const got: number[] = [];
    const outcome = collect(alice.requestSync('b', bytes(100)), got);
    await mesh.clock.run({ until: () => got.length === 3 });
    mesh.hub.cut('a', 'b');
    await mesh.clock.run();
    expect(await outcome).toBe('stream_failed');
    expect(served.at(-1)).toBe('end');
    expect(got.length).toBeLessThan(20);
  });
});

describe('a run in memory', () => {
  const ids = ['a', 'b', 'c'] as const;
  const kinds = { connect: 6, send: 8, wait: 6, heal: 2, cut: 1, disconnect: 1, crash: 1 };
  const kind = fc.constantFrom(...Object.entries(kinds).flatMap(([name, weight]) => Array<string>(weight).fill(name)));
  const node = fc.nat(ids.length - 1);
  const steps = fc.array(fc.record({ kind, from: node, to: node }), { maxLength: 80, size: 'max' });
  type Script = readonly { readonly kind: string; readonly from: number; readonly to: number }[];

  async function play(seed: number, script: Script): Promise<string[]> {
    const mesh = new Mesh(seed);
    let sent = 0;
    for (const id of ids) await mesh.node(id);
    for (const step of script) {
      const from = ids[step.from]!;
      const network = mesh.networks.get(from)!;
      if (step.kind === 'wait') await mesh.clock.run({ untilMs: mesh.clock.now() + 15 });
      else if (step.kind === 'crash') {
        mesh.hub.crash(from);
        mesh.log.push(`${mesh.clock.now()} ${from} crash`);
        await mesh.node(from);
      } else if (step.from !== step.to) {
        const to = ids[step.to]!;
        if (step.kind === 'send') for (let i = 0; i < 3; i++) network.send(to, [bytes(step.from, sent++ % 256)]);
        else if (step.kind === 'connect') void network.connect(to).catch(() => {});
        else if (step.kind === 'disconnect') void network.disconnect(to, 'asked to');
        else if (step.kind === 'cut') mesh.hub.cut(from, to);
        else mesh.hub.heal(from, to);
      }
    }
    await mesh.clock.run({ maxTimers: 10_000 });
    return mesh.log;
  }

  it('never delivers outside of a link, nor out of order, whatever happens', async () => {
    let messages = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(), steps, async (seed, script) => {
        const log = await play(seed, script);
        messages += log.filter((line) => line.includes('<')).length;
        const up = new Map<string, number>();
        for (const line of log) {
          const [, id, what, detail] = line.split(' ');
          const key = `${id} ${what!.slice(1)}`;
          if (what === 'crash') for (const other of ids) up.delete(`${id} ${other}`);
          else if (what!.startsWith('+')) {
            expect(up.has(key)).toBe(false);
            up.set(key, -1);
          } else {
            expect(up.has(key)).toBe(true);
            if (what!.startsWith('-')) up.delete(key);
            else {
              const sequence = Number(detail!.split('.')[1]);
              expect(sequence).toBeGreaterThan(up.get(key)!);
              up.set(key, sequence);
            }
          }
        }
        // Whoever believes in a link at the end is believed in by the other.
        for (const key of up.keys()) expect(up.has(key.split(' ').toReversed().join(' '))).toBe(true);
      }),
      { numRuns: 300 },
    );
    // The scripts must be such that a good part of them says something.
    expect(messages).toBeGreaterThan(1_000);
  });

  it('is the same for the same seed, and another for another', async () => {
    const script = fc.sample(steps, { numRuns: 20, seed: 42 }).flat();
    const first = await play(7, script);
    expect(first.length).toBeGreaterThan(100);
    expect(await play(7, script)).toEqual(first);
    expect(await play(8, script)).not.toEqual(first);
  });
});
