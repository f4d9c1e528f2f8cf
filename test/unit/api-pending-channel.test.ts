import { Transaction } from 'bitcoinjs-lib';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { negotiated } from '../../machines/channel/context.ts';
import { localCommitment } from '../../machines/channel/requests.ts';
import { buildCommitment, type BuiltCommitment } from '../../machines/commitment/commitment-transaction.ts';
import { pendingChannel } from '../../src/api/contract/pending-types.ts';
import { deadlinesOf } from '../../src/node/api/pending-api.ts';
import {
  noTotals,
  pendingView,
  totalsOf,
  type Here,
  type PendingView,
} from '../../src/node/api/pending-channel-view.ts';
import { displayTxid } from '../../src/sweep/sweep.ts';
import type { LiveChannel } from '../../src/channels/live-channel.ts';
import {
  addHtlc,
  ChannelPair,
  confirm,
  crossSign,
  fundingDepth,
  preimageOf,
  reachConfirming,
  reachNormal,
  type Party,
} from '../harness/channel-pair.ts';

const depths = { reasonableDepth: 6, irrevocableDepth: 100 };
const here = (height: number, changes: Partial<Here> = {}): Here => ({
  height,
  depths,
  sweepOf: () => undefined,
  isPostponed: () => false,
  feeOf: () => undefined,
  ...changes,
});

function ownOf(party: Party): BuiltCommitment | undefined {
  const { data, htlcs, environment } = party.actor.getSnapshot().context;
  if (data.localSignatures === undefined) return undefined;
  const {
    parameters,
    commitmentNumber,
    keys,
    spec,
  } = localCommitment(negotiated(data), htlcs, environment.localPoint, 'latest');
  return buildCommitment(parameters, commitmentNumber, keys, spec);
}

/** Valid by the schema whatever else is wanted of it. */
function look(party: Party, height: number, changes: Partial<Here> = {}): PendingView {
  const { value, context } = party.actor.getSnapshot();
  const { data, htlcs } = context;
  const snapshot = { value, data } as Parameters<typeof pendingView>[0]['snapshot'];
  const seen = pendingView(
    { snapshot, htlcs, own: ownOf(party), sinceMs: () => 1_234, alias: 'bob', error: undefined },
    here(height, changes),
  );
  expect(z.decode(pendingChannel, z.encode(pendingChannel, seen.view))).toEqual(seen.view);
  return seen;
}

const spent = (party: Party, transaction: Transaction, blockHeight: number): void =>
  party.send({ type: 'fundingSpent', transaction: transaction.toBuffer(), blockHeight, depth: 1 });

function blocks(party: Party, from: number, to: number, transactions: readonly Uint8Array[] = []): void {
  for (let height = from; height <= to; height++) party.send({
    type: 'blockConnected',
    height,
    transactions: height === from ? transactions : [],
  });
}

/** Alice opened it with 1,000,000 sat and pushed 400,000. */
function normal(): ChannelPair {
  const pair = new ChannelPair();
  reachNormal(pair, { pushMsat: 400_000_000n });
  return pair;
}

describe('a channel that opens', () => {
  it('counts its confirmations, and then waits for the peer', () => {
    const pair = new ChannelPair();
    reachConfirming(pair);
    expect(look(pair.alice, 100).view).toMatchObject({
      state: 'confirming',
      text: 'opening: 0 of 3 confirmations',
      confirmations: 0,
      confirmationsNeeded: 3,
    });
    confirm(pair, 1);
    expect(look(pair.alice, 102).view).toMatchObject({ text: 'opening: 2 of 3 confirmations', totals: noTotals });
    pair.disconnect();
    pair.alice.send(fundingDepth(pair, 3));
    const text = 'opening: deep enough, waiting for the peer to say so too; the peer is offline';
    expect(look(pair.alice, 103).view.text).toBe(text);
  });
});

