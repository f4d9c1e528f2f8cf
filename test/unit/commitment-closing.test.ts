import { Transaction } from 'bitcoinjs-lib';
import fc from 'fast-check';
import { compare } from 'uint8arrays/compare';
import { describe, expect, it } from 'vitest';
import {
  buildClosing,
  closingFee,
  closingSighash,
  closingSignedByRemote,
  closingWeight,
  completeClosing,
  isValidShutdownScript,
  type BuiltClosing,
  type ClosingParameters,
} from '../../machines/commitment/closing-transaction.ts';
import { fundingScript, p2wpkh, p2wsh } from '../../machines/commitment/scripts.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import { SIGHASH_ALL } from '../../protocols/crypto/witness-signature.ts';
import { alice, bob, FUNDING_SATOSHIS, type Party } from './commitment-fixtures.ts';

const errorWith = (code: string) => expect.objectContaining({ code });
const scriptOf = (party: Party) => p2wpkh(party.basepoints.paymentBasepoint);

/** The channel's end as Alice, the opener, sees it. */
function parametersOf(localMsat: bigint, overrides: Partial<ClosingParameters> = {}): ClosingParameters {
  return {
    fundingTxid: new Uint8Array(32).fill(0x77),
    fundingOutputIndex: 1,
    fundingSatoshis: FUNDING_SATOSHIS,
    localFundingPubkey: alice.fundingPubkey,
    remoteFundingPubkey: bob.fundingPubkey,
    localIsOpener: true,
    localMsat,
    remoteMsat: FUNDING_SATOSHIS * 1000n - localMsat,
    localScriptpubkey: scriptOf(alice),
    remoteScriptpubkey: scriptOf(bob),
    dustLimitSatoshis: 354n,
    ...overrides,
  };
}

/** The same as Bob sees it. */
function asBob(parameters: ClosingParameters): ClosingParameters {
  return {
    ...parameters,
    localFundingPubkey: parameters.remoteFundingPubkey,
    remoteFundingPubkey: parameters.localFundingPubkey,
    localIsOpener: !parameters.localIsOpener,
    localMsat: parameters.remoteMsat,
    remoteMsat: parameters.localMsat,
    localScriptpubkey: parameters.remoteScriptpubkey,
    remoteScriptpubkey: parameters.localScriptpubkey,
  };
}

const amountsOf = (built: BuiltClosing) =>
  Object.fromEntries(built.outputs.map(({ payee, amountSatoshis }) => [payee, amountSatoshis]));
const sign = (built: BuiltClosing, party: Party) => secp256k1.sign(closingSighash(built), party.fundingSecret);

describe('the closing transaction', () => {
  it('is the same for both nodes, keeps the value and charges the opener', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: FUNDING_SATOSHIS * 1000n }),
        fc.bigInt({ min: 0n, max: 2000n }),
        fc.boolean(),
        (localMsat, fee, sameScript) => {
          fc.pre(localMsat / 1000n >= fee);
          const scripts = sameScript ? { remoteScriptpubkey: scriptOf(alice) } : {};
          const parameters = parametersOf(localMsat, scripts);
          const built = buildClosing(parameters, fee);
          const outs = built.transaction.outs;
          expect(outs.reduce((sum, { value }) => sum + value, built.feeSatoshis)).toBe(FUNDING_SATOSHIS);
          expect(built.feeSatoshis >= fee).toBe(true);

          const local = localMsat / 1000n - fee;
          const remote = parameters.remoteMsat / 1000n;
          expect(amountsOf(built)).toEqual({
            ...(local >= 354n && { local }),
            ...(remote >= 354n && { remote }),
          });
          if (outs.length === 2) {
            const [first, second] = [outs[0]!, outs[1]!];
            const byAmount = Number(first.value - second.value);
            expect(byAmount || compare(first.script, second.script)).toBeLessThanOrEqual(0);
          }
          for (const { index, amountSatoshis, scriptPubkey } of built.outputs) {
            expect(outs[index]).toEqual({ script: scriptPubkey, value: amountSatoshis });
          }
          expect(buildClosing(asBob(parameters), fee).transaction.toHex()).toBe(built.transaction.toHex());
        },
      ),
    );
  });

  it('has the form of BOLT 3 and hashes that bitcoinjs-lib agrees with', () => {
    const built = buildClosing(parametersOf(400_000_999n), 500n);
    const { transaction } = built;
    expect(transaction).toMatchObject({ version: 2, locktime: 0 });
    expect(transaction.ins).toEqual([
      expect.objectContaining({ hash: new Uint8Array(32).fill(0x77), index: 1, sequence: 0xffffffff }),
    ]);
    expect(amountsOf(built)).toEqual({ local: 399_500n, remote: 599_999n });
    expect(built.feeSatoshis).toBe(501n);
    expect(built.txid).toEqual(transaction.getHash());
    expect(closingSighash(built)).toEqual(
      transaction.hashForWitnessV0(
        0,
        fundingScript(alice.fundingPubkey, bob.fundingPubkey),
        FUNDING_SATOSHIS,
        SIGHASH_ALL,
      ),
    );
  });

  it('keeps an output at the dust limit and drops one a satoshi below', () => {
    expect(amountsOf(buildClosing(parametersOf(854_000n), 500n))).toHaveProperty('local', 354n);
    expect(amountsOf(buildClosing(parametersOf(853_999n), 500n))).not.toHaveProperty('local');
    const dust = FUNDING_SATOSHIS * 1000n - 353_999n;
    expect(amountsOf(buildClosing(parametersOf(dust), 500n))).not.toHaveProperty('remote');
    const lowerLimit = parametersOf(dust, { dustLimitSatoshis: 353n });
    expect(amountsOf(buildClosing(lowerLimit, 500n))).toHaveProperty('remote', 353n);
  });

  it('is completed alike by both nodes', () => {
    const parameters = parametersOf(400_000_000n);
    const ofAlice = buildClosing(parameters, 500n);
    const ofBob = buildClosing(asBob(parameters), 500n);
    const complete = completeClosing(ofAlice, sign(ofAlice, alice), sign(ofAlice, bob));
    expect(completeClosing(ofBob, sign(ofBob, bob), sign(ofBob, alice)).toHex()).toBe(complete.toHex());
    expect(Transaction.fromHex(complete.toHex()).getHash()).toEqual(ofAlice.txid);
    // Signatures have at most 72 bytes with a low S, usually 71: the expected weight is an upper bound, and close.
    const expected = closingWeight(ofAlice.outputs.map(({ scriptPubkey }) => scriptPubkey));
    expect(complete.weight()).toBeLessThanOrEqual(expected);
    expect(complete.weight()).toBeGreaterThanOrEqual(expected - 6);
  });

  it('pays fees by weight', () => {
    const scripts = [scriptOf(alice), p2wsh(new Uint8Array(3))];
    expect(closingWeight(scripts)).toBe(4 * (51 + 31 + 43) + 224);
    expect(closingFee(253, scripts)).toBe(183n);
    expect(closingWeight([])).toBe(closingWeight([scriptOf(alice)]) - 124);
  });

  it.each<[string, () => unknown, string]>([
    ['too small balances', () => buildClosing(parametersOf(1000n, { remoteMsat: 5n }), 0n), 'unbalanced_close'],
    ['a negative balance', () => buildClosing(parametersOf(-1n), 0n), 'unbalanced_close'],
    ['a fee above the balance', () => buildClosing(parametersOf(499_999n), 500n), 'close_fee_exceeds_balance'],
    ['a negative fee', () => buildClosing(parametersOf(499_999n), -1n), 'close_fee_exceeds_balance'],
    [
      'nothing but dust',
      () => buildClosing(parametersOf(FUNDING_SATOSHIS * 1000n), FUNDING_SATOSHIS),
      'close_without_outputs',
    ],
  ])('is refused with %s', (_, attempt, code) => {
    expect(attempt).toThrow(errorWith(code));
  });
});

