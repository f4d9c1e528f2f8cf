import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createActor, waitFor, type ActorRefFrom } from 'xstate';
import { nodeLifeMachine, nodeStateOf, type NodeLifeEvent } from '../../src/cluster/node-life.ts';

/** A process that ends and answers when the test says so. */
class FakeProcess {
  running = 0;
  started = 0;
  readonly orders: string[] = [];
  #end: (failure: Error) => void = () => {};
  #answer: { resolve: () => void; reject: (error: Error) => void } = { resolve: () => {}, reject: () => {} };
  readonly life: ActorRefFrom<typeof nodeLifeMachine>;

  constructor() {
    this.life = createActor(nodeLifeMachine, {
      input: {
        run: () => {
          this.started++;
          this.running++;
          expect(this.running, 'one process at a time may use a data folder').toBe(1);
          return new Promise((resolve) => (this.#end = resolve));
        },
        answer: () => new Promise((resolve, reject) => (this.#answer = { resolve, reject })),
        terminate: () => this.orders.push('terminate'),
        kill: () => this.orders.push('kill'),
      },
    }).start();
  }

  get state(): string {
    return nodeStateOf(this.life.getSnapshot());
  }

  send(...types: NodeLifeEvent['type'][]): void {
    for (const type of types) this.life.send({ type });
  }

  async ends(how = 'was ended by SIGKILL'): Promise<void> {
    if (this.running === 0) return;
    this.running--;
    this.#end(new Error(how));
    await turn();
  }

  async answers(): Promise<void> {
    this.#answer.resolve();
    await turn();
  }

  async neverAnswers(): Promise<void> {
    this.#answer.reject(new Error('waited in vain'));
    await turn();
  }

  get failure(): unknown {
    return this.life.getSnapshot().context.failure;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function up(): Promise<FakeProcess> {
  const node = new FakeProcess();
  node.send('restart');
  await node.answers();
  expect(node.state).toBe('up');
  return node;
}

describe('the life of a node', () => {
  it('starts, is up once it answers, and ends as it was told to', async () => {
    const node = new FakeProcess();
    expect(node.state).toBe('down');
    node.send('restart');
    expect(node.state).toBe('starting');
    await node.answers();
    expect(node.state).toBe('up');
    node.send('stop');
    expect([node.state, node.orders]).toEqual(['down', ['terminate']]);
    await node.ends('ended with exit status 0');
    expect([node.state, node.failure]).toEqual(['down', undefined]);
  });

  it('is down by itself after a crash, which is remembered until the next start', async () => {
    const node = await up();
    await node.ends('was ended by SIGSEGV');
    expect([node.state, node.failure]).toEqual(['down', new Error('was ended by SIGSEGV')]);
    node.send('restart');
    expect([node.state, node.failure]).toEqual(['starting', undefined]);
  });

  it('starts again only after the process before has ended, and once however often it is told to', async () => {
    const node = await up();
    node.send('restart', 'restart');
    expect([node.state, node.started, node.orders]).toEqual(['starting', 1, ['terminate']]);
    await node.ends('ended with exit status 0');
    expect([node.state, node.started]).toEqual(['starting', 2]);
    node.send('restart');
    await node.answers();
    expect([node.state, node.started, node.failure]).toEqual(['up', 2, undefined]);
  });

  it('can be killed while it starts, and while it stops', async () => {
    const starting = new FakeProcess();
    starting.send('restart', 'kill');
    expect([starting.state, starting.orders]).toEqual(['down', ['kill']]);
    await starting.answers();
    expect(starting.state).toBe('down');
    await starting.ends();
    expect([starting.state, starting.failure]).toEqual(['down', undefined]);

    const stopping = await up();
    stopping.send('stop', 'kill', 'stop');
    expect(stopping.orders).toEqual(['terminate', 'kill']);
  });

  it('does what was said last: killed before it could start again, it stays down', async () => {
    const node = await up();
    node.send('restart', 'kill');
    await node.ends();
    expect([node.state, node.started]).toEqual(['down', 1]);
    const other = await up();
    other.send('kill', 'restart');
    await other.ends();
    expect([other.state, other.started]).toEqual(['starting', 2]);
  });

  it('is given up where it does not answer', async () => {
    const node = new FakeProcess();
    node.send('restart');
    await node.neverAnswers();
    expect([node.state, node.orders, node.failure]).toEqual(['down', ['kill'], new Error('waited in vain')]);
    await node.ends();
    expect([node.state, node.failure]).toEqual(['down', new Error('waited in vain')]);
  });

  it('takes nothing where nothing runs', () => {
    const node = new FakeProcess();
    node.send('kill', 'stop', 'kill');
    expect([node.state, node.orders, node.started]).toEqual(['down', [], 0]);
  });

  it('settles by whatever was said last, in any order of commands, ends and answers', async () => {
    const step = fc.constantFrom('restart', 'stop', 'kill', 'ends', 'answers', 'neverAnswers');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const node = new FakeProcess();
        let wanted = 'down';
        for (const name of steps) {
          if (name === 'restart' || name === 'stop' || name === 'kill') {
            node.send(name);
            wanted = name === 'restart' ? 'up' : 'down';
          } else {
            const before = node.state;
            await node[name]();
            // What ends unasked, or never answers, is down until somebody starts it again.
            if (name === 'ends' && before !== 'down' && node.state === 'down') wanted = 'down';
            if (name === 'neverAnswers' && before === 'starting' && node.state === 'down') wanted = 'down';
          }
        }
        for (let round = 0; round < 3; round++) {
          if (node.life.getSnapshot().matches({ alive: 'ending' })) await node.ends();
          await node.answers();
        }
        await waitFor(node.life, (snapshot) => snapshot.hasTag('settled'));
        expect(node.state).toBe(wanted);
      }),
      { numRuns: 300 },
    );
  });
});
