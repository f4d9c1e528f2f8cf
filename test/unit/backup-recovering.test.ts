import { describe, expect, it } from 'vitest';
import { channelIdOf, negotiated } from '../../machines/channel/context.ts';
import { localCommitment, remoteCommitment } from '../../machines/channel/requests.ts';
import { buildCommitment } from '../../machines/commitment/commitment-transaction.ts';
import { claimsOf } from '../../machines/onchain/claims.ts';
import { closingRequest } from '../../machines/channel/closing.ts';
import { buildClosing } from '../../machines/commitment/closing-transaction.ts';
import { decodeMessage, type Message } from '../../protocols/wire/messages.ts';
import { addHtlc, ChannelPair, crossSign, preimageOf, reachConfirming, reachNormal, type Party } from '../harness/channel-pair.ts';

const sentBy = (party: Party): Message[] => party.outbox.map((bytes) => decodeMessage(bytes));
const closed = (party: Party): string => party.state('lifecycle');
const names = ['alice', 'bob'] as const;

/** A channel with payments both ways behind it and HTLCs of both directions on it. */
function used(): ChannelPair {
  const pair = new ChannelPair();
  reachNormal(pair, { pushMsat: 300_000_000n });
  for (const [index, party] of [pair.alice, pair.bob, pair.alice, pair.bob].entries()) {
    addHtlc(party, BigInt(10 + index) * 1_000_000n, index + 1);
    crossSign(pair);
  }
  return pair;
}

/** Its commitment as the party would broadcast it. */
function commitmentOf(party: Party) {
  const { data, htlcs, environment } = party.actor.getSnapshot().context;
  const request = localCommitment(negotiated(data), htlcs, environment.localPoint, 'latest');
  return buildCommitment(request.parameters, request.commitmentNumber, request.keys, request.spec);
}

const spent = (transaction: Uint8Array, blockHeight = 200) => ({ type: 'fundingSpent', transaction, blockHeight, depth: 1 }) as const;

/** What becomes claimable of an ended channel, block by block. */
function claimsFrom(party: Party, heights: number) {
  for (let height = 200; height < 200 + heights; height++) party.send({ type: 'blockConnected', height, transactions: [] });
  return claimsOf(party.actor.getSnapshot().context);
}

