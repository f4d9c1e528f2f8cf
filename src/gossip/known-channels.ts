import { fromString, toString } from 'uint8arrays';
import { scidToParts } from '../../protocols/gossip/short-channel-id.ts';
import type { Direction } from '../routing/channel.ts';
import type { ChannelGraph } from '../routing/graph.ts';
import { grown } from '../routing/typed-arrays.ts';

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

/** What the store knows of channels beside what is in the graph, in arrays by the graph's index. */
export interface KnownColumns {
  /** 32 bytes for each channel, in display order. */
  readonly fundingTxid: Uint8Array;
  readonly addedAt: Uint32Array;
  /** `STANDS` while the funding output stands. */
  readonly spentHeight: Uint32Array;
  /** 1 if the channel asks for no feature that this node does not know. */
  readonly featuresKnown: Uint8Array;
  /** Of the updates, at `2c` and `2c + 1`; 0 where there is none. */
  readonly checksum: Uint32Array;
}

type GrowingColumns = { -readonly [Name in keyof KnownColumns]: KnownColumns[Name] };

const TXID_BYTES = 32;
const STANDS = 0xffff_ffff;

/** A channel as the store has it in memory: for use at once, since another may take its place. */
export class KnownChannel implements Omit<ChannelFacts, 'capacitySat'> {
  readonly #columns: KnownColumns;
  readonly #index: number;

  constructor(columns: KnownColumns, index: number) {
    this.#columns = columns;
    this.#index = index;
  }

  get fundingTxid(): string {
    return toString(this.#columns.fundingTxid.subarray(this.#index * TXID_BYTES, (this.#index + 1) * TXID_BYTES), 'hex');
  }

  get addedAt(): number {
    return this.#columns.addedAt[this.#index] as number;
  }

  get spentHeight(): number | undefined {
    const height = this.#columns.spentHeight[this.#index];
    return height === STANDS ? undefined : height;
  }

  set spentHeight(height: number | undefined) {
    this.#columns.spentHeight[this.#index] = height ?? STANDS;
  }

  get featuresKnown(): boolean {
    return this.#columns.featuresKnown[this.#index] === 1;
  }

  checksum(direction: Direction): number {
    return this.#columns.checksum[2 * this.#index + direction] as number;
  }

  setChecksum(direction: Direction, checksum: number): void {
    this.#columns.checksum[2 * this.#index + direction] = checksum;
  }
}

/** The channels that the store knows. They lie in flat arrays, like the graph: a start takes these over as they were written. */
export class KnownChannels {
  readonly #graph: ChannelGraph;
  readonly #columns: GrowingColumns = {
    fundingTxid: new Uint8Array(0), addedAt: new Uint32Array(0), spentHeight: new Uint32Array(0), featuresKnown: new Uint8Array(0),
    checksum: new Uint32Array(0),
  };
  /** Lists of channels by their funding transaction, as many as there is room for channels: the first of each, and the next of each channel; or -1. */
  #firstOf = new Int32Array(0);
  #nextOf = new Int32Array(0);

  constructor(graph: ChannelGraph) {
    this.#graph = graph;
  }

  get size(): number {
    return this.#graph.channelCount;
  }

