import type { HtlcRemoval } from '../../machines/htlc/htlc.machine.ts';
import {
  addHtlc,
  ChannelPair,
  crossSign,
  fundingDepth,
  FUNDING_TXID,
  preimageOf,
  reachConfirming,
  reachNormal,
  type PairOptions,
} from '../harness/channel-pair.ts';

/** A pair at some point, and the party that is about to be told something wrong. */
export interface Scene {
  readonly pair: ChannelPair;
  readonly victim: 'alice' | 'bob';
}

export const turnEnded = { type: 'turnEnded' } as const;
export const close = { type: 'close', scriptpubkey: undefined, feeratePerKw: 1_000 } as const;
/** The preimage for the HTLC of that id, which is told once it is received. */
export const fulfil = (id: bigint): { type: 'removeHtlc'; id: bigint; removal: HtlcRemoval } => ({
  type: 'removeHtlc',
  id,
  removal: { kind: 'fulfilled', paymentPreimage: preimageOf(1) },
});

function opening(victim: Scene['victim'], steps: number): Scene {
  const pair = new ChannelPair();
  const { alice } = pair;
  const all = [
    () => alice.send({ type: 'open', pushMsat: 300_000_000n }),
    () => void pair.deliverOne(pair.alice),
    () => void pair.deliverOne(pair.bob),
    () => alice.send({ type: 'fundingReady', transaction: Uint8Array.of(1), txid: FUNDING_TXID, outputIndex: 1 }),
  ];
  for (const step of all.slice(0, steps)) step();
  return { pair, victim };
}

function confirming(victim: Scene['victim'], then: (pair: ChannelPair) => void = () => {}): Scene {
  const pair = new ChannelPair();
  reachConfirming(pair, { pushMsat: 300_000_000n });
  then(pair);
  return { pair, victim };
}

/** Normal, with an HTLC each way that is irrevocably committed (ids 0), then whatever `then` does. */
function normal(
  victim: Scene['victim'],
  then: (pair: ChannelPair) => void = () => {},
  options: PairOptions = {},
): Scene {
  const pair = new ChannelPair(options);
  reachNormal(pair, { pushMsat: 300_000_000n });
  addHtlc(pair.alice, 10_000_000n);
  addHtlc(pair.bob, 10_000_000n);
  crossSign(pair);
  then(pair);
  return { pair, victim };
}

/** Alice has signed an update and waits for the revocation, and has another that is not signed. */
function busy(pair: ChannelPair): void {
  addHtlc(pair.alice, 1_000_000n);
  pair.alice.send(turnEnded);
  addHtlc(pair.alice, 1_000_000n);
}

function removeAll(pair: ChannelPair): void {
  for (const party of [pair.alice, pair.bob]) party.send(fulfil(0n));
}

function negotiating(victim: Scene['victim']): Scene {
  const pair = new ChannelPair();
  reachNormal(pair, { pushMsat: 300_000_000n });
  pair.alice.send(close);
  pair.deliverOne(pair.alice);
  pair.deliverOne(pair.bob);
  return { pair, victim };
}

/**
 * Every state that a peer can meet, each by its name in the chart. Whatever is on the way when a scene begins is lost
 * with the connection.
 */
export const scenes: Readonly<Record<string, () => Scene>> = {
  'opening.idle': () => opening('bob', 1),
  'opening.awaitingAcceptance': () => opening('alice', 2),
  'opening.fundingTransaction': () => opening('alice', 3),
  'opening.awaitingSignature': () => opening('alice', 4),
  'opening.awaitingFunding': () => opening('bob', 4),
  'confirming, shallow': () => confirming('alice'),
  'confirming, deep': () => confirming('alice', (pair) => pair.alice.send(fundingDepth(pair, 3))),
  'confirming, theirs received': () =>
    confirming('alice', (pair) => {
      pair.bob.send(fundingDepth(pair, 3));
      pair.deliverOne(pair.bob);
    }),
  'normal': () => normal('alice'),
  'normal, accepter': () => normal('bob'),
  'normal, to be announced': () => normal(
    'alice',
    (pair) => pair.alice.send(fundingDepth(pair, 6)),
    { announce: true },
  ),
  'normal, ready to sign': () => normal('alice', ({ alice }) => void addHtlc(alice, 1_000_000n)),
  'normal, revocation awaited': () => normal('alice', busy),
  'normal, revocation awaited, ours sent since': () =>
    normal('alice', (pair) => {
      busy(pair);
      addHtlc(pair.bob, 1_000_000n);
      pair.bob.send(turnEnded);
      pair.deliverOne(pair.bob);
      pair.deliverOne(pair.bob);
    }),
  'normal, commitment awaited': () =>
    normal('alice', (pair) => {
      addHtlc(pair.bob, 1_000_000n);
      pair.deliverOne(pair.bob);
    }),
  'shuttingDown.requested': () =>
    normal('alice', (pair) => {
      busy(pair);
      pair.alice.send(close);
    }),
  'shuttingDown.replying': () =>
    normal('alice', (pair) => {
      busy(pair);
      pair.bob.send(close);
      pair.deliverOne(pair.bob);
    }),
  'shuttingDown.sent': () => normal('alice', ({ alice }) => alice.send(close)),
  'shuttingDown.draining': () =>
    normal('alice', (pair) => {
      pair.alice.send(close);
      pair.settle();
    }),
  'negotiatingClose, opener': () => negotiating('alice'),
  'negotiatingClose, accepter': () => negotiating('bob'),
  'closing.mutual': () => {
    const scene = negotiating('alice');
    scene.pair.settle();
    return scene;
  },
  'offline': () => normal('alice', (pair) => pair.disconnect()),
  'reestablishing': () =>
    normal('alice', (pair) => {
      pair.disconnect();
      for (const party of [pair.alice, pair.bob]) party.send({ type: 'connected' });
    }),
  'failed': () =>
    normal('alice', ({ alice }) => {
      const channelId = alice.data.channelId!;
      alice.send({ type: 'message', message: { type: 'error', channelId, data: new Uint8Array() } });
    }),
  'fallenBehind': () =>
    normal('alice', (pair) => {
      const old = pair.alice.clone();
      removeAll(pair);
      crossSign(pair);
      pair.disconnect();
      Object.assign(pair, { alice: old });
      pair.alice.send({ type: 'disconnected' });
      for (const party of [pair.alice, pair.bob]) party.send({ type: 'connected' });
      pair.deliverOne(pair.bob);
    }),
};
