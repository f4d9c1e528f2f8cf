import assert from 'node:assert/strict';
import { commitmentSpec } from '../../machines/channel/balances.ts';
import { negotiated } from '../../machines/channel/context.ts';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import { localCommitment, remoteCommitment, type CommitmentRequest } from '../../machines/channel/requests.ts';
import { buildCommitment, type BuiltCommitment } from '../../machines/commitment/commitment-transaction.ts';
import { isTrimmed, openerCost } from '../../machines/commitment/fees.ts';
import { lookupSecret, secretIndex } from '../../machines/commitment/secrets.ts';
import { verifyCommitmentSignatures } from '../../machines/commitment/signatures.ts';
import type { CommitmentHtlc, CommitmentSpec } from '../../machines/commitment/spec.ts';
import type { Side } from '../../machines/htlc/htlc-states.ts';
import { encodeJson } from '../../protocols/json.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import type { Party } from '../harness/channel-pair.ts';
import type { Name } from './commands.ts';
import { factsOf } from './htlc-facts.ts';

const FORMAT = 'anchors';

/**
 * A side's latest commitment, folded here from the HTLCs' states and the table of `htlc-facts`: seen from its owner.
 */
export function latestSpec(party: Party, side: Side): CommitmentSpec {
  const { data, htlcs } = party.actor.getSnapshot().context;
  const balance = { local: data.toLocalMsat, remote: data.toRemoteMsat };
  const standing: CommitmentHtlc[] = [];
  for (const { details, state, removal } of htlcs.rows()) {
    const stage = factsOf(state)[side];
    const [payer, payee]: [Side, Side] = details.direction === 'offered' ? ['local', 'remote'] : ['remote', 'local'];
    if (stage === 'in' || (stage === 'gone' && removal?.kind === 'fulfilled')) balance[payer] -= details.amountMsat;
    if (stage === 'gone' && removal?.kind === 'fulfilled') balance[payee] += details.amountMsat;
    if (stage !== 'in') continue;
    const { id, amountMsat, paymentHash, cltvExpiry } = details;
    standing.push({ direction: payer === side ? 'offered' : 'received', id, amountMsat, paymentHash, cltvExpiry });
  }
  const feerates = [
    data.feeratePerKw,
    ...data.feeUpdates.filter(({ state }) => factsOf(state)[side] === 'in').map(({ feeratePerKw }) => feeratePerKw),
  ];
  return {
    feeratePerKw: feerates[feerates.length - 1]!,
    toLocalMsat: balance[side],
    toRemoteMsat: balance[side === 'local' ? 'remote' : 'local'],
    htlcs: standing,
  };
}

const inOrder = (spec: CommitmentSpec): CommitmentSpec => ({
  ...spec,
  htlcs: [...spec.htlcs].sort((a, b) => a.direction.localeCompare(b.direction) || Number(a.id - b.id)),
});

/** Equal specs give equal texts. */
const text = (spec: CommitmentSpec): string => encodeJson(inOrder(spec));

const buildOf = ({ parameters, commitmentNumber, keys, spec }: CommitmentRequest): BuiltCommitment => buildCommitment(
  parameters,
  commitmentNumber,
  keys,
  spec,
);

interface Signed {
  readonly txid: string;
  readonly spec: string;
}

/** What must hold of both machines, whatever happens between them. */
export class Invariants {
  /** The commitments that were signed for each side, by their number. */
  readonly #signedFor = { alice: new Map<number, Signed>(), bob: new Map<number, Signed>() };
  /** The numbers of each side's commitments whose secrets left. */
  readonly #revealed = { alice: -1, bob: -1 };
  /** Who made an update of its own: from then on its reserve stands. */
  readonly #hasSpent = new Set<Name>();

  spends(name: Name): void {
    this.#hasSpent.add(name);
  }

  /** After each event. `before` is the party's data from before it. */
  check(party: Party, other: Party, before: Party['data']): void {
    const { context } = party.actor.getSnapshot();
    const { data, htlcs } = context;
    if (data.remote === undefined) return;
    for (const side of ['local', 'remote'] as const) {
      const spec = latestSpec(party, side);
      assert.equal(
        text(commitmentSpec(data, htlcs, side, 'latest')),
        text(spec),
        `${party.name}'s view of the ${side} commitment`,
      );
      for (const version of [spec, commitmentSpec(data, htlcs, side, 'next')]) {
        assert.ok(version.toLocalMsat >= 0n && version.toRemoteMsat >= 0n, `${party.name} sees a negative balance`);
        const total = version.htlcs.reduce(
          (sum, { amountMsat }) => sum + amountMsat,
          version.toLocalMsat + version.toRemoteMsat,
        );
        assert.equal(total, data.fundingSatoshis * 1000n, `${party.name} sees the ${side} commitment out of balance`);
      }
    }
    for (const number of ['localCommitmentNumber', 'remoteCommitmentNumber', 'remoteRevocations'] as const) {
      assert.ok(data[number] >= before[number] && data[number] <= before[number] + 1, `${number} counts up by one`);
    }
    assert.ok(data.remoteCommitmentNumber - data.remoteRevocations <= 1, 'one unrevoked signature at most');
    if (data.remoteRevocations > before.remoteRevocations) this.#secretKept(party, other);
    if (data.localCommitmentNumber > before.localCommitmentNumber) this.#accepted(party, other);
    assert.ok(
      this.#revealed[party.name] < data.localCommitmentNumber,
      `${party.name} keeps a commitment that it revoked`,
    );
  }

