import { isPeerAddress } from '../api/fields.ts';
import type { NodeId } from '../network/network.ts';
import type { PeerStore } from './peer-store.ts';

/** Where one peer is: where it was reached last, and where it says that it is. */
export class PeerAddresses {
  reached: string | undefined;
  #said: string | undefined;
  readonly #nodeId: NodeId;
  readonly #store: PeerStore;
  /** What is stored of both. */
  #saved: { readonly reached?: string | undefined; readonly said?: string | undefined } = {};

  constructor(nodeId: NodeId, store: PeerStore) {
    this.#nodeId = nodeId;
    this.#store = store;
  }

  /** Takes up what is stored. Throws `StorageError`. */
  load(): void {
    this.reached = this.#store.address(this.#nodeId);
    this.#said = this.#store.saidAddress(this.#nodeId);
    this.#saved = { reached: this.reached, said: this.#said };
  }

  get said(): string | undefined {
    return this.#said;
  }

  /** The peer's word: what is no address is not heard. */
  noteSaid(address: string): void {
    if (isPeerAddress(address)) this.#said = address;
  }

  /** In the order in which they are to be tried: a peer may say where it is inside its own network. */
  all(): string[] {
    return [...new Set([this.reached, this.#said])].filter((address) => address !== undefined);
  }

  /** Throws `StorageError`. */
  save(): void {
    const { reached } = this;
    const said = this.#said;
    if (reached !== undefined && reached !== this.#saved.reached) this.#store.saveAddress(this.#nodeId, reached);
    if (said !== undefined && said !== this.#saved.said) this.#store.saveSaidAddress(this.#nodeId, said);
    this.#saved = { reached, said };
  }

  /** What was only said is not kept for its own sake. Throws `StorageError`. */
  forgetSaid(): void {
    this.#store.forgetSaidAddress(this.#nodeId);
    this.#saved = { reached: this.#saved.reached };
  }
}
