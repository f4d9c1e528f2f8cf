import { Transaction } from 'bitcoinjs-lib';
import { describe, expect, it } from 'vitest';
import { negotiated } from '../../machines/channel/context.ts';
import { localCommitment } from '../../machines/channel/requests.ts';
import { buildCommitment } from '../../machines/commitment/commitment-transaction.ts';
import { addHtlc, ChannelPair, crossSign, preimageOf, reachNormal, type Party } from '../harness/channel-pair.ts';

const HEIGHT = 200;
const DUST_MSAT = 300_000n;
const AMOUNT_MSAT = 50_000_000n;
const turnEnded = { type: 'turnEnded' } as const;

/** Alice offered two HTLCs: 0 is too small for an output, 1 is not. */
function received(): ChannelPair {
  const pair = new ChannelPair();
  reachNormal(pair, { pushMsat: 300_000_000n });
  addHtlc(pair.alice, DUST_MSAT, 1);
  addHtlc(pair.alice, AMOUNT_MSAT, 2);
  crossSign(pair);
  return pair;
}

/** Bob has the preimages. */
function fulfill({ bob }: ChannelPair): void {
  for (const [id, seed] of [[0n, 1], [1n, 2]] as const) {
    bob.send({ type: 'removeHtlc', id, removal: { kind: 'fulfilled', paymentPreimage: preimageOf(seed) } });
  }
}

function commitmentOf(party: Party): Transaction {
  const { data, htlcs, environment } = party.actor.getSnapshot().context;
  const local = localCommitment(negotiated(data), htlcs, environment.localPoint, 'latest');
  const { parameters, commitmentNumber, keys, spec } = local;
  return buildCommitment(parameters, commitmentNumber, keys, spec).transaction;
}

/** A block holds the commitment, and blocks follow, the first of them with those transactions. */
function end(party: Party, commitment: Transaction, transactions: readonly Transaction[] = []): void {
  party.send({ type: 'fundingSpent', transaction: commitment.toBuffer(), blockHeight: HEIGHT, depth: 1 });
  for (let height = HEIGHT + 1; height < HEIGHT + 8; height++) {
    const bytes = height === HEIGHT + 1 ? transactions.map((transaction) => transaction.toBuffer()) : [];
    party.send({ type: 'blockConnected', height, transactions: bytes });
  }
}

/** Takes the output of HTLC 1 with that witness before its script. */
function spending(party: Party, commitment: Transaction, witness: readonly Uint8Array[]): Transaction {
  const row = party.data.outputs.find(({ kind }) => kind === 'htlc')!;
  const transaction = new Transaction();
  transaction.addInput(commitment.getHash(), row.outpoint!.outputIndex);
  transaction.setWitness(0, [...witness, row.witnessScript]);
  transaction.addOutput(new Uint8Array(22), 1_000n);
  return transaction;
}

const endings = (party: Party) => party.told('htlcEnded').map(({ htlc, removal }) => [htlc.id, removal.kind]);

describe('received HTLCs that we fulfilled, when the channel ends on chain (BOLT 5, HTLC Output Handling)', () => {
  it('are lost where they have no output in our commitment, or the peer takes it back', () => {
    const pair = received();
    pair.disconnect();
    fulfill(pair);
    const commitment = commitmentOf(pair.bob);
    const watching = pair.bob.clone();
    end(watching, commitment);
    const timeout = spending(watching, commitment, [new Uint8Array(71), new Uint8Array()]);
    end(pair.bob, commitment, [timeout]);
    expect(endings(pair.bob).sort()).toEqual([[0n, 'failed'], [1n, 'failed']]);
  });

  it('are paid where our transaction has the output', () => {
    const pair = received();
    pair.disconnect();
    fulfill(pair);
    const commitment = commitmentOf(pair.bob);
    const watching = pair.bob.clone();
    end(watching, commitment);
    const witness = [new Uint8Array(), new Uint8Array(71), new Uint8Array(71), preimageOf(2)];
    end(pair.bob, commitment, [spending(watching, commitment, witness)]);
    expect(endings(pair.bob).sort()).toEqual([[0n, 'failed'], [1n, 'fulfilled']]);
  });

  it('are paid in a commitment of the peer that has them no more, and not in the one before it', () => {
    const pair = received();
    const before = commitmentOf(pair.alice);
    fulfill(pair);
    pair.bob.send(turnEnded);
    while (pair.deliverOne(pair.bob));
    const [paid, lost] = [pair.bob.clone(), pair.bob.clone()];
    end(paid, commitmentOf(pair.alice));
    expect(paid.state('lifecycle')).toBe('closing.remote.next');
    expect(endings(paid).sort()).toEqual([[0n, 'fulfilled'], [1n, 'fulfilled']]);
    end(lost, before);
    expect(lost.state('lifecycle')).toBe('closing.remote.current');
    expect(endings(lost)).toEqual([[0n, 'failed']]);
  });
});
