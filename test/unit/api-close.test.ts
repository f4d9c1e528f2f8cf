import { Transaction } from 'bitcoinjs-lib';
import { afterEach, describe, expect, it } from 'vitest';
import type { NodeEvent } from '../../src/api/events.ts';
import { channelBalances } from '../../src/node/api/channel-balances.ts';
import { ChannelEvents } from '../../src/node/channel-events.ts';
import { shown, world } from './api-node-kit.ts';
import { type Bench, benches, preimage, type Remote } from './node-bench.ts';

afterEach(() => void (benches.length = 0));

const code = (name: string, message = /./) => expect.objectContaining({
  code: name,
  message: expect.stringMatching(message),
});

describe('a close by force', () => {
  it('puts our commitment on the chain and answers with its txid', async () => {
    const here = world();
    const { closingTxid, state } = await here.close({ force: true });
    expect(here.bench.broadcasts.map((transaction) => transaction.getId())).toEqual([closingTxid]);
    expect(state).toBe('failed');
    const { pending, detail, summary } = await shown(here);
    expect(pending.channels).toMatchObject([
      {
        state: 'failed',
        closing: { kind: 'local', txid: closingTxid, confirmations: 0, sinceMs: here.bench.clock.now() },
        reason: { by: 'local', code: 'force_close' },
      },
    ]);
    expect(pending.totals).toEqual({ limboSat: 300_000n, recoveredSat: 0n, lostSat: 0n, feesSat: 0n });
    expect(detail.pending).toEqual(pending.channels[0]);
    expect(summary).toMatchObject({ limboSat: 300_000n, closing: { kind: 'local' } });
    expect(channelBalances(here.node)).toEqual({
      localMsat: 0n,
      remoteMsat: 0n,
      offeredHtlcsMsat: 0n,
      receivedHtlcsMsat: 0n,
      openingMsat: 0n,
      closingMsat: 300_000_000n,
    });
  });

  it('goes on to be followed in blocks until all is final', async () => {
    const here = world();
    const { closingTxid } = await here.close({ force: true });
    const [commitment] = here.bench.broadcasts;
    here.bench.block({ transactions: [commitment as Transaction] });
    const { pending, summary } = await shown(here);
    expect(pending).toMatchObject({
      blockHeight: here.bench.blockHeight,
      channels: [{
        state: 'closing',
        closing: { txid: closingTxid, confirmations: 1, blocksLeft: 99 },
        totals: { limboSat: 300_000n },
      }],
    });
    const toLocal = pending.channels[0]?.outputs.find(({ kind }) => kind === 'to_local');
    expect(toLocal).toMatchObject({
      outpoint: expect.stringContaining(closingTxid ?? ''),
      amountSat: 300_000n,
      waitsFor: 'delay',
      blocksLeft: 143,
    });
    expect(summary).toMatchObject({ state: 'closing', closing: { confirmations: 1 } });
  });

  it.each([
    ['while its funding waits for blocks', (alice: Remote) => alice.reachConfirming({ pushMsat: 300_000_000n })],
    ['while it shuts down', (alice: Remote) => {
      alice.reachNormal({ pushMsat: 300_000_000n });
      alice.send({ type: 'close', scriptpubkey: undefined, feeratePerKw: 1_000 });
      for (const message of alice.outbox.splice(0)) benches[0]?.receive('alice', message);
    }],
  ])('is possible %s', async (_, reach) => {
    const here = world(reach);
    const { closingTxid } = await here.close({ force: true });
    expect(here.bench.broadcasts.at(-1)?.getId()).toBe(closingTxid);
  });

  it('is refused before there is anything to close', async () => {
    const here = world((alice) => alice.propose());
    await expect(here.close({ force: true })).rejects.toEqual(code('channel_opening'));
    await expect(here.close()).rejects.toEqual(code('channel_opening'));
    expect(here.bench.broadcasts).toEqual([]);
  });

  it('is refused twice, with what closes the channel and how far it is', async () => {
    const here = world();
    const { closingTxid } = await here.close({ force: true });
    const again = code(
      'channel_closing',
      new RegExp(`our commitment transaction waits for a block \\(${closingTxid}\\)`),
    );
    await expect(here.close({ force: true })).rejects.toEqual(again);
    await expect(here.close()).rejects.toEqual(again);
    here.bench.block({ transactions: [here.bench.broadcasts[0] as Transaction] });
    await expect(here.close({ force: true })).rejects.toMatchObject({
      status: 409, code: 'channel_closing', details: { kind: 'local', txid: closingTxid, confirmations: 1 },
    });
    expect(here.bench.broadcasts).toHaveLength(1);
  });

  it('is never made of a state that is not the latest', async () => {
    const here = world();
    here.bench.disconnect('alice');
    here.bench.connect('alice');
    const { channelId } = here.bench.channelOf('alice').data;
    here.bench.receive('alice', {
      type: 'channel_reestablish',
      channelId: channelId as Uint8Array,
      nextCommitmentNumber: 9,
      nextRevocationNumber: 8,
      yourLastPerCommitmentSecret: here.bench.channelOf('alice').keys.channel.perCommitmentSecret(7, 8),
      myCurrentPerCommitmentPoint: here.alice.data.local.fundingPubkey,
    });
    await expect(here.close({ force: true })).rejects.toMatchObject({
      code: 'channel_fallen_behind',
      hint: expect.stringContaining('by an old commitment'),
    });
    expect(here.bench.broadcasts).toEqual([]);
    expect((await shown(here)).pending.channels).toMatchObject([{
      state: 'fallenBehind',
      totals: { limboSat: 300_000n },
      reason: { by: 'local', code: 'fallen_behind' },
    }]);
  });

  it('is refused of a channel that is over', async () => {
    const here = world();
    await here.close({ force: true });
    here.bench.block({ transactions: [here.bench.broadcasts[0] as Transaction] });
    const toLocal = here.bench.channelOf('alice').data.outputs.find(({ kind }) => kind === 'to_local');
    const sweep = new Transaction();
    sweep.addInput(toLocal?.outpoint?.txid as Uint8Array, toLocal?.outpoint?.outputIndex ?? 0);
    sweep.setWitness(0, [new Uint8Array(72), new Uint8Array(), toLocal?.witnessScript as Uint8Array]);
    sweep.addOutput(Uint8Array.of(0x51), 299_000n);
    for (let n = 0; n < 144; n++) here.bench.block();
    here.bench.block({ transactions: [sweep] });
    for (let n = 0; n < 100; n++) here.bench.block();
    await expect(here.close({ force: true })).rejects.toEqual(code('channel_closed', /closed/));
    const { pending, detail } = await shown(here);
    expect(pending.channels).toEqual([]);
    expect(detail).toMatchObject({
      state: 'closed',
      pending: { text: 'closed by our commitment transaction', totals: { limboSat: 0n } },
    });
  });
});

