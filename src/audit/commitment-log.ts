import { concat } from 'uint8arrays';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { encodeJson } from '../../protocols/json.ts';
import type { CommitmentSpec } from '../../machines/commitment/spec.ts';
import type { Committed } from './committed.ts';

/** One commitment as one side has it, in as few bytes as comparing takes. */
export interface LoggedCommitment {
  readonly sequence: number;
  /** Of the transaction, and of what it pays, dust included. */
  readonly content: Uint8Array;
  readonly signatures: Uint8Array;
}

/** The commitments of one owner as one file has them, by their numbers, which follow one another. */
export class CommitmentLog {
  readonly #commitments = new Map<number, LoggedCommitment>();
  #first: number | undefined;
  #last: number | undefined;

  add({ sequence, request, built, signature, htlcSignatures }: Committed): void {
    const { commitmentNumber: number } = request;
    this.#first ??= number;
    this.#last = number;
    this.#commitments.set(number, {
      sequence,
      content: sha256(concat([built.txid, new TextEncoder().encode(encodeJson(inOrder(request.spec)))])),
      signatures: sha256(concat([signature, ...htlcSignatures])),
    });
  }

  get(number: number): LoggedCommitment | undefined {
    return this.#commitments.get(number);
  }

  get range(): { readonly first: number; readonly last: number } | undefined {
    return this.#first === undefined || this.#last === undefined ? undefined : { first: this.#first, last: this.#last };
  }
}

/** A commitment's content without the order in which one side came to know of its HTLCs. */
export const inOrder = (spec: CommitmentSpec): CommitmentSpec => ({
  ...spec,
  htlcs: [...spec.htlcs].sort((a, b) => (a.direction === b.direction ? Number(a.id - b.id) : a.direction < b.direction ? -1 : 1)),
});