describe.each(names)('a channel of %s that came back from a backup', (name) => {
  const scene = (): { pair: ChannelPair; lost: Party; peer: Party } => {
    const pair = used();
    pair.disconnect();
    const lost = pair[name];
    lost.loseState();
    return { pair, lost, peer: pair.other(lost) };
  };

  it('has no balance, no commitment and no signature, and says nothing before the peer is there', () => {
    const { lost } = scene();
    expect(closed(lost)).toBe('fallenBehind');
    expect(lost.state('connection')).toBe('refusing');
    expect(lost.data).toMatchObject({ toLocalMsat: 0n, toRemoteMsat: 0n, localSignatures: undefined, isRecovered: true });
    expect(sentBy(lost)).toEqual([]);
  });

  it('asks with a channel_reestablish that expects commitment 0, and an error; the peer closes with its own commitment', () => {
    const { pair, lost, peer } = scene();
    for (const party of [lost, peer]) party.send({ type: 'connected' });
    const [reestablish, error] = sentBy(lost);
    expect(reestablish).toMatchObject({ type: 'channel_reestablish', nextCommitmentNumber: 0, nextRevocationNumber: 0 });
    expect(error).toMatchObject({ type: 'error', channelId: channelIdOf(lost.data) });
    pair.settle();
    expect(closed(peer)).toBe('failed');
    expect(peer.told('broadcastCommitment').slice(-1)[0]?.commitment.commitmentNumber).toBe(peer.data.localCommitmentNumber);
    expect(closed(lost)).toBe('fallenBehind');
  });

  it('is closed by a peer that hears the error alone, or the numbers alone', () => {
    for (const which of [0, 1]) {
      const { pair, lost, peer } = scene();
      for (const party of [lost, peer]) party.send({ type: 'connected' });
      lost.outbox = [lost.outbox[which]!];
      pair.settle();
      expect(closed(peer)).toBe('failed');
    }
  });

  it('asks again on each connection, after restarts too', () => {
    const { lost } = scene();
    for (let life = 0; life < 2; life++) {
      lost.restart();
      for (let connection = 0; connection < 2; connection++) {
        lost.outbox = [];
        lost.send({ type: 'connected' });
        expect(sentBy(lost).map(({ type }) => type)).toEqual(['channel_reestablish', 'error']);
        lost.send({ type: 'disconnected' });
      }
    }
  });

  it('broadcasts nothing and signs nothing, whatever happens to it', () => {
    const { pair, lost, peer } = scene();
    const before = lost.effects.length;
    for (const party of [lost, peer]) party.send({ type: 'connected' });
    const theirs = peer.outbox.map((bytes) => decodeMessage(bytes));
    for (const message of theirs) lost.send({ type: 'message', message });
    const channelId = channelIdOf(lost.data);
    lost.send({ type: 'message', message: { type: 'error', channelId, data: new Uint8Array() } });
    lost.send({ type: 'forceClose' });
    lost.send({ type: 'close', scriptpubkey: undefined, feeratePerKw: 1_000 });
    lost.send({ type: 'setFeerate', feeratePerKw: 2_000 });
    lost.send({ type: 'addHtlc', reference: 'r', amountMsat: 1_000n, paymentHash: preimageOf(1), cltvExpiry: 500, onionRoutingPacket: new Uint8Array(1366) });
    lost.send({ type: 'removeHtlc', id: 0n, removal: { kind: 'fulfilled', paymentPreimage: preimageOf(2) } });
    lost.send({ type: 'blockConnected', height: 10_000, transactions: [] });
    lost.send({ type: 'turnEnded' });
    lost.restart();
    pair.settle();
    const types = new Set(lost.effects.slice(before).map(({ type }) => type));
    const allowed = ['sendReestablish', 'send', 'htlcRefused', 'channelFailed'];
    expect([...types].filter((type) => !allowed.includes(type))).toEqual([]);
    expect(closed(lost)).toBe('fallenBehind');
  });

  it('takes to_remote of the commitment that the peer broadcasts, and nothing else but its anchor', () => {
    const { lost, peer } = scene();
    const built = commitmentOf(peer);
    lost.send(spent(built.transaction.toBuffer()));
    expect(closed(lost)).toBe('closing.ahead');
    const toRemote = built.outputs.find(({ kind }) => kind === 'to_remote')!;
    const claims = claimsFrom(lost, 10).filter(({ witness }) => witness.kind !== 'anchor');
    expect(claims).toMatchObject([
      { outpoint: { txid: built.txid, outputIndex: toRemote.index }, amountSat: toRemote.amountSatoshis, witness: { kind: 'to_remote' } },
    ]);
  });

  it('takes its own delayed output of a commitment that it had broadcast before it lost its state', () => {
    const pair = used();
    const lost = pair[name];
    const built = commitmentOf(lost);
    lost.loseState();
    lost.send(spent(built.transaction.toBuffer()));
    expect(closed(lost)).toBe('closing.local');
    const toLocal = built.outputs.find(({ kind }) => kind === 'to_local')!;
    const delayed = (heights: number) => claimsFrom(lost, heights).filter(({ witness }) => witness.kind === 'delayed');
    const { toSelfDelay } = negotiated(lost.data).remote;
    expect(delayed(toSelfDelay - 2)).toEqual([]);
    expect(delayed(toSelfDelay)).toMatchObject([
      { outpoint: { txid: built.txid, outputIndex: toLocal.index }, amountSat: toLocal.amountSatoshis, sequence: toSelfDelay },
    ]);
  });

  it('knows a mutual close for what it is, though its terms are lost', () => {
    const pair = new ChannelPair();
    reachNormal(pair, { pushMsat: 300_000_000n });
    const lost = pair[name];
    const channel = negotiated({ ...lost.data, remoteShutdownScript: pair.other(lost).data.localShutdownScript });
    const { transaction } = buildClosing(closingRequest(channel, 500n, 'remote').parameters, 500n);
    lost.loseState();
    lost.send(spent(transaction.toBuffer()));
    expect(closed(lost)).toBe('closing.mutual');
  });
});

