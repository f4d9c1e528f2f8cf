/** Channels with LDK that Runnel closes by force, with HTLCs pending both ways. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { EndingsWorld } from '../harness/interop-endings.ts';
import { playForcedEnd } from '../harness/interop-forced-end.ts';

const TIMEOUT_MS = 180_000;

let world: EndingsWorld;

beforeAll(async () => {
  world = await EndingsWorld.start();
}, TIMEOUT_MS);
afterAll(() => world?.interop.stop(), TIMEOUT_MS);

/* LDK has but one HTLC of its own at a time that is worth an output: see endings-ldk.test.ts. */
describe('Runnel closes by force', () => {
  it('a channel that it opened', async () => {
    await playForcedEnd(world, {
      opener: 'runnel',
      closer: 'runnel',
      htlcs: [
        { from: 'runnel', amountMsat: 11_000_000n, isClaimed: true },
        { from: 'runnel', amountMsat: 12_000_000n, isClaimed: false },
        { from: 'ldk', amountMsat: 13_000_000n, isClaimed: true },
        { from: 'runnel', amountMsat: 300_000n, isClaimed: false },
      ],
    });
  }, TIMEOUT_MS);

  it('a channel that LDK opened', async () => {
    await playForcedEnd(world, {
      opener: 'ldk',
      closer: 'runnel',
      htlcs: [
        { from: 'runnel', amountMsat: 21_000_000n, isClaimed: true },
        { from: 'runnel', amountMsat: 22_000_000n, isClaimed: false },
        { from: 'ldk', amountMsat: 24_000_000n, isClaimed: false },
        { from: 'ldk', amountMsat: 200_000n, isClaimed: false },
      ],
    });
  }, TIMEOUT_MS);

  it('a channel while LDK is down', async () => {
    await playForcedEnd(world, {
      opener: 'ldk',
      closer: 'runnel',
      isOtherAway: true,
      htlcs: [
        { from: 'runnel', amountMsat: 32_000_000n, isClaimed: false },
        { from: 'ldk', amountMsat: 33_000_000n, isClaimed: true },
      ],
    });
  }, TIMEOUT_MS);
});
