/** The life of a node's process, as whoever watches and commands it sees it. */
import { assign, fromPromise, setup, type SnapshotFrom } from 'xstate';

export interface NodeLifeInput {
  /** Starts the process; resolves with how it failed, should its end be a failure, when it has ended. */
  readonly run: () => Promise<Error>;
  /** Resolves once the process that runs answers its API; rejects where it does not. */
  readonly answer: () => Promise<void>;
  /** Asks the process to end in order. */
  readonly terminate: () => void;
  /** Ends it at once, as a crash would. */
  readonly kill: () => void;
}

interface NodeLifeContext extends NodeLifeInput {
  /** Why it does not run, where nobody wanted that. */
  readonly failure: unknown;
}

/** All may come in any state and any number of times: the last that was said holds. */
export type NodeLifeEvent = { readonly type: 'restart' } | { readonly type: 'stop' } | { readonly type: 'kill' };

export const nodeLifeMachine = setup({
  types: { context: {} as NodeLifeContext, events: {} as NodeLifeEvent, input: {} as NodeLifeInput },
  actors: {
    process: fromPromise<Error, () => Promise<Error>>(({ input: run }) => run()),
    answer: fromPromise<void, () => Promise<void>>(({ input: answer }) => answer()),
  },
  actions: {
    terminate: ({ context }) => context.terminate(),
    kill: ({ context }) => context.kill(),
    forgetFailure: assign({ failure: undefined }),
  },
}).createMachine({
  id: 'node',
  context: ({ input }) => ({ ...input, failure: undefined }),
  initial: 'down',
  states: {
    down: {
      description: 'No process runs.',
      tags: ['settled'],
      on: { restart: 'alive' },
    },
    alive: {
      description: 'There is a process; whether it is of use depends on where it stands.',
      initial: 'starting',
      entry: 'forgetFailure',
      invoke: {
        id: 'process',
        src: 'process',
        input: ({ context }) => context.run,
        onDone: { target: 'down', actions: assign({ failure: ({ event }) => event.output }) },
        onError: { target: 'down', actions: assign({ failure: ({ event }) => event.error }) },
      },
      states: {
        starting: {
          description: 'The API does not answer yet.',
          invoke: {
            src: 'answer',
            input: ({ context }) => context.answer,
            onDone: 'up',
            onError: {
              target: 'ending.forGood',
              actions: [assign({ failure: ({ event }) => event.error }), 'kill'],
            },
          },
          on: {
            stop: { target: 'ending.forGood', actions: 'terminate' },
            kill: { target: 'ending.forGood', actions: 'kill' },
          },
        },
        up: {
          description: 'The API answers.',
          tags: ['settled'],
          on: {
            restart: { target: 'ending.toStartAgain', actions: 'terminate' },
            stop: { target: 'ending.forGood', actions: 'terminate' },
            kill: { target: 'ending.forGood', actions: 'kill' },
          },
        },
        ending: {
          description: 'The process was told to end.',
          on: { kill: { target: '.forGood', actions: 'kill' } },
          initial: 'forGood',
          states: {
            forGood: {
              on: {
                restart: 'toStartAgain',
                'xstate.done.actor.process': '#node.down',
              },
            },
            toStartAgain: {
              description: 'Two processes must not use one data folder: the next waits for the end of this one.',
              on: {
                stop: 'forGood',
                'xstate.done.actor.process': { target: '#node.alive', reenter: true },
              },
            },
          },
        },
      },
    },
  },
});

export type NodeState = 'up' | 'starting' | 'down';

/** The state as the cluster tells it: a process that ends is of no more use than one that has ended. */
export function nodeStateOf(snapshot: SnapshotFrom<typeof nodeLifeMachine>): NodeState {
  if (snapshot.matches({ alive: 'up' })) return 'up';
  return snapshot.matches({ alive: 'starting' }) || snapshot.matches({ alive: { ending: 'toStartAgain' } }) ? 'starting' : 'down';
}
