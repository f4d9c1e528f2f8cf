import { compare, toString } from 'uint8arrays';
import { fundingOutput } from '../../machines/commitment/funding.ts';
import { secp256k1 } from '../../protocols/crypto/secp256k1.ts';
import {
  assembleChannelAnnouncement, signChannelAnnouncement, unsignedChannelAnnouncement,
} from '../../protocols/gossip/channel-announcement.ts';
import { signChannelUpdate, type ChannelPolicy } from '../../protocols/gossip/channel-update.ts';
import { signNodeAnnouncement, type NodeDescription } from '../../protocols/gossip/node-announcement.ts';
import { scidFromParts, scidToParts } from '../../protocols/gossip/short-channel-id.ts';
import { RunnelError } from '../../protocols/errors.ts';
import { GossipService, type GossipServiceOptions } from '../../src/gossip/gossip-service.ts';
import type { GossipOutcome } from '../../src/gossip/outcome.ts';
import { inlineSignatures } from '../../src/gossip/signature-checker.ts';
import { NetworkError } from '../../src/network/errors.ts';
import type { GossipNews, NodeId } from '../../src/network/network.ts';
import { ChannelGraph } from '../../src/routing/graph.ts';
import { applyGraphChange } from '../../src/routing/graph-change.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { openDatabase, type Database } from '../../src/storage/database.ts';

export const CHAIN_HASH = new Uint8Array(32).fill(6);
/** Seconds since 1970 at the start of each test. */
export const START = 1_700_000_000;

/** A node of the tests, known by a number from 1 to 255. */
export interface Keys {
  readonly nodeId: NodeId;
  readonly publicKey: Uint8Array;
  readonly bitcoinKey: Uint8Array;
  sign(hash: Uint8Array): Uint8Array;
  signWithBitcoinKey(hash: Uint8Array): Uint8Array;
}

export function keysOf(number: number): Keys {
  const nodeKey = new Uint8Array(32).fill(number);
  const bitcoinSecret = Uint8Array.from(nodeKey, (byte, index) => (index === 0 ? 0x7f : byte));
  const publicKey = secp256k1.publicKey(nodeKey);
  return {
    nodeId: toString(publicKey, 'hex'),
    publicKey,
    bitcoinKey: secp256k1.publicKey(bitcoinSecret),
    sign: (hash) => secp256k1.sign(hash, nodeKey),
    signWithBitcoinKey: (hash) => secp256k1.sign(hash, bitcoinSecret),
  };
}

/** `scid(100, 1)`: the first output of transaction 1 in block 100. */
export function scid(blockHeight: number, transactionIndex = 1): bigint {
  return scidFromParts({ blockHeight, transactionIndex, outputIndex: 0 });
}

/** The announcement of a channel between two nodes, signed by all four keys. */
export function announcement(
  shortChannelId: bigint, a: Keys, b: Keys, features: Uint8Array = new Uint8Array(),
): Uint8Array {
  const ends = [a, b].map(({ publicKey, bitcoinKey }) => ({ nodeId: publicKey, bitcoinKey }));
  const unsigned = unsignedChannelAnnouncement(
    { chainHash: CHAIN_HASH, shortChannelId, features }, [ends[0]!, ends[1]!],
  );
  const sign = (keys: Keys) => signChannelAnnouncement(unsigned, keys.sign, keys.signWithBitcoinKey);
  return assembleChannelAnnouncement(unsigned, a.publicKey, sign(a), sign(b)).raw;
}

/** What `from` says about its channel with `to`. */
export function update(shortChannelId: bigint, from: Keys, to: Keys, changes: Partial<ChannelPolicy> = {}): Uint8Array {
  const direction = compare(from.publicKey, to.publicKey) < 0 ? 0 : 1;
  return signChannelUpdate({
    chainHash: CHAIN_HASH, shortChannelId, direction, disabled: false, dontForward: false, timestamp: START,
    cltvExpiryDelta: 40, htlcMinimumMsat: 1n, htlcMaximumMsat: 1_000_000n, feeBaseMsat: 7,
    feeProportionalMillionths: 70, ...changes,
  }, from.sign).raw;
}

export function nodeAnnouncement(keys: Keys, changes: Partial<NodeDescription> = {}): Uint8Array {
  const addresses = [{ type: 'ipv4' as const, host: '127.0.0.1', port: 9735 }];
  return signNodeAnnouncement({
    nodeId: keys.publicKey, timestamp: START, features: new Uint8Array(), alias: 'node', rgbColor: new Uint8Array(3),
    addresses, ...changes,
  }, keys.sign).raw;
}

