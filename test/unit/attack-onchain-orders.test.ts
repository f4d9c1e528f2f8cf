import { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays';
import { afterEach, describe, expect, it } from 'vitest';
import { negotiated } from '../../machines/channel/context.ts';
import { localCommitment } from '../../machines/channel/requests.ts';
import { revokedNumberOf } from '../../machines/channel/spending.ts';
import type { HtlcNotice } from '../../machines/channel/effects.ts';
import type { OutputRow } from '../../machines/onchain/output.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { signedCommitment } from '../../src/runtime/channel-wire.ts';
import { signerOf } from '../harness/channel-pair.ts';
import { Seeded } from '../harness/seeded.ts';
import { Bench, benches, benchWith, preimage, Remote } from './node-bench.ts';

/*
 * A hostile chain: whichever commitment, whoever takes its outputs, in any order, with reorgs that are not deeper than what this node waits for (BOLT
 * 5, "HTLC Output Handling"). What is told of an HTLC that was offered must never cost more than it brings.
 */

/** `RUNNEL_ORDERS` for more. */
const SEEDS = Number(process.env['RUNNEL_ORDERS'] ?? 12);
/** One less than what is acted upon upstream. */
const MAX_REORG = 5;
const AMOUNT_MSAT = 20_000_000n;
const sig = new Uint8Array(71).fill(1);
const empty = new Uint8Array();

afterEach(() => {
  for (const database of new Set(benches.splice(0).map((bench) => bench.database))) database.close();
});

class Hostile {
  readonly random: Seeded;
  bench: Bench;
  readonly alice: Remote;
  readonly candidates: Transaction[] = [];
  /** The transactions of each block, by height. */
  readonly blocks = new Map<number, Transaction[]>();
  readonly known = new Set<number>();
  highest = 0;
  readonly told: HtlcNotice[] = [];
  #heard = 0;

  readonly #mayCheat: boolean;

  constructor(seed: string, mayCheat: boolean) {
    this.#mayCheat = mayCheat;
    this.random = new Seeded(seed);
    this.bench = benchWith('alice');
    this.alice = new Remote(this.bench, { fundingSatoshis: 1_000_000n });
    this.alice.reachNormal({ pushMsat: 500_000_000n });
    this.#live();
  }

  get channel() {
    return this.bench.channels.get(0);
  }

  /** HTLCs in various states, and the commitments that alice could broadcast. */
  #live(): void {
    const { alice, bench, random } = this;
    this.#note();
    let seed = 0;
    const add = (by: 'alice' | 'bob'): void => {
      seed += 1;
      const event = {
        type: 'addHtlc',
        reference: `${seed}`,
        amountMsat: random.chance(15) ? 300_000n : AMOUNT_MSAT + BigInt(seed) * 1_000n,
        paymentHash: sha256(preimage(seed)),
        cltvExpiry: bench.blockHeight + random.between(12, 40),
        onionRoutingPacket: new Uint8Array(1366),
      } as const;
      if (by === 'alice') alice.send(event);
      else bench.run((turn) => turn.dispatch({ to: 'channel', channelIndex: 0, event }));
    };
    for (const by of ['alice', 'bob', 'alice', 'bob'] as const) {
      const at = bench.left.length;
      add(by);
      if (random.chance(60)) alice.settle(at);
      else this.#partly(at);
      this.#note();
    }
    const settled = [...this.channel!.htlcs.rows()].filter(({ state }) => state.endsWith('_ADD_ACK_REVOCATION'));
    for (const [index, { details: { direction, id, paymentHash } }] of settled.entries()) {
      if (!random.chance(40)) continue;
      const isLast = index >= settled.length - 2;
      const at = bench.left.length;
      const number = seedOf(paymentHash);
      const removal = random.chance(50)
        ? ({ kind: 'fulfilled', paymentPreimage: preimage(number) } as const)
        : ({ kind: 'failed', reason: new Uint8Array(292) } as const);
      if (direction === 'offered') alice.send({ type: 'removeHtlc', id, removal });
      else bench.run((turn) => turn.dispatch({ to: 'channel', channelIndex: 0, event: { type: 'removeHtlc', id, removal } }));
      if (direction === 'received' && removal.kind === 'fulfilled') this.known.add(number);
      this.#partly(at, isLast);
      this.#note();
      if (isLast) break;
    }
    // Something that was signed, and maybe not revoked.
    const at = bench.left.length;
    if (this.channel!.value.connection === 'online' && random.chance(60)) {
      add(random.chance(50) ? 'alice' : 'bob');
      this.#partly(at, true);
      this.#note();
    }
  }

  /** Some of the messages arrive, and then the link is lost. */
  #partly(from: number, isLast = false): void {
    const { alice, bench, random } = this;
    let at = from;
    for (let step = 0; step < random.between(1, 8); step++) {
      alice.send({ type: 'turnEnded' });
      for (const message of alice.outbox.splice(0)) bench.receive('alice', message);
      const news = bench.left.slice(at);
      at = bench.left.length;
      for (const each of news) {
        if (typeof each === 'string') continue;
        alice.send({ type: 'message', message: each.message });
        this.#note();
      }
    }
    alice.send({ type: 'turnEnded' });
    if (!isLast) return alice.reconnect();
    alice.send({ type: 'disconnected' });
    alice.outbox = [];
    bench.disconnect('alice');
  }

  #note(): void {
    const { data, htlcs, environment } = this.alice.context;
    const { node, channel } = signerOf('alice');
    const request = localCommitment(negotiated(data), htlcs, environment.localPoint, 'latest');
    const made = signedCommitment(request, data.localSignatures!.signature, { node, channel: channel(0) });
    if (this.candidates.every((each) => each.getId() !== made.getId())) this.candidates.push(made);
  }

  listen(): void {
    for (const event of this.bench.payments.slice(this.#heard)) if (event.type === 'htlcNotice') this.told.push(event.notice);
    this.#heard = this.bench.payments.length;
  }

  spenderIn({ outpoint }: OutputRow): Transaction | undefined {
    const takes = ({ hash, index }: Transaction['ins'][number]): boolean =>
      outpoint !== undefined && index === outpoint.outputIndex && equals(hash, outpoint.txid);
    return [...this.blocks.values()].flat().find(({ ins }) => ins.some(takes));
  }

  get commitment(): Transaction | undefined {
    const ids = new Set(this.candidates.map((each) => each.getId()));
    return [...this.blocks.values()].flat().find((each) => ids.has(each.getId()));
  }

  block(quiet = false): void {
    const { bench, random } = this;
    const height = bench.blockHeight + 1;
    const transactions: Transaction[] = [];
    if (this.commitment === undefined) {
      const own = this.channel?.bump?.commitment;
      if (own !== undefined && this.candidates.every((each) => each.getId() !== own.getId())) this.candidates.push(own);
      const valid = this.candidates.filter((each) => revokedNumberOf(this.channel!.data, each) === undefined);
      if (quiet || random.chance(30)) transactions.push(random.pick(this.#mayCheat && random.chance(50) ? this.candidates : valid));
    } else {
      for (const row of this.channel?.data.outputs ?? []) {
        const isInChain = [...this.blocks.values()].flat().some((each) => row.outpoint !== undefined && equals(each.getHash(), row.outpoint.txid));
        if (row.outpoint === undefined || !isInChain || this.spenderIn(row) !== undefined || !(quiet || random.chance(12))) continue;
        const ways = this.#ways(row, height);
        const way = ways[random.between(0, ways.length - 1)];
        if (way !== undefined) transactions.push(spending(row, way));
      }
    }
    this.blocks.set(height, transactions);
    bench.block({ transactions });
    this.listen();
    this.highest = Math.max(this.highest, height);
    if (bench.discarded.length > 0) throw bench.discarded[0];
  }

  unblock(): void {
    this.blocks.delete(this.bench.blockHeight);
    this.bench.unblock();
    this.listen();
    if (this.bench.discarded.length > 0) throw this.bench.discarded[0];
  }

  restart(): void {
    this.bench = this.bench.restarted();
    this.#heard = 0;
    this.listen();
  }

  learn(): void {
    for (const { details, state } of this.channel?.htlcs.rows() ?? []) {
      if (details.direction !== 'received' || state !== 'RCVD_ADD_ACK_REVOCATION' || !this.random.chance(50)) continue;
      const number = seedOf(details.paymentHash);
      this.known.add(number);
      const event = { type: 'removeHtlc', id: details.id, removal: { kind: 'fulfilled', paymentPreimage: preimage(number) } } as const;
      this.bench.run((turn) => turn.dispatch({ to: 'channel', channelIndex: 0, event }));
      this.listen();
    }
  }

  /** The witnesses that a block of that height may hold. */
  #ways({ kind, htlc, witnessScript, blockHeight, csvDelay, paymentPreimage }: OutputRow, height: number): Uint8Array[][] {
    const owner = this.channel?.data.ending?.owner;
    if (kind === 'anchor' || height < blockHeight + Math.max(csvDelay, 1)) return [];
    if (kind === 'to_remote') return [[sig, witnessScript]];
    if (kind === 'to_local' || kind === 'second_stage') return [[sig, empty, witnessScript]];
    if (kind === 'revoked_to_local' || kind === 'revoked_second_stage') return [[sig, Uint8Array.of(1), witnessScript]];
    if (htlc === undefined) return [];
    const shown = preimage(seedOf(htlc.paymentHash));
    const byOwner = (what: Uint8Array) => [empty, sig, sig, what, witnessScript];
    const byOther = (what: Uint8Array) => [sig, what, witnessScript];
    const isExpired = height > htlc.cltvExpiry;
    if (kind === 'revoked_htlc') {
      const cheaters = htlc.direction === 'offered' ? [byOwner(shown)] : isExpired ? [byOwner(empty)] : [];
      return [byOther(new Uint8Array(33).fill(2)), ...cheaters];
    }
    const [ours, peers] = owner === 'local' ? [byOwner, byOther] : [byOther, byOwner];
    if (htlc.direction === 'offered') return [peers(shown), ...(isExpired ? [ours(empty)] : [])];
    return [...(paymentPreimage === undefined ? [] : [ours(shown)]), ...(isExpired ? [peers(empty)] : [])];
  }
}

const seedOf = (paymentHash: Uint8Array): number => {
  for (let seed = 1; seed < 20; seed++) if (equals(sha256(preimage(seed)), paymentHash)) return seed;
  throw new Error('nobody made that HTLC');
};

function spending({ outpoint, amountSat }: OutputRow, witness: readonly Uint8Array[]): Transaction {
  const transaction = new Transaction();
  transaction.version = 2;
  transaction.addInput(outpoint!.txid, outpoint!.outputIndex);
  transaction.setWitness(0, [...witness]);
  transaction.addOutput(new Uint8Array(22).fill(witness.length), amountSat);
  return transaction;
}

describe('whatever stands in blocks, and is taken out of them again', () => {
  it.each(Array.from({ length: SEEDS }, (_, index) => index))('what is told of HTLCs costs nothing (%i)', (seed) => {
    // Of a revoked commitment all is ours, whatever is told upstream.
    const mayCheat = seed % 4 === 0;
    const hostile = new Hostile(`orders ${seed}`, mayCheat);
    const { random } = hostile;
    hostile.listen();
    const live = [...hostile.channel!.htlcs.rows()].map(({ details }) => details);
    for (let step = 0; step < 70; step++) {
      const depth = hostile.highest - hostile.bench.blockHeight;
      if (hostile.blocks.size > 0 && depth < MAX_REORG && random.chance(12)) {
        const target = random.between(depth + 1, MAX_REORG);
        for (let d = depth; d < target && hostile.blocks.size > 0; d++) hostile.unblock();
      }
      if (random.chance(4)) hostile.restart();
      if (random.chance(4)) hostile.learn();
      hostile.block();
    }
    for (let step = 0; step < 500 && hostile.channel !== undefined; step++) hostile.block(true);
    expect(hostile.channel, 'the channel is closed').toBeUndefined();

    for (const { direction, id, paymentHash } of live) {
      const about = hostile.told.filter(
        (notice) => 'htlc' in notice && notice.htlc.direction === direction && notice.htlc.id === id,
      );
      const types = about.map(({ type }) => type);
      const name = `${direction} HTLC ${id}: ${types.join(', ')}`;
      const shows = ({ witness }: Transaction['ins'][number]): boolean =>
        witness.some((item) => item.length === 32 && equals(sha256(item), paymentHash));
      const spends = [...hostile.blocks.values()].flat().flatMap(({ ins }) => ins.filter(shows));
      if (direction === 'offered') {
        const failed = types.findIndex((type) => type === 'htlcReturned' || type === 'htlcFailed');
        if (spends.length > 0) expect(types, name).toContain('htlcFulfilled');
        if (failed >= 0) expect(mayCheat ? [] : types.slice(failed), name).not.toContain('htlcFulfilled');
        else expect(types, name).toContain('htlcFulfilled');
      } else if (!types.includes('htlcReceived')) {
        // It was never said to be there.
      } else {
        const ends = about.flatMap((notice) => (notice.type === 'htlcEnded' ? [notice.removal.kind] : []));
        expect(ends.length, name).toBeGreaterThan(0);
        if (spends.length > 0) expect(ends.at(-1), name).toBe('fulfilled');
      }
    }
  }, 120_000);
});
