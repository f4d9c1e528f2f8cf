import { Transaction } from 'bitcoinjs-lib';
import { afterEach, describe, expect, it } from 'vitest';
import { negotiated } from '../../machines/channel/context.ts';
import { localCommitment } from '../../machines/channel/requests.ts';
import { buildCommitment } from '../../machines/commitment/commitment-transaction.ts';
import type { Output } from '../../src/api/contract.ts';
import { signerOf } from '../harness/channel-pair.ts';
import { shown, world, type World } from './api-node-kit.ts';
import { benches, preimage, type Remote } from './node-bench.ts';

afterEach(() => void (benches.length = 0));

type Detail = Output<'channel'>;
const detailOf = async (here: World): Promise<Detail> => (await shown(here)).detail;

/** Alice's latest commitment, as she would broadcast it. */
function commitmentOf({ data, context }: Remote): Transaction {
  const own = localCommitment(negotiated(data), context.htlcs, (number) => signerOf('alice').channel(0).perCommitmentPoint(number), 'latest');
  return buildCommitment(own.parameters, own.commitmentNumber, own.keys, own.spec).transaction;
}

/** An HTLC of alice's that stands in both commitments. */
function withHtlc(amountMsat?: bigint): World {
  const here = world();
  here.alice.offer(1, amountMsat);
  here.alice.settle();
  return here;
}

const trace = ({ why }: Detail): string[] => why?.evidence.map(({ text }) => text) ?? [];

/** Each entry that is named as evidence is one of the journal's, in order. */
async function expectEvidence(here: World, detail: Detail): Promise<void> {
  const sequences = detail.why?.evidence.flatMap(({ sequence }) => sequence ?? []) ?? [];
  expect(sequences.length).toBeGreaterThan(0);
  expect(sequences.toSorted((a, b) => a - b)).toEqual(sequences);
  const last = here.bench.store.journalHead(0)?.length ?? 0;
  expect(sequences.every((sequence) => sequence < last)).toBe(true);
}

describe('the commitments of a channel', () => {
  it('show outputs that with the fee make up the capacity, and are those of the transaction that a forced close broadcasts', async () => {
    const here = withHtlc();
    const { commitments } = await detailOf(here);
    for (const side of [commitments?.local, commitments?.remote]) {
      const outputsSat = side?.outputs.reduce((sum, { amountSat }) => sum + amountSat, 0n) ?? 0n;
      expect(outputsSat + (side?.feeSat ?? 0n)).toBe(1_000_000n);
      expect(side?.outputs.map(({ index }) => index)).toEqual(side?.outputs.map((_, index) => index));
    }
    expect(commitments?.remote.txid).toBe(commitmentOf(here.alice).getId());
    const { closingTxid } = await here.close({ force: true });
    expect(commitments?.local.txid).toBe(closingTxid);
    expect(here.bench.broadcasts[0]?.outs.map(({ value }) => value)).toEqual(commitments?.local.outputs.map(({ amountSat }) => amountSat));
  });

  it('say in words who can spend each output, as this node sees it', async () => {
    const { commitments } = await detailOf(withHtlc());
    const words = (side: 'local' | 'remote') => Object.fromEntries(commitments?.[side].outputs.map(({ kind, words: text }) => [kind, text]) ?? []);
    expect(words('local')).toEqual({
      to_local: 'ours: we can spend it after 144 blocks; with the revocation secret the peer can at once',
      to_remote: "the peer's: the peer can spend it after 1 block",
      local_anchor: 'ours, to raise the fee with: we can spend it at once, anybody after 16 blocks',
      remote_anchor: "the peer's, to raise the fee with: the peer can spend it at once, anybody after 16 blocks",
      received_htlc:
        'we can take it with the preimage, by our HTLC-success transaction, whose output rests 144 blocks; from height 500 on the peer can; ' +
        'with the revocation secret the peer can at once',
    });
    expect(words('remote')).toMatchObject({
      to_local: "the peer's: the peer can spend it after 144 blocks; with the revocation secret we can at once",
      to_remote: 'ours: we can spend it after 1 block',
      offered_htlc:
        'we can take it with the preimage; from height 500 on the peer can, by its HTLC-timeout transaction, whose output rests 144 blocks; ' +
        'with the revocation secret we can at once',
    });
    expect(commitments?.local.outputs.find(({ kind }) => kind === 'received_htlc')).toMatchObject({ htlcId: 0n, cltvExpiry: 500, amountSat: 10_000n });
  });

  it('count HTLCs that are too small for an output', async () => {
    const { commitments } = await detailOf(withHtlc(100_000n));
    expect(commitments).toMatchObject({ local: { numReceivedHtlcs: 1, numTrimmed: 1 }, remote: { numOfferedHtlcs: 1, numTrimmed: 1 } });
    expect(commitments?.local.outputs.some(({ htlcId }) => htlcId !== undefined)).toBe(false);
  });

  it('are there as well once the channel is over', async () => {
    const here = withHtlc();
    const before = (await detailOf(here)).commitments;
    await here.close({ force: true });
    here.bench.block({ transactions: [here.bench.broadcasts[0]!] });
    expect((await detailOf(here)).commitments).toEqual(before);
  });
});

