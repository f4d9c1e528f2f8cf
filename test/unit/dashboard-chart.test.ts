/** Which states of a chart the dashboard lights, for real charts and real values of their machines. */
import { describe, expect, it } from 'vitest';
import { contract } from '../../src/api/contract.ts';
import type { StateValue } from '../../src/api/fields.ts';
import { activeStates, activeWords } from '../../src/dashboard/web/ui/chart/active.ts';
import { chartOf } from '../../src/statechart/charts.ts';

describe('the channel chart', async () => {
  const { states } = await chartOf('channel');
  const value = contract.channel.example.output.stateValue as StateValue;

  it('is lit in each region, with what the states lie in and nothing beside them', () => {
    const active = activeStates(states, value);
    const paths = states.filter(({ id }) => active.has(id)).map(({ path }) => path.join('.'));
    expect(paths.sort()).toEqual(
      [
        '',
        'announcement',
        'announcement.announced',
        'connection',
        'connection.online',
        'lifecycle',
        'lifecycle.normal',
        'localCommitment',
        'localCommitment.current',
        'remoteCommitment',
        'remoteCommitment.awaitingRevocation',
        'remoteCommitment.awaitingRevocation.signedLast',
      ].sort(),
    );
  });

  it('is not lit where there is no value, and not beyond what it knows', () => {
    expect(activeStates(states, undefined).size).toBe(0);
    expect([...activeStates(states, { lifecycle: { normal: 'constructor' }, __proto__: 'x' } as unknown as StateValue)]).toEqual(
      states.filter(({ path }) => ['', 'lifecycle', 'lifecycle.normal'].includes(path.join('.'))).map(({ id }) => id),
    );
  });

  it('is told in words, a line for each region', () => {
    expect(activeWords(value)).toContain('remoteCommitment: awaitingRevocation › signedLast');
    expect(activeWords('SENT_ADD_HTLC')).toEqual(['SENT_ADD_HTLC']);
    expect(activeWords({ closing: { remote: 'current' } })).toEqual(['closing › remote › current']);
  });
});

it('the chart of an HTLC is lit by the name of its state', async () => {
  const { states } = await chartOf('htlc');
  const active = activeStates(states, 'RCVD_ADD_REVOCATION');
  expect(states.filter(({ id, path }) => path.length > 0 && active.has(id)).map(({ label }) => label)).toEqual(['RCVD_ADD_REVOCATION']);
});
