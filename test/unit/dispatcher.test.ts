import { describe, expect, it } from 'vitest';
import { RunnelError } from '../../protocols/errors.ts';
import { Dispatcher, TurnDiscardedError } from '../../src/runtime/dispatcher.ts';
import type { NodeEvent, Turn } from '../../src/runtime/turn.ts';
import { openDatabase } from '../../src/storage/database.ts';

const event = (channelIndex: number): NodeEvent => ({ to: 'channel', channelIndex, event: { type: 'connected' } });

/** A dispatcher whose turns run when the test says so, over participants that note what they see. */
function setUp(onChannel: (channelIndex: number, turn: Turn) => void = () => {}) {
  const log: string[] = [];
  const database = openDatabase({ path: ':memory:' });
  database.migrate('test', [{ name: 'rows', sql: 'CREATE TABLE rows (id INTEGER PRIMARY KEY) STRICT;' }]);
  let handled: number[] = [];
  let run = (): void => {};
  const dispatcher = new Dispatcher({
    database,
    channels: {
      handle({ channelIndex }, turn) {
        handled.push(channelIndex);
        log.push(`handle ${channelIndex}`);
        turn.afterCommit(() => log.push(`release ${channelIndex}`));
        onChannel(channelIndex, turn);
      },
      persist() {
        for (const id of handled) database.run('INSERT INTO rows (id) VALUES (?)', id);
        log.push('persist');
      },
      committed() {
        handled = [];
        log.push('committed');
      },
      reset() {
        handled = [];
        log.push('reset');
      },
    },
    payments: { handle() {}, persist() {}, reset() {} },
    schedule: (drain) => void (run = drain),
    onDiscarded: () => log.push('discarded'),
    onReleaseFailed: (error) => log.push(`failed: ${(error as Error).message}`),
  });
  const rows = (): number[] => database.all<{ id: number }>('SELECT id FROM rows ORDER BY id').map(({ id }) => id);
  return { dispatcher, log, rows, turn: () => run() };
}

describe('a turn', () => {
  it('takes all that waits, writes once, and only then lets anything leave', () => {
    const { dispatcher, log, rows, turn } = setUp();
    dispatcher.submit(event(1));
    dispatcher.submit(event(2));
    expect(log).toEqual([]);
    turn();
    expect(log).toEqual(['handle 1', 'handle 2', 'persist', 'committed', 'release 1', 'release 2']);
    expect(rows()).toEqual([1, 2]);
  });

  it('lets what follows happen in the same turn', () => {
    const { dispatcher, rows, turn, log } = setUp((channelIndex, now) => {
      if (channelIndex < 3) now.dispatch(event(channelIndex + 1));
    });
    dispatcher.submit(event(1));
    turn();
    expect(rows()).toEqual([1, 2, 3]);
    expect(log.filter((line) => line === 'persist')).toHaveLength(1);
  });

  it('is discarded whole when an actor throws: nothing is written, nothing leaves, who asked is told', async () => {
    const { dispatcher, log, rows, turn } = setUp((channelIndex) => {
      if (channelIndex === 2) throw new Error('a machine threw');
    });
    const asked = dispatcher.inTurn(() => 'done');
    dispatcher.submit(event(1));
    dispatcher.submit(event(2));
    turn();
    await expect(asked).rejects.toBeInstanceOf(TurnDiscardedError);
    expect(rows()).toEqual([]);
    expect(log).toEqual(['handle 1', 'handle 2', 'reset', 'discarded']);
  });

  it('that is discarded takes nothing from others: what they heard comes again, in its order, and what came later after it', async () => {
    const heard: number[] = [];
    let faults = 0;
    const { dispatcher, log, rows, turn } = setUp((channelIndex) => {
      heard.push(channelIndex);
      if (channelIndex === 2 && faults++ < 1) throw new Error('a machine threw, and is frozen from now on');
    });
    const asked = dispatcher.inTurn((now) => now.dispatch(event(9)));
    for (const index of [1, 2, 3]) dispatcher.submit(event(index));
    turn();
    await expect(asked).rejects.toBeInstanceOf(TurnDiscardedError);
    dispatcher.submit(event(4));
    heard.length = 0;
    turn();
    expect(heard).toEqual([1, 2, 3, 4]);
    expect(rows()).toEqual([1, 2, 3, 4]);
    expect(log.filter((line) => line === 'persist')).toHaveLength(4);
  });

  it('is not tried for ever', () => {
    const { dispatcher, log, rows, turn } = setUp((channelIndex) => {
      if (channelIndex === 2) throw new Error('a machine threw');
    });
    for (const index of [1, 2, 3]) dispatcher.submit(event(index));
    for (let i = 0; i < 5; i++) turn();
    expect(rows()).toEqual([1, 3]);
    expect(log.filter((line) => line === 'discarded')).toHaveLength(2);
  });

  it('is discarded whole when the write fails', () => {
    const { dispatcher, log, rows, turn } = setUp();
    dispatcher.submit(event(1));
    turn();
    log.length = 0;
    // The same id again breaks the primary key.
    dispatcher.submit(event(2));
    dispatcher.submit(event(1));
    turn();
    expect(rows()).toEqual([1]);
    expect(log).not.toContain('release 2');
    expect(log.slice(-2)).toEqual(['reset', 'discarded']);
  });

  it('answers a request with its result once it is on disk, and with its refusal', async () => {
    const { dispatcher, rows, turn } = setUp();
    const given = dispatcher.inTurn((now) => {
      now.dispatch(event(7));
      return 'result';
    });
    const refused = dispatcher.inTurn(() => {
      throw new RunnelError('refused', 'not now');
    });
    turn();
    await expect(given).resolves.toBe('result');
    await expect(refused).rejects.toMatchObject({ code: 'refused' });
    expect(rows()).toEqual([7]);
  });

  it('lets everything else leave when one thing fails to', () => {
    const { dispatcher, log, turn } = setUp((channelIndex, now) => {
      if (channelIndex !== 1) return;
      now.afterCommit(() => {
        throw new Error('broken');
      });
    });
    dispatcher.submit(event(1));
    dispatcher.submit(event(2));
    turn();
    expect(log.slice(-3)).toEqual(['release 1', 'failed: broken', 'release 2']);
  });

  it('lets everything else leave when one thing fails to', () => {
    const { dispatcher, log, turn } = setUp((channelIndex, now) => {
      if (channelIndex !== 1) return;
      now.afterCommit(() => {
        throw new Error('broken');
      });
    });
    dispatcher.submit(event(1));
    dispatcher.submit(event(2));
    turn();
    expect(log.slice(-3)).toEqual(['release 1', 'failed: broken', 'release 2']);
  });

  it('bounds how many events share a commit', () => {
    const { dispatcher, log, turn } = setUp();
    for (let i = 0; i < 600; i++) dispatcher.submit(event(i));
    turn();
    expect(log.filter((line) => line === 'persist')).toHaveLength(3);
  });

  it('takes nothing once stopped', async () => {
    const { dispatcher, rows, turn } = setUp();
    const waiting = dispatcher.inTurn(() => 1);
    dispatcher.stop();
    turn();
    await expect(waiting).rejects.toThrow('stopping');
    await expect(dispatcher.inTurn(() => 2)).rejects.toThrow('stopping');
    expect(rows()).toEqual([]);
  });
});
