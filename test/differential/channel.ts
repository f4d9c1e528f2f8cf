import { compare, fromString, toString } from 'uint8arrays';
import { buildClosing } from '../../machines/commitment/closing-transaction.ts';
import {
  type BuiltCommitment,
  type CommitmentOutput,
  buildCommitment,
} from '../../machines/commitment/commitment-transaction.ts';
import { fundingOutput } from '../../machines/commitment/funding.ts';
import {
  type Basepoints,
  deriveCommitmentKeys,
  derivePrivateKey,
  deriveRevocationPrivateKey,
} from '../../machines/commitment/keys.ts';
import { toLocalScript } from '../../machines/commitment/scripts.ts';
import { perCommitmentSecret } from '../../machines/commitment/secrets.ts';
import type { CommitmentHtlc } from '../../machines/commitment/spec.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { SIGHASH_SINGLE_ANYONECANPAY } from '../../protocols/crypto/witness-signature.ts';
import type { Seeded } from '../harness/seeded.ts';
import { type Coin, type InputPlan, type Output, type Plan, type Sign, WalletKey } from './plan.ts';

const NO_BYTES = new Uint8Array(0);
const ONE = Uint8Array.of(1);
/** One bit of the sequence says that a transaction can be replaced, whatever the rest says. */
const REPLACEABLE = 0xfffffffd;

/** A way to take an output of a channel: an input, and what the transaction around it must have for it. */
export interface Claim {
  readonly label: string;
  readonly input: InputPlan;
  readonly lockTime: number;
  /** An HTLC transaction's output, which must stand at the index of the input. */
  readonly paired?: Output;
  /** What spends that output again, given where it lies. */
  readonly second?: (coin: Coin) => Claim[];
}

/** One end of a channel with all its secrets. */
class Party {
  readonly funding: WalletKey;
  readonly payment: Uint8Array;
  readonly delayed: Uint8Array;
  readonly htlc: Uint8Array;
  readonly revocation: Uint8Array;
  readonly seed: Uint8Array;
  readonly payout: WalletKey;
  readonly basepoints: Basepoints;

  constructor(random: Seeded) {
    this.funding = new WalletKey(random);
    this.payment = random.bytes(32);
    this.delayed = random.bytes(32);
    this.htlc = random.bytes(32);
    this.revocation = random.bytes(32);
    this.seed = random.bytes(32);
    this.payout = new WalletKey(random);
    this.basepoints = {
      paymentBasepoint: secp256k1.publicKey(this.payment),
      delayedPaymentBasepoint: secp256k1.publicKey(this.delayed),
      htlcBasepoint: secp256k1.publicKey(this.htlc),
      revocationBasepoint: secp256k1.publicKey(this.revocation),
    };
  }
}

type Side = 'opener' | 'accepter';

/** A channel of which every transaction can be made, by either side: funding, closes, commitments and their claims. */
export class TestChannel {
  readonly capacitySat: bigint;
  readonly #random: Seeded;
  readonly #parties: Record<Side, Party>;
  readonly #delays: Record<Side, number>;
  readonly #preimages = new Map<string, Uint8Array>();

  constructor(random: Seeded) {
    this.#random = random;
    this.capacitySat = BigInt(random.between(100_000, 2_000_000));
    this.#parties = { opener: new Party(random), accepter: new Party(random) };
    const delay = () => random.pick([1, 2, 3, 5, 8, 144]);
    this.#delays = { opener: delay(), accepter: delay() };
  }

  get fundingOutput(): Output {
    const { opener, accepter } = this.#parties;
    const { scriptPubkey } = fundingOutput(opener.funding.publicKey, accepter.funding.publicKey);
    return { script: scriptPubkey, value: this.capacitySat };
  }

