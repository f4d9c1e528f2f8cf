import { script, Transaction } from 'bitcoinjs-lib';
import { toString } from 'uint8arrays/to-string';
import { fromString } from 'uint8arrays/from-string';
import { describe, expect, it } from 'vitest';
import {
  buildCommitment,
  type BuiltCommitment,
  type CommitmentParameters,
} from '../../machines/commitment/commitment-transaction.ts';
import { readCommitmentNumber } from '../../machines/commitment/commitment-number.ts';
import { commitmentFee } from '../../machines/commitment/fees.ts';
import { deriveCommitmentKeys, derivePrivateKey } from '../../machines/commitment/keys.ts';
import {
  commitmentSighash,
  completeCommitment,
  completeHtlcTransaction,
  htlcSighash,
  verifyCommitmentSignatures,
} from '../../machines/commitment/signatures.ts';
import type { CommitmentFormat, CommitmentHtlc } from '../../machines/commitment/spec.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { libsecp256k1 } from '../../protocols/crypto/libsecp256k1.ts';
import { noble } from '../../protocols/crypto/noble.ts';
import anchorCases from './data/bolt03-commitments-anchors.json' with { type: 'json' };
import legacy from './data/bolt03-commitments-legacy.json' with { type: 'json' };

/** One vector, whichever appendix it comes from. */
interface Case {
  name: string;
  toLocalMsat: bigint;
  toRemoteMsat: bigint;
  dustLimitSatoshis: bigint;
  feeratePerKw: number;
  htlcIds: readonly number[];
  remoteSignature: string;
  commitmentTransaction: string;
  htlcs: readonly { remoteSignature: string; transaction: string }[];
  notes: readonly string[];
}

const { common } = legacy;
const hex = (text: string) => fromString(text, 'hex');
// The appendix writes secret keys with a trailing 01 (compressed public key).
const secret = (text: string) => hex(text).subarray(0, 32);
const perCommitmentPoint = hex(common.local_per_commitment_point);
const localFundingSecret = secret(common.local_funding_privkey);
const remoteFundingSecret = secret(common.remote_funding_privkey);
const localHtlcSecret = derivePrivateKey(secret(common.local_payment_basepoint_secret), perCommitmentPoint);
const remoteHtlcSecret = derivePrivateKey(secret(common.remote_payment_basepoint_secret), perCommitmentPoint);

const preimages = Object.values(legacy.htlcs).map(({ payment_preimage }) => hex(payment_preimage));
const htlcs = Object.values(legacy.htlcs).map(
  ({ direction, amount_msat, expiry }, id): CommitmentHtlc => ({
    direction: direction === 'local->remote' ? 'offered' : 'received',
    id: BigInt(id),
    amountMsat: BigInt(amount_msat),
    paymentHash: sha256(preimages[id]!),
    cltvExpiry: Number(expiry),
  }),
);

function htlcIdsOf(name: string, hasHtlcs: boolean): number[] {
  if (!hasHtlcs) return [];
  return name.includes('same amount and preimage') ? [1, 5, 6] : [0, 1, 2, 3, 4];
}

const staticRemotekeyCases = legacy.cases.map((vector): Case => {
  const toLocalMsat = BigInt(vector.to_local_msat);
  const toRemoteMsat = BigInt(vector.to_remote_msat);
  return {
    name: vector.name,
    toLocalMsat,
    toRemoteMsat,
    dustLimitSatoshis: BigInt(common.local_dust_limit_satoshi),
    feeratePerKw: Number(vector.local_feerate_per_kw),
    htlcIds: htlcIdsOf(vector.name, toLocalMsat + toRemoteMsat < 10_000_000_000n),
    remoteSignature: vector.remote_signature,
    commitmentTransaction: vector.commit_tx,
    htlcs: vector.htlc_txs.map(({ tx }, index) => ({
      remoteSignature: vector.htlc_signatures[index]!,
      transaction: tx,
    })),
    notes: vector.notes,
  };
});

const anchorsCases = anchorCases.map(
  (vector): Case => ({
    name: vector.Name,
    toLocalMsat: BigInt(vector.LocalBalance),
    toRemoteMsat: BigInt(vector.RemoteBalance),
    dustLimitSatoshis: BigInt(vector.DustLimitSatoshis),
    feeratePerKw: vector.FeePerKw,
    htlcIds: htlcIdsOf(vector.Name, vector.UseTestHtlcs),
    remoteSignature: vector.RemoteSigHex,
    commitmentTransaction: vector.ExpectedCommitmentTxHex,
    htlcs: vector.HtlcDescs.map(({ RemoteSigHex, ResolutionTxHex }) => ({
      remoteSignature: RemoteSigHex,
      transaction: ResolutionTxHex,
    })),
    notes: [],
  }),
);

