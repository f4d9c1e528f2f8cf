import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { channelMachine } from '../../machines/channel/channel.machine.ts';
import { effort } from '../harness/effort.ts';
import { walkOf, type Walk } from './commands.ts';
import { World } from './world.ts';

/*
 * Random walks of two channel machines, with a real signer each, over everything that honest nodes and a bad link may
 * do: `commands.ts` has the moves, `world.ts` makes them and looks at the outcome, `invariants.ts` and `ledger.ts` say
 * what must hold after each.
 *
 * RUNNEL_MODEL_WALKS: how many walks, of up to 500 moves each (default 15, or 40 of a thorough run). RUNNEL_MODEL_SEED: another set of them
 * (default 1). A failure prints the shortest walk to it that was found, as data: it can be pasted into `regressions`
 * below as it stands.
 */
const ALL_WALKS = 40;
const WALKS = effort('RUNNEL_MODEL_WALKS', { quick: 15, thorough: ALL_WALKS });
const SEED = Number(process.env['RUNNEL_MODEL_SEED'] ?? 1);
const MOVES = 500;

/** States that honest nodes on a bad link never come to, and why. The hostile tests do. */
const unreachable: Readonly<Record<string, string>> = {
  'connection.refusing': 'no channel fails between honest nodes',
  'lifecycle.failed': 'no channel fails between honest nodes',
  'lifecycle.fallenBehind': 'no node comes back from an old state',
  'lifecycle.closing.local': 'nobody goes on chain alone',
  'lifecycle.closing.remote.current': 'nobody goes on chain alone',
  'lifecycle.closing.remote.next': 'nobody goes on chain alone',
  'lifecycle.closing.ahead': 'nobody loses state',
  'lifecycle.closing.revoked': 'nobody goes on chain alone, least with a revoked commitment',
  'lifecycle.closing.unknown': 'nobody else can spend the funding output',
};

const usual = {
  begin: 'normal',
  fundingSatoshis: 100_000n,
  pushPercent: 30,
  feeratePerKw: 253,
  announce: false,
  closes: true,
  aliceDustLimitSatoshis: 354n,
  bobDustLimitSatoshis: 354n,
  maxAcceptedHtlcs: 30,
  maxHtlcValueInFlightPpm: 1_000_000n,
  maxDustHtlcExposureMsat: 50_000_000n,
} as const;

/** Walks that once went wrong, by what was wrong. */
const regressions: readonly (readonly [string, Walk])[] = [
  ['closing with different dust limits', { settings: {
    ...usual,
    bobDustLimitSatoshis: 700n,
    pushPercent: 0,
  }, commands: [
    { do: 'add', by: 'alice', size: 'trimmed', seed: 1 },
    { do: 'close', by: 'alice', feeratePerKw: 253 },
  ] }],
  ['a preimage that is sent again', { settings: usual, commands: [
    { do: 'add', by: 'alice', size: 'msat', seed: 1 },
    { do: 'turn', by: 'alice' },
    { do: 'deliver', from: 'alice' },
    { do: 'deliver', from: 'alice' },
    { do: 'turn', by: 'bob' },
    { do: 'deliver', from: 'bob' },
    { do: 'deliver', from: 'bob' },
    { do: 'deliver', from: 'alice' },
    { do: 'remove', by: 'bob', which: 0, how: 'fulfil' },
    { do: 'cut', by: 'bob' },
    { do: 'deliver', from: 'bob' },
  ] }],
  ['announcement_signatures that answer each other', { settings: { ...usual, announce: true }, commands: [
    { do: 'depth', by: 'alice', depth: 6 },
    { do: 'deliver', from: 'alice' },
    { do: 'restart', by: 'bob' },
    { do: 'depth', by: 'bob', depth: 6 },
  ] }],
  ['channel_ready after our shutdown', { settings: { ...usual, begin: 'unconfirmed' }, commands: [
    { do: 'depth', by: 'bob', depth: 3 },
    { do: 'deliver', from: 'bob' },
    { do: 'depth', by: 'alice', depth: 3 },
    { do: 'close', by: 'bob', feeratePerKw: 253 },
    { do: 'fee', to: 500 },
  ] }],
];

const visited = new Set<string>();

function replay({ settings, commands }: Walk): void {
  const world = new World(settings);
  for (const command of commands) world.apply(command);
  world.finish();
  for (const state of world.visited) visited.add(state);
}

/** The paths of all atomic states of the chart. */
function atomicStates(
  node: { readonly states: Readonly<Record<string, unknown>> } = channelMachine.root,
  path: readonly string[] = [],
): string[] {
  const children = Object.entries(node.states) as [string, typeof node][];
  if (children.length === 0) return [path.join('.')];
  return children.flatMap(([key, child]) => atomicStates(child, [...path, key]));
}

describe('walks of two honest nodes', () => {
  it.each(regressions)('%s', (_name, walk) => replay(walk));

  it('keep every invariant, and end with each HTLC settled once and both balances right', { timeout: 0 }, () => {
    fc.assert(fc.property(walkOf(MOVES), replay), { numRuns: WALKS, seed: SEED });
  });

  it.skipIf(WALKS < ALL_WALKS)('came to every state that honest nodes come to', () => {
    expect(atomicStates().filter((state) => !visited.has(state)).sort()).toEqual(Object.keys(unreachable).sort());
  });
});