/** A chain of outputs at short channel ids, as high as the test says. */
export class FakeChain {
  height = 200;
  lookups = 0;
  fails = false;
  /** Answers are held back until it resolves. */
  gate: Promise<void> = Promise.resolve();
  readonly #outputs = new Map<bigint, { amountSat: bigint; script: Uint8Array; txid: string }>();

  fund(shortChannelId: bigint, a: Keys, b: Keys, amountSat = 1_000_000n): void {
    const txid = shortChannelId.toString(16).padStart(64, '0');
    this.#outputs.set(
      shortChannelId, { amountSat, script: fundingOutput(a.bitcoinKey, b.bitcoinKey).scriptPubkey, txid },
    );
  }

  spend(shortChannelId: bigint): void {
    this.#outputs.delete(shortChannelId);
  }

  async tip(): Promise<{ height: number; hash: string }> {
    return { height: this.height, hash: '00' };
  }

  async outputAt(blockHeight: number, transactionIndex: number, outputIndex: number) {
    this.lookups++;
    await this.gate;
    if (this.fails) throw new RunnelError('chain_unavailable', 'the chain does not answer');
    const output = this.#outputs.get(scidFromParts({ blockHeight, transactionIndex, outputIndex }));
    const confirmations = this.height - blockHeight + 1;
    return output === undefined || confirmations < 1 ? undefined : { ...output, confirmations };
  }
}

/** A gossip service with a chain, a graph and a database of its own; what it publishes and reports is kept. */
export class GossipNode {
  readonly keys: Keys;
  readonly clock = new VirtualClock(START * 1000);
  readonly graph = new ChannelGraph();
  readonly chain: FakeChain;
  readonly database: Database;
  readonly published: Uint8Array[] = [];
  /** Whom the network was told not to believe, once for each lie. */
  readonly distrusted: NodeId[] = [];
  readonly outcomes: GossipOutcome[] = [];
  /** What the network was given for peers that are told over their links. */
  readonly told: GossipNews[] = [];
  readonly problems: RunnelError[] = [];
  readonly service: GossipService;
  /** Whom `requestSync` asks. */
  readonly peers = new Map<NodeId, Pick<GossipService, 'onSyncRequest'>>();

  constructor(
    number: number, options: Partial<GossipServiceOptions> & { chain?: FakeChain; database?: Database } = {},
  ) {
    this.keys = keysOf(number);
    this.chain = options.chain ?? new FakeChain();
    this.database = options.database ?? openDatabase({ path: ':memory:' });
    const network: GossipServiceOptions['network'] = {
      distrustGossip: (nodeId) => void this.distrusted.push(nodeId),
      startGossip: () => {},
      tellGossip: (news) => void this.told.push(news),
      publishGossip: async (message) => {
        this.published.push(message);
      },
      requestSync: (nodeId, request) => {
        const peer = this.peers.get(nodeId);
        if (peer === undefined) throw new NetworkError('not_connected', `no link to ${nodeId}`);
        return peer.onSyncRequest(this.keys.nodeId, request);
      },
    };
    this.service = new GossipService({
      self: this.keys.nodeId,
      chainHash: CHAIN_HASH,
      network,
      graph: this.graph,
      apply: (change) => applyGraphChange(this.graph, change),
      clock: this.clock,
      signatures: inlineSignatures,
      knownFeatures: new Uint8Array(),
      onOutcome: (outcome) => this.outcomes.push(outcome),
      onProblem: (problem) => this.problems.push(problem),
      ...options,
      chain: this.chain,
      database: this.database,
    });
    this.service.start();
  }

  /** Gives it a message from a peer and says what became of it: `'accept new'`. */
  async hear(message: Uint8Array, from: NodeId = 'a peer'): Promise<string> {
    const before = this.outcomes.length;
    const verdict = await this.service.onGossip(message, from);
    return `${verdict} ${this.outcomes.slice(before).at(-1)?.reason ?? 'nothing'}`;
  }

  /** Makes a channel known, with its funding and both updates. */
  async learn(shortChannelId: bigint, a: Keys, b: Keys): Promise<void> {
    this.chain.fund(shortChannelId, a, b);
    const messages = [announcement(shortChannelId, a, b), update(shortChannelId, a, b), update(shortChannelId, b, a)];
    for (const message of messages) {
      const heard = await this.hear(message);
      if (heard !== 'accept new') throw new Error(`${heard} for ${JSON.stringify(scidToParts(shortChannelId))}`);
    }
  }
}
