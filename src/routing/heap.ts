import { grown } from './typed-arrays.ts';

/**
 * A binary min-heap of small integers by a float64 key, over typed arrays: no object is made by a push or a pop. Of
 * equal keys the smaller integer comes first, so that the order is the same in every run.
 */
export class TypedHeap {
  #keys = new Float64Array(1024);
  #values = new Int32Array(1024);
  #size = 0;
  /** The key of what was popped last. */
  poppedKey = 0;

  get size(): number {
    return this.#size;
  }

  clear(): void {
    this.#size = 0;
  }

  push(key: number, value: number): void {
    if (this.#size === this.#keys.length) {
      this.#keys = grown(this.#keys, 2 * this.#size);
      this.#values = grown(this.#values, 2 * this.#size);
    }
    const keys = this.#keys;
    const values = this.#values;
    let hole = this.#size++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const parentKey = keys[parent] as number;
      const parentValue = values[parent] as number;
      if (parentKey < key || (parentKey === key && parentValue < value)) break;
      keys[hole] = parentKey;
      values[hole] = parentValue;
      hole = parent;
    }
    keys[hole] = key;
    values[hole] = value;
  }

  /** The value with the least key, or -1 when there is none. */
  pop(): number {
    if (this.#size === 0) return -1;
    const keys = this.#keys;
    const values = this.#values;
    const top = values[0] as number;
    this.poppedKey = keys[0] as number;
    const size = --this.#size;
    const key = keys[size] as number;
    const value = values[size] as number;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && before(keys, values, right, child)) child = right;
      const childKey = keys[child] as number;
      const childValue = values[child] as number;
      if (key < childKey || (key === childKey && value < childValue)) break;
      keys[hole] = childKey;
      values[hole] = childValue;
      hole = child;
    }
    keys[hole] = key;
    values[hole] = value;
    return top;
  }
}

function before(keys: Float64Array, values: Int32Array, a: number, b: number): boolean {
  const keyA = keys[a] as number;
  const keyB = keys[b] as number;
  return keyA < keyB || (keyA === keyB && (values[a] as number) < (values[b] as number));
}
