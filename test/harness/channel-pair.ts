import { sha256 } from '../../protocols/crypto/hash.ts';
import { decodeMessage, encodeMessage, type Message } from '../../protocols/wire/messages.ts';
import { createChannel, newChannelData, restoreChannel, snapshotOf, type ChannelActor } from '../../machines/channel/channel.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ChannelEffect } from '../../machines/channel/effects.ts';
import type { AddHtlcCommand, ExternalChannelEvent, FundingDepth } from '../../machines/channel/events.ts';
import { defaultPolicy, type ChannelPolicy } from '../../machines/channel/policy.ts';
import { fundingOutput } from '../../machines/commitment/funding.ts';
import { createSigner } from '../../src/keys/signer.ts';
import type { Signer } from '../../src/keys/signer-api.ts';
import { wireMessage } from '../../src/runtime/channel-wire.ts';
import { decodeJson, encodeJson } from '../../protocols/json.ts';

export const REGTEST_CHAIN_HASH = Uint8Array.from(
  Buffer.from('06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f', 'hex'),
);

/** What a party is made of; the same label gives the same keys. */
export interface PartyOptions {
  readonly policy?: Partial<ChannelPolicy>;
  readonly fundingSatoshis?: bigint;
  readonly pushMsat?: bigint;
  readonly announce?: boolean;
}

/** One side of a channel: its machine with a real signer, and everything that it asked for, in order. */
export class Party {
  readonly name: string;
  readonly signer: Signer;
  readonly effects: ChannelEffect[] = [];
  /** Messages that left and did not yet arrive. */
  outbox: Uint8Array[] = [];
  readonly policy: ChannelPolicy;
  actor: ChannelActor;

  constructor(name: string, isOpener: boolean, peer: Uint8Array, options: PartyOptions) {
    this.name = name;
    this.signer = signerOf(name);
    this.policy = { ...defaultPolicy, ...options.policy };
    this.actor = createChannel(
      newChannelData({
        channelIndex: 0,
        isOpener,
        openedAtHeight: 100,
        localNodeId: this.signer.node.nodeId,
        remoteNodeId: peer,
        chainHash: REGTEST_CHAIN_HASH,
        temporaryChannelId: sha256(new TextEncoder().encode('temporary')),
        fundingSatoshis: options.fundingSatoshis ?? 1_000_000n,
        announce: options.announce ?? false,
        feeratePerKw: 1_000,
        openingFeeratePerKw: 1_000,
        publicKeys: this.signer.channel(0).publicKeys,
        shutdownScript: Uint8Array.from([0, 20, ...sha256(new TextEncoder().encode(name)).slice(0, 20)]),
        policy: this.policy,
      }),
      this.#environment(),
    );
  }

  get data(): ChannelData {
    return this.actor.getSnapshot().context.data;
  }

  /** The state of one region, as `lifecycle` → `normal` or `opening.idle`. */
  state(region: 'lifecycle' | 'connection' | 'remoteCommitment' | 'localCommitment' | 'announcement'): string {
    const flatten = (value: unknown): string =>
      typeof value === 'string' ? value : Object.entries(value as object).map(([key, inner]) => `${key}.${flatten(inner)}`).join('|');
    return flatten((this.actor.getSnapshot().value as Record<string, unknown>)[region]);
  }

  send(event: ExternalChannelEvent): void {
    const before = this.effects.length;
    this.actor.send(event);
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
    const { value, data, htlcs } = decodeJson(encodeJson(snapshotOf(this.actor))) as ReturnType<typeof snapshotOf>;
    // A missing property and an undefined one are the same to the machine.
    this.actor = restoreChannel({ value, data, htlcs }, this.#environment());
    this.outbox = [];
    this.send({ type: 'restored' });
  }

  #environment() {
    return {
      policy: this.policy,
      localPoint: (n: number) => this.signer.channel(0).perCommitmentPoint(n),
      emit: (effect: ChannelEffect) => void this.effects.push(effect),
    };
  }
}

const signers = new Map<string, Signer>();

/** Deriving a channel's keys takes milliseconds: the same name shares a signer. */
export function signerOf(name: string): Signer {
  let signer = signers.get(name);
  if (signer === undefined) {
    const made = createSigner(sha512Of(name), 'regtest');
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

function sha512Of(name: string): Uint8Array {
  const half = sha256(new TextEncoder().encode(name));
  return Uint8Array.from([...half, ...sha256(half)]);
}

/** Two parties and the link between them. Nothing moves unless a test says so. */
export class ChannelPair {
  readonly alice: Party;
  readonly bob: Party;

  constructor(options: PartyOptions = {}) {
    this.alice = new Party('alice', true, signerOf('bob').node.nodeId, options);
    this.bob = new Party('bob', false, signerOf('alice').node.nodeId, options);
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

/** Opens the channel up to its normal state, with the funding at that depth. */
export function reachNormal(pair: ChannelPair, options: { readonly pushMsat?: bigint; readonly depth?: number } = {}): void {
  const { alice } = pair;
  alice.send({ type: 'open', pushMsat: options.pushMsat ?? 0n });
  pair.settle();
  alice.send({ type: 'fundingReady', transaction: Uint8Array.of(1), txid: FUNDING_TXID, outputIndex: 1 });
  pair.settle();
  confirm(pair, options.depth ?? 3);
}

/** The funding output at a depth, as both see it. */
export function confirm(pair: ChannelPair, depth: number): void {
  const event: FundingDepth = {
    type: 'fundingDepth',
    depth,
    blockHeight: 101,
    transactionIndex: 1,
    amountSat: pair.alice.data.fundingSatoshis,
    script: fundingOutput(pair.alice.data.local.fundingPubkey, pair.bob.data.local.fundingPubkey).scriptPubkey,
  };
  for (const party of [pair.alice, pair.bob]) party.send(event);
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
