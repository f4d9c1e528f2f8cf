import { expect, it } from 'vitest';
import { ExpectedAnswers } from '../../src/gossip/expected-answers.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { announcement, keysOf, nodeAnnouncement, scid, START, update } from '../harness/graph-gossip.ts';

const [alice, bob, carol] = [keysOf(1), keysOf(2), keysOf(3)];

it('on a link that carries other gossip, each part of an answer counts once, and what else is heard of the same is none', () => {
  const answers = new ExpectedAnswers([scid(100)], new ChannelGraph());
  const parts = [announcement(scid(100), alice, bob), update(scid(100), alice, bob), update(scid(100), bob, alice), nodeAnnouncement(alice), nodeAnnouncement(bob)];
  expect(parts.map((part) => answers.isAnswer(part))).toEqual([true, true, true, true, true]);
  // A third party has its announcement sent around just now: the peer is not to be blamed for more answers than there can be.
  for (let later = 1; later <= 40; later++) expect(answers.isAnswer(nodeAnnouncement(alice, { timestamp: START + later }))).toBe(false);
  expect(parts.map((part) => answers.isAnswer(part))).toEqual([false, false, false, false, false]);
  expect(answers.isAnswer(nodeAnnouncement(carol))).toBe(false);
});
