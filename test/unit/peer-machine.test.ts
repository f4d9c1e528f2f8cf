import { createActor } from 'xstate';
import { describe, expect, it } from 'vitest';
import { initFeatures } from '../../src/node/features.ts';
import { peerMachine, type PeerEffect, type PeerEvent } from '../../machines/peer/peer.machine.ts';
import { encodeFeatureBits, encodeFeatures } from '../../protocols/wire/features.ts';
import type { Message, MessageOf } from '../../protocols/wire/messages.ts';
import { REGTEST_CHAIN_HASH } from '../harness/channel-pair.ts';

const timing = {
  pingIntervalMs: 60_000,
  pongTimeoutMs: 30_000,
  initTimeoutMs: 15_000,
  lastingMs: 10_000,
  firstRetryMs: 1_000,
  longestRetryMs: 60_000,
};

const goodInit: MessageOf<'init'> = {
  type: 'init', globalfeatures: new Uint8Array(), features: initFeatures, networks: [REGTEST_CHAIN_HASH],
};
const init = (changes: Partial<MessageOf<'init'>> = {}): PeerEvent => message({ ...goodInit, ...changes });
const message = (message: Message): PeerEvent => ({ type: 'message', message, bytes: new Uint8Array([1]) });
const ping = (numPongBytes: number): PeerEvent => message({ type: 'ping', numPongBytes, ignored: new Uint8Array(3) });
const pong = (length: number): PeerEvent => message({ type: 'pong', ignored: new Uint8Array(length) });
const update = message({ type: 'update_fee', channelId: new Uint8Array(32), feeratePerKw: 253 });

class Machine {
  readonly #effects: PeerEffect[] = [];
  readonly #actor = createActor(peerMachine, {
    input: {
      features: initFeatures,
      chainHash: REGTEST_CHAIN_HASH,
      timing,
      emit: (effect) => void this.#effects.push(effect),
    },
  }).start();

  get link(): unknown {
    return this.#actor.getSnapshot().value.link;
  }

  get interest(): unknown {
    return this.#actor.getSnapshot().value.interest;
  }

  get theirFeatures(): Uint8Array {
    return this.#actor.getSnapshot().context.theirFeatures;
  }

  /** The effects of these events, in short: what is sent by its type, a timer by its delay. */
  send(...events: PeerEvent[]): string[] {
    for (const event of events) this.#actor.send(event);
    expect(this.#actor.getSnapshot().status).toBe('active');
    return this.#effects.splice(0).map((effect) => {
      if (effect.type === 'send') return `send ${effect.message.type}`;
      if (effect.type === 'deliver') return `deliver ${effect.message.type}`;
      if (effect.type === 'setTimer') return `timer ${effect.delayMs}`;
      return effect.type === 'disconnect' ? `disconnect: ${effect.reason}` : effect.type;
    });
  }
}

/** Events that lead to each state of the link, from a new machine. */
const paths = {
  down: [],
  connecting: [{ type: 'want' }],
  waiting: [{ type: 'want' }, { type: 'connectFailed' }],
  initializing: [{ type: 'linkUp' }],
  'up.fresh': [{ type: 'linkUp' }, init()],
  'up.heard': [{ type: 'linkUp' }, init(), { type: 'timer' }],
  'up.pinged': [{ type: 'linkUp' }, init(), { type: 'timer' }, { type: 'timer' }],
  'up.answered': [{ type: 'linkUp' }, init(), { type: 'timer' }, { type: 'timer' }, pong(16)],
} satisfies Record<string, PeerEvent[]>;

type State = keyof typeof paths;

function at(state: State): Machine {
  const machine = new Machine();
  machine.send(...paths[state]);
  expect(name(machine)).toBe(state);
  return machine;
}

const name = ({ link }: Machine): string => (typeof link === 'string' ? link : `up.${(link as { up: string }).up}`);

const events: Record<string, PeerEvent> = {
  linkUp: { type: 'linkUp' },
  linkDown: { type: 'linkDown' },
  connectFailed: { type: 'connectFailed' },
  want: { type: 'want' },
  unwant: { type: 'unwant' },
  timer: { type: 'timer' },
  init: init(),
  'refused init': init({ features: encodeFeatureBits([1_000]) }),
  ping: ping(10),
  pong: pong(16),
  'wrong pong': pong(15),
  update,
};

