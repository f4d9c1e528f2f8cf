import { Transaction } from 'bitcoinjs-lib';
import { beforeAll, describe, expect, it } from 'vitest';
import { negotiated } from '../../machines/channel/context.ts';
import { localCommitment, type CommitmentRequest } from '../../machines/channel/requests.ts';
import { buildCommitment } from '../../machines/commitment/commitment-transaction.ts';
import { completeHtlcTransaction, htlcSighash } from '../../machines/commitment/signatures.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import type { Claim } from '../../machines/onchain/claim.ts';
import { claimSighash, claimTransaction, claimWitness } from '../../machines/onchain/claim-transaction.ts';
import { STANDARD_FLAGS } from '../../src/chain/embedded/script/flags.ts';
import { verifyScript } from '../../src/chain/embedded/script/verify.ts';
import { signedCommitment } from '../../src/runtime/channel-wire.ts';
import { signerOf } from '../harness/channel-pair.ts';
import { effort } from '../harness/effort.ts';
import { Seeded } from '../harness/seeded.ts';
import { Bench, benchWith, preimage, Remote } from '../unit/node-bench.ts';

/** How many commitments the cheater revokes (`RUNNEL_REVOKED` for more). */
const STATES = effort('RUNNEL_REVOKED', { quick: 400, thorough: 2_000 });
const ANCHOR_SAT = 330n;

/** A commitment of the cheater's as it had it: signed by both, with what it could go on with. */
interface Revoked {
  readonly request: CommitmentRequest;
  readonly transaction: Transaction;
  readonly htlcSignatures: readonly Uint8Array[];
}

const keysOfAlice = { node: signerOf('alice').node, channel: signerOf('alice').channel(0) };

/** What alice could broadcast now. */
function commitmentOf({ context: { data, htlcs, environment } }: Remote): Revoked {
  const request = localCommitment(negotiated(data), htlcs, environment.localPoint, 'latest');
  const { signature, htlcSignatures } = data.localSignatures!;
  return { request, transaction: signedCommitment(request, signature, keysOfAlice), htlcSignatures };
}

/** The cheater's HTLC transactions, as if it knew every preimage and every HTLC had expired. */
function secondStages({ request, htlcSignatures }: Revoked): Transaction[] {
  const built = buildCommitment(request.parameters, request.commitmentNumber, request.keys, request.spec);
  return built.htlcs.map(({ htlc }, index) => {
    const ours = keysOfAlice.channel.signLocalHtlcTransaction(htlcSighash(built, index, 'local'), request.commitmentNumber, 0);
    const known = htlc.direction === 'received' ? preimageOf.get(Buffer.from(htlc.paymentHash).toString('hex')) : undefined;
    return completeHtlcTransaction(built, index, ours, htlcSignatures[index]!, known);
  });
}

const preimageOf = new Map<string, Uint8Array>();

/** Takes the claim alone, and asks the script interpreter: the error, if there is one. */
function verdict(claim: Claim): string | undefined {
  const transaction = claimTransaction([claim], [{ script: Uint8Array.of(0x51), amountSat: claim.amountSat }]);
  const bob = signerOf('bob').channel(0);
  const sighash = claimSighash(transaction, 0, claim);
  const { witness } = claim;
  const signature =
    witness.kind === 'to_remote'
      ? bob.signToRemote(sighash)
      : bob.signRevokedOutput(sighash, (witness as Extract<typeof witness, { kind: 'revoked_delayed' }>).perCommitmentSecret);
  transaction.setWitness(0, claimWitness(claim, signature));
  const script = Transaction.fromBuffer(transaction.toBuffer());
  return verifyScript(scriptOf(claim), STANDARD_FLAGS, { transaction: script, index: 0, amountSat: claim.amountSat });
}

const scripts = new Map<string, Uint8Array>();
const keyOf = (txid: Uint8Array, index: number): string => `${Buffer.from(txid).toString('hex')}:${index}`;
const scriptOf = ({ outpoint }: Claim): Uint8Array => scripts.get(keyOf(outpoint.txid, outpoint.outputIndex))!;

function remember(transaction: Transaction): void {
  for (const [index, { script }] of transaction.outs.entries()) scripts.set(keyOf(transaction.getHash(), index), script);
}

