import fc from 'fast-check';
import { compare } from 'uint8arrays/compare';
import { describe, expect, it } from 'vitest';
import { commitmentFundingScript } from '../../machines/commitment/commitment-transaction.ts';
import { CommitmentError } from '../../machines/commitment/errors.ts';
import {
  commitmentFee,
  htlcTransactionFee,
  isTrimmed,
  openerCost,
  trimThreshold,
} from '../../machines/commitment/fees.ts';
import { deriveCommitmentKeys } from '../../machines/commitment/keys.ts';
import { p2wsh, toLocalScript } from '../../machines/commitment/scripts.ts';
import { commitmentSighash, htlcSighash, remoteHtlcSighashType } from '../../machines/commitment/signatures.ts';
import type { CommitmentSpec } from '../../machines/commitment/spec.ts';
import { transactionHash, witnessSighash } from '../../machines/commitment/transaction-hash.ts';
import { CryptoError } from '../../protocols/crypto/crypto-error.ts';
import { SIGHASH_ALL, SIGHASH_SINGLE_ANYONECANPAY } from '../../protocols/crypto/witness-signature.ts';
import {
  alice,
  anySpec,
  bob,
  build,
  FORMATS,
  FUNDING_SATOSHIS,
  htlc,
  mirrored,
  parametersOf,
  pointOf,
  specOf,
} from './commitment-fixtures.ts';

const anyFormat = fc.constantFrom(...FORMATS);
const anyDustLimit = fc.constantFrom(354n, 546n, 2000n);
const errorWith = (code: string) => expect.objectContaining({ code });
const sum = (amounts: readonly bigint[]) => amounts.reduce((total, amount) => total + amount, 0n);

describe('the value in a commitment transaction', () => {
  it('is the funding amount: outputs and fee, where the fee is what BOLT 3 sends to it', () => {
    fc.assert(
      fc.property(anyFormat, anyDustLimit, anySpec, (format, dustLimitSatoshis, spec) => {
        const built = build(spec, { format, dustLimitSatoshis });
        const amounts = built.transaction.outs.map(({ value }) => value);
        expect(sum(amounts) + built.feeSatoshis).toBe(FUNDING_SATOSHIS);

        // In msat: the base fee, trimmed HTLCs, fractions of satoshis, balances below dust, and the anchors left out.
        const kinds = built.outputs.map(({ kind }) => kind);
        const baseFee = commitmentFee(format, spec.feeratePerKw, built.htlcs.length);
        const cost = openerCost(format, spec.feeratePerKw, built.htlcs.length) * 1000n;
        const toLocal = spec.toLocalMsat < cost ? 0n : spec.toLocalMsat - cost;
        const paid = spec.toLocalMsat - toLocal;
        const anchorsMsat = BigInt(kinds.filter((kind) => kind.endsWith('anchor')).length) * 330_000n;
        const feeMsat =
          paid -
          anchorsMsat +
          (kinds.includes('to_local') ? toLocal % 1000n : toLocal) +
          (kinds.includes('to_remote') ? spec.toRemoteMsat % 1000n : spec.toRemoteMsat) +
          sum(built.trimmedHtlcs.map(({ amountMsat }) => amountMsat)) +
          sum(built.htlcs.map((output) => output.htlc.amountMsat % 1000n));
        expect(built.feeSatoshis * 1000n).toBe(feeMsat);
        if (spec.toLocalMsat >= cost) expect(built.feeSatoshis >= baseFee).toBe(true);
      }),
    );
  });

  it('is that of the example in BOLT 3, "Fee Calculation"', () => {
    const spec = specOf(
      [
        htlc({ id: 0n, amountMsat: 5_000_000n }),
        htlc({ id: 1n, amountMsat: 1_000_000n }),
        htlc({ id: 2n, amountMsat: 7_000_000n, direction: 'received' }),
        htlc({ id: 3n, amountMsat: 800_000n, direction: 'received' }),
      ],
      5000,
    );
    const built = build(spec, { format: 'static_remotekey', dustLimitSatoshis: 546n });
    expect(commitmentFee('static_remotekey', 5000, 2)).toBe(5340n);
    expect(built.feeSatoshis).toBe(7140n);
    expect(built.htlcs.map(({ transaction }) => transaction.outs[0]!.value)).toEqual([5000n - 3315n, 7000n - 3515n]);
  });

  it('leaves nothing at all for the opener when the fee exceeds its balance', () => {
    const spec: CommitmentSpec = { feeratePerKw: 1000, toLocalMsat: 900_000n, toRemoteMsat: 999_100_000n, htlcs: [] };
    const built = build(spec);
    expect(built.outputs.map(({ kind }) => kind)).toEqual(['remote_anchor', 'to_remote']);
    expect(built.feeSatoshis).toBe(900n - 330n);
  });

  it('is charged to the opener, whoever owns the commitment', () => {
    const spec = specOf([]);
    const amountOf = (built: ReturnType<typeof build>, kind: string) =>
      built.outputs.find((output) => output.kind === kind)?.amountSatoshis;
    const cost = openerCost('anchors', 253, 0);
    expect(cost).toBe(660n + 284n);
    expect(amountOf(build(spec), 'to_local')).toBe(500_000n - cost);
    expect(amountOf(build(spec), 'to_remote')).toBe(500_000n);
    expect(amountOf(build(mirrored(spec), {}, { owner: bob }), 'to_local')).toBe(500_000n);
    expect(amountOf(build(mirrored(spec), {}, { owner: bob }), 'to_remote')).toBe(500_000n - cost);
  });
});