  /** A mutual close with a fee of `feeSat`. */
  close(funding: Coin, feeSat: bigint): Plan {
    const { opener, accepter } = this.#parties;
    const localMsat = BigInt(this.#random.between(50, 100)) * (this.capacitySat * 10n);
    const { transaction } = buildClosing(
      {
        fundingTxid: txidBytes(funding),
        fundingOutputIndex: funding.index,
        fundingSatoshis: this.capacitySat,
        localFundingPubkey: opener.funding.publicKey,
        remoteFundingPubkey: accepter.funding.publicKey,
        localIsOpener: true,
        localMsat,
        remoteMsat: this.capacitySat * 1_000n - localMsat,
        localScriptpubkey: opener.payout.script,
        remoteScriptpubkey: accepter.payout.script,
        dustLimitSatoshis: 354n,
      },
      feeSat,
    );
    return {
      label: 'mutual close',
      version: transaction.version,
      lockTime: transaction.locktime,
      inputs: [this.#fundingInput(funding, 0xffffffff)],
      outputs: transaction.outs,
    };
  }

  /** A commitment of one side, with what the outputs of it can be taken by; HTLCs expire around `height`. */
  commitment(funding: Coin, height: number): { plan: Plan; claims: Claim[] } {
    const random = this.#random;
    const owner = random.pick(['opener', 'accepter'] as const);
    const built = this.#build(funding, owner, height);
    const { transaction } = built;
    const txid = toString(Uint8Array.from(built.txid).reverse(), 'base16');
    const plan: Plan = {
      label: `commitment of the ${owner}`,
      version: transaction.version,
      lockTime: transaction.locktime,
      inputs: [this.#fundingInput(funding, transaction.ins[0]!.sequence)],
      outputs: transaction.outs,
    };
    const claims = built.outputs.flatMap((output) => {
      const { index, amountSatoshis: amountSat, scriptPubkey: script } = output;
      return this.#claims(built, owner, output, { txid, index, amountSat, script });
    });
    return { plan, claims };
  }

  #fundingInput(coin: Coin, sequence: number): InputPlan {
    const { opener, accepter } = this.#parties;
    const { witnessScript } = fundingOutput(opener.funding.publicKey, accepter.funding.publicKey);
    const keys = [opener.funding, accepter.funding].sort((a, b) => compare(a.publicKey, b.publicKey));
    return {
      coin,
      sequence,
      scriptCode: witnessScript,
      witness: (sign) => [NO_BYTES, ...keys.map(({ secret }) => sign(secret)), witnessScript],
    };
  }

  #build(funding: Coin, owner: Side, height: number): BuiltCommitment {
    const random = this.#random;
    const local = this.#parties[owner];
    const remote = this.#parties[otherOf(owner)];
    const capacityMsat = this.capacitySat * 1_000n;
    const htlcs = Array.from({ length: random.between(0, 6) }, (_, id): CommitmentHtlc => {
      const preimage = random.bytes(32);
      const paymentHash = sha256(preimage);
      this.#preimages.set(toString(paymentHash, 'base16'), preimage);
      return {
        direction: random.pick(['offered', 'received'] as const),
        id: BigInt(id),
        amountMsat: BigInt(random.pick([354, 355, 1_000, random.between(1_000, 12_000)])) * 1_000n,
        paymentHash,
        cltvExpiry: height + random.between(-3, 6),
      };
    });
    const restMsat = capacityMsat - htlcs.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
    const openerMsat = (restMsat * BigInt(random.between(20, 100))) / 100n;
    const toLocalMsat = owner === 'opener' ? openerMsat : restMsat - openerMsat;
    const commitmentNumber = random.between(0, 1_000);
    const point = secp256k1.publicKey(perCommitmentSecret(local.seed, commitmentNumber));
    return buildCommitment(
      {
        format: 'anchors',
        fundingTxid: txidBytes(funding),
        fundingOutputIndex: funding.index,
        fundingSatoshis: this.capacitySat,
        localFundingPubkey: local.funding.publicKey,
        remoteFundingPubkey: remote.funding.publicKey,
        localIsOpener: owner === 'opener',
        dustLimitSatoshis: 354n,
        toSelfDelay: this.#delays[owner],
        openerPaymentBasepoint: this.#parties.opener.basepoints.paymentBasepoint,
        accepterPaymentBasepoint: this.#parties.accepter.basepoints.paymentBasepoint,
      },
      commitmentNumber,
      deriveCommitmentKeys('anchors', point, local.basepoints, remote.basepoints),
      {
        feeratePerKw: random.pick([0, 253, 253, 500, 2_500]),
        toLocalMsat,
        toRemoteMsat: restMsat - toLocalMsat,
        htlcs,
      },
    );
  }

  #claims(built: BuiltCommitment, owner: Side, output: CommitmentOutput, coin: Coin): Claim[] {
    const local = this.#parties[owner];
    const remote = this.#parties[otherOf(owner)];
    const script = output.witnessScript!;
    const claim = (what: string, sequence: number, witness: (sign: Sign) => Uint8Array[], lockTime = 0): Claim => ({
      label: `${what} of the ${owner}'s commitment`,
      input: { coin, sequence, scriptCode: script, witness: (sign) => [...witness(sign), script] },
      lockTime,
    });
    switch (output.kind) {
      case 'to_local':
        return this.#delayedClaims(built, owner, coin, script);
      case 'to_remote':
        return [claim('to_remote', 1, (sign) => [sign(remote.payment)])];
      case 'local_anchor':
      case 'remote_anchor': {
        const key = output.kind === 'local_anchor' ? local : remote;
        return [
          claim(`${output.kind} by its owner`, REPLACEABLE, (sign) => [sign(key.funding.secret)]),
          claim(`${output.kind} by anyone`, 16, () => [NO_BYTES]),
        ];
      }
      case 'htlc': {
        const { htlc, transaction } = output;
        const point = this.#point(built, owner);
        const localKey = derivePrivateKey(local.htlc, point);
        const remoteKey = derivePrivateKey(remote.htlc, point);
        const preimage = this.#preimages.get(toString(htlc.paymentHash, 'base16'))!;
        const offered = htlc.direction === 'offered';
        const { value, script: paid } = transaction.outs[0]!;
        const name = offered ? 'HTLC-timeout' : 'HTLC-success';
        const ownClaim = claim(
          name,
          transaction.ins[0]!.sequence,
          (sign) => [
            NO_BYTES,
            sign(remoteKey, SIGHASH_SINGLE_ANYONECANPAY),
            sign(localKey),
            offered ? NO_BYTES : preimage,
          ],
          transaction.locktime,
        );
        const secondScript = toLocalScript(built.keys, built.parameters.toSelfDelay);
        return [
          {
            ...ownClaim,
            paired: { script: paid, value },
            second: (at) => this.#delayedClaims(built, owner, at, secondScript, `${name} output`),
          },
          offered
            ? claim('offered HTLC by its preimage', 1, (sign) => [sign(remoteKey), preimage])
            : claim('received HTLC after its expiry', 1, (sign) => [sign(remoteKey), NO_BYTES], htlc.cltvExpiry),
          claim(`${htlc.direction} HTLC by revocation`, REPLACEABLE, (sign) => {
            const secret = this.#revocationSecret(built, owner);
            return [sign(secret), secp256k1.publicKey(secret)];
          }),
        ];
      }
    }
  }