const up = ['send init', 'timer 15000'];
const unready = 'disconnect: expected init as the first message, got another';
const refused = 'disconnect: the peer requires features that this node does not have: bit 1000';
const ended = 'disconnect: nothing calls for the connection any more';
/** Everything that a state does about an event; what is not listed changes nothing and asks for nothing. */
const table: Record<State, Record<string, readonly [next: string, ...effects: string[]]>> = {
  down: { linkUp: ['initializing', ...up], want: ['connecting', 'connect'] },
  connecting: {
    linkUp: ['initializing', ...up],
    connectFailed: ['waiting', 'timer 1000'],
    unwant: ['down'],
  },
  waiting: {
    linkUp: ['initializing', ...up],
    timer: ['connecting', 'connect'],
    unwant: ['down'],
  },
  initializing: {
    linkUp: ['initializing', ...up],
    linkDown: ['down'],
    timer: ['initializing', 'disconnect: the peer did not send init in time'],
    init: ['up.fresh', 'peerUp', 'timer 10000'],
    'refused init': ['initializing', 'send warning', refused],
    ping: ['initializing', unready],
    pong: ['initializing', unready],
    'wrong pong': ['initializing', unready],
    update: ['initializing', unready],
  },
  'up.fresh': {
    linkUp: ['initializing', 'peerDown', ...up],
    linkDown: ['down', 'peerDown'],
    timer: ['up.heard', 'timer 60000'],
    ping: ['up.fresh', 'send pong'],
    update: ['up.fresh', 'deliver update_fee'],
  },
  'up.heard': {
    linkUp: ['initializing', 'peerDown', ...up],
    linkDown: ['down', 'peerDown'],
    timer: ['up.pinged', 'send ping', 'timer 30000'],
    ping: ['up.heard', 'send pong'],
    update: ['up.heard', 'deliver update_fee'],
  },
  'up.pinged': {
    linkUp: ['initializing', 'peerDown', ...up],
    linkDown: ['down', 'peerDown'],
    timer: ['up.pinged', 'disconnect: the peer did not answer a ping'],
    ping: ['up.pinged', 'send pong'],
    pong: ['up.answered'],
    update: ['up.pinged', 'deliver update_fee'],
  },
  'up.answered': {
    linkUp: ['initializing', 'peerDown', ...up],
    linkDown: ['down', 'peerDown'],
    timer: ['up.heard', 'timer 60000'],
    ping: ['up.answered', 'send pong'],
    update: ['up.answered', 'deliver update_fee'],
  },
};

describe('every event in every state', () => {
  for (const state of Object.keys(paths) as State[]) {
    it.each(Object.keys(events))(`${state}: %s`, (event) => {
      const machine = at(state);
      const [next = state, ...effects] = table[state][event] ?? [];
      expect(machine.send(events[event]!)).toEqual(effects);
      expect(name(machine)).toBe(next);
    });
  }
});

describe('init', () => {
  const answerTo = (changes: Partial<MessageOf<'init'>>): string[] => at('initializing').send(init(changes));
  const accepted = ['peerUp', 'timer 10000'];

  it('may ask for anything that this node has, and offer anything', () => {
    expect(answerTo({})).toEqual(accepted);
    expect(answerTo({ features: new Uint8Array() })).toEqual(accepted);
    const required = encodeFeatures({ option_static_remotekey: 'required', basic_mpp: 'required' });
    expect(answerTo({ features: required })).toEqual(accepted);
    expect(answerTo({ features: encodeFeatureBits([2_001, 1_001, 65]) })).toEqual(accepted);
  });

  it('is refused for a feature that it requires and we do not have, in either bitfield', () => {
    const features = encodeFeatureBits([100]);
    for (const changes of [{ features }, { features: new Uint8Array(), globalfeatures: features }]) {
      expect(answerTo(changes)).toEqual(['send warning', expect.stringMatching(/^disconnect: the peer requires .*bit 100$/)]);
    }
    expect(answerTo({ features: encodeFeatures({ option_support_large_channel: 'required' }) })).toEqual([
      'send warning', expect.stringContaining('option_support_large_channel'),
    ]);
  });

  it('is refused for a feature without the one that it builds on', () => {
    const zeroconf = encodeFeatures({ option_zeroconf: 'optional' });
    expect(answerTo({ features: zeroconf })).toEqual([
      'send warning', expect.stringContaining('option_zeroconf without option_scid_alias'),
    ]);
  });

  it('is refused in few words, however many features are asked for', () => {
    const [few, all] = [100, 65_000].map((length) => answerTo({ features: new Uint8Array(length).fill(0x55) }));
    expect(few).toEqual(['send warning', expect.stringMatching(/^disconnect: .{40,200}, …$/)]);
    expect(all).toEqual(['send warning', expect.stringContaining('above bit 1023')]);
    expect(answerTo({ features: new Uint8Array(65_000).fill(0xaa, 0, 64_000) })).toEqual(accepted);
  });

  it('may name no chain, or several of which one is ours, but not others alone', () => {
    const { networks: _, ...without } = goodInit;
    expect(at('initializing').send(message(without))).toEqual(accepted);
    expect(answerTo({ networks: [] })).toEqual(accepted);
    expect(answerTo({ networks: [new Uint8Array(32), REGTEST_CHAIN_HASH] })).toEqual(accepted);
    expect(answerTo({ networks: [new Uint8Array(32)] })).toEqual(['send warning', 'disconnect: the peer is on another chain']);
  });

  it('is remembered with both bitfields as one', () => {
    const machine = at('initializing');
    machine.send(init({ globalfeatures: Uint8Array.of(0b10), features: Uint8Array.of(1, 0) }));
    expect(machine.theirFeatures).toEqual(Uint8Array.of(1, 0b10));
  });

  it('changes nothing when it comes again', () => {
    const machine = at('up.heard');
    expect(machine.send(init({ features: encodeFeatureBits([1_000]) }))).toEqual([]);
    expect(machine.theirFeatures).toEqual(initFeatures);
  });
});

