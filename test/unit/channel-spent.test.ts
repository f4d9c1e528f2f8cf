import { Transaction } from 'bitcoinjs-lib';
import { describe, expect, it } from 'vitest';
import { negotiated } from '../../machines/channel/context.ts';
import { localCommitment } from '../../machines/channel/requests.ts';
import { buildCommitment } from '../../machines/commitment/commitment-transaction.ts';
import { encodeJson } from '../../protocols/json.ts';
import { decodeMessage } from '../../protocols/wire/messages.ts';
import { addHtlc, ChannelPair, crossSign, FUNDING_TXID, reachNormal, type Party } from '../harness/channel-pair.ts';

/** The commitment that a party holds now, unsigned: its signatures do not count for what it is. */
function commitmentOf(party: Party): Uint8Array {
  const { data, htlcs, environment } = party.actor.getSnapshot().context;
  const { parameters, commitmentNumber, keys, spec } = localCommitment(
    negotiated(data),
    htlcs,
    environment.localPoint,
    'latest',
  );
  return buildCommitment(parameters, commitmentNumber, keys, spec).transaction.toBuffer();
}

const spent = (transaction: Uint8Array, depth = 1) => ({
  type: 'fundingSpent',
  transaction,
  blockHeight: 200,
  depth,
}) as const;

function normal(): ChannelPair {
  const pair = new ChannelPair();
  reachNormal(pair);
  addHtlc(pair.alice, 10_000_000n);
  crossSign(pair);
  return pair;
}

/** Spends that outpoint with one output to that script. */
function spending(outputIndex: number, script: Uint8Array): Uint8Array {
  const transaction = new Transaction();
  transaction.addInput(FUNDING_TXID, outputIndex);
  transaction.addOutput(script, 1_000n);
  return transaction.toBuffer();
}

describe('a transaction that spends the funding output (BOLT 5)', () => {
  it.each([
    ['no transaction', Uint8Array.of(1, 2, 3)],
    ['nothing', new Uint8Array()],
    ['a transaction that spends another output', spending(7, Uint8Array.of(0x51))],
  ])('%s changes nothing', (_name, transaction) => {
    const pair = normal();
    const before = encodeJson(pair.alice.data);
    pair.alice.send(spent(transaction));
    expect(encodeJson(pair.alice.data)).toBe(before);
    expect(pair.alice.state('lifecycle')).toBe('normal');
    expect(pair.alice.state('connection')).toBe('online');
  });

  it('is told apart: the peer’s latest commitment, one that it revoked, what nobody knows', () => {
    const pair = normal();
    const revoked = commitmentOf(pair.bob);
    addHtlc(pair.alice, 20_000_000n);
    crossSign(pair);
    const latest = commitmentOf(pair.bob);
    const kinds = [latest, revoked, spending(1, Uint8Array.of(0x51))].map((transaction) => {
      const { alice } = pair.clone();
      alice.send(spent(transaction));
      return alice.state('lifecycle');
    });
    expect(kinds).toEqual(['closing.remote.current', 'closing.revoked', 'closing.unknown']);
  });

  it('is the commitment that the peer signed for us, or the one before it that it may not have revoked yet', () => {
    const pair = normal();
    const current = commitmentOf(pair.bob);
    addHtlc(pair.alice, 20_000_000n);
    pair.alice.send({ type: 'turnEnded' });
    // Signed, and nobody knows whether it arrived: either may come.
    for (const _ of [0, 1]) pair.deliverOne(pair.alice);
    const kinds = [current, commitmentOf(pair.bob)].map((transaction) => {
      const { alice } = pair.clone();
      alice.send(spent(transaction));
      return alice.state('lifecycle');
    });
    expect(kinds).toEqual(['closing.remote.current', 'closing.remote.next']);
  });

  it('is no mutual close for paying to the peer’s shutdown script, if it is a commitment by its marks', () => {
    const pair = normal();
    pair.bob.send({ type: 'close', scriptpubkey: undefined, feeratePerKw: 1_000 });
    pair.settle();
    const commitment = Transaction.fromBuffer(commitmentOf(pair.bob));
    commitment.outs = [{ script: pair.bob.data.localShutdownScript, value: 1_000n }];
    pair.alice.send(spent(commitment.toBuffer()));
    expect(pair.alice.state('lifecycle')).toBe('closing.ahead');
  });

  it('ends the talk: the peer is told, nothing of its is heard any more, and nothing is revoked or signed', () => {
    const pair = normal();
    addHtlc(pair.alice, 5_000_000n);
    pair.alice.send(spent(commitmentOf(pair.bob)));
    expect(pair.alice.state('connection')).toBe('refusing');
    expect(pair.alice.data.failure).toMatchObject({ code: 'funding_spent', by: 'remote' });
    const lastMessage = () => decodeMessage(pair.alice.outbox.at(-1)!).type;
    expect(lastMessage()).toBe('error');
    // A peer that goes on all the same: it signs a next commitment of ours.
    const hostile = pair.bob.clone();
    hostile.send({ type: 'removeHtlc', id: 0n, removal: { kind: 'failed', reason: new Uint8Array(256) } });
    hostile.send({ type: 'turnEnded' });
    const before = encodeJson(pair.alice.data);
    const said = pair.alice.outbox.length;
    for (const bytes of hostile.outbox) pair.alice.send({ type: 'message', message: decodeMessage(bytes) });
    pair.alice.send({ type: 'turnEnded' });
    expect(encodeJson(pair.alice.data)).toBe(before);
    expect(pair.alice.outbox).toHaveLength(said);
    // On the next connection only whoever asks is told, since some hang up on any error; and two that both see the end fall silent.
    for (const type of ['disconnected', 'connected'] as const) for (const party of [pair.alice, pair.bob]) party.send({ type });
    expect(pair.alice.outbox).toHaveLength(said);
    const reestablish = decodeMessage(pair.bob.outbox.at(-1)!);
    expect(reestablish.type).toBe('channel_reestablish');
    pair.alice.send({ type: 'message', message: reestablish });
    expect(pair.alice.outbox).toHaveLength(said + 1);
    expect(lastMessage()).toBe('error');
    pair.alice.send({ type: 'message', message: decodeMessage(pair.alice.outbox.at(-1)!) });
    expect(pair.alice.outbox).toHaveLength(said + 1);
  });

  it('that a reorg takes out again is noted, and the channel stays closing', () => {
    const pair = normal();
    const transaction = commitmentOf(pair.bob);
    pair.alice.send(spent(transaction));
    expect(pair.alice.data.fundingSpend).toBeDefined();
    pair.alice.send(spent(transaction, 0));
    expect(pair.alice.data.fundingSpend).toBeUndefined();
    expect(pair.alice.state('lifecycle')).toBe('closing.remote.current');
    expect(pair.alice.told('broadcastTransaction')).toMatchObject([{ transaction }]);
    expect(pair.alice.told('channelFailed')).toHaveLength(1);
  });

  it('leaves dust that stood in it to the miners, and what was not yet in it in a balance', () => {
    const pair = normal();
    addHtlc(pair.alice, 200_000n);
    const early = pair.clone().alice;
    early.send({ type: 'turnEnded' });
    crossSign(pair);
    const worth = [early, pair.alice].map((alice) => {
      alice.send(spent(commitmentOf(alice)));
      return alice.data.outputs.filter(({ kind }) => kind === 'no_output').map(({ amountSat }) => amountSat);
    });
    expect(worth).toEqual([[0n], [200n]]);
  });
});
