import { Transaction } from 'bitcoinjs-lib';
import { afterEach, describe, expect, it } from 'vitest';
import { negotiated } from '../../machines/channel/context.ts';
import { localCommitment } from '../../machines/channel/requests.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { buildCommitment } from '../../machines/commitment/commitment-transaction.ts';
import { signedCommitment } from '../../src/runtime/channel-wire.ts';
import { signerOf } from '../harness/channel-pair.ts';
import { Bench, benches, benchWith, hashAt, idOf, preimage, Remote } from './node-bench.ts';

/*
 * A peer that broadcasts a commitment which it has revoked, and times what it says so that this node should not know what stands in it (BOLT 5,
 * "Revoked Transaction Close Handling").
 */

const ANCHOR_SAT = 330n;
const AMOUNT_MSAT = 50_000_000n;

afterEach(() => {
  for (const database of new Set(benches.splice(0).map((bench) => bench.database))) database.close();
});

/** What alice could broadcast now. */
function commitmentOf({ context: { data, htlcs, environment } }: Remote): Transaction {
  const { node, channel } = signerOf('alice');
  const request = localCommitment(negotiated(data), htlcs, environment.localPoint, 'latest');
  return signedCommitment(request, data.localSignatures!.signature, { node, channel: channel(0) });
}

const claimedSat = (bench: Bench): bigint => bench.channelOf('alice').claims.reduce((sum, { amountSat }) => sum + amountSat, 0n);

/** All but the anchors. */
function dueSat({ outs }: Transaction): bigint {
  return outs.reduce((sum, { value }) => sum + (value === ANCHOR_SAT ? 0n : value), 0n);
}

function open(): { readonly bench: Bench; readonly alice: Remote } {
  const bench = benchWith('alice');
  const alice = new Remote(bench, { fundingSatoshis: 1_000_000n });
  alice.reachNormal({ pushMsat: 500_000_000n });
  return { bench, alice };
}

/** Bob offers an HTLC, which is committed on both sides. */
function offered({ bench, alice }: ReturnType<typeof open>): void {
  const at = bench.left.length;
  const add = {
    type: 'addHtlc',
    reference: '1',
    amountMsat: AMOUNT_MSAT,
    paymentHash: sha256(preimage(1)),
    cltvExpiry: 500,
    onionRoutingPacket: new Uint8Array(1366),
  } as const;
  bench.run((turn) => turn.dispatch({ to: 'channel', channelIndex: 0, event: add }));
  alice.settle(at);
}

describe('a commitment that the peer revokes in the moment in which a block holds it', () => {
  it('is taken whole, the HTLC that this very revocation ended included', () => {
    const { bench, alice } = open();
    offered({ bench, alice });
    const cheat = commitmentOf(alice);
    expect(cheat.outs.some(({ value }) => value === AMOUNT_MSAT / 1000n)).toBe(true);

    // Alice fails the HTLC. What she says is heard up to the revocation of the commitment that has it.
    alice.send({ type: 'removeHtlc', id: 0n, removal: { kind: 'failed', reason: new Uint8Array(292) } });
    alice.send({ type: 'turnEnded' });
    let at = bench.left.length;
    const step = (): void => {
      for (const message of alice.outbox.splice(0)) bench.receive('alice', message);
      const news = bench.left.slice(at);
      at = bench.left.length;
      for (const each of news) if (typeof each !== 'string') alice.send({ type: 'message', message: each.message });
      alice.send({ type: 'turnEnded' });
    };
    while (!alice.outbox.some(({ type }) => type === 'revoke_and_ack')) step();
    expect(bench.channelOf('alice').htlcs.size).toBe(1);

    // The revocation and the block wait for the same turn.
    for (const message of alice.outbox.splice(0)) bench.queue('alice', message);
    const height = bench.blockHeight + 1;
    const block = { height, hash: hashAt(height), previousHash: hashAt(height - 1), transactions: [cheat] };
    bench.dispatcher.run((turn) => bench.feed.handle({ type: 'blockConnected', block }, turn));
    bench.turn();

    expect(bench.channelOf('alice').value.lifecycle).toEqual({ closing: 'revoked' });
    expect(claimedSat(bench)).toBe(dueSat(cheat));
  });
});

describe('an HTLC that was never signed', () => {
  it('is not among those that punishing takes: a peer could make as many as it likes', () => {
    const { bench, alice } = open();
    for (let round = 0; round < 5; round++) {
      for (let seed = 0; seed < 10; seed++) alice.offer(seed + 1, 5_000_000n);
      // Without the signature for them.
      for (const message of alice.outbox.splice(0)) bench.receive('alice', message);
      alice.reconnect();
    }
    expect(bench.channels.pastHtlcs(0, 0).length + bench.channels.pastHtlcs(0, alice.data.localCommitmentNumber).length).toBe(0);
  });

  it('leaves nothing of itself to the one that has its number after it, though both come in one turn', () => {
    const { bench, alice } = open();
    alice.offer(1, 5_000_000n);
    for (const message of alice.outbox.splice(0)) bench.receive('alice', message);
    expect(bench.channelOf('alice').htlcs.size).toBe(1);

    // The link is lost and there again, with another HTLC upon it, before the next turn begins.
    alice.send({ type: 'disconnected' });
    alice.outbox = [];
    bench.router.onPeerDown(idOf('alice'));
    bench.router.onPeerUp(idOf('alice'));
    alice.send({ type: 'connected' });
    const [reestablish] = alice.outbox.splice(0);
    bench.queue('alice', reestablish!);
    alice.send({ type: 'message', message: { ...reestablish!, ...reestablishOf(bench) } as never });
    alice.offer(2, 60_000_000n);
    alice.send({ type: 'turnEnded' });
    for (const message of alice.outbox.splice(0)) bench.queue('alice', message);
    bench.turn();

    const [live] = [...bench.channelOf('alice').htlcs.rows()];
    expect(live?.details).toMatchObject({ id: 0n, amountMsat: 60_000_000n });
    const [kept] = [...bench.restarted().channelOf('alice').htlcs.rows()];
    expect(kept?.details).toEqual(live?.details);
  });
});