describe('why a channel ended', () => {
  it('is the user, who wanted it without the peer', async () => {
    const here = world();
    const { closingTxid } = await here.close({ force: true });
    here.bench.block({ transactions: [here.bench.broadcasts[0]!] });
    const detail = await detailOf(here);
    expect(detail.why?.text).toBe('This node was told to close the channel without its peer.');
    expect(trace(detail)).toEqual([
      'this node was told to close the channel without its peer',
      'block 103 holds the transaction that spends the funding',
    ]);
    expect(detail.why?.evidence[1]?.txid).toBe(closingTxid);
    await expectEvidence(here, detail);
  });

  it('is the user, who wanted it together with the peer', async () => {
    const here = world();
    const at = here.bench.left.length;
    await here.close();
    const waiting = await detailOf(here);
    expect(waiting.why?.text).toBe(
      'This node was told to close the channel together with its peer, and it closes as soon as its HTLCs are settled and both have signed.',
    );
    here.alice.settle(at);
    const detail = await detailOf(here);
    expect(detail).toMatchObject({ state: 'closing', closing: { kind: 'mutual' } });
    expect(detail.why?.text).toBe('This node was told to close the channel together with its peer, and both signed a transaction that closes it.');
    expect(trace(detail)[0]).toBe('this node was told to close the channel together with its peer');
    await expectEvidence(here, detail);
  });

  it('is the peer, which asked to close it', async () => {
    const here = world();
    here.alice.send({ type: 'close', scriptpubkey: undefined, feeratePerKw: 1_000 });
    here.alice.settle();
    const detail = await detailOf(here);
    expect(detail.why?.text).toBe('The peer asked to close the channel, and both signed a transaction that closes it.');
    expect(trace(detail)[0]).toBe('the peer sent shutdown');
  });

  it("is the peer's error, of which only printable characters are shown", async () => {
    const here = world();
    const { channelId } = here.alice.data;
    here.bench.receive('alice', { type: 'error', channelId: channelId!, data: new TextEncoder().encode('<b>out of\u001b money</b>') });
    const detail = await detailOf(here);
    expect(detail.why?.text).toBe('The peer ended the channel with an error, saying: <b>out of? money</b>.');
    expect(trace(detail)).toEqual(['the peer sent an error: <b>out of? money</b>']);
    await expectEvidence(here, detail);
  });

  it('is a rule that the peer broke, shown by its message', async () => {
    const here = world();
    here.bench.disconnect('alice');
    here.bench.connect('alice');
    here.bench.receive('alice', {
      type: 'channel_reestablish',
      channelId: here.alice.data.channelId!,
      nextCommitmentNumber: 9,
      nextRevocationNumber: 0,
      yourLastPerCommitmentSecret: new Uint8Array(32),
      myCurrentPerCommitmentPoint: here.alice.data.local.fundingPubkey,
    });
    const detail = await detailOf(here);
    const reason = 'expected next_commitment_number 1, got 9';
    expect(detail.why?.text).toBe(`The peer broke a rule of the protocol (reestablish_commitment_number): ${reason}.`);
    expect(trace(detail)).toEqual([`the peer's channel_reestablish: ${reason}`]);
    await expectEvidence(here, detail);
  });

  it('is a deadline, with the block at which it passed', async () => {
    const here = withHtlc();
    here.bench.run((turn) =>
      turn.dispatch({ to: 'channel', channelIndex: 0, event: { type: 'removeHtlc', id: 0n, removal: { kind: 'fulfilled', paymentPreimage: preimage(1) } } }),
    );
    here.bench.run((turn) => turn.dispatch({ to: 'channel', channelIndex: 0, event: { type: 'blockConnected', height: 482, transactions: [] } }));
    const detail = await detailOf(here);
    const reason = 'the peer has not removed HTLC 0, which we fulfilled and which expires at height 500; it is 482 now';
    expect(detail.why?.text).toBe(`An HTLC had to be brought to the chain in time: ${reason}.`);
    expect(trace(detail)).toEqual([`at height 482: ${reason}`]);
    await expectEvidence(here, detail);
  });

  it('is a cheat, with the message that had revoked what was broadcast', async () => {
    const here = world();
    const old = commitmentOf(here.alice);
    here.alice.offer(1);
    here.alice.settle();
    here.bench.block({ transactions: [old] });
    const detail = await detailOf(here);
    expect(detail.why?.text).toBe('The peer cheated: it broadcast its commitment 0, which it had revoked, and all of it is taken from it.');
    expect(trace(detail)).toEqual([
      "the peer's revoke_and_ack gave the secret of its commitment 0",
      'block 103 holds the transaction that spends the funding',
    ]);
    expect(detail.why?.evidence[1]?.txid).toBe(old.getId());
    await expectEvidence(here, detail);
  });

  it("is the peer's commitment, where it went to the chain by itself", async () => {
    const here = world();
    here.bench.block({ transactions: [commitmentOf(here.alice)] });
    expect((await detailOf(here)).why?.text).toBe(
      "The channel was ended on chain without an agreement, by the peer's commitment transaction.",
    );
  });

  it('is nothing to ask of a channel that is open', async () => {
    const detail = await detailOf(world());
    expect(detail.why).toBeUndefined();
    expect(detail.closingTree).toBeUndefined();
  });
});