describe('a node with an old copy of its database', () => {
  /** Bob goes back to before some payments. */
  const scene = (): { pair: ChannelPair; behind: Party; peer: Party } => {
    const pair = used();
    const old = pair.bob.clone();
    for (let seed = 5; seed < 8; seed++) {
      addHtlc(pair.alice, 10_000_000n, seed);
      crossSign(pair);
    }
    pair.disconnect();
    pair.bob.putBack(old);
    return { pair, behind: pair.bob, peer: pair.alice };
  };

  it('finds out by channel_reestablish, never broadcasts, asks the peer to close, and the peer does', () => {
    const { pair, behind, peer } = scene();
    const before = behind.told('broadcastCommitment').length;
    for (const party of [behind, peer]) party.send({ type: 'connected' });
    pair.settle();
    expect(closed(behind)).toBe('fallenBehind');
    expect(closed(peer)).toBe('failed');
    behind.restart();
    behind.send({ type: 'forceClose' });
    behind.send({ type: 'blockConnected', height: 10_000, transactions: [] });
    behind.send({ type: 'connected' });
    pair.settle();
    expect(behind.told('broadcastCommitment')).toHaveLength(before);
    expect(closed(behind)).toBe('fallenBehind');
    behind.send(spent(commitmentOf(peer).transaction.toBuffer()));
    expect(closed(behind)).toBe('closing.ahead');
    expect(claimsFrom(behind, 10).map(({ witness }) => witness.kind)).toContain('to_remote');
  });

  it('finds out from a peer that has failed the channel meanwhile too: it says where it stands before its error', () => {
    const { pair, behind, peer } = scene();
    peer.send({ type: 'forceClose' });
    expect(closed(peer)).toBe('failed');
    peer.outbox = [];
    const before = behind.told('broadcastCommitment').length;
    for (const party of [behind, peer]) party.send({ type: 'connected' });
    expect(sentBy(peer).map(({ type }) => type)).toEqual(['channel_reestablish', 'error']);
    pair.settle();
    expect(closed(behind)).toBe('fallenBehind');
    expect(behind.told('broadcastCommitment')).toHaveLength(before);
  });

  it('takes a commitment of its own that its copy does not know for its own, and not for one to punish', () => {
    const { behind, peer } = scene();
    // What it broadcast before it went back: its peer holds the same.
    const newer = commitmentFor(peer);
    behind.send(spent(newer));
    expect(closed(behind)).toBe('closing.local');
    const { toSelfDelay } = negotiated(behind.data).remote;
    expect(claimsFrom(behind, toSelfDelay + 1).map(({ witness }) => witness.kind)).toContain('delayed');
  });

  it('still punishes a commitment that it knows to be revoked', () => {
    const pair = used();
    const revoked = commitmentOf(pair.alice).transaction.toBuffer();
    addHtlc(pair.alice, 10_000_000n, 9);
    crossSign(pair);
    const old = pair.bob.clone();
    addHtlc(pair.alice, 10_000_000n, 10);
    crossSign(pair);
    pair.bob.putBack(old);
    pair.bob.send(spent(revoked));
    expect(closed(pair.bob)).toBe('closing.revoked');
  });
});

describe('a channel that is not yet confirmed', () => {
  it.each(names)('of %s is recovered like any other', (name) => {
    const pair = new ChannelPair();
    reachConfirming(pair, { pushMsat: 100_000_000n });
    pair.disconnect();
    pair[name].loseState();
    for (const party of [pair.alice, pair.bob]) party.send({ type: 'connected' });
    pair.settle();
    expect(closed(pair[name])).toBe('fallenBehind');
    expect(closed(pair.other(pair[name]))).toBe('failed');
  });
});

/** The commitment of the peer's that a party has signed last. */
function commitmentFor(party: Party): Uint8Array {
  const { data, htlcs } = party.actor.getSnapshot().context;
  const request = remoteCommitment(negotiated(data), htlcs);
  return buildCommitment(request.parameters, request.commitmentNumber, request.keys, request.spec).transaction.toBuffer();
}
