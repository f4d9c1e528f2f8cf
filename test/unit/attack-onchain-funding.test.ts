import { Transaction } from 'bitcoinjs-lib';
import { afterEach, describe, expect, it } from 'vitest';
import { obscureCommitmentNumber } from '../../machines/commitment/commitment-number.ts';
import { Bench, benches, benchWith, Remote } from './node-bench.ts';

/*
 * A stranger names an output as the funding of its channel that is none: one of somebody else's, or one of its own that
 * pays something else. Nothing is at stake in such a channel, so nothing of it may cost anything: neither the wallet's
 * coins, for the fee of a commitment that can never be in a block, nor an alarm, nor a place in memory.
 */

afterEach(() => {
  for (const database of new Set(benches.splice(0).map((bench) => bench.database))) database.close();
});

/** A transaction that has nothing to do with the channel. */
function foreign(): Transaction {
  const transaction = new Transaction();
  transaction.version = 2;
  transaction.addInput(new Uint8Array(32).fill(9), 0);
  transaction.addOutput(Uint8Array.of(0x51), 1_000_000n);
  return transaction;
}

function spending(funding: Transaction, locktime = 0, sequence = 0xffffffff): Transaction {
  const transaction = new Transaction();
  transaction.version = 2;
  transaction.locktime = locktime;
  transaction.addInput(funding.getHash(), 0, sequence);
  transaction.addOutput(Uint8Array.of(0x51), 999_000n);
  return transaction;
}

/** A channel in which we are given half of what is not there. */
function named(funding: Transaction): { readonly bench: Bench; readonly alice: Remote } {
  const bench = benchWith('alice');
  const alice = new Remote(bench, { fundingSatoshis: 1_000_000n });
  alice.reachConfirming({ pushMsat: 500_000_000n, outpoint: { txid: funding.getHash(), outputIndex: 0 } });
  return { bench, alice };
}

/** What the peer does before a block holds the transaction. */
const before: Readonly<Record<string, (bench: Bench, alice: Remote) => void>> = {
  nothing: () => {},
  'an error': (bench, alice) => void bench.receive('alice', { type: 'error', channelId: alice.data.channelId!, data: new Uint8Array() }),
  'a shutdown': (_bench, alice) => {
    alice.send({ type: 'close', scriptpubkey: undefined, feeratePerKw: 1_000 });
    alice.settle();
  },
};

describe('a transaction that does not pay what it was said to pay', () => {
  it.each(Object.keys(before))('ends the channel at once, in whichever state it was: after %s', (what) => {
    const funding = foreign();
    const { bench, alice } = named(funding);
    before[what]!(bench, alice);
    const broadcasts = bench.broadcasts.length;
    bench.block({ transactions: [funding] });
    expect([...bench.channels.all()].map(({ lifecycle }) => lifecycle)).toEqual([]);
    expect(bench.store.load(0)?.data.failure?.code).toBe('wrong_funding');
    expect(bench.broadcasts).toHaveLength(broadcasts);
    expect([...bench.restarted().channels.all()]).toEqual([]);
  });
});

describe('a commitment whose funding no block holds', () => {
  it('is not brought into one at our expense, until a block holds that', () => {
    const bench = benchWith('alice');
    const alice = new Remote(bench, { fundingSatoshis: 1_000_000n });
    alice.reachConfirming({ pushMsat: 500_000_000n });
    before['an error']!(bench, alice);
    expect(bench.channelOf('alice').lifecycle).toBe('failed');
    expect(bench.channelOf('alice').bump).toBeUndefined();
    bench.block({ transactions: [alice.funding] });
    expect(bench.channelOf('alice').bump?.ownSat).toBe(500_000n);
  });
});

describe('an output that was there before, and is spent', () => {
  it('by whatever it is, ends the channel without an alarm', () => {
    const funding = foreign();
    const { bench } = named(funding);
    bench.block({ transactions: [spending(funding)] });
    expect([...bench.channels.all()].map(({ value: { lifecycle } }) => lifecycle)).toEqual([]);
  });

  it.each([0, 7])('by what has the marks of commitment %i, ends it too', (number) => {
    const funding = foreign();
    const { bench, alice } = named(funding);
    const { locktime, sequence } = obscureCommitmentNumber(
      { openerPaymentBasepoint: alice.data.local.paymentBasepoint, accepterPaymentBasepoint: alice.data.remote!.paymentBasepoint },
      number,
    );
    bench.block({ transactions: [spending(funding, locktime, sequence)] });
    expect([...bench.channels.all()].map(({ value: { lifecycle } }) => lifecycle)).toEqual([]);
  });
});