function build(format: CommitmentFormat, vector: Case): BuiltCommitment {
  const parameters: CommitmentParameters = {
    format,
    fundingTxid: hex(common.funding_tx_id).reverse(),
    fundingOutputIndex: Number(common.funding_output_index),
    fundingSatoshis: BigInt(common.funding_amount_satoshi),
    localFundingPubkey: hex(common.local_funding_pubkey),
    remoteFundingPubkey: hex(common.remote_funding_pubkey),
    localIsOpener: true,
    dustLimitSatoshis: vector.dustLimitSatoshis,
    toSelfDelay: Number(common.local_delay),
    openerPaymentBasepoint: hex(common.local_payment_basepoint),
    accepterPaymentBasepoint: hex(common.remote_payment_basepoint),
  };
  const keys = deriveCommitmentKeys(
    format,
    perCommitmentPoint,
    {
      delayedPaymentBasepoint: hex(common.local_delayed_payment_basepoint),
      htlcBasepoint: hex(common.local_htlc_basepoint),
    },
    {
      revocationBasepoint: hex(common.remote_revocation_basepoint),
      paymentBasepoint: hex(common.remote_payment_basepoint),
      htlcBasepoint: hex(common.remote_htlc_basepoint),
    },
  );
  return buildCommitment(parameters, Number(common.commitment_number), keys, {
    feeratePerKw: vector.feeratePerKw,
    toLocalMsat: vector.toLocalMsat,
    toRemoteMsat: vector.toRemoteMsat,
    htlcs: vector.htlcIds.map((id) => htlcs[id]!),
  });
}

/** The compact form of a DER signature without a sighash byte, as the appendices print them. */
function compact(der: string): Uint8Array {
  return script.signature.decode(hex(`${der}01`)).signature;
}

function noteValue(notes: readonly string[], name: string): string | undefined {
  return notes.find((note) => note.startsWith(`${name} = `))?.slice(name.length + 3);
}

it('both crypto implementations are tested', () => {
  expect(libsecp256k1).toBeDefined();
});

describe('the keys of the appendix', () => {
  const { keys } = build('static_remotekey', staticRemotekeyCases[0]!);

  it.each([
    ['localHtlcPubkey', common.local_htlcpubkey],
    ['remoteHtlcPubkey', common.remote_htlcpubkey],
    ['localDelayedPubkey', common.local_delayedpubkey],
    ['revocationPubkey', common.local_revocation_pubkey],
    ['remotePubkey', common.remote_payment_basepoint],
  ] as const)('%s', (name, expected) => {
    expect(toString(keys[name], 'hex')).toBe(expected);
  });
});

describe.each([
  ['static_remotekey (appendix C)', 'static_remotekey', staticRemotekeyCases],
  ['anchors (appendix F)', 'anchors', anchorsCases],
] as const)('%s', (_, format, cases) => {
  describe.each(cases)('$name', (vector) => {
    const built = build(format, vector);

    it('has the outputs and the fee of the vector', () => {
      const expected = Transaction.fromHex(vector.commitmentTransaction);
      expected.stripWitnesses();
      expect(built.transaction.toHex()).toBe(expected.toHex());
      expect(toString(built.txid.slice().reverse(), 'hex')).toBe(expected.getId());
      expect(readCommitmentNumber(built.parameters, built.transaction)).toBe(Number(common.commitment_number));
      expect(built.htlcs.length).toBe(vector.htlcs.length);
      expect(built.htlcs.length + built.trimmedHtlcs.length).toBe(vector.htlcIds.length);

      const baseFee = noteValue(vector.notes, 'base commitment transaction fee');
      if (baseFee === undefined) return;
      expect(commitmentFee(format, vector.feeratePerKw, built.htlcs.length)).toBe(BigInt(baseFee));
      expect(built.feeSatoshis).toBe(BigInt(noteValue(vector.notes, 'actual commitment transaction fee') ?? NaN));
    });

    it('accepts the remote signatures', () => {
      expect(
        verifyCommitmentSignatures(
          built,
          compact(vector.remoteSignature),
          vector.htlcs.map(({ remoteSignature }) => compact(remoteSignature)),
        ),
      ).toBeUndefined();
    });

    it.each([libsecp256k1!, noble])('is signed and completed to the byte by $implementation', (curve) => {
      const sighash = commitmentSighash(built);
      const localSignature = curve.sign(sighash, localFundingSecret);
      const remoteSignature = curve.sign(sighash, remoteFundingSecret);
      expect(remoteSignature).toEqual(compact(vector.remoteSignature));
      expect(curve.verify(remoteSignature, sighash, built.parameters.remoteFundingPubkey)).toBe(true);
      expect(curve.verify(localSignature, sighash, built.parameters.localFundingPubkey)).toBe(true);
      const complete = completeCommitment(built, localSignature, remoteSignature);
      expect(complete.toHex()).toBe(vector.commitmentTransaction);
      expect(built.transaction.hasWitnesses()).toBe(false);

      for (const [index, expected] of vector.htlcs.entries()) {
        const { htlc } = built.htlcs[index]!;
        const remoteHash = htlcSighash(built, index, 'remote');
        const remote = curve.sign(remoteHash, remoteHtlcSecret);
        const local = curve.sign(htlcSighash(built, index, 'local'), localHtlcSecret);
        expect(remote).toEqual(compact(expected.remoteSignature));
        expect(curve.verify(remote, remoteHash, built.keys.remoteHtlcPubkey)).toBe(true);
        const preimage = htlc.direction === 'received' ? preimages[Number(htlc.id)] : undefined;
        const transaction = completeHtlcTransaction(built, index, local, remote, preimage);
        expect(transaction.toHex()).toBe(expected.transaction);
      }
    });
  });
});
