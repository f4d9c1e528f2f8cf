import { Transaction } from 'bitcoinjs-lib';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChainUnavailableError } from '../../src/chain/errors.ts';
import type { Block, Chain } from '../../src/chain/chain.ts';
import { Funding } from '../../src/node/funding.ts';
import { benches, benchWith, Remote } from './node-bench.ts';
import { noteLog } from './node-kit.ts';
import { foreignScript, foreignTransaction, newWallet, TestChain } from './wallet-fixtures.ts';

const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
beforeEach(() => {
  benches.length = 0;
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  await setImmediate();
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

/** A wallet with one coin of 1,000,000 sat, and a chain that takes what it is told to take. */
function setUp(reserveSat?: () => bigint) {
  const wallet = newWallet(undefined, 3, reserveSat);
  const blocks = new TestChain();
  const deposit = foreignTransaction([{ script: wallet.newAddress().script, amountSat: 1_000_000n }]);
  wallet.handleChainEvent(blocks.mine());
  wallet.handleChainEvent(blocks.mine([deposit]));
  const events: unknown[] = [];
  const offered: string[] = [];
  const fate = { refuse: undefined as Error | undefined };
  const chain = {
    broadcast: (transaction: Transaction) => {
      offered.push(transaction.getId());
      return fate.refuse === undefined ? Promise.resolve() : Promise.reject(fate.refuse);
    },
  } as unknown as Chain;
  const { logger, lines } = noteLog();
  const submit = (channelIndex: number, event: unknown): void => void events.push([channelIndex, event]);
  const funding = new Funding({ wallet, chain, logger, submit });
  const block = (...transactions: Transaction[]): void => funding.blockConnected({ transactions } as unknown as Block);
  return { wallet, blocks, deposit, funding, events, offered, fate, lines, block };
}

/** A transaction that spends an output. */
function spending(transaction: Transaction, index = 0, amountSat = 900_000n): Transaction {
  return foreignTransaction([{ script: foreignScript, amountSat }], [{ transaction, index }]);
}

const request = { type: 'fundChannel', amountSat: 500_000n, script: foreignScript, feeratePerKw: 1_000 } as const;

describe('the coins of an opening', () => {
  it('are reserved for it, spent by its broadcast and free after its end', () => {
    const { wallet, funding, events, offered } = setUp();
    funding.fund(3, request);
    const [[index, ready]] = events as [[number, { transaction: Uint8Array; txid: Uint8Array; outputIndex: number }]];
    expect(index).toBe(3);
    const transaction = Transaction.fromBuffer(ready.transaction);
    expect(transaction.outs[ready.outputIndex]).toMatchObject({ value: 500_000n });
    expect(wallet.balance()).toMatchObject({ confirmedSat: 0n, reservedSat: 1_000_000n });
    funding.release(3);
    expect(wallet.balance()).toMatchObject({ confirmedSat: 1_000_000n, reservedSat: 0n });
    funding.fund(4, request);
    const [, [, again]] = events as [unknown, [number, { transaction: Uint8Array }]];
    funding.broadcastFunding(again.transaction);
    expect(offered).toEqual([Transaction.fromBuffer(again.transaction).getId()]);
    expect(wallet.balance()).toMatchObject({ confirmedSat: 0n, reservedSat: 0n });
  });

  it('that do not suffice are said so', () => {
    const { funding, events } = setUp();
    funding.fund(3, { ...request, amountSat: 2_000_000n });
    expect(events).toEqual([[3, { type: 'fundingUnavailable', reason: expect.stringContaining('sat') }]]);
  });

  it('are free after a restart that the opening did not survive', () => {
    const { wallet, funding } = setUp();
    funding.fund(3, request);
    funding.releaseAllBut((index) => index === 3);
    expect(wallet.balance().reservedSat).toBe(1_000_000n);
    funding.releaseAllBut(() => false);
    expect(wallet.balance().reservedSat).toBe(0n);
  });

  it('are those of a withdrawal being made, too', () => {
    const { wallet, funding } = setUp();
    const outputs = [{ script: foreignScript, amountSat: 1_000n }];
    wallet.fundTransaction({ outputs, feeratePerKw: 1_000, reference: 'withdraw-1' });
    funding.releaseAllBut(() => true);
    expect(wallet.balance().reservedSat).toBe(0n);
  });

  it('leave the fee reserve, the new channel counted, and say so otherwise', () => {
    const { funding, events } = setUp(() => 10_000n);
    funding.fund(3, { ...request, amountSat: 995_000n });
    expect(events).toEqual([[3, { type: 'fundingUnavailable', reason: expect.stringContaining('keeps 10000 sat') }]]);
    funding.fund(4, { ...request, amountSat: 980_000n });
    expect(events[1]).toMatchObject([4, { type: 'fundingReady' }]);
  });
});

describe('what waits for a block', () => {
  it('is offered again with each until a block spends the same, whether the chain refused it or was away', async () => {
    const { funding, fate, offered, block, lines, deposit } = setUp();
    const ending = spending(deposit);
    fate.refuse = new ChainUnavailableError('the chain is away');
    funding.broadcastEnding(ending);
    funding.broadcastEnding(ending);
    await setImmediate();
    expect(lines).toHaveLength(2);
    fate.refuse = undefined;
    block();
    block(foreignTransaction([{ script: foreignScript, amountSat: 1n }]));
    expect(offered).toEqual(Array.from({ length: 4 }, () => ending.getId()));
    block(spending(deposit, 0, 1_000n));
    block();
    expect(offered).toHaveLength(4);
  });

  it('is given up when it was refused for a day', () => {
    const { funding, fate, offered, block, deposit } = setUp();
    fate.refuse = new Error('missing inputs');
    funding.broadcastEnding(spending(deposit));
    for (let i = 0; i < 500; i++) block();
    expect(offered).toHaveLength(144);
  });

  it('is the funding transaction too', () => {
    const { funding, events, offered, block } = setUp();
    funding.fund(0, request);
    const [[, ready]] = events as [[number, { transaction: Uint8Array }]];
    funding.broadcastFunding(ready.transaction);
    block();
    expect(offered).toHaveLength(2);
  });
});

describe('a peer that names a coin of the wallet as the funding of its channel', () => {
  it('does not make the wallet believe that it is spent', () => {
    const { wallet, funding, deposit, block } = setUp();
    const bench = benchWith('mallory');
    const mallory = new Remote(bench, { name: 'mallory' });
    mallory.reachConfirming({ outpoint: { txid: deposit.getHash(), outputIndex: 0 } });
    bench.receive('mallory', { type: 'error', channelId: mallory.data.channelId!, data: new Uint8Array() });
    const [commitment] = bench.broadcasts;
    expect(commitment?.ins[0]).toMatchObject({ hash: deposit.getHash(), index: 0 });
    const before = wallet.balance();
    funding.broadcastEnding(commitment!);
    block();
    expect(wallet.balance()).toEqual(before);
    expect(wallet.balance().confirmedSat).toBe(1_000_000n);
    expect(wallet.unconfirmedTransactions()).toEqual([]);
  });
});
