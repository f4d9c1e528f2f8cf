import { address, payments, type Network } from 'bitcoinjs-lib';
import type { AddressPath, OnchainSigner } from '../keys/signer-api.ts';
import type { AddressStore } from './address-store.ts';

/** An address of the wallet's with its output script. */
export interface WalletAddress {
  readonly address: string;
  readonly script: Uint8Array;
  /** Its place on its chain. */
  readonly index: number;
}

/** BIP84's two chains of P2WPKH addresses: which were given out, and which are watched. */
export class AddressBook {
  readonly #store: AddressStore;
  readonly #signer: OnchainSigner;
  readonly #network: Network;
  readonly #gapLimit: number;

  /** `gapLimit`: how many addresses are watched beyond the last one in use (BIP44). */
  constructor(store: AddressStore, signer: OnchainSigner, network: Network, gapLimit: number) {
    this.#store = store;
    this.#signer = signer;
    this.#network = network;
    this.#gapLimit = gapLimit;
  }

  /** The chain's next address. That it is given out is written before it is. */
  next(chain: 0 | 1): WalletAddress {
    const index = this.#store.nextIndex(chain);
    this.#store.setNextIndex(chain, index + 1);
    this.watchGap(chain);
    return this.#at({ chain, index });
  }

  /**
   * The change address that channels pay out to: the same one until a block pays to it, so that transactions that are
   * replaced again and again leave no gap that a restore from the seed does not look beyond.
   */
  payout(): WalletAddress {
    const index = this.#store.payoutIndex();
    if (index !== undefined && !this.#store.isPaid({ chain: 1, index })) return this.#at({ chain: 1, index });
    const fresh = this.next(1);
    this.#store.setPayoutIndex(fresh.index);
    return fresh;
  }

  /** Notes that the chain has a transaction for an address. Answers whether more are watched than before. */
  markUsed({ chain, index }: AddressPath): boolean {
    if (index < this.#store.nextIndex(chain)) return false;
    this.#store.setNextIndex(chain, index + 1);
    return this.watchGap(chain);
  }

  /** Watches the addresses that the gap limit asks for. Answers whether they are more than before. */
  watchGap(chain: 0 | 1): boolean {
    const wanted = this.#store.nextIndex(chain) + this.#gapLimit;
    const watched = this.#store.watchedCount(chain);
    for (let index = watched; index < wanted; index++)
      this.#store.watch(this.#derive({ chain, index }), { chain, index });
    return watched < wanted;
  }

  pathOf(script: Uint8Array): AddressPath | undefined {
    // P2WPKH: most of a block's outputs need no look at the table.
    return script.length === 22 && script[0] === 0 ? this.#store.pathOf(script) : undefined;
  }

  scriptAt(path: AddressPath): Uint8Array {
    return this.#store.scriptAt(path) ?? this.#derive(path);
  }

  addressOf(script: Uint8Array): string {
    return address.fromOutputScript(script, this.#network);
  }

  #at(path: AddressPath): WalletAddress {
    const script = this.scriptAt(path);
    return { script, address: this.addressOf(script), index: path.index };
  }

  #derive(path: AddressPath): Uint8Array {
    const { output } = payments.p2wpkh({ pubkey: this.#signer.publicKey(path) });
    if (output === undefined) throw new TypeError('bitcoinjs-lib made no script of a public key');
    return output;
  }
}
