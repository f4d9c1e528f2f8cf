import { scidToParts } from '../../protocols/gossip/short-channel-id.ts';
import type { ChannelGraph } from '../routing/graph.ts';

/** What the chain said of a channel when it was accepted, and since. */
export interface ChannelFacts {
  readonly capacitySat: bigint;
  /** Hex, in display order. */
  readonly fundingTxid: string;
  /** Seconds since 1970. */
  readonly addedAt: number;
  /** Where the funding output was spent, or vanished in a reorg; undefined while it stands. */
  readonly spentHeight: number | undefined;
}

/** A channel as the store has it in memory. */
export interface KnownChannel extends ChannelFacts {
  spentHeight: number | undefined;
  readonly featuresKnown: boolean;
  /** Of the updates, by direction. */
  readonly checksums: [number, number];
}

/**
 * What the store knows of channels beside what is in the graph, by the graph's index: one large map by short channel id is
 * enough, and a start with mainnet's channels is a good deal faster for it.
 */
export class KnownChannels {
  readonly #graph: ChannelGraph;
  readonly #known: (KnownChannel | undefined)[] = [];
  /** By the last 52 bits of the funding transaction's id, which hardly any two share. */
  readonly #byFunding = new Map<number, readonly bigint[]>();

  constructor(graph: ChannelGraph) {
    this.#graph = graph;
  }

  get size(): number {
    return this.#graph.channelCount;
  }

  get(scid: bigint): KnownChannel | undefined {
    const c = this.#graph.channelIndex(scid);
    return c === undefined ? undefined : this.#known[c];
  }

  *entries(): IterableIterator<[scid: bigint, known: KnownChannel]> {
    for (const scid of this.#graph.shortChannelIds()) {
      const known = this.get(scid);
      if (known !== undefined) yield [scid, known];
    }
  }

  /** The channel whose funding output this is. */
  at(txid: string, outputIndex: number): bigint | undefined {
    const found = this.#byFunding.get(fundingKey(txid))?.filter(
      (scid) => this.get(scid)?.fundingTxid === txid && scidToParts(scid).outputIndex === outputIndex,
    );
    // After a reorg an output may lie in two places, in one of which it is gone.
    return found?.find((scid) => this.get(scid)?.spentHeight === undefined) ?? found?.[0];
  }

  /** Of a channel that is in the graph. */
  add(scid: bigint, known: KnownChannel): void {
    const c = this.#graph.channelIndex(scid);
    if (c === undefined) return;
    this.#known[c] = known;
    const key = fundingKey(known.fundingTxid);
    const others = this.#byFunding.get(key);
    this.#byFunding.set(key, others === undefined ? [scid] : [...others, scid]);
  }

  /** Of a channel that is about to leave the graph. */
  delete(scid: bigint): void {
    const c = this.#graph.channelIndex(scid);
    const known = c === undefined ? undefined : this.#known[c];
    if (c === undefined || known === undefined) return;
    this.#known[c] = undefined;
    const key = fundingKey(known.fundingTxid);
    const others = this.#byFunding.get(key)?.filter((other) => other !== scid) ?? [];
    if (others.length > 0) this.#byFunding.set(key, others);
    else this.#byFunding.delete(key);
  }
}

function fundingKey(txid: string): number {
  return Number.parseInt(txid.slice(-13), 16);
}