  /** What leaves: signatures and secrets. */
  leaving(party: Party, other: Party, effect: ChannelEffect): void {
    if (effect.type === 'sendSigned') this.#signed(party, other, effect.commitment);
    if (effect.type === 'sendRevocation') {
      assert.ok(
        effect.revokedCommitmentNumber < party.data.localCommitmentNumber,
        'a secret of the current commitment left',
      );
      assert.ok(effect.revokedCommitmentNumber <= this.#revealed[party.name] + 1, 'secrets leave in order');
      this.#revealed[party.name] = Math.max(this.#revealed[party.name], effect.revokedCommitmentNumber);
    }
  }

  /** Nothing is on its way and nothing waits: each side's commitment is the same transaction in both machines. */
  quiescent(alice: Party, bob: Party): void {
    for (const [owner, other] of [[alice, bob], [bob, alice]] as const) {
      const mine = owner.actor.getSnapshot().context;
      const theirs = other.actor.getSnapshot().context;
      const local = localCommitment(negotiated(mine.data), mine.htlcs, mine.environment.localPoint, 'latest');
      const remote = remoteCommitment(negotiated(theirs.data), theirs.htlcs);
      assert.equal(local.commitmentNumber, remote.commitmentNumber);
      assert.equal(text(local.spec), text(remote.spec));
      assert.deepEqual(buildOf(local).txid, buildOf(remote).txid);
      assert.equal(mine.data.toLocalMsat, theirs.data.toRemoteMsat);
    }
  }

  /** A signature leaves for the commitment of `other`. */
  #signed(party: Party, other: Party, request: CommitmentRequest): void {
    const built = buildOf(request);
    const paid = built.outputs.reduce((sum, { amountSatoshis }) => sum + amountSatoshis, built.feeSatoshis);
    assert.equal(paid, party.data.fundingSatoshis, 'outputs and fee are the capacity');
    assert.equal(text(request.spec), text(latestSpec(party, 'remote')));
    this.#aboveReserve(party, other, request.spec, other);
    const signed = { txid: Buffer.from(built.txid).toString('hex'), spec: text(request.spec) };
    const known = this.#signedFor[other.name].get(request.commitmentNumber);
    if (known !== undefined) assert.deepEqual(
      signed,
      known,
      `commitment ${request.commitmentNumber} of ${other.name} is signed again as it was`,
    );
    this.#signedFor[other.name].set(request.commitmentNumber, signed);
  }

  /**
   * `party` took a new commitment: it is the one that `other` signed, and the signatures that are kept for it are good.
   */
  #accepted(party: Party, other: Party): void {
    const { data, htlcs, environment } = party.actor.getSnapshot().context;
    const spec = latestSpec(party, 'local');
    const built = buildOf({ ...localCommitment(negotiated(data), htlcs, environment.localPoint, 'latest'), spec });
    assert.deepEqual(
      { txid: Buffer.from(built.txid).toString('hex'), spec: text(spec) },
      this.#signedFor[party.name].get(data.localCommitmentNumber),
    );
    const kept = data.localSignatures!;
    assert.equal(verifyCommitmentSignatures(built, kept.signature, kept.htlcSignatures), undefined);
    this.#aboveReserve(party, other, spec, party);
  }

  /**
   * The reserve of BOLT 2. What is claimed: once a side has made an update of its own (an HTLC offered, a feerate
   * proposed), every commitment that is signed leaves it its reserve; the opener also what that commitment costs with
   * its own HTLCs. What is not claimed: that the opener can pay above its reserve for HTLCs that the other side offers
   * at the same time. BOLT 2 ("Updating Fees") knows that race and lets the fee be less.
   */
  #aboveReserve(one: Party, two: Party, spec: CommitmentSpec, owner: Party): void {
    for (const party of [one, two]) {
      if (!this.#hasSpent.has(party.name)) continue;
      const balanceMsat = party === owner ? spec.toLocalMsat : spec.toRemoteMsat;
      const reserveSat = (party === one ? two : one).data.local.channelReserveSatoshis;
      const offered = party === owner ? 'offered' : 'received';
      const own = spec.htlcs.filter((htlc) => htlc.direction === offered && !isTrimmed(
        FORMAT,
        spec.feeratePerKw,
        owner.data.local.dustLimitSatoshis,
        htlc,
      ));
      const costSat = party.data.isOpener ? openerCost(FORMAT, spec.feeratePerKw, own.length) : 0n;
      assert.ok(
        balanceMsat >= (reserveSat + costSat) * 1000n,
        `${party.name} is left ${balanceMsat} msat of ${reserveSat} + ${costSat} sat`,
      );
    }
  }

  /** The secret that came opens the point that it revokes, and so do all before it, from the compact store. */
  #secretKept(party: Party, other: Party): void {
    const { remoteRevocations, remoteSecrets } = party.data;
    for (let number = Math.max(0, remoteRevocations - 3); number < remoteRevocations; number++) {
      const secret = lookupSecret(remoteSecrets, secretIndex(number));
      assert.ok(secret, `the secret of commitment ${number} is lost`);
      assert.deepEqual(
        Buffer.from(secp256k1.publicKey(secret)),
        Buffer.from(other.signer.channel(0).perCommitmentPoint(number)),
      );
    }
  }
}
