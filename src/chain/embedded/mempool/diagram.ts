/** Transactions that are mined together: what they pay and how large they are. */
export interface Chunk {
  readonly feeSat: bigint;
  readonly vsize: number;
}

/**
 * Whether a miner is better off with `chunks` than with `others`: however much space is filled with the best of each,
 * the first earn no less, and somewhere more.
 */
export function improves(chunks: readonly Chunk[], others: readonly Chunk[]): boolean {
  const [ours, theirs] = [sorted(chunks), sorted(others)];
  const differences = [...ends(ours), ...ends(theirs)].map((space) => {
    const [a, b] = [earned(ours, space), earned(theirs, space)];
    return a.numerator * b.denominator - b.numerator * a.denominator;
  });
  return differences.every((difference) => difference >= 0n) && differences.some((difference) => difference > 0n);
}

function sorted(chunks: readonly Chunk[]): Chunk[] {
  return [...chunks].sort((a, b) => {
    const difference = b.feeSat * BigInt(a.vsize) - a.feeSat * BigInt(b.vsize);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  });
}

/** The sizes at which a further chunk begins: between them what is earned grows evenly. */
function ends(chunks: readonly Chunk[]): bigint[] {
  let size = 0n;
  return chunks.map(({ vsize }) => (size += BigInt(vsize)));
}

/** What the best chunks pay that fill `space`, the last one in part, as a fraction of satoshis. */
function earned(chunks: readonly Chunk[], space: bigint): { numerator: bigint; denominator: bigint } {
  let left = space;
  let feeSat = 0n;
  for (const chunk of chunks) {
    const size = BigInt(chunk.vsize);
    if (left < size) return { numerator: feeSat * size + chunk.feeSat * left, denominator: size };
    left -= size;
    feeSat += chunk.feeSat;
  }
  return { numerator: feeSat, denominator: 1n };
}
