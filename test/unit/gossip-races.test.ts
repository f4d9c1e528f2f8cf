import { describe, expect, it } from 'vitest';
import { Transaction } from 'bitcoinjs-lib';
import { equals, fromString } from 'uint8arrays';
import type { SignatureClaim } from '../../protocols/gossip/gossip-message.ts';
import type { Block } from '../../src/chain/chain.ts';
import { inlineSignatures } from '../../src/gossip/signature-checker.ts';
import { announcement, FakeChain, GossipNode, keysOf, nodeAnnouncement, scid, update } from '../harness/graph-gossip.ts';

const [alice, bob, carol, dave, erin, frank] = [1, 2, 3, 4, 5, 6].map(keysOf) as [Keys, Keys, Keys, Keys, Keys, Keys];
type Keys = ReturnType<typeof keysOf>;
const CHANNEL = scid(100);

/** With the funding keys of alice and bob. */
function thief(keys: Keys, victim: Keys): Keys {
  return { ...keys, bitcoinKey: victim.bitcoinKey, signWithBitcoinKey: victim.signWithBitcoinKey };
}

function spending(height: number, txid: string): Block {
  const transaction = new Transaction();
  transaction.addInput(fromString(txid, 'hex').reverse(), 0);
  return { height, hash: '', previousHash: '', transactions: [transaction] };
}

const later = () => new Promise((resolve) => setTimeout(resolve, 1));

it('an update is not taken for that of nodes who announced the channel while its signature was checked', async () => {
  let release = (): void => {};
  const gate = { isShut: false };
  const signatures = {
    stop: () => {},
    async areValid(claims: readonly SignatureClaim[]) {
      if (gate.isShut) {
        gate.isShut = false;
        await new Promise<void>((resolve) => (release = resolve));
      }
      return inlineSignatures.areValid(claims);
    },
  };
  const node = new GossipNode(9, { signatures });
  node.chain.fund(CHANNEL, alice, bob);
  await node.hear(announcement(CHANNEL, alice, bob));
  gate.isShut = true;
  const judged = node.service.onGossip(update(CHANNEL, alice, bob), 'a peer');
  await later();
  expect(await node.hear(announcement(CHANNEL, thief(carol, alice), thief(dave, bob)))).toBe('ignore equivocation');
  expect(await node.hear(announcement(CHANNEL, thief(erin, alice), thief(frank, bob)))).toBe('accept new');
  release();
  expect(await judged).toBe('ignore');
  expect(node.service.store.update(CHANNEL, 0) ?? node.service.store.update(CHANNEL, 1)).toBeUndefined();
});

it('the update that is judged first of all introduces its channel to peers, though others came before and wait', async () => {
  const gate = { open: (): void => {} };
  const isOld = (claim: SignatureClaim): boolean => equals(claim.key, alice.publicKey);
  const signatures = {
    stop: () => {},
    async areValid(claims: readonly SignatureClaim[]) {
      if (claims.length === 1 && claims.some(isOld)) await new Promise<void>((resolve) => (gate.open = resolve));
      return inlineSignatures.areValid(claims);
    },
  };
  const node = new GossipNode(9, { signatures });
  node.chain.fund(CHANNEL, alice, bob);
  await node.hear(update(CHANNEL, alice, bob), dave.nodeId);
  const announced = node.hear(announcement(CHANNEL, alice, bob), carol.nodeId);
  expect(await node.hear(update(CHANNEL, bob, alice), bob.nodeId)).toBe('accept new');
  gate.open();
  await announced;
  expect(node.told.map(({ isFirst, from }) => ({ isFirst, from }))).toEqual([{ isFirst: true, from: bob.nodeId }, { isFirst: false, from: dave.nodeId }]);
});

it('a channel that is spent while the chain is asked about it is not taken for one that stands', async () => {
  const chain = new FakeChain();
  const node = new GossipNode(9, { chain });
  chain.fund(CHANNEL, alice, bob);
  const found = chain.outputAt.bind(chain);
  let answer = (): void => {};
  const asked = new Promise<void>((resolve) => (answer = resolve));
  chain.outputAt = async (...place) => {
    const output = await found(...place);
    await asked;
    return output;
  };
  const heard = node.hear(announcement(CHANNEL, alice, bob));
  await later();
  chain.spend(CHANNEL);
  await node.service.blockConnected(spending(201, CHANNEL.toString(16).padStart(64, '0')));
  answer();
  expect(await heard).toBe('ignore no_output');
});