  get(scid: bigint): KnownChannel | undefined {
    const c = this.#graph.channelIndex(scid);
    return c === undefined ? undefined : new KnownChannel(this.#columns, c);
  }

  *entries(): IterableIterator<[scid: bigint, known: KnownChannel]> {
    for (const scid of this.#graph.shortChannelIds()) {
      const known = this.get(scid);
      if (known !== undefined) yield [scid, known];
    }
  }

  /** The channel whose funding output this is. */
  at(txid: string, outputIndex: number): bigint | undefined {
    const { shortChannelId } = this.#graph.arrays();
    let gone: bigint | undefined;
    for (let c = this.#firstOf[Number.parseInt(txid.slice(-8), 16) % this.#firstOf.length] ?? -1; c !== -1; c = this.#nextOf[c] as number) {
      const scid = shortChannelId[c] as bigint;
      const known = new KnownChannel(this.#columns, c);
      if (scidToParts(scid).outputIndex !== outputIndex || known.fundingTxid !== txid) continue;
      // After a reorg an output may lie in two places, in one of which it is gone.
      if (known.spentHeight === undefined) return scid;
      gone = scid;
    }
    return gone;
  }

  /** Of a channel that has just come into the graph. */
  add(scid: bigint, facts: Omit<ChannelFacts, 'capacitySat'>, featuresKnown: boolean): void {
    const c = this.#graph.channelIndex(scid);
    if (c === undefined) return;
    const columns = this.#columns;
    const isFull = c >= columns.addedAt.length;
    if (isFull) this.#grow();
    columns.fundingTxid.set(fromString(facts.fundingTxid, 'hex'), c * TXID_BYTES);
    columns.addedAt[c] = facts.addedAt;
    columns.spentHeight[c] = facts.spentHeight ?? STANDS;
    columns.featuresKnown[c] = featuresKnown ? 1 : 0;
    columns.checksum.fill(0, 2 * c, 2 * c + 2);
    if (isFull) this.#listAll();
    else this.#list(c);
  }

  /** Of a channel that is about to leave the graph. */
  delete(scid: bigint): void {
    const c = this.#graph.channelIndex(scid);
    if (c === undefined) return;
    const list = this.#listOf(c);
    const next = this.#nextOf[c] as number;
    if (this.#firstOf[list] === c) {
      this.#firstOf[list] = next;
      return;
    }
    let before = this.#firstOf[list] as number;
    while (this.#nextOf[before] !== c) before = this.#nextOf[before] as number;
    this.#nextOf[before] = next;
  }

  /** All that it holds, in arrays that end with the graph's last channel: its own, to be copied before the next change. */
  columns(): KnownColumns {
    const { channelSlots: size } = this.#graph;
    const { fundingTxid, addedAt, spentHeight, featuresKnown, checksum } = this.#columns;
    return {
      fundingTxid: fundingTxid.subarray(0, TXID_BYTES * size),
      addedAt: addedAt.subarray(0, size),
      spentHeight: spentHeight.subarray(0, size),
      featuresKnown: featuresKnown.subarray(0, size),
      checksum: checksum.subarray(0, 2 * size),
    };
  }

  /** Takes columns over, which are its own from now on, for a graph that has just been restored. */
  restore({ fundingTxid, addedAt, spentHeight, featuresKnown, checksum }: KnownColumns): void {
    Object.assign(this.#columns, { fundingTxid, addedAt, spentHeight, featuresKnown, checksum });
    this.#listAll();
  }

  #grow(): void {
    const { fundingTxid, addedAt, spentHeight, featuresKnown, checksum } = this.#columns;
    const size = Math.max(64, 2 * addedAt.length);
    Object.assign(this.#columns, {
      fundingTxid: grown(fundingTxid, TXID_BYTES * size),
      addedAt: grown(addedAt, size),
      spentHeight: grown(spentHeight, size),
      featuresKnown: grown(featuresKnown, size),
      checksum: grown(checksum, 2 * size),
    } satisfies KnownColumns);
  }

  #listAll(): void {
    const size = this.#columns.addedAt.length;
    this.#firstOf = new Int32Array(size).fill(-1);
    this.#nextOf = new Int32Array(size);
    for (const c of this.#graph.channelIndices()) this.#list(c);
  }

  #list(c: number): void {
    const list = this.#listOf(c);
    this.#nextOf[c] = this.#firstOf[list] as number;
    this.#firstOf[list] = c;
  }

  /** By the last four bytes of the transaction's id, which hardly any two share. */
  #listOf(c: number): number {
    const { fundingTxid } = this.#columns;
    let end = 0;
    for (let i = (c + 1) * TXID_BYTES - 4; i < (c + 1) * TXID_BYTES; i++) end = 256 * end + (fundingTxid[i] as number);
    return end % this.#firstOf.length;
  }
}
