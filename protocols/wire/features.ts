interface Feature {
  /** The even bit of the pair, which makes the feature compulsory; the odd one above it makes it optional. */
  readonly bit: number;
  /** BOLT 9 takes every node to have it, whether or not it says so. */
  readonly assumed?: true;
  readonly dependsOn?: string;
}

/** BOLT 9, "Assigned Feature Flags", and `keysend` of bLIP 3. */
export const FEATURES = {
  option_data_loss_protect: { bit: 0, assumed: true },
  option_upfront_shutdown_script: { bit: 4 },
  gossip_queries: { bit: 6 },
  var_onion_optin: { bit: 8, assumed: true },
  gossip_queries_ex: { bit: 10 },
  option_static_remotekey: { bit: 12, assumed: true },
  payment_secret: { bit: 14, assumed: true },
  basic_mpp: { bit: 16, dependsOn: 'payment_secret' },
  option_support_large_channel: { bit: 18 },
  option_anchors: { bit: 22 },
  option_route_blinding: { bit: 24 },
  option_shutdown_anysegwit: { bit: 26 },
  option_dual_fund: { bit: 28 },
  option_quiesce: { bit: 34 },
  option_attribution_data: { bit: 36 },
  option_onion_messages: { bit: 38 },
  option_provide_storage: { bit: 42 },
  option_channel_type: { bit: 44, assumed: true },
  option_scid_alias: { bit: 46 },
  option_payment_metadata: { bit: 48 },
  option_zeroconf: { bit: 50, dependsOn: 'option_scid_alias' },
  keysend: { bit: 54 },
  option_simple_close: { bit: 60, dependsOn: 'option_shutdown_anysegwit' },
  option_splice: { bit: 62 },
} as const satisfies Readonly<Record<string, Feature>>;

export type FeatureName = keyof typeof FEATURES;

const named = Object.entries(FEATURES) as [FeatureName, Feature & { readonly dependsOn?: FeatureName }][];
const byBit = new Map(named.map(([name, feature]) => [feature.bit, { name, ...feature }]));

/**
 * A bitfield with each named feature as compulsory (even bit) or optional (odd bit), in the fewest bytes that hold it.
 */
export function encodeFeatures(features: Readonly<Partial<Record<FeatureName, 'required' | 'optional'>>>): Uint8Array {
  const bits = named.flatMap(([name, { bit }]) => {
    const level = features[name];
    return level === undefined ? [] : [level === 'required' ? bit : bit + 1];
  });
  return encodeFeatureBits(bits);
}

/** A bitfield with these bits set, in the fewest bytes that hold it. */
export function encodeFeatureBits(bits: readonly number[]): Uint8Array {
  const features = new Uint8Array(Math.ceil((Math.max(-1, ...bits) + 1) / 8));
  for (const bit of bits) {
    const index = features.length - 1 - Math.floor(bit / 8);
    features[index] = (features[index] ?? 0) | (1 << (bit % 8));
  }
  return features;
}

/** The bits that are set, ascending. */
export function featureBits(features: Uint8Array): number[] {
  return Array.from({ length: features.length * 8 }, (_, bit) => bit).filter((bit) => hasFeatureBit(features, bit));
}

/** Whether one bit is set; bit 0 is the lowest of the last byte. */
export function hasFeatureBit(features: Uint8Array, bit: number): boolean {
  return (((features[features.length - 1 - Math.floor(bit / 8)] ?? 0) >> (bit % 8)) & 1) === 1;
}

/** Whether either bit of the feature is set. */
export function hasFeature(features: Uint8Array, name: FeatureName): boolean {
  const { bit } = FEATURES[name];
  return hasFeatureBit(features, bit) || hasFeatureBit(features, bit + 1);
}

/** Whether the feature is compulsory; BOLT 9 reads a pair with both bits set as that. */
export function requiresFeature(features: Uint8Array, name: FeatureName): boolean {
  return hasFeatureBit(features, FEATURES[name].bit);
}

/**
 * BOLT 1, "The `init` Message": a feature is negotiated if both offered it, or we require it, or everyone is taken to
 * have it.
 */
export function isNegotiated(ours: Uint8Array, theirs: Uint8Array, name: FeatureName): boolean {
  const { assumed }: Feature = FEATURES[name];
  if (assumed === true || requiresFeature(ours, name)) return true;
  return hasFeature(ours, name) && hasFeature(theirs, name);
}

/** BOLT 1, "The `init` Message": `globalfeatures` and `features` are one bitfield, or-ed together. */
export function combineFeatures(a: Uint8Array, b: Uint8Array): Uint8Array {
  const [longer, shorter] = a.length < b.length ? [b, a] : [a, b];
  const offset = longer.length - shorter.length;
  return longer.map((byte, index) => byte | (shorter[index - offset] ?? 0));
}

/** Each feature that is set, as `option_anchors (required)`; those that BOLT 9 does not name as `bit 101`. */
export function namedFeatures(features: Uint8Array): string[] {
  return featureBits(features).map((bit) => {
    const even = bit - (bit % 2);
    const name = byBit.get(even)?.name;
    return name === undefined ? `bit ${bit}` : `${name} (${bit === even ? 'required' : 'optional'})`;
  });
}

/**
 * What they require and we do not offer: BOLT 1 closes the connection over any such bit, BOLT 7 does not route over
 * such a channel or node. Features of BOLT 9 by name, others as `bit 100`; empty if there are none.
 */
export function missingRequired(theirs: Uint8Array, ours: Uint8Array): string[] {
  return featureBits(theirs).flatMap((bit) => {
    if (bit % 2 === 1 || hasFeatureBit(ours, bit) || hasFeatureBit(ours, bit + 1)) return [];
    const feature = byBit.get(bit);
    return feature?.assumed === true ? [] : [feature?.name ?? `bit ${bit}`];
  });
}

/** The features that are set without the one that they depend on: BOLT 1 closes the connection over any. */
export function missingDependencies(features: Uint8Array): { feature: FeatureName; dependency: FeatureName }[] {
  return named.flatMap(([feature, { dependsOn: dependency }]) => {
    if (dependency === undefined || !hasFeature(features, feature) || hasFeature(features, dependency)) return [];
    const { assumed }: Feature = FEATURES[dependency];
    return assumed === true ? [] : [{ feature, dependency }];
  });
}

/** BOLT 2, "The `open_channel` Message": the `channel_type` of anchor channels (bits 12 and 22). */
export const channelTypeAnchors = encodeFeatures({ option_static_remotekey: 'required', option_anchors: 'required' });