describe('trimming', () => {
  it.each(
    FORMATS.flatMap((format) => (['offered', 'received'] as const).map((direction) => [format, direction] as const)),
  )('%s, %s: an HTLC has an output from the threshold on, not one millisatoshi earlier', (format, direction) => {
    const threshold = trimThreshold(format, 1000, 546n, direction);
    const fee = { offered: 663n, received: 703n }[direction];
    expect(threshold).toBe(format === 'anchors' ? 546n : 546n + fee);
    for (const [amountMsat, trimmed] of [
      [threshold * 1000n - 1n, true],
      [threshold * 1000n, false],
      [threshold * 1000n + 999n, false],
    ] as const) {
      const one = htlc({ id: 0n, direction, amountMsat });
      const built = build(specOf([one], 1000), { format, dustLimitSatoshis: 546n });
      expect(isTrimmed(format, 1000, 546n, one)).toBe(trimmed);
      expect(built.trimmedHtlcs).toEqual(trimmed ? [one] : []);
      expect(built.htlcs.map((output) => output.htlc)).toEqual(trimmed ? [] : [one]);
      for (const { transaction } of built.htlcs) expect(transaction.outs[0]!.value).toBe(546n);
    }
  });

  it.each([
    [353_999n, false],
    [354_000n, true],
  ])('a to_remote of %s msat: %s', (toRemoteMsat, stands) => {
    const spec = { feeratePerKw: 253, toLocalMsat: FUNDING_SATOSHIS * 1000n - toRemoteMsat, toRemoteMsat, htlcs: [] };
    expect(build(spec).outputs.some(({ kind }) => kind === 'to_remote')).toBe(stands);
    expect(build(spec).outputs.some(({ kind }) => kind === 'remote_anchor')).toBe(stands);
  });

  it.each([
    [-1n, false],
    [0n, true],
  ])('a to_local at its cost, the dust limit and %s msat: %s', (difference, stands) => {
    const toLocalMsat = (openerCost('anchors', 253, 0) + 354n) * 1000n + difference;
    const spec = { feeratePerKw: 253, toLocalMsat, toRemoteMsat: FUNDING_SATOSHIS * 1000n - toLocalMsat, htlcs: [] };
    expect(build(spec).outputs.some(({ kind }) => kind === 'to_local')).toBe(stands);
    expect(build(spec).outputs.some(({ kind }) => kind === 'local_anchor')).toBe(stands);
  });

  it('keeps both anchors while an HTLC has an output, and none without anchors', () => {
    const withHtlc = specOf([htlc({ id: 0n })], 253, 1000n);
    const anchors = (format: 'anchors' | 'static_remotekey') =>
      build(withHtlc, { format }).outputs.filter(({ kind }) => kind.endsWith('anchor'));
    expect(anchors('anchors').map(({ amountSatoshis }) => amountSatoshis)).toEqual([330n, 330n]);
    expect(anchors('static_remotekey')).toEqual([]);
  });
});