describe('a channel that closes together', () => {
  it('counts HTLCs, then confirmations of the transaction that both signed; its money is in limbo, then back', () => {
    const pair = normal();
    addHtlc(pair.alice, 10_000_000n);
    crossSign(pair);
    pair.alice.send({ type: 'close', scriptpubkey: undefined, feeratePerKw: 1_000 });
    pair.settle();
    expect(look(pair.alice, 110).view).toMatchObject({
      state: 'shuttingDown',
      text: 'shutting down: 1 HTLC left',
      numHtlcs: 1,
      totals: { ...noTotals, limboSat: 600_000n },
    });
    pair.bob.send({ type: 'removeHtlc', id: 0n, removal: { kind: 'fulfilled', paymentPreimage: preimageOf(1) } });
    pair.settle();
    const agreed = look(pair.alice, 110).view;
    const { feeSatoshis } = pair.alice.data.agreedClosing ?? { feeSatoshis: 0n };
    expect(agreed).toMatchObject({
      state: 'closing',
      text: 'closing by the transaction that both signed: waits for a block',
      closing: { kind: 'mutual', confirmations: 0, blocksLeft: 100, feeSat: feeSatoshis, sinceMs: 1_234 },
      totals: { ...noTotals, limboSat: 590_000n - feeSatoshis },
    });
    expect(look(pair.bob, 110).view).toMatchObject({
      closing: { txid: agreed.closing?.txid },
      totals: { limboSat: 410_000n },
    });

    const closing = pair.bob.told('broadcastClosing')[0]?.closing.parameters;
    const transaction = new Transaction();
    transaction.version = 2;
    transaction.addInput(closing?.fundingTxid as Uint8Array, closing?.fundingOutputIndex ?? 0, 0xffffffff);
    const outs = [
      [410_000n, pair.bob.data.localShutdownScript],
      [590_000n - feeSatoshis, pair.alice.data.localShutdownScript],
    ] as const;
    for (const [value, script] of outs) transaction.addOutput(script, value);
    for (const party of [pair.alice, pair.bob]) spent(party, transaction, 111);
    const alice = look(pair.alice, 120);
    expect(alice.view).toMatchObject({
      text: 'closing by the transaction that both signed: 10 of 100 confirmations',
      closing: { txid: transaction.getId(), confirmations: 10, blocksLeft: 90 },
      totals: { limboSat: 0n, recoveredSat: 590_000n - feeSatoshis, lostSat: 0n, feesSat: feeSatoshis },
    });
    expect(look(pair.bob, 120).view.totals).toEqual({ ...noTotals, recoveredSat: 410_000n });
    blocks(pair.alice, 112, 210);
    expect(look(pair.alice, 210).view).toMatchObject({
      state: 'closed',
      text: 'closed by the transaction that both signed',
      closing: { kind: 'mutual', blocksLeft: 0 },
    });
  });
});