type TreeNode = NonNullable<Detail['closingTree']>;

/** The nodes of a tree, the outermost first. */
const nodesOf = (node: TreeNode): TreeNode[] => [node, ...node.children.flatMap(nodesOf)];

describe('the tree of closing transactions', () => {
  it('leads from the funding over our commitment to what spends its outputs', async () => {
    const here = withHtlc();
    const { closingTxid } = await here.close({ force: true });
    const waiting = (await detailOf(here)).closingTree;
    expect(waiting).toMatchObject({
      kind: 'transaction',
      what: 'funding transaction',
      amountSat: 1_000_000n,
      confirmations: 2,
      isOurs: false,
      text: 'paid for by the peer',
      children: [{ what: 'our commitment transaction', txid: closingTxid, confirmations: 0, text: 'waits for a block', isOurs: true }],
    });
    here.bench.block({ transactions: [here.bench.broadcasts[0]!] });
    const { closingTree: tree, commitments } = await detailOf(here);
    const [closing] = tree?.children ?? [];
    expect(closing).toMatchObject({ confirmations: 1, blockHeight: here.bench.blockHeight, confirmationsNeeded: 100, blocksLeft: 99, text: '1 of 100 confirmations' });
    // Every output of the transaction is there, in its order.
    expect(closing?.children.map(({ outpoint, amountSat }) => [outpoint, amountSat])).toEqual(
      commitments?.local.outputs.map(({ index, amountSat }) => [`${closingTxid}:${index}`, amountSat]),
    );
    const whats = closing?.children.map(({ what, isOurs }) => [what, isOurs]) ?? [];
    expect(whats).toContainEqual(['our balance', true]);
    expect(whats).toContainEqual(["the peer's balance", false]);
    expect(whats).toContainEqual(["the peer's anchor", false]);
    expect(whats).toContainEqual(['HTLC 0 offered to us', false]);
    expect(closing?.amountSat).toBe(1_000_000n - (closing?.feeSat ?? 0n));
  });

  it('shows the sweep of our balance, and counts its confirmations', async () => {
    const here = world();
    await here.close({ force: true });
    here.bench.block({ transactions: [here.bench.broadcasts[0]!] });
    const toLocal = here.bench.channelOf('alice').data.outputs.find(({ kind }) => kind === 'to_local');
    const sweep = new Transaction();
    sweep.addInput(toLocal?.outpoint?.txid as Uint8Array, toLocal?.outpoint?.outputIndex ?? 0);
    sweep.setWitness(0, [new Uint8Array(72), new Uint8Array(), toLocal?.witnessScript as Uint8Array]);
    sweep.addOutput(Uint8Array.of(0x51), 299_000n);
    for (let n = 0; n < 144; n++) here.bench.block();
    here.bench.block({ transactions: [sweep] });
    here.bench.block();
    const { closingTree: tree } = await detailOf(here);
    const taken = nodesOf(tree!).find(({ txid, kind }) => kind === 'transaction' && txid === sweep.getId());
    expect(taken).toMatchObject({ what: 'our transaction, to the wallet', confirmations: 2, isOurs: true, blockHeight: here.bench.blockHeight - 1, children: [] });
  });

  it("shows a cheater's commitment, with the deadlines until which it is taken", async () => {
    const here = world();
    const old = commitmentOf(here.alice);
    here.alice.offer(1);
    here.alice.settle();
    here.bench.block({ transactions: [old] });
    const [closing] = (await detailOf(here)).closingTree?.children ?? [];
    expect(closing).toMatchObject({ txid: old.getId(), isOurs: false, what: 'a commitment transaction that the peer had revoked: all of it is ours' });
    expect(closing?.children.find(({ what }) => what === "the cheater's balance")).toMatchObject({
      isOurs: true,
      deadline: here.bench.blockHeight + 144,
    });
  });

  it('shows what a mutual close pays to whom', async () => {
    const here = world();
    const at = here.bench.left.length;
    await here.close();
    here.alice.settle(at);
    const [closing] = (await detailOf(here)).closingTree?.children ?? [];
    expect(closing).toMatchObject({ what: 'the transaction that both signed', isOurs: true, confirmations: 0 });
    expect(closing?.children.map(({ what, isOurs, text }) => [what, isOurs, text]).sort()).toEqual([
      ['our balance', true, 'goes to the wallet'],
      ["the peer's balance", false, 'not ours: this node does not follow it'],
    ]);
  });
});