describe('output order', () => {
  it('does not depend on the order of the HTLCs, and is that of BOLT 3', () => {
    fc.assert(
      fc.property(anyFormat, anySpec, fc.infiniteStream(fc.nat()), (format, spec, random) => {
        const built = build(spec, { format });
        const keyed = spec.htlcs.map((one) => [random.next().value, one] as const);
        const shuffled = keyed.sort(([a], [b]) => a - b).map(([, one]) => one);
        const again = build({ ...spec, htlcs: shuffled }, { format });
        expect(again.transaction.toHex()).toBe(built.transaction.toHex());
        expect(again.htlcs.map((output) => output.htlc.id)).toEqual(built.htlcs.map((output) => output.htlc.id));

        for (const [index, output] of built.outputs.entries()) {
          expect(output.index).toBe(index);
          expect(output.scriptPubkey).toEqual(built.transaction.outs[index]!.script);
          expect(output.amountSatoshis).toBe(built.transaction.outs[index]!.value);
          const next = built.outputs[index + 1];
          if (next === undefined) continue;
          expect(output.amountSatoshis <= next.amountSatoshis).toBe(true);
          if (output.amountSatoshis < next.amountSatoshis) continue;
          const byScript = compare(output.scriptPubkey, next.scriptPubkey);
          expect(byScript).toBeLessThanOrEqual(0);
          if (byScript < 0 || output.kind !== 'htlc' || next.kind !== 'htlc') continue;
          expect(output.htlc.cltvExpiry).toBeLessThanOrEqual(next.htlc.cltvExpiry);
        }
      }),
    );
  });

  it('puts HTLCs that are equal in all but their id in the order of these', () => {
    const paymentHash = htlc({ id: 0n }).paymentHash;
    for (const ids of [
      [7n, 11n],
      [11n, 7n],
    ]) {
      const built = build(specOf(ids.map((id) => htlc({ id, paymentHash }))));
      expect(built.htlcs.map((output) => output.htlc.id)).toEqual([7n, 11n]);
    }
  });
});