describe('ping', () => {
  it.each([
    [0, ['send pong']],
    [65_531, ['send pong']],
    [65_532, []],
    [65_535, []],
  ])('that asks for %i bytes', (numPongBytes, effects) => {
    expect(at('up.heard').send(ping(numPongBytes))).toEqual(effects);
  });

  it('is answered with as many bytes as it asks for, all zero', () => {
    const sent: Message[] = [];
    const emit = (effect: PeerEffect): void => {
      if (effect.type === 'send') sent.push(effect.message);
    };
    const input = { features: initFeatures, chainHash: REGTEST_CHAIN_HASH, timing, emit };
    const actor = createActor(peerMachine, { input }).start();
    for (const event of [...paths['up.heard'], ping(700)]) actor.send(event);
    expect(sent.at(-1)).toEqual({ type: 'pong', ignored: new Uint8Array(700) });
  });

  it('of ours is not answered by a pong of another length, nor by other messages', () => {
    const machine = at('up.pinged');
    machine.send(pong(0), pong(15), pong(17), update, ping(1));
    expect(machine.send({ type: 'timer' })).toEqual(['disconnect: the peer did not answer a ping']);
  });

  it('goes on for as long as it is answered', () => {
    const machine = at('up.heard');
    for (let i = 0; i < 5; i++) {
      expect(machine.send({ type: 'timer' })).toEqual(['send ping', 'timer 30000']);
      expect(machine.send(pong(16), { type: 'timer' })).toEqual(['timer 60000']);
    }
  });
});