describe('a close together with the peer', () => {
  it('says what it would cost not to wait for a peer that is away', async () => {
    const here = world();
    here.bench.disconnect('alice');
    const answer = await here.close();
    expect(answer).toMatchObject({ state: 'shuttingDown', ifForced: { delayBlocks: 144, feeSat: 0n } });
    expect(answer.closingTxid).toBeUndefined();
    await expect(here.close()).rejects.toMatchObject({
      code: 'channel_closing',
      message: expect.stringContaining('the peer is offline'),
      hint: expect.stringContaining('--force'),
    });
    expect((await here.close({ force: true })).closingTxid).toBe(here.bench.broadcasts[0]?.getId());
  });

  it('says nothing of that while the peer is there', async () => {
    expect((await world().close()).ifForced).toBeUndefined();
  });
});

describe('what is pending beside channels', () => {
  it('are HTLCs that expire soon, and alarms with their channels', async () => {
    const here = world();
    here.alice.offer(1);
    here.alice.settle();
    here.node.alarms.raise('no_fee_coins', 'x', { message: 'fund the wallet', channelIndex: 0 });
    here.node.alarms.raise('fee_reserve_low', '', { message: 'little is left' });
    here.bench.blockHeight = 480;
    const { pending } = await shown(here);
    expect(pending).toMatchObject({
      channels: [],
      deadlines: [{ channelId: here.channel, direction: 'received', cltvExpiry: 500, blocksLeft: 20 }],
      alarms: [
        { code: 'no_fee_coins', message: 'fund the wallet', channelId: here.channel },
        { code: 'fee_reserve_low', message: 'little is left' },
      ],
    });
  });
});

describe('events of outputs', () => {
  it('tell each output that comes or changes, once, and after a restart only what is new', async () => {
    const here = world();
    here.alice.offer(1);
    here.alice.settle();
    const { bench } = here;
    const live = (): ReturnType<Bench['channelOf']> => bench.channelOf('alice');
    let events = new ChannelEvents(bench.channels.all());
    const told = (): NodeEvent[] =>
      events.of(live(), live().value, new Map(), 5).filter(({ type }) => type === 'output');
    expect(told()).toEqual([]);
    await here.close({ force: true });
    bench.block({ transactions: [bench.broadcasts[0] as Transaction] });
    const first = told();
    const txid = bench.broadcasts[0]?.getId();
    const rows = live().data.outputs;
    expect(first).toHaveLength(rows.length);
    expect(first).toContainEqual({
      type: 'output', timeMs: 5, channelId: here.channel, kind: 'to_local', state: 'waiting', amountSat: 300_000n,
      outpoint: `${txid}:${rows.find(({ kind }) => kind === 'to_local')?.outpoint?.outputIndex}`,
    });
    expect(told()).toEqual([]);
    // The preimage of the HTLC is learnt.
    events = new ChannelEvents(bench.channels.all());
    bench.run((turn) => turn.dispatch({
      to: 'channel', channelIndex: 0, event: {
        type: 'removeHtlc',
        id: 0n,
        removal: { kind: 'fulfilled', paymentPreimage: preimage(1) },
      },
    }));
    expect(told()).toMatchObject([{ kind: 'htlc', state: 'claimable', amountSat: 10_000n }]);
    bench.unblock();
    expect(told().map((event) => 'state' in event && event.state)).toContain('unconfirmed');
  });
});
