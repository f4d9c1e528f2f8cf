export type TypedArray = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array | BigUint64Array;

/** A copy of a typed array with `length` elements, the new ones 0. */
export function grown<T extends TypedArray>(array: T, length: number): T {
  const { constructor: Make } = Object.getPrototypeOf(array) as { constructor: new (length: number) => T & { set(source: T): void } };
  const copy = new Make(length);
  copy.set(array);
  return copy;
}