describe('a channel that closes by our commitment', () => {
  function forced(): { pair: ChannelPair; own: BuiltCommitment } {
    const pair = normal();
    addHtlc(pair.alice, 10_000_000n, 1, { cltvExpiry: 150 });
    addHtlc(pair.alice, 100_000n, 2, { cltvExpiry: 150 });
    addHtlc(pair.bob, 20_000_000n, 3, { cltvExpiry: 160 });
    crossSign(pair);
    pair.alice.send({ type: 'forceClose' });
    return { pair, own: ownOf(pair.alice) as BuiltCommitment };
  }

  it('tells what hangs on it while it waits for a block, and the child that raises its fee', () => {
    const { pair, own } = forced();
    const bumped = { txid: 'cd'.repeat(32), feeSat: 3_000n, feeratePerKw: 2_500, firstHeight: 119 };
    const anchor = own.outputs.find(({ kind }) => kind === 'local_anchor')?.index;
    const { view } = look(
      pair.alice,
      120,
      { sweepOf: ({ outputIndex }) => (outputIndex === anchor ? bumped : undefined) },
    );
    expect(view).toMatchObject({
      state: 'failed',
      text: 'our commitment transaction waits for a block',
      closing: {
        kind: 'local',
        txid: displayTxid(own.txid),
        confirmations: 0,
        feeSat: own.feeSatoshis,
        feeratePerKw: 1_000,
        sinceMs: 1_234,
        bump: { txid: bumped.txid, feeSat: 3_000n },
      },
      reason: {
        by: 'local',
        code: 'force_close',
        text: 'ended by us: this node was told to close the channel without its peer',
      },
    });
    pair.settle();
    const said = 'ended by the peer, which says: this node was told to close the channel without its peer';
    expect(look(pair.bob, 120).view.reason).toEqual({ by: 'remote', code: 'peer_error', text: said });
    expect(view.outputs.map(({ kind, state, account }) => [kind, state, account]).sort()).toEqual([
      ['anchor', 'unconfirmed', 'none'],
      ['htlc', 'unconfirmed', 'limbo'],
      ['htlc', 'unconfirmed', 'none'],
      ['no_output', 'unconfirmed', 'lost'],
      ['to_local', 'unconfirmed', 'limbo'],
    ]);
    const toLocal = own.outputs.find(({ kind }) => kind === 'to_local')?.amountSatoshis ?? 0n;
    expect(view.totals).toEqual({ limboSat: toLocal + 10_000n, recoveredSat: 0n, lostSat: 100n, feesSat: 0n });
  });

  it('goes through its outputs to the end, and every satoshi of ours is somewhere', () => {
    const { pair, own } = forced();
    const { alice } = pair;
    const toLocal = own.outputs.find(({ kind }) => kind === 'to_local')?.amountSatoshis ?? 0n;
    const anchorsSat = 660n;
    spent(alice, own.transaction, 121);
    const total = (height: number): bigint => {
      const { limboSat, recoveredSat, lostSat, feesSat } = look(alice, height).view.totals;
      return limboSat + recoveredSat + lostSat + feesSat + anchorsSat;
    };
    const waiting = look(alice, 121).view;
    expect(waiting).toMatchObject({
      text: 'closing by our commitment transaction: 1 of 100 confirmations, 2 outputs of ours open',
      closing: { blocksLeft: 99 },
    });
    // Bob's HTLC is not ours, and 400,000 sat were given to Bob.
    expect(total(121)).toBe(600_000n);

    // Bob learns the preimage of ours and takes it.
    const htlc = alice.data.outputs.find((row) => row.kind === 'htlc' && row.htlc?.direction === 'offered');
    const claim = new Transaction();
    claim.addInput(htlc?.outpoint?.txid as Uint8Array, htlc?.outpoint?.outputIndex ?? 0);
    claim.setWitness(0, [new Uint8Array(72), preimageOf(1), htlc?.witnessScript as Uint8Array]);
    claim.addOutput(Uint8Array.of(0x51), 9_000n);
    blocks(alice, 122, 122, [claim.toBuffer()]);
    const paid = look(alice, 122).view;
    expect(paid.outputs.find(({ kind, holder }) => kind === 'htlc' && holder === 'peer')).toMatchObject({
      account: 'none',
      spendingTxid: claim.getId(),
      text: 'the peer took it with the preimage; 99 confirmations left until it is final',
    });
    expect(total(122)).toBe(590_000n);

    // Our balance, after its delay.
    const delay = alice.data.remote?.toSelfDelay ?? 0;
    blocks(alice, 123, 121 + delay);
    const row = alice.data.outputs.find(({ kind }) => kind === 'to_local');
    expect(row?.state).toBe('claimable');
    const sweep = new Transaction();
    sweep.addInput(row?.outpoint?.txid as Uint8Array, row?.outpoint?.outputIndex ?? 0, delay);
    sweep.setWitness(0, [new Uint8Array(72), new Uint8Array(), row?.witnessScript as Uint8Array]);
    sweep.addOutput(Uint8Array.of(0x51), toLocal - 500n);
    const height = 122 + delay;
    blocks(alice, height, height, [sweep.toBuffer()]);
    const swept = look(alice, height, { feeOf: (txid) => (txid === sweep.getId() ? 500n : undefined) });
    expect(swept.view.text).toBe('closing by our commitment transaction: 146 confirmations');
    expect(swept.view.totals).toMatchObject({ limboSat: 0n, recoveredSat: toLocal, lostSat: 100n });
    expect(swept.fees.get(sweep.getId())).toBe(500n);
    expect(swept.view.totals.feesSat).toBe(500n + (swept.fees.get(displayTxid(own.txid)) ?? 0n));
    expect(totalsOf([swept.view, swept.view], 7n)).toEqual({
      limboSat: 0n,
      recoveredSat: 2n * toLocal,
      lostSat: 200n,
      feesSat: 7n,
    });
  });
});

