import { addressToScript, bitcoinNetwork } from '../wallet/address.ts';
import type { Wallet } from '../wallet/wallet.ts';

/** One script for all attempts to open a channel, until one of them succeeds: attempts of strangers must not use up addresses. */
export class SpareScript {
  readonly #wallet: Pick<Wallet, 'newAddress'>;
  readonly #chainName: string;
  #script: Uint8Array | undefined;

  constructor(wallet: Pick<Wallet, 'newAddress'>, chainName: string) {
    this.#wallet = wallet;
    this.#chainName = chainName;
  }

  current(): Uint8Array {
    this.#script ??= addressToScript(this.#wallet.newAddress().address, bitcoinNetwork(this.#chainName));
    return this.#script;
  }

  /** A channel has it now. */
  used(): void {
    this.#script = undefined;
  }
}
