import fc from 'fast-check';
import { toString } from 'uint8arrays';
import { describe, expect, test } from 'vitest';
import * as features from '../../protocols/wire/features.ts';

const { encodeFeatureBits, encodeFeatures, missingDependencies, missingRequired } = features;

describe('feature bitfields', () => {
  test('hold the bits that were set, in the fewest bytes', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(300)), (bits) => {
        const encoded = encodeFeatureBits(bits);
        expect(features.featureBits(encoded)).toEqual([...bits].sort((a, b) => a - b));
        expect(encoded[0]).not.toBe(0);
        for (const bit of bits) expect(features.hasFeatureBit(encoded, bit)).toBe(true);
        expect(features.hasFeatureBit(encoded, 301)).toBe(false);
      }),
    );
  });

  test('of nothing are empty', () => {
    expect(encodeFeatureBits([])).toEqual(new Uint8Array());
    expect(features.featureBits(new Uint8Array(3))).toEqual([]);
  });

  test('are or-ed as integers, whatever their lengths', () => {
    const bits = fc.uniqueArray(fc.nat(100));
    fc.assert(
      fc.property(bits, bits, (a, b) => {
        const combined = features.combineFeatures(encodeFeatureBits(a), encodeFeatureBits(b));
        expect(combined).toEqual(encodeFeatureBits([...a, ...b]));
      }),
    );
  });

  test('name the channel type of anchors', () => {
    expect(toString(features.channelTypeAnchors, 'hex')).toBe('401000');
  });

  test('name each feature once', () => {
    const bits = Object.values(features.FEATURES).map(({ bit }) => bit);
    expect(new Set(bits).size).toBe(bits.length);
    expect(bits.every((bit) => bit % 2 === 0)).toBe(true);
  });
});

describe('what was negotiated', () => {
  const optional = encodeFeatures({ option_anchors: 'optional' });
  const required = encodeFeatures({ option_anchors: 'required' });
  const none = new Uint8Array();

  test('tells optional from required', () => {
    expect(features.hasFeature(optional, 'option_anchors')).toBe(true);
    expect(features.requiresFeature(optional, 'option_anchors')).toBe(false);
    expect(features.requiresFeature(required, 'option_anchors')).toBe(true);
    expect(features.requiresFeature(encodeFeatureBits([22, 23]), 'option_anchors')).toBe(true);
  });

  test.each([
    [optional, optional, true],
    [optional, required, true],
    [optional, none, false],
    [none, optional, false],
    [required, none, true],
  ])('is what both offer, or we require', (ours, theirs, expected) => {
    expect(features.isNegotiated(ours, theirs, 'option_anchors')).toBe(expected);
  });

  test('includes what BOLT 9 assumes', () => {
    expect(features.isNegotiated(none, none, 'option_static_remotekey')).toBe(true);
  });

  test('misses what they require and we do not offer', () => {
    const theirs = encodeFeatureBits([8, 22, 23, 25, 100, 101, 103]);
    expect(missingRequired(theirs, none)).toEqual(['option_anchors', 'bit 100']);
    expect(missingRequired(theirs, optional)).toEqual(['bit 100']);
    expect(missingRequired(theirs, required)).toEqual(['bit 100']);
    expect(missingRequired(none, required)).toEqual([]);
  });

  test('misses what a feature depends on', () => {
    const lacking = encodeFeatures({ option_zeroconf: 'optional', option_simple_close: 'required' });
    expect(missingDependencies(lacking)).toEqual([
      { feature: 'option_zeroconf', dependency: 'option_scid_alias' },
      { feature: 'option_simple_close', dependency: 'option_shutdown_anysegwit' },
    ]);
    const complete = encodeFeatures({ option_zeroconf: 'optional', option_scid_alias: 'optional' });
    expect(missingDependencies(complete)).toEqual([]);
    expect(missingDependencies(encodeFeatures({ basic_mpp: 'optional' }))).toEqual([]);
  });
});