it('of two places where a reorg has had a funding output, the one that stands is spent', async () => {
  const chain = new FakeChain();
  const node = new GossipNode(9, { chain });
  for (const place of [CHANNEL, scid(102)]) chain.fund(place, alice, bob);
  const found = chain.outputAt.bind(chain);
  const txid = 'cd'.repeat(32);
  chain.outputAt = async (...place) => {
    const output = await found(...place);
    return output && { ...output, txid };
  };
  await node.hear(announcement(CHANNEL, alice, bob));
  node.service.blockDisconnected({ height: 100, hash: '' });
  expect(await node.hear(announcement(scid(102), alice, bob))).toBe('accept new');
  await node.service.blockConnected(spending(130, txid));
  expect(node.service.store.channel(scid(102))?.spentHeight).toBe(130);
});

it('another channel that a reorg has put in the place of one takes its place, and nobody is suspected', async () => {
  const chain = new FakeChain();
  const node = new GossipNode(9, { chain });
  await node.learn(CHANNEL, alice, bob);
  await node.learn(scid(90), alice, dave);
  chain.fund(CHANNEL, carol, erin);
  const found = chain.outputAt.bind(chain);
  chain.outputAt = async (...place) => {
    const output = await found(...place);
    return output && { ...output, txid: 'ef'.repeat(32) };
  };
  expect(await node.hear(announcement(CHANNEL, carol, erin))).toBe('accept new');
  expect(node.graph.channel(CHANNEL)?.nodeId1).toBe([carol.nodeId, erin.nodeId].sort()[0]);
  expect(node.graph.policy(CHANNEL, 0) ?? node.graph.policy(CHANNEL, 1)).toBeUndefined();
  expect(node.graph.channel(scid(90))).toBeDefined();
});

it('an announcement whose output is deep enough while the chain is away is judged with the next block', async () => {
  const chain = new FakeChain();
  const node = new GossipNode(9, { chain });
  const place = scid(chain.height);
  chain.fund(place, alice, bob);
  expect(await node.hear(announcement(place, alice, bob))).toBe('ignore unconfirmed');
  const block = (height: number): Block => ({ height, hash: '', previousHash: '', transactions: [] });
  chain.height += 5;
  chain.fails = true;
  await node.service.blockConnected(block(chain.height));
  expect(node.graph.channelCount).toBe(0);
  chain.fails = false;
  chain.height += 1;
  await node.service.blockConnected(block(chain.height));
  expect(node.published).toEqual([announcement(place, alice, bob)]);
});

it('nobody waits for more than one announcement, however many follow', async () => {
  const chain = new FakeChain();
  const node = new GossipNode(9, { chain });
  const found = chain.outputAt.bind(chain);
  let open = (): void => {};
  const asked = new Promise<void>((resolve) => (open = resolve));
  chain.outputAt = async (height, ...place) => {
    await (height === 100 ? asked : new Promise(() => {}));
    return found(height, ...place);
  };
  chain.fund(CHANNEL, alice, bob);
  const first = node.hear(announcement(CHANNEL, alice, bob));
  // Of the same node, and never judged.
  void node.service.onGossip(announcement(scid(101), bob, carol), 'p');
  const waiting = node.service.onGossip(nodeAnnouncement(bob), 'p');
  open();
  expect(await first).toBe('accept new');
  expect(await waiting).toBe('accept');
});

describe('an announcement that comes while lies about the same channel are checked', () => {
  async function heldUp() {
    const chain = new FakeChain();
    const node = new GossipNode(9, { chain });
    chain.fund(CHANNEL, alice, bob);
    let open = (): void => {};
    chain.gate = new Promise((resolve) => (open = resolve));
    return { node, open };
  }

  it('is judged after them', async () => {
    const { node, open } = await heldUp();
    const lies = [carol, dave, erin].map((liar) => node.service.onGossip(announcement(CHANNEL, liar, frank), liar.nodeId));
    const honest = node.service.onGossip(announcement(CHANNEL, alice, bob), 'an honest peer');
    open();
    expect(await Promise.all(lies)).toEqual(['ignore', 'ignore', 'ignore']);
    expect(await honest).toBe('accept');
  });

  it('has its place however much one liar says: each peer has one', async () => {
    const { node, open } = await heldUp();
    const lies = Array.from({ length: 50 }, (_, i) => node.service.onGossip(announcement(CHANNEL, carol, keysOf(30 + i)), 'liar'));
    const honest = node.service.onGossip(announcement(CHANNEL, alice, bob), 'an honest peer');
    open();
    const verdicts = await Promise.all(lies);
    expect(verdicts.filter((verdict) => verdict === 'later')).toHaveLength(48);
    expect(await honest).toBe('accept');
  });

  it('waits behind no more than so many', async () => {
    const { node, open } = await heldUp();
    const lies = Array.from({ length: 33 }, (_, i) => node.service.onGossip(announcement(CHANNEL, carol, keysOf(30 + i)), `liar ${i}`));
    expect(await node.hear(announcement(CHANNEL, alice, bob), 'an honest peer')).toBe('later busy');
    open();
    await Promise.all(lies);
    expect(await node.hear(announcement(CHANNEL, alice, bob), 'an honest peer')).toBe('accept new');
  });
});
