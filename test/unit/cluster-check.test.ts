import { describe, expect, it } from 'vitest';
import { findProblems } from '../../src/cluster/check.ts';
import type { Channel } from '../../src/cluster/open-channels.ts';
import type { PaymentOutcome } from '../../src/cluster/payments.ts';
import { renderOutcome, renderReport, reportData } from '../../src/cluster/report.ts';
import type { NodeSnapshot } from '../../src/cluster/snapshot.ts';

const ids = { alice: '02aa', bob: '02bb', carol: '02cc' };
type Name = keyof typeof ids;

function end(scid: string, peer: Name, opener: 'local' | 'remote', localMsat: bigint, remoteMsat: bigint): Channel {
  return {
    channelId: scid,
    shortChannelId: scid,
    nodeId: ids[peer],
    state: 'normal',
    stateValue: 'normal',
    connection: 'online',
    opener,
    announced: true,
    capacitySat: 1_000n,
    localMsat,
    remoteMsat,
    spendableMsat: 0n,
    receivableMsat: 0n,
    numHtlcs: 0,
  };
}

/** Alice and Bob have `ab` in their channel, Bob and Carol `bc`, in msat. */
function snapshot(ab: readonly [bigint, bigint], bc: readonly [bigint, bigint]): NodeSnapshot[] {
  const node = (name: Name, channels: readonly Channel[]): NodeSnapshot => ({
    name,
    id: ids[name],
    apiPort: 1,
    onchainSat: 7n,
    channels,
  });
  return [
    node('alice', [end('103x1x0', 'bob', 'local', ab[0], ab[1])]),
    node('bob', [end('103x1x0', 'alice', 'remote', ab[1], ab[0]), end('103x2x0', 'carol', 'local', bc[0], bc[1])]),
    node('carol', [end('103x2x0', 'bob', 'remote', bc[1], bc[0])]),
  ];
}

const hop = (node: Name, shortChannelId: string, amountMsat: bigint, feeMsat: bigint) => ({
  nodeId: ids[node],
  shortChannelId,
  amountMsat,
  feeMsat,
  cltvExpiry: 200,
});

/** Alice pays Carol 1,000 msat through Bob, who keeps 10. */
const paid: PaymentOutcome = {
  from: 'alice',
  to: 'carol',
  kind: 'invoice',
  amountMsat: 1_000n,
  status: 'succeeded',
  feeMsat: 10n,
  parts: [[hop('bob', '103x1x0', 1_010n, 10n), hop('carol', '103x2x0', 1_000n, 0n)]],
  elapsedMs: 80,
  receivedMsat: 1_000n,
};
const before = snapshot([600_000n, 400_000n], [500_000n, 500_000n]);
const after = snapshot([598_990n, 401_010n], [499_000n, 501_000n]);

describe('the check', () => {
  it('finds nothing where everyone has what the payments leave', () => {
    expect(findProblems(before, after, [paid])).toEqual([]);
  });

  it('finds a msat that a forwarder does not have', () => {
    const short = snapshot([598_990n, 401_010n], [498_999n, 501_001n]);
    expect(findProblems(before, short, [paid])).toEqual([
      "bob's channels gained 9 msat, expected 10",
      "carol's channels gained 1001 msat, expected 1000",
    ]);
  });

  it('finds money that came from nowhere', () => {
    const more = snapshot([598_990n, 401_010n], [499_000n, 501_002n]);
    expect(findProblems(before, more, [paid])).toEqual([
      "carol's channels gained 1002 msat, expected 1000",
      'all channels together gained 2 msat: nothing must come from nowhere, or be lost',
      'the channel 103x2x0 of bob and carol holds 1000002 of 1000000 msat',
    ]);
  });

  it('finds a payment that failed, and one that the payee knows nothing of', () => {
    const failed: PaymentOutcome = { ...paid, status: 'failed', failure: 'no route', parts: [], feeMsat: 0n };
    expect(findProblems(before, before, [failed])).toEqual([
      'the payment of 1000 msat from alice to carol is failed: no route',
    ]);
    const { receivedMsat: _, ...unknown } = paid;
    expect(findProblems(before, after, [unknown])).toEqual([
      'the payment of 1000 msat from alice to carol succeeded, but carol received nothing',
    ]);
  });

  it('finds a fee that the routes do not explain', () => {
    expect(
      findProblems(before, snapshot([598_989n, 401_011n], [499_000n, 501_000n]), [{ ...paid, feeMsat: 11n }]),
    ).toEqual([
      'the routes of the payment of 1000 msat from alice to carol cost 10 msat in fees, but alice paid 11',
      "bob's channels gained 11 msat, expected 10",
    ]);
  });

  it('finds coins that moved on chain, and a channel that is gone', () => {
    const moved = after.map((node) => (node.name === 'carol' ? { ...node, onchainSat: 8n } : node));
    expect(findProblems(before, moved, [paid])).toEqual([
      'carol had 7 sat on chain and now has 8 by paying in channels',
    ]);
    const gone = after.map((node) => ({
      ...node,
      channels: node.channels.filter(({ shortChannelId }) => shortChannelId !== '103x1x0'),
    }));
    expect(findProblems(before, gone, [paid])).toContain('the channel 103x1x0 of alice and bob is no longer normal');
  });
});

describe('the report', () => {
  const report = { nodes: after, outcomes: [paid], problems: [] };

  it('has tables of nodes, channels and payments', () => {
    const text = renderReport(report);
    expect(text).toContain('alice → bob → carol');
    expect(text).toMatch(/bob +02bb +1 +2 +7 +900\.010 +0\.010/);
    expect(text).toMatch(/103x1x0 +alice +bob +1000 +598\.990 +401\.010/);
    expect(text).toMatch(/alice +carol +invoice +1\.000 +2 +0\.010 +80 +alice → bob → carol/);
  });

  it('is plain data for programs', () => {
    expect(JSON.parse(JSON.stringify(reportData(report)))).toMatchObject({
      ok: true,
      nodes: [{ alias: 'alice' }, { alias: 'bob', earnedMsat: '10' }, { alias: 'carol' }],
      channels: [{ shortChannelId: '103x1x0', openerMsat: '598990' }, { shortChannelId: '103x2x0' }],
      payments: [{ from: 'alice', to: 'carol', hops: 2, feeMsat: '10', routes: [['103x1x0', '103x2x0']] }],
    });
  });

  it('tells each payment as it goes', () => {
    expect(renderOutcome(paid)).toBe('alice → carol  1.000 sat by invoice  2 hops, fee 0.010 sat, 80 ms');
    expect(renderOutcome({ ...paid, status: 'failed', failure: 'no route' })).toBe(
      'alice → carol  1.000 sat by invoice: failed: no route',
    );
  });
});