describe('HTLC transactions', () => {
  it('spend their output with the locktime, sequence and amount of BOLT 3', () => {
    fc.assert(
      fc.property(anyFormat, anySpec, (format, spec) => {
        const built = build(spec, { format });
        const toLocal = toLocalScript(built.keys, 144);
        for (const { htlc: one, transaction, index, amountSatoshis } of built.htlcs) {
          expect(transaction.version).toBe(2);
          expect(transaction.locktime).toBe(one.direction === 'offered' ? one.cltvExpiry : 0);
          expect(transaction.ins).toHaveLength(1);
          expect(transaction.ins[0]).toMatchObject({ hash: built.txid, index, sequence: format === 'anchors' ? 1 : 0 });
          expect(transaction.outs).toHaveLength(1);
          const fee = htlcTransactionFee(format, spec.feeratePerKw, one.direction);
          expect(transaction.outs[0]!.value).toBe(amountSatoshis - fee);
          expect(transaction.outs[0]!.script).toEqual(p2wsh(toLocal));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('hashes', () => {
  const full = Array.from({ length: 483 }, (_, id) =>
    htlc({ id: BigInt(id), amountMsat: 1_000_000n + BigInt(id), direction: id % 2 === 0 ? 'offered' : 'received' }),
  );

  it('are those of bitcoinjs-lib', () => {
    const anySize = fc.oneof({ weight: 20, arbitrary: anySpec }, fc.constant(specOf(full)));
    fc.assert(
      fc.property(anyFormat, anySize, (format, spec) => {
        const built = build(spec, { format });
        expect(built.txid).toEqual(built.transaction.getHash());
        expect(commitmentSighash(built)).toEqual(
          built.transaction.hashForWitnessV0(
            0,
            commitmentFundingScript(built.parameters),
            FUNDING_SATOSHIS,
            SIGHASH_ALL,
          ),
        );
        for (const [index, { transaction, witnessScript, amountSatoshis }] of built.htlcs.slice(0, 5).entries()) {
          const hashFor = (sighashType: number) =>
            transaction.hashForWitnessV0(0, witnessScript, amountSatoshis, sighashType);
          expect(htlcSighash(built, index, 'local')).toEqual(hashFor(SIGHASH_ALL));
          expect(htlcSighash(built, index, 'remote')).toEqual(hashFor(remoteHtlcSighashType(format)));
        }
      }),
      { numRuns: 40 },
    );
    expect(build(specOf(full)).transaction.outs).toHaveLength(487);
  });

  it('cover the first output alone under SIGHASH_SINGLE', () => {
    const { transaction } = build(specOf([htlc({ id: 0n })]));
    const script = new Uint8Array(300).fill(0x51);
    for (const sighashType of [SIGHASH_ALL, SIGHASH_SINGLE_ANYONECANPAY]) {
      expect(witnessSighash(transaction, script, 77n, sighashType)).toEqual(
        transaction.hashForWitnessV0(0, script, 77n, sighashType),
      );
    }
  });

  it('are those of transactions with one input', () => {
    const { transaction } = build(specOf([]));
    for (const ins of [[], [...transaction.ins, ...transaction.ins]]) {
      const other = transaction.clone();
      other.ins = ins;
      expect(() => transactionHash(other)).toThrow(RangeError);
      expect(() => witnessSighash(other, new Uint8Array(), 0n, SIGHASH_ALL)).toThrow(RangeError);
    }
  });
});

describe('both commitments of one state', () => {
  it('mirror each other', () => {
    fc.assert(
      fc.property(anyFormat, anySpec, (format, spec) => {
        const ofAlice = build(spec, { format });
        const ofBob = build(mirrored(spec), { format }, { owner: bob });
        const amounts = (built: typeof ofAlice) =>
          Object.fromEntries(
            built.outputs.filter(({ kind }) => kind.startsWith('to_')).map((o) => [o.kind, o.amountSatoshis]),
          );
        if (ofAlice.htlcs.length === ofBob.htlcs.length) {
          expect(amounts(ofBob)['to_remote']).toBe(amounts(ofAlice)['to_local']);
          expect(amounts(ofBob)['to_local']).toBe(amounts(ofAlice)['to_remote']);
        }
        if (format === 'anchors') {
          // Without HTLC fees the same HTLCs are trimmed on both sides, so the whole transactions weigh the same.
          const ids = (built: typeof ofAlice) => built.htlcs.map((output) => output.htlc.id).sort();
          expect(ids(ofBob)).toEqual(ids(ofAlice));
          expect(ofBob.feeSatoshis).toBe(ofAlice.feeSatoshis);
        }
        expect(ofBob.txid).not.toEqual(ofAlice.txid);
      }),
    );
  });
});

describe('keys', () => {
  it('change with the commitment, except for to_remote under option_static_remotekey', () => {
    for (const format of FORMATS) {
      const [first, second] = [5, 6].map((commitmentNumber) =>
        deriveCommitmentKeys(format, pointOf(alice, commitmentNumber), alice.basepoints, bob.basepoints),
      );
      for (const name of ['localHtlcPubkey', 'remoteHtlcPubkey', 'localDelayedPubkey', 'revocationPubkey'] as const) {
        expect(first![name]).not.toEqual(second![name]);
      }
      const isStatic = format !== 'legacy';
      expect(compare(first!.remotePubkey, second!.remotePubkey) === 0).toBe(isStatic);
      expect(compare(first!.remotePubkey, bob.basepoints.paymentBasepoint) === 0).toBe(isStatic);
      expect({ ...first! }).toEqual(structuredClone(first));
    }
  });

  it('are refused when the point is none', () => {
    expect(() => deriveCommitmentKeys('anchors', new Uint8Array(33), alice.basepoints, bob.basepoints)).toThrow(
      CryptoError,
    );
  });
});

describe('what cannot be built', () => {
  const spec = specOf([htlc({ id: 0n })]);

  it.each<[string, CommitmentSpec]>([
    ['one millisatoshi is missing', { ...spec, toLocalMsat: spec.toLocalMsat - 1n }],
    ['one millisatoshi is too many', { ...spec, toRemoteMsat: spec.toRemoteMsat + 1n }],
    ['the owner is below zero', { ...spec, toLocalMsat: -1n, toRemoteMsat: FUNDING_SATOSHIS * 1000n + 1n, htlcs: [] }],
    ['the other is below zero', { ...spec, toRemoteMsat: -1n, toLocalMsat: FUNDING_SATOSHIS * 1000n + 1n, htlcs: [] }],
    ['an HTLC is below zero', specOf([htlc({ id: 0n, amountMsat: -1n })])],
  ])('%s', (_, unbalanced) => {
    expect(() => build(unbalanced)).toThrow(CommitmentError);
    expect(() => build(unbalanced)).toThrow(errorWith('unbalanced_commitment'));
  });

  it('anchors that the opener cannot pay', () => {
    const poor = specOf([htlc({ id: 0n })], 0, 0n);
    expect(() => build(poor)).toThrow(errorWith('outputs_exceed_funding'));
    expect(build(poor, { format: 'static_remotekey' }).feeSatoshis).toBe(0n);
  });

  it.each([-1, 1.5, 2 ** 48, NaN])('a commitment with the number %s', (commitmentNumber) => {
    const { keys } = build(spec);
    const parameters = parametersOf(alice, bob);
    expect(() => build(spec, parameters, { commitmentNumber })).toThrow(errorWith('invalid_commitment_number'));
    expect(keys.localHtlcPubkey).toHaveLength(33);
  });
});
