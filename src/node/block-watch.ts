import type { Transaction } from 'bitcoinjs-lib';
import { hexOf } from '../channels/channel-store.ts';
import type { LiveChannel } from '../channels/live-channel.ts';

/**
 * What the channels want to see in one block, by outpoint: what funds them, what they watch of their endings, and
 * whatever a transaction of this block makes that spends one of these, since one block may hold a whole chain of them.
 */
export class BlockWatch {
  /** A peer may name any outpoint as its channel's funding, that of another's channel too: each hears of it. */
  readonly #fundings = new Map<string, LiveChannel[]>();
  readonly #outputs = new Map<string, LiveChannel[]>();
  readonly #relevant = new Map<LiveChannel, Uint8Array[]>();

  constructor(channels: Iterable<LiveChannel>) {
    for (const channel of channels) {
      const { funding, outputs } = channel.data;
      if (funding !== undefined) add(this.#fundings, keyOf(funding.txid, funding.outputIndex), channel);
      for (const { outpoint } of outputs) {
        if (outpoint !== undefined) add(this.#outputs, keyOf(outpoint.txid, outpoint.outputIndex), channel);
      }
    }
  }

  /** The channels that it ends. */
  fundingsSpentBy({ ins }: Transaction): LiveChannel[] {
    if (this.#fundings.size === 0) return [];
    return ins.flatMap(({ hash, index }) => this.#fundings.get(keyOf(hash, index)) ?? []);
  }

  /** Notes it for those who watch what it spends, and its outputs with it. */
  noteSpends(transaction: Transaction): void {
    const ending = this.fundingsSpentBy(transaction);
    for (const channel of ending) {
      this.#watchOutputsOf(transaction, channel);
      if (!this.#relevant.has(channel)) this.#relevant.set(channel, []);
    }
    if (this.#outputs.size === 0) return;
    const watchers = new Set(transaction.ins.flatMap(({ hash, index }) => this.#outputs.get(keyOf(hash, index)) ?? []));
    for (const channel of watchers) {
      if (ending.includes(channel)) continue;
      this.#watchOutputsOf(transaction, channel);
      this.#relevant.set(channel, [...(this.#relevant.get(channel) ?? []), transaction.toBuffer()]);
    }
  }

  /** The channels whose funding it makes. */
  fundingsMadeBy(transaction: Transaction): { readonly channel: LiveChannel; readonly output: Transaction['outs'][number] }[] {
    if (this.#fundings.size === 0) return [];
    const txid = transaction.getHash();
    return transaction.outs.flatMap((output, outputIndex) =>
      (this.#fundings.get(keyOf(txid, outputIndex)) ?? []).map((channel) => ({ channel, output })),
    );
  }

  /** What the block holds for a channel that ends; undefined if nothing of it concerns the channel. */
  relevantTo(channel: LiveChannel): readonly Uint8Array[] | undefined {
    return this.#relevant.get(channel);
  }

  #watchOutputsOf(transaction: Transaction, channel: LiveChannel): void {
    const txid = transaction.getHash();
    for (const outputIndex of transaction.outs.keys()) add(this.#outputs, keyOf(txid, outputIndex), channel);
  }
}

function add(watched: Map<string, LiveChannel[]>, key: string, channel: LiveChannel): void {
  const those = watched.get(key);
  if (those === undefined) watched.set(key, [channel]);
  else if (!those.includes(channel)) those.push(channel);
}

const keyOf = (txid: Uint8Array, outputIndex: number): string => `${hexOf(txid)}:${outputIndex}`;
