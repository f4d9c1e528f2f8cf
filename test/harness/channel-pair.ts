import { sha256 } from '../../protocols/crypto/hash.ts';
import { decodeMessage, encodeMessage, type Message } from '../../protocols/wire/messages.ts';
import {
  channelAt,
  createChannel,
  newChannelData,
  restoreChannel,
  snapshotOf,
  type ChannelActor,
  type ChannelSnapshot,
} from '../../machines/channel/channel.ts';
import type { ChannelEnvironment } from '../../machines/channel/context.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import type { AddHtlcCommand, ExternalChannelEvent, FundingDepth } from '../../machines/channel/events.ts';
import { defaultPolicy, type ChannelPolicy } from '../../machines/channel/policy.ts';
import { recoveredChannelData, staticChannelOf } from '../../machines/channel/recovering.ts';
import { fundingOutput } from '../../machines/commitment/funding.ts';
import { createSigner } from '../../src/keys/signer.ts';
import type { Signer } from '../../src/keys/signer-api.ts';
import { wireMessage } from '../../src/runtime/channel-wire.ts';
import { decodeJson, encodeJson } from '../../protocols/json.ts';

export const REGTEST_CHAIN_HASH = Uint8Array.from(
  Buffer.from('06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f', 'hex'),
);

/** What a pair is made of; the same options give the same keys. */
export interface PairOptions {
  /** Of both; `policies` has the last word for one. */
  readonly policy?: Partial<ChannelPolicy>;
  readonly policies?: { readonly alice?: Partial<ChannelPolicy>; readonly bob?: Partial<ChannelPolicy> };
  readonly fundingSatoshis?: bigint;
  readonly feeratePerKw?: number;
  readonly announce?: boolean;
}

/** One side of a channel: its machine with a real signer, and everything that it asked for, in order. */
export class Party {
  readonly name: 'alice' | 'bob';
  readonly signer: Signer;
  readonly policy: ChannelPolicy;
  readonly #options: PairOptions;
  effects: ChannelEffect[] = [];
  /** Where in `effects` the present process began. */
  life = 0;
  /** Messages that left and did not yet arrive. */
  outbox: Uint8Array[] = [];
  actor: ChannelActor;

