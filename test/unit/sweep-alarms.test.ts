import { describe, expect, it } from 'vitest';
import { type Alarm, Alarms } from '../../src/node/alarms.ts';
import { SweepAlarms } from '../../src/sweep/sweep-alarms.ts';
import { noteLog } from './node-kit.ts';

function fresh() {
  const { logger, lines } = noteLog();
  const told: [boolean, string][] = [];
  const onChange = ({ code }: Alarm, isRaised: boolean): void => void told.push([isRaised, code]);
  let nowMs = 0;
  return { alarms: new Alarms({ logger, onChange, clock: { now: () => ++nowMs } }), lines, told };
}

describe('alarms', () => {
  it('are told and logged once, however often they are raised, with the latest message and since when they stand', () => {
    const { alarms, lines, told } = fresh();
    alarms.raise('no_fee_coins', 'channel-1', { message: 'too little', channelIndex: 1 });
    alarms.raise('no_fee_coins', 'channel-1', { message: 'still too little', channelIndex: 1 });
    alarms.raise('no_fee_coins', 'channel-2', { message: 'too little', channelIndex: 2 });
    expect(alarms.list()).toEqual([
      { code: 'no_fee_coins', key: 'channel-1', message: 'still too little', channelIndex: 1, sinceMs: 1 },
      { code: 'no_fee_coins', key: 'channel-2', message: 'too little', channelIndex: 2, sinceMs: 2 },
    ]);
    expect(lines).toHaveLength(2);
    alarms.clear('deadline_missed', 'channel-1');
    alarms.clear('no_fee_coins', 'channel-1');
    alarms.clear('no_fee_coins', 'channel-1');
    expect(told).toEqual([[true, 'no_fee_coins'], [true, 'no_fee_coins'], [false, 'no_fee_coins']]);
    expect(alarms.list().map(({ key }) => key)).toEqual(['channel-2']);
  });

  it('are of a bounded number', () => {
    const { alarms } = fresh();
    for (let i = 0; i < 2_000; i++) alarms.raise('broadcast_rejected', `${i}`, { message: 'refused' });
    expect(alarms.list()).toHaveLength(1_000);
  });

  it("of the sweeper's are over when a round finds no reason for them any more", () => {
    const { alarms } = fresh();
    const sweeps = new SweepAlarms(alarms);
    sweeps.raise('no_fee_coins', 1, 'first');
    sweeps.raise('no_fee_coins', 1, 'second');
    sweeps.raise('broadcast_rejected', 1, 'refused');
    sweeps.settle();
    expect(alarms.list().map(({ code, message }) => [code, message])).toEqual([
      ['no_fee_coins', 'first'],
      ['broadcast_rejected', 'refused'],
    ]);
    sweeps.raise('broadcast_rejected', 1, 'refused');
    sweeps.settle();
    expect(alarms.list().map(({ code }) => code)).toEqual(['broadcast_rejected']);
    sweeps.settle();
    expect(alarms.list()).toEqual([]);
  });
});
