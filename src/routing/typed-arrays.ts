interface Growable<T> {
  readonly length: number;
  set(source: T): void;
}

/** A copy of a typed array with `length` elements, the new ones 0. */
export function grown<T extends Growable<T>>(array: T, length: number): T {
  const { constructor: Make } = Object.getPrototypeOf(array) as { constructor: new (length: number) => T };
  const copy = new Make(length);
  copy.set(array);
  return copy;
}