  constructor(name: 'alice' | 'bob', options: PairOptions, from?: Party) {
    this.name = name;
    this.signer = signerOf(name);
    this.policy = { ...defaultPolicy, ...options.policy, ...options.policies?.[name] };
    this.#options = options;
    if (from === undefined) {
      this.actor = createChannel(this.initialData(), this.#environment());
      return;
    }
    this.actor = channelAt(throughJson(snapshotOf(from.actor)), this.#environment());
    this.effects = [...from.effects];
    this.life = from.life;
    this.outbox = [...from.outbox];
  }

  /** The data that this party's machine starts from. */
  initialData(): ChannelData {
    const { fundingSatoshis = 1_000_000n, announce = false, feeratePerKw = 1_000 } = this.#options;
    return newChannelData({
      channelIndex: 0,
      isOpener: this.name === 'alice',
      openedAtHeight: 100,
      localNodeId: this.signer.node.nodeId,
      remoteNodeId: signerOf(this.name === 'alice' ? 'bob' : 'alice').node.nodeId,
      chainHash: REGTEST_CHAIN_HASH,
      temporaryChannelId: sha256(new TextEncoder().encode('temporary')),
      fundingSatoshis,
      announce: announce && this.name === 'alice',
      feeratePerKw,
      openingFeeratePerKw: 1_000,
      publicKeys: this.signer.channel(0).publicKeys,
      shutdownScript: Uint8Array.from([0, 20, ...sha256(new TextEncoder().encode(this.name)).slice(0, 20)]),
      policy: this.policy,
    });
  }

  /** A copy at the same point, connection included. What happens to it leaves this one alone. */
  clone(): Party {
    return new Party(this.name, this.#options, this);
  }

  get data(): ChannelData {
    return this.actor.getSnapshot().context.data;
  }

  /** The state of one region, as `lifecycle` → `normal` or `opening.idle`. */
  state(region: 'lifecycle' | 'connection' | 'remoteCommitment' | 'localCommitment' | 'announcement'): string {
    const flatten = (value: unknown): string => {
      if (typeof value === 'string') return value;
      return Object.entries(value as object).map(([key, inner]) => `${key}.${flatten(inner)}`).join('|');
    };
    return flatten((this.actor.getSnapshot().value as Record<string, unknown>)[region]);
  }

  /** Throws what the machine threw, if it did: it never should. */
  send(event: ExternalChannelEvent): void {
    const before = this.effects.length;
    let fault: { readonly error: unknown } | undefined;
    const subscription = this.actor.subscribe({ error: (error) => void (fault = { error }) });
    this.actor.send(event);
    subscription.unsubscribe();
    if (fault !== undefined) throw fault.error;
    for (const effect of this.effects.slice(before)) {
      const message = wireMessage(effect, this.data, { node: this.signer.node, channel: this.signer.channel(0) });
      if (message !== undefined) this.outbox.push(encodeMessage(message));
    }
  }

  /** The effects of one type since the start. */
  told<T extends ChannelEffect['type']>(type: T): Extract<ChannelEffect, { type: T }>[] {
    return this.effects.filter((effect): effect is Extract<ChannelEffect, { type: T }> => effect.type === type);
  }

  /** As after kill -9: what is on disk comes back through its JSON, what was on its way is lost. */
  restart(): void {
    this.actor = restoreChannel(throughJson(snapshotOf(this.actor)), this.#environment());
    this.outbox = [];
    this.life = this.effects.length;
    this.send({ type: 'restored' });
  }

  /** As after a restore from a backup: nothing is left but what never changes. */
  loseState(): void {
    const known = staticChannelOf(this.data);
    if (known === undefined) throw new Error(`${this.name} has no funded channel to lose`);
    const { localNodeId, chainHash } = this.data;
    this.actor = createChannel(recoveredChannelData(known, { localNodeId, chainHash, policy: this.policy }), this.#environment());
    this.outbox = [];
    this.life = this.effects.length;
    this.send({ type: 'recover' });
  }

  /** As after a start on an old copy of the database. */
  putBack(old: Party): void {
    this.actor = restoreChannel(throughJson(snapshotOf(old.actor)), this.#environment());
    this.outbox = [];
    this.life = this.effects.length;
    this.send({ type: 'restored' });
  }

  #environment(): ChannelEnvironment {
    return {
      policy: this.policy,
      localPoint: (n) => this.signer.channel(0).perCommitmentPoint(n),
      emit: (effect) => void this.effects.push(effect),
    };
  }
}

/** As it comes back from disk. A missing property and an undefined one are the same to the machine. */
const throughJson = (snapshot: ChannelSnapshot): ChannelSnapshot => decodeJson(encodeJson(snapshot)) as ChannelSnapshot;


const signers = new Map<string, Signer>();

/** Deriving a channel's keys takes milliseconds: the same name shares a signer. */
export function signerOf(name: string): Signer {
  let signer = signers.get(name);
  if (signer === undefined) {
    const made = createSigner(seedOf(name), 'regtest');
    const channels = new Map<number, ReturnType<Signer['channel']>>();
    signer = {
      ...made,
      channel(index) {
        let channel = channels.get(index);
        if (channel === undefined) channels.set(index, (channel = made.channel(index)));
        return channel;
      },
    };
    signers.set(name, signer);
  }
  return signer;
}

/** 64 bytes, as a BIP39 seed has. */
export function seedOf(name: string): Uint8Array {
  const half = sha256(new TextEncoder().encode(name));
  return Uint8Array.from([...half, ...sha256(half)]);
}

/** Two parties and the link between them. Nothing moves unless a test says so. */
export class ChannelPair {
  readonly alice: Party;
  readonly bob: Party;

  constructor(options: PairOptions = {}, from?: ChannelPair) {
    this.alice = from?.alice.clone() ?? new Party('alice', options);
    this.bob = from?.bob.clone() ?? new Party('bob', options);
  }

  /** A copy of both at the same point, with what is on its way between them. */
  clone(): ChannelPair {
    return new ChannelPair({}, this);
  }

  other(party: Party): Party {
    return party === this.alice ? this.bob : this.alice;
  }

  /** One message from `party` arrives; false where none is on its way. */
  deliverOne(party: Party): boolean {
    const bytes = party.outbox.shift();
    if (bytes === undefined) return false;
    const message: Message = decodeMessage(bytes);
    this.other(party).send({ type: 'message', message });
    return true;
  }

  /** Messages and turn ends until both sides are still. */
  settle(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const party of [this.alice, this.bob]) {
        party.send({ type: 'turnEnded' });
        while (this.deliverOne(party)) moved = true;
      }
    }
  }

  /** The link is lost with what was on it. */
  disconnect(): void {
    for (const party of [this.alice, this.bob]) {
      party.outbox = [];
      party.send({ type: 'disconnected' });
    }
  }

  reconnect(): void {
    for (const party of [this.alice, this.bob]) party.send({ type: 'connected' });
    this.settle();
  }
}

export const FUNDING_TXID = sha256(new TextEncoder().encode('funding'));

/** Opens the channel up to where it waits for confirmations. */
export function reachConfirming(pair: ChannelPair, options: { readonly pushMsat?: bigint } = {}): void {
  const { alice } = pair;
  alice.send({ type: 'open', pushMsat: options.pushMsat ?? 0n });
  pair.settle();
  alice.send({ type: 'fundingReady', transaction: Uint8Array.of(1), txid: FUNDING_TXID, outputIndex: 1 });
  pair.settle();
}

/** Opens the channel up to its normal state, with the funding at that depth. */
export function reachNormal(
  pair: ChannelPair,
  options: { readonly pushMsat?: bigint; readonly depth?: number } = {},
): void {
  reachConfirming(pair, options);
  confirm(pair, options.depth ?? 3);
}

/** The funding output at a depth, as the chain tells it. */
export function fundingDepth(pair: ChannelPair, depth: number): FundingDepth {
  return {
    type: 'fundingDepth',
    depth,
    blockHeight: 101,
    transactionIndex: 1,
    amountSat: pair.alice.data.fundingSatoshis,
    script: fundingOutput(pair.alice.data.local.fundingPubkey, pair.bob.data.local.fundingPubkey).scriptPubkey,
  };
}

/** The funding reaches a depth, and both see it. */
export function confirm(pair: ChannelPair, depth: number): void {
  for (const party of [pair.alice, pair.bob]) party.send(fundingDepth(pair, depth));
  pair.settle();
}

let references = 0;

/** `party` offers an HTLC whose preimage is 32 times `seed`; returns its reference. */
export function addHtlc(party: Party, amountMsat: bigint, seed = 1, changes: Partial<AddHtlcCommand> = {}): string {
  const reference = `htlc-${references++}`;
  party.send({
    type: 'addHtlc',
    reference,
    amountMsat,
    paymentHash: sha256(preimageOf(seed)),
    cltvExpiry: 500,
    onionRoutingPacket: new Uint8Array(1366),
    ...changes,
  });
  return reference;
}

export const preimageOf = (seed: number): Uint8Array => new Uint8Array(32).fill(seed);

/** Both sign until every update is irrevocable. */
export const crossSign = (pair: ChannelPair): void => pair.settle();
