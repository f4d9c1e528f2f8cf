/** LDK itself: the Rust library compiled to WASM that npm's `lightningdevkit` brings, and what its objects ask for. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as ldk from 'lightningdevkit';
import * as bindings from 'lightningdevkit/bindings.mjs';
import { toString } from 'uint8arrays';

let loaded: Promise<void> | undefined;

/** Loads the library, once for the process: a second instance would pull the memory from under the first one's objects. */
export function loadLdk(): Promise<void> {
  const wasm = (): Uint8Array<ArrayBuffer> =>
    new Uint8Array(readFileSync(fileURLToPath(import.meta.resolve('lightningdevkit/liblightningjs.wasm'))));
  loaded ??= ldk.initializeWasmFromBinary(wasm());
  return loaded;
}

/** An object of the library's: a pointer into its memory. */
interface Pointer {
  ptr: bigint;
}

/** Its types do not say so, but what is absent comes as an object that points nowhere. */
export function present<T extends object>(value: T): T | undefined {
  return (value as unknown as Pointer).ptr === 0n ? undefined : value;
}

/**
 * Frees the copy of a monitor that the library hands out. The garbage collector would, but it sees a few bytes where
 * there are some 10 kB, and does not hurry.
 */
export function freeMonitor(monitor: ldk.ChannelMonitor): void {
  const pointer = monitor as unknown as Pointer;
  const { ptr } = pointer;
  const base = ldk.ChannelMonitor as unknown as { set_null_skip_free(monitor: ldk.ChannelMonitor): void };
  base.set_null_skip_free(monitor);
  (bindings as unknown as { ChannelMonitor_free(ptr: bigint): void }).ChannelMonitor_free(ptr);
}

/** What a call that must not fail came to; throws with the library's words. */
export function unwrap<T>(what: string, result: { is_ok(): boolean }): T {
  if (result.is_ok()) return (result as unknown as { res: T }).res;
  throw new Error(`LDK: ${what}: ${errorText((result as unknown as { err?: unknown }).err)}`);
}

/** The value of one of the library's options, such as `Option_u64Z`. */
export function optional<T>(option: object): T | undefined {
  return (option as { some?: T }).some;
}

export function errorText(error: unknown): string {
  if (error === undefined || error === null) return 'it gives no reason';
  if (typeof error !== 'object') return String(error);
  const { err } = error as { err?: string };
  const { to_str } = error as { to_str?: () => string };
  return err ?? to_str?.call(error) ?? error.constructor.name;
}

/** `LDKPaymentFailureReason_RouteNotFound` without what all of its kind begin with. */
export function enumName(kind: Record<number, string>, value: number): string {
  return kind[value]?.replace(/^LDK\w*?_/, '') ?? String(value);
}

/**
 * An id for a channel of the user's. The library writes these 16 bytes in one order and reads them in the other, so they
 * have to be the same from both ends; and it takes only 124 bits of them.
 */
export function userChannelId(): bigint {
  const half = randomBytes(8);
  half[0] = half[0]! & 0x0f;
  return BigInt(`0x${half.toString('hex')}${half.reverse().toString('hex')}`);
}

export const hex = (bytes: Uint8Array): string => toString(bytes, 'hex');

/** Hashes and txids as they are shown: the other way round. */
export const reversedHex = (bytes: Uint8Array): string => hex(bytes.slice().reverse());