describe('reconnection', () => {
  it('is tried with waits that double up to the longest, until a connection has lasted', () => {
    const machine = new Machine();
    machine.send({ type: 'want' });
    const waits = Array.from({ length: 9 }, () => {
      const [timer] = machine.send({ type: 'connectFailed' });
      expect(machine.send({ type: 'timer' })).toEqual(['connect']);
      return timer;
    });
    const seconds = [1, 2, 4, 8, 16, 32, 60, 60, 60];
    expect(waits).toEqual(seconds.map((each) => `timer ${each * 1_000}`));
    machine.send({ type: 'linkUp' }, init(), { type: 'timer' });
    expect(machine.send({ type: 'linkDown' })).toEqual(['peerDown', 'timer 1000']);
  });

  it('waits longer each time for a peer that hangs up after init, whatever else wants it meanwhile', () => {
    const machine = new Machine();
    machine.send({ type: 'want' });
    const waits = Array.from({ length: 4 }, () => {
      machine.send({ type: 'linkUp' }, init(), update);
      const [, timer] = machine.send({ type: 'linkDown' });
      expect(machine.send({ type: 'want' })).toEqual([]);
      machine.send({ type: 'timer' });
      return timer;
    });
    expect(waits).toEqual(['timer 1000', 'timer 2000', 'timer 4000', 'timer 8000']);
  });

  it('waits longer each time for a peer that takes the connection and refuses init', () => {
    const machine = new Machine();
    machine.send({ type: 'want' });
    const waits = Array.from({ length: 4 }, () => {
      machine.send({ type: 'linkUp' });
      const [timer] = machine.send({ type: 'linkDown' });
      machine.send({ type: 'timer' });
      return timer;
    });
    expect(waits).toEqual(['timer 1000', 'timer 2000', 'timer 4000', 'timer 8000']);
  });

  it('is for wanted peers alone', () => {
    const machine = at('up.heard');
    expect(machine.send({ type: 'linkDown' })).toEqual(['peerDown']);
    expect(name(machine)).toBe('down');
    expect(machine.send({ type: 'timer' })).toEqual([]);
  });

  it('begins when a connected stranger becomes wanted and is lost', () => {
    const machine = at('up.heard');
    expect(machine.send({ type: 'want' })).toEqual([]);
    expect(machine.send({ type: 'linkDown' })).toEqual(['peerDown', 'timer 1000']);
    expect(machine.send({ type: 'timer' })).toEqual(['connect']);
  });

  it('ends when the peer is no longer wanted, at once if it is up', () => {
    const machine = at('up.heard');
    machine.send({ type: 'want' });
    expect(machine.send({ type: 'unwant' })).toEqual([ended]);
    expect(machine.interest).toBe('unwanted');
    expect(machine.send({ type: 'linkDown' })).toEqual(['peerDown']);
    expect(name(machine)).toBe('down');
  });

  it('leaves a connection alone that nobody here had asked for', () => {
    expect(at('up.heard').send({ type: 'unwant' })).toEqual([]);
  });

  it('is not tried twice at once', () => {
    const machine = at('connecting');
    expect(machine.send({ type: 'want' }, { type: 'timer' })).toEqual([]);
  });
});

describe('a peer that the user keeps apart', () => {
  it('is hung up, not dialled again, and hung up whenever it comes', () => {
    const machine = new Machine();
    machine.send({ type: 'want' }, { type: 'linkUp' }, init());
    expect(machine.send({ type: 'keepApart' })).toEqual(['peerDown', 'disconnect: the user wants no connection for now']);
    expect(machine.link).toBe('apart');
    expect(machine.send({ type: 'linkDown' }, { type: 'timer' }, { type: 'want' }, { type: 'connectFailed' })).toEqual([]);
    expect(machine.send({ type: 'linkUp' })).toEqual(['disconnect: the user wants no connection for now']);
    expect(machine.send(init(), update, { type: 'linkDown' })).toEqual([]);
    expect(machine.link).toBe('apart');
  });

  it('is dialled again once it is admitted, if there is a reason to', () => {
    const machine = new Machine();
    machine.send({ type: 'want' }, { type: 'connectFailed' }, { type: 'keepApart' });
    expect(machine.send({ type: 'admit' }).map((effect) => effect.split(' ')[0])).toEqual(['timer']);
    expect(machine.link).toBe('waiting');
    expect(machine.send({ type: 'timer' })).toEqual(['connect']);
  });

  it('may come again once it is admitted, if there is none', () => {
    const machine = new Machine();
    machine.send({ type: 'want' }, { type: 'keepApart' }, { type: 'unwant' });
    expect(machine.send({ type: 'admit' })).toEqual([]);
    expect(machine.link).toBe('down');
    expect(machine.send({ type: 'linkUp' })).toEqual(['send init', 'timer 15000']);
  });

  it.each([
    ['down', []],
    ['connecting', [{ type: 'want' }]],
    ['waiting', [{ type: 'want' }, { type: 'connectFailed' }]],
    ['initializing', [{ type: 'linkUp' }]],
  ] satisfies [string, PeerEvent[]][])('is so from where it is %s', (from, events) => {
    const machine = new Machine();
    machine.send(...events);
    expect(machine.link).toBe(from);
    expect(machine.send({ type: 'keepApart' })).toEqual(['disconnect: the user wants no connection for now']);
    expect(machine.link).toBe('apart');
    expect(machine.send({ type: 'keepApart' })).toEqual([]);
  });

  it('makes nothing of being admitted where it is not kept apart', () => {
    const machine = new Machine();
    expect(machine.send({ type: 'admit' })).toEqual([]);
    machine.send({ type: 'linkUp' }, init());
    expect(machine.send({ type: 'admit' })).toEqual([]);
    expect(machine.link).toEqual({ up: 'fresh' });
  });
});