describe("a channel that closes by the peer's commitment", () => {
  it.each([
    ['current', 'remote', false],
    ['next', 'remoteNext', true],
  ] as const)('tells which: %s', (_, kind, isNext) => {
    const pair = normal();
    addHtlc(pair.alice, 10_000_000n, 1, { cltvExpiry: 150 });
    if (isNext) {
      // Bob has our signature and says nothing.
      pair.alice.send({ type: 'turnEnded' });
      pair.deliverOne(pair.alice);
      pair.deliverOne(pair.alice);
    } else crossSign(pair);
    const own = ownOf(pair.bob) as BuiltCommitment;
    spent(pair.alice, own.transaction, 130);
    const { view } = look(pair.alice, 130);
    expect(view.closing).toMatchObject({ kind, txid: displayTxid(own.txid) });
    expect(view.reason).toMatchObject({ by: 'remote', code: 'funding_spent' });
    const toRemote = own.outputs.find((output) => output.kind === 'to_remote')?.amountSatoshis ?? 0n;
    expect(view.totals.limboSat).toBe(toRemote + 10_000n);
    expect(view.totals.feesSat + toRemote + 10_000n + 660n).toBe(600_000n);
  });

  it('that was revoked: all of it is ours', () => {
    const pair = normal();
    const old = ownOf(pair.bob) as BuiltCommitment;
    addHtlc(pair.alice, 10_000_000n);
    crossSign(pair);
    spent(pair.alice, old.transaction, 130);
    const { view } = look(pair.alice, 130);
    expect(view.text).toContain('a commitment transaction that the peer had revoked: all of it is ours: 1 of 100');
    expect(view.outputs.find(({ kind }) => kind === 'revoked_to_local')).toMatchObject({
      amountSat: 400_000n,
      account: 'limbo',
      deadline: 274,
    });
    expect(view.totals.limboSat + view.totals.feesSat + 660n).toBe(1_000_000n);
  });
});

describe('HTLCs of open channels', () => {
  it('are told from 24 blocks before they expire, the nearest first', () => {
    const pair = normal();
    addHtlc(pair.alice, 10_000_000n, 1, { cltvExpiry: 150 });
    addHtlc(pair.bob, 20_000_000n, 2, { cltvExpiry: 140 });
    crossSign(pair);
    const { value, context } = pair.alice.actor.getSnapshot();
    const channel = {
      value,
      data: context.data,
      htlcs: context.htlcs,
    } as Pick<LiveChannel, 'data' | 'value' | 'htlcs'>;
    expect(deadlinesOf(channel, 115)).toEqual([]);
    const text = 'HTLC 0 offered to us expires in 24 blocks, at height 140';
    expect(deadlinesOf(channel, 116)).toMatchObject([{ text }]);
    expect(deadlinesOf(channel, 141)).toMatchObject([
      { direction: 'received', cltvExpiry: 140, blocksLeft: 0, text: 'HTLC 0 offered to us expired at height 140' },
      { direction: 'offered', amountMsat: 10_000_000n, cltvExpiry: 150, blocksLeft: 9 },
    ]);
  });
});