/** A channel between bob, whose node is the bench, and alice, that has gone through so many states. */
function live(states: number): { readonly bench: Bench; readonly revoked: readonly Revoked[] } {
  const bench = benchWith('alice');
  const alice = new Remote(bench, { fundingSatoshis: 10_000_000n });
  alice.reachNormal({ pushMsat: 5_000_000_000n });
  const random = new Seeded('every revoked state');
  const history: Revoked[] = [commitmentOf(alice)];
  const bob = bench.channelOf('alice');
  let seed = 0;
  while (history.length <= states) {
    const at = bench.left.length;
    const standing = [...bob.htlcs.rows()];
    const amountMsat = BigInt(random.between(1, 40)) * 37_000n + (random.chance(70) ? 10_000_000n : 0n);
    const hash = newHash((seed += 1));
    const settled = standing.filter(({ state }) => /^(SENT|RCVD)_ADD_ACK_REVOCATION$/.test(state));
    const chosen = settled[random.between(0, Math.max(0, settled.length - 1))];
    if (chosen !== undefined && (standing.length > 5 || random.chance(45))) {
      const { direction, id, paymentHash } = chosen.details;
      const removal = random.chance(60)
        ? ({ kind: 'fulfilled', paymentPreimage: preimageOf.get(Buffer.from(paymentHash).toString('hex'))! } as const)
        : ({ kind: 'failed', reason: new Uint8Array(292) } as const);
      if (direction === 'offered') alice.send({ type: 'removeHtlc', id, removal });
      else bench.run((turn) => turn.dispatch({ to: 'channel', channelIndex: 0, event: { type: 'removeHtlc', id, removal } }));
    } else {
      const add = {
        type: 'addHtlc',
        reference: `${seed}`,
        amountMsat,
        paymentHash: hash,
        cltvExpiry: 600 + random.between(0, 50),
        onionRoutingPacket: new Uint8Array(1366),
      } as const;
      if (random.chance(50)) alice.send(add);
      else bench.run((turn) => turn.dispatch({ to: 'channel', channelIndex: 0, event: add }));
    }
    const before = alice.data.localCommitmentNumber;
    alice.settle(at);
    bench.left.length = 0;
    if (alice.data.localCommitmentNumber > before) history.push(commitmentOf(alice));
  }
  return { bench, revoked: history.slice(0, -1) };
}

/** A payment hash of a preimage of its own. */
function newHash(seed: number): Uint8Array {
  const known = preimage(0).slice();
  new DataView(known.buffer).setUint32(0, seed);
  const hash = sha256(known);
  preimageOf.set(Buffer.from(hash).toString('hex'), known);
  return hash;
}

describe(`a channel of ${STATES} revoked states`, () => {
  let channel: ReturnType<typeof live>;
  beforeAll(() => {
    channel = live(STATES);
  }, 300_000);

  const claimsOf = (bench: Bench): Claim[] => bench.channelOf('alice').claims;
  const sum = (claims: readonly Claim[]): bigint => claims.reduce((total, { amountSat }) => total + amountSat, 0n);

  it('whichever of them alice broadcasts, all of it is bob’s: but for the fee and the anchors', () => {
    const { bench, revoked } = channel;
    for (const { transaction, request } of revoked) {
      remember(transaction);
      bench.block({ transactions: [transaction] });
      expect(bench.channelOf('alice').value.lifecycle).toEqual({ closing: 'revoked' });
      const claims = claimsOf(bench);
      const outputsSat = transaction.outs.reduce((total, { value }) => total + value, 0n);
      const anchors = transaction.outs.filter(({ value }) => value === ANCHOR_SAT).length;
      expect(sum(claims), `commitment ${request.commitmentNumber}`).toBe(outputsSat - ANCHOR_SAT * BigInt(anchors));
      for (const claim of claims) expect(verdict(claim), `${claim.witness.kind} of ${request.commitmentNumber}`).toBeUndefined();
      bench.unblock();
      expect(claimsOf(bench)).toEqual([]);
    }
  }, 300_000);

  it('and if she gets her HTLC transactions in first, their outputs are his', () => {
    const { bench, revoked } = channel;
    let stages = 0;
    for (const state of revoked.filter((_, index) => index % 10 === 0)) {
      bench.block({ transactions: [state.transaction] });
      const before = sum(claimsOf(bench));
      const made = secondStages(state);
      stages += made.length;
      for (const each of made) remember(each);
      bench.block({ transactions: made });
      const claims = claimsOf(bench);
      expect(sum(claims)).toBe(before);
      expect(claims.filter(({ witness }) => witness.kind === 'revoked_htlc')).toEqual([]);
      for (const claim of claims) expect(verdict(claim)).toBeUndefined();
      bench.unblock();
      bench.unblock();
    }
    expect(stages).toBeGreaterThan(revoked.length / 10);
  }, 300_000);
});
