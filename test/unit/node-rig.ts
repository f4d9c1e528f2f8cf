import { defaultPolicy } from '../../machines/channel/policy.ts';
import { decodeMessage, encodeMessage, type Message } from '../../protocols/wire/messages.ts';
import { EventHub } from '../../src/api/events.ts';
import type { ChainRpc } from '../../src/chain/chain.ts';
import { embeddedRpc } from '../../src/chain/embedded/in-process.ts';
import { ChainUnavailableError } from '../../src/chain/errors.ts';
import { RpcChain } from '../../src/chain/rpc-chain.ts';
import { inlineSignatures } from '../../src/gossip/signature-checker.ts';
import type { NodeId } from '../../src/network/network.ts';
import { initFeatures } from '../../src/node/features.ts';
import { Node } from '../../src/node/node.ts';
import type { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { REGTEST_CHAIN_HASH, signerOf } from '../harness/channel-pair.ts';
import { TestChain } from './chain-kit.ts';
import { idOf } from './node-bench.ts';
import { FakeNetwork, noteLog } from './node-kit.ts';

const networks = [REGTEST_CHAIN_HASH];
const init: Message = { type: 'init', globalfeatures: new Uint8Array(), features: initFeatures, networks };

/** A whole node on a chain of its own, whose peers are the test: nothing moves but by `pass`. */
export class Rig {
  readonly chain: TestChain;
  readonly clock: VirtualClock;
  readonly network = new FakeNetwork();
  readonly database;
  readonly node: Node;
  readonly lines: string[];
  readonly fatal: unknown[] = [];
  /** The chain does not answer while this is set. */
  isChainAway = false;
  readonly #links = new Set<NodeId>();

  constructor(database = openDatabase({ path: ':memory:' }), chain = TestChain.funded(1)) {
    this.database = database;
    this.chain = chain;
    this.clock = chain.clock;
    const { logger, lines } = noteLog();
    this.lines = lines;
    const backend = embeddedRpc(chain.chain);
    const rpc: ChainRpc = {
      call: (method, params) => {
        if (this.isChainAway) return Promise.reject(new ChainUnavailableError('the chain does not answer'));
        return backend.call(method, params);
      },
    };
    this.network.onDisconnect = async (nodeId, reason) => {
      if (this.#links.delete(nodeId)) this.network.handlers?.onPeerDisconnected(nodeId, reason);
    };
    this.network.isLost = (nodeId) => !this.#links.has(nodeId);
    this.node = new Node({
      database: this.database,
      signer: signerOf('bob'),
      chain: new RpcChain({ rpc, clock: this.clock, pollIntervalMs: 1_000 }),
      chainName: 'regtest',
      chainHash: REGTEST_CHAIN_HASH,
      network: this.network,
      clock: this.clock,
      signatures: inlineSignatures,
      randomBytes: (size) => crypto.getRandomValues(new Uint8Array(size)),
      logger,
      events: new EventHub((error) => this.fatal.push(error)),
      channelPolicy: { ...defaultPolicy, minimumDepth: 2 },
      journalLimits: { checkpointEntries: 5, keepEntries: 0 },
      forwardingPolicy: { feeBaseMsat: 1_000, feeProportionalMillionths: 10, cltvExpiryDelta: 34 },
      profile: { alias: 'bob', rgbColor: Uint8Array.of(1, 2, 3), announce: [] },
      addressGap: 2,
      schedule: (run) => void this.clock.setTimer(0, run),
      onFatal: (error) => this.fatal.push(error),
    });
  }

  /** Lets `ms` of virtual time pass. */
  async pass(ms = 10): Promise<void> {
    await this.clock.run({ untilMs: this.clock.now() + ms });
  }

  async start(): Promise<void> {
    const state = { isStarted: false };
    const started = this.node.start().then(() => (state.isStarted = true));
    while (!state.isStarted) await Promise.race([started, this.pass(1_000)]);
  }

  /** A link to that peer, over which it has said init. */
  async meet(name: string): Promise<void> {
    const nodeId = idOf(name);
    this.#links.add(nodeId);
    this.network.handlers?.onPeerConnected(nodeId, { inbound: true, address: `/memory/${name}` });
    await this.say(name, init);
  }

  async lose(name: string): Promise<void> {
    if (this.#links.delete(idOf(name))) this.network.handlers?.onPeerDisconnected(idOf(name), 'gone');
    await this.pass();
  }

  isLinked(name: string): boolean {
    return this.#links.has(idOf(name));
  }

  /** Bytes of that peer's, and what it is sent until all is still; what is sent after the link ended is lost. */
  async sayBytes(name: string, bytes: Uint8Array): Promise<Message[]> {
    this.network.sent.length = 0;
    if (this.isLinked(name)) await this.network.handlers?.onMessage(idOf(name), bytes);
    await this.pass();
    return this.heard(name);
  }

  say(name: string, message: Message): Promise<Message[]> {
    return this.sayBytes(name, encodeMessage(message));
  }

  /** What was sent to that peer since it said something. */
  heard(name: string): Message[] {
    return this.network.sent.filter(({ nodeId }) => nodeId === idOf(name)).map(({ bytes }) => decodeMessage(bytes));
  }
}
