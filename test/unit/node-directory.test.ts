import { describe, expect, it } from 'vitest';
import type { ChannelManager } from '../../src/channels/channel-manager.ts';
import type { Lifecycle } from '../../src/channels/live-channel.ts';
import { channelDirectory } from '../../src/node/channel-directory.ts';
import type { ChannelUpdates } from '../../src/node/channel-updates.ts';
import type { ForwardingPolicies } from '../../src/node/forwarding-policies.ts';
import type { GossipStore } from '../../src/gossip/store.ts';
import { addHtlc, ChannelPair, crossSign, reachNormal } from '../harness/channel-pair.ts';

/** What the node says of the HTLCs of a channel in that state, which holds 300 sat of dust and 50,000 sat more. */
function unwelcome(lifecycle: Lifecycle, maxDustHtlcExposureMsat = 1_000_000n, isConfirmed = true): boolean[] {
  const pair = new ChannelPair();
  reachNormal(pair);
  for (const amountMsat of [300_000n, 50_000_000n]) addHtlc(pair.alice, amountMsat);
  crossSign(pair);
  const { data, htlcs } = pair.bob.actor.getSnapshot().context;
  const channels = { get: (index: number) => (index === 1 ? { data, htlcs, lifecycle, isConfirmed } : undefined) };
  const directory = channelDirectory({
    self: '',
    channels: channels as unknown as ChannelManager,
    policies: {} as ForwardingPolicies,
    updates: {} as ChannelUpdates,
    channelPolicy: { maxDustHtlcExposureMsat },
    gossip: () => ({}) as GossipStore,
    blockHeight: () => 0,
  });
  const received = htlcs.inState('RCVD_ADD_ACK_REVOCATION').map(({ details }) => details);
  expect(received).toHaveLength(2);
  expect(directory.isUnwelcome(2, received[0]!)).toBe(true);
  return received.map((htlc) => directory.isUnwelcome(1, htlc));
}

describe('received HTLCs that must not go on nor be taken (BOLT 2)', () => {
  it('are none in a channel that works and holds little dust', () => {
    expect(unwelcome('normal')).toEqual([false, false]);
  });

  it('are dust beyond the bound', () => {
    expect(unwelcome('normal', 299_999n)).toEqual([true, false]);
  });

  it('are all while a reorg has taken its funding out of the chain', () => {
    expect(unwelcome('normal', 1_000_000n, false)).toEqual([true, true]);
  });

  const over: readonly Lifecycle[] = ['shuttingDown', 'failed', 'closing', 'fallenBehind', 'closed'];
  it.each(over)('are all in a channel that is %s', (lifecycle) => {
    expect(unwelcome(lifecycle)).toEqual([true, true]);
  });
});