  /** The owner after its delay, or the other side by revocation. */
  #delayedClaims(built: BuiltCommitment, owner: Side, coin: Coin, script: Uint8Array, what = 'to_local'): Claim[] {
    const delayed = derivePrivateKey(this.#parties[owner].delayed, this.#point(built, owner));
    const input = (sequence: number, witness: (sign: Sign) => Uint8Array[]): InputPlan => ({
      coin,
      sequence,
      scriptCode: script,
      witness: (sign) => [...witness(sign), script],
    });
    return [
      {
        label: `${what} after its delay`,
        lockTime: 0,
        input: input(this.#delays[owner], (sign) => [sign(delayed), NO_BYTES]),
      },
      {
        label: `${what} by revocation`,
        lockTime: 0,
        input: input(REPLACEABLE, (sign) => [sign(this.#revocationSecret(built, owner)), ONE]),
      },
    ];
  }

  #point({ commitmentNumber }: BuiltCommitment, owner: Side): Uint8Array {
    return secp256k1.publicKey(perCommitmentSecret(this.#parties[owner].seed, commitmentNumber));
  }

  #revocationSecret({ commitmentNumber }: BuiltCommitment, owner: Side): Uint8Array {
    const secret = perCommitmentSecret(this.#parties[owner].seed, commitmentNumber);
    return deriveRevocationPrivateKey(this.#parties[otherOf(owner)].revocation, secret);
  }
}

function otherOf(side: Side): Side {
  return side === 'opener' ? 'accepter' : 'opener';
}

function txidBytes({ txid }: Coin): Uint8Array {
  return fromString(txid, 'base16').reverse();
}