describe('closingSignedByRemote', () => {
  const parameters = parametersOf(400_000_000n);

  it('finds the transaction with all outputs, and the one that the peer left', () => {
    const whole = buildClosing(asBob(parameters), 500n);
    const withoutBob = buildClosing(asBob(parameters), 500n, 'local');
    expect(amountsOf(withoutBob)).toEqual({ remote: 399_500n });
    for (const built of [whole, withoutBob]) {
      const found = closingSignedByRemote(parameters, 500n, sign(built, bob));
      expect(found.txid).toEqual(built.txid);
    }
  });

  it('refuses everything else', () => {
    const withoutAlice = buildClosing(asBob(parameters), 500n, 'remote');
    const otherFee = buildClosing(asBob(parameters), 501n);
    const whole = buildClosing(asBob(parameters), 500n);
    for (const signature of [sign(withoutAlice, bob), sign(otherFee, bob), sign(whole, alice), new Uint8Array(64)]) {
      expect(() => closingSignedByRemote(parameters, 500n, signature)).toThrow(errorWith('invalid_closing_signature'));
    }
    const single = parametersOf(FUNDING_SATOSHIS * 1000n);
    expect(() => closingSignedByRemote(single, 500n, new Uint8Array(64))).toThrow(
      errorWith('invalid_closing_signature'),
    );
  });
});

describe('isValidShutdownScript', () => {
  const script = (version: number, length: number) => Uint8Array.from([version, length, ...new Uint8Array(length)]);

  it.each([
    ['P2WPKH', script(0, 20), true, true],
    ['P2WSH', script(0, 32), true, true],
    ['P2TR', script(0x51, 32), true, false],
    ['version 16, 2 bytes', script(0x60, 2), true, false],
    ['version 1, 40 bytes', script(0x51, 40), true, false],
    ['version 1, 41 bytes', script(0x51, 41), false, false],
    ['version 1, 1 byte', script(0x51, 1), false, false],
    ['version 0, 21 bytes', script(0, 21), false, false],
    ['OP_1NEGATE', script(0x4f, 32), false, false],
    ['OP_RESERVED', script(0x50, 32), false, false],
    ['above OP_16', script(0x61, 32), false, false],
    ['more after the program', Uint8Array.from([...script(0, 20), 0]), false, false],
    ['less than the program', script(0, 20).subarray(0, 21), false, false],
    ['P2PKH', Uint8Array.from([0x76, 0xa9, 20, ...new Uint8Array(20), 0x88, 0xac]), false, false],
    ['P2SH', Uint8Array.from([0xa9, 20, ...new Uint8Array(20), 0x87]), false, false],
    ['OP_RETURN', Uint8Array.from([0x6a, 6, ...new Uint8Array(6)]), false, false],
    ['nothing', new Uint8Array(), false, false],
    ['one byte', Uint8Array.of(0), false, false],
  ])('%s', (_, bytes, withAnySegwit, without) => {
    expect(isValidShutdownScript(bytes, { anySegwit: true })).toBe(withAnySegwit);
    expect(isValidShutdownScript(bytes, { anySegwit: false })).toBe(without);
  });
});