describe('a cheater that goes on with its HTLCs', () => {
  const amounts = [50_000_000n, 51_000_000n, 52_000_000n];

  /** A revoked commitment with three HTLCs of bob's, and the outputs of its HTLC transactions, in the order of their inputs. */
  function cheat(): { readonly bench: Bench; readonly commitment: Transaction; readonly stages: readonly Transaction[] } {
    const { bench, alice } = open();
    const at = bench.left.length;
    for (const [index, amountMsat] of amounts.entries()) {
      const add = {
        type: 'addHtlc',
        reference: `${index}`,
        amountMsat,
        paymentHash: sha256(preimage(index + 1)),
        cltvExpiry: 500,
        onionRoutingPacket: new Uint8Array(1366),
      } as const;
      bench.run((turn) => turn.dispatch({ to: 'channel', channelIndex: 0, event: add }));
    }
    alice.settle(at);
    const { data, htlcs, environment } = alice.context;
    const { parameters, commitmentNumber, keys, spec } = localCommitment(negotiated(data), htlcs, environment.localPoint, 'latest');
    const commitment = commitmentOf(alice);
    const stages = buildCommitment(parameters, commitmentNumber, keys, spec).htlcs.map(({ transaction }) => transaction);
    for (const id of [0n, 1n, 2n]) alice.send({ type: 'removeHtlc', id, removal: { kind: 'failed', reason: new Uint8Array(292) } });
    alice.settle();
    expect(bench.channelOf('alice').htlcs.size).toBe(0);
    return { bench, commitment, stages };
  }

  /** Several HTLC transactions in one, among inputs and outputs that are nobody's business. */
  function merged(stages: readonly Transaction[]): Transaction {
    const transaction = new Transaction();
    transaction.version = 2;
    const foreign = (index: number): void => {
      transaction.addInput(new Uint8Array(32).fill(7), index);
      transaction.addOutput(Uint8Array.of(0x51), 1_000n);
    };
    foreign(0);
    for (const [index, { ins, outs }] of stages.entries()) {
      transaction.addInput(ins[0]!.hash, ins[0]!.index, ins[0]!.sequence);
      transaction.addOutput(outs[0]!.script, outs[0]!.value);
      const signature = new Uint8Array(71);
      transaction.setWitness(transaction.ins.length - 1, [new Uint8Array(), signature, signature, preimage(index + 1), new Uint8Array(140)]);
      foreign(index + 1);
    }
    transaction.addOutput(Uint8Array.of(0x51), 5_000n);
    return transaction;
  }

  it('loses what its HTLC transactions make, in one with others or alone, in the block of its commitment or later', () => {
    const { bench, commitment, stages } = cheat();
    const due = dueSat(commitment);
    for (const transactions of [[commitment, merged(stages)], [commitment, ...stages], [commitment, merged(stages.slice(1))]]) {
      bench.block({ transactions });
      expect(claimedSat(bench)).toBe(due);
      bench.unblock();
      bench.block({ transactions: [commitment] });
      expect(claimedSat(bench)).toBe(due);
      bench.block({ transactions: transactions.slice(1) });
      expect(claimedSat(bench)).toBe(due);
      // The same, but otherwise after a reorg.
      bench.unblock();
      bench.block({ transactions: [merged(stages.slice(0, 1)), merged(stages.slice(1))] });
      expect(claimedSat(bench)).toBe(due);
      bench.unblock();
      bench.unblock();
    }
    expect(bench.discarded).toEqual([]);
  });

  it('is seen to have what it took after its delay, in whatever form that the consensus allows', () => {
    const { bench, commitment, stages } = cheat();
    bench.block({ transactions: [commitment, ...stages] });
    while (bench.blockHeight < 260) bench.block();
    const takings = stages.map((stage, index) => {
      const taking = new Transaction();
      taking.addInput(stage.getHash(), 0, 144);
      // By the consensus an OP_IF takes more for false than the empty element.
      const no = [new Uint8Array(), Uint8Array.of(0), Uint8Array.of(0, 0x80)][index]!;
      taking.setWitness(0, [new Uint8Array(71), no, new Uint8Array(80)]);
      taking.addOutput(Uint8Array.of(0x51), 1_000n);
      return taking;
    });
    bench.block({ transactions: takings });
    const rows = bench.channelOf('alice').data.outputs.filter(({ kind }) => kind === 'revoked_second_stage');
    expect(rows.map(({ state, spend }) => [state, spend?.by])).toEqual(amounts.map(() => ['taken', 'peer']));
  });
});

/** What bob's channel_reestablish says. */
function reestablishOf(bench: Bench): object {
  const { data } = bench.channelOf('alice');
  const { channel } = signerOf('bob');
  return {
    nextCommitmentNumber: data.localCommitmentNumber + 1,
    nextRevocationNumber: data.remoteRevocations,
    yourLastPerCommitmentSecret: new Uint8Array(32),
    myCurrentPerCommitmentPoint: channel(0).perCommitmentPoint(data.localCommitmentNumber),
  };
}
