import type { ChainRpc } from '../../src/chain/chain.ts';
import { EmbeddedChain } from '../../src/chain/embedded/embedded-chain.ts';
import { embeddedRpc } from '../../src/chain/embedded/in-process.ts';
import { ChainRpcError } from '../../src/chain/errors.ts';
import { VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { Bitcoind } from '../harness/bitcoind.ts';
import { isKnown, withoutExtraFields } from './known.ts';

export const START_S = 1_700_000_000;
const BLOCK_INTERVAL_S = 600;
/** How many calls bitcoind is asked at once. */
const AT_ONCE = 8;

/** bitcoind's defaults up to 29.0, which Knots raises and 29.1 lowers: docs/embedded-chain.md, "Policy". */
const POLICY = ['-corepolicy', '-mempooltruc=reject', '-minrelaytxfee=0.00001', '-incrementalrelayfee=0.00001'];

/** What one side answered to a call. */
export type Answer = { readonly result: unknown } | { readonly error: { code: number; message: string } };

/** A call that the two sides answered differently, and not for a documented reason. */
export interface Difference {
  readonly label: string;
  readonly method: string;
  readonly params: readonly unknown[];
  readonly embedded: Answer;
  readonly bitcoind: Answer;
}

/** The same chain twice, in the embedded chain and in a bitcoind: every call goes to both. */
export class ChainPair {
  readonly clock: VirtualClock;
  readonly chain: EmbeddedChain;
  readonly embedded: ChainRpc;
  readonly bitcoind: ChainRpc;
  readonly #daemon: Bitcoind;
  readonly differences: Difference[] = [];
  /** How many calls were compared, and for how many of them a documented difference was found, by its name. */
  compared = 0;
  readonly known = new Map<string, number>();

  private constructor(daemon: Bitcoind, chain: EmbeddedChain, clock: VirtualClock) {
    this.#daemon = daemon;
    this.chain = chain;
    this.clock = clock;
    this.embedded = embeddedRpc(chain);
    this.bitcoind = daemon.rpc;
  }

  static async start({ args = [], maxMempoolBytes }: { args?: readonly string[]; maxMempoolBytes?: number } = {}) {
    const clock = new VirtualClock(START_S * 1_000);
    const daemon = await Bitcoind.start({ args: ['-txindex', ...POLICY, `-mocktime=${START_S}`, ...args] });
    const chain = new EmbeddedChain({ clock, ...(maxMempoolBytes === undefined ? {} : { maxMempoolBytes }) });
    return new ChainPair(daemon, chain, clock);
  }

  async stop(): Promise<void> {
    await this.#daemon.stop();
  }

  get nowS(): number {
    return this.clock.now() / 1_000;
  }

  get height(): number {
    return this.chain.state.tip.height;
  }

  /** Asks both, notes a difference, and returns the embedded chain's answer. */
  async same(label: string, method: string, ...params: unknown[]): Promise<Answer> {
    const [embedded, bitcoind] = await this.ask(method, params);
    this.note({ label, method, params, embedded, bitcoind });
    return embedded;
  }

  /** The same for many calls at once; only for calls that change nothing. */
  async sameAll(calls: readonly { label: string; method: string; params: readonly unknown[] }[]): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (let from = 0; from < calls.length; from += AT_ONCE) {
      const some = calls.slice(from, from + AT_ONCE);
      const asked = some.map(({ label, method, params }) => this.same(label, method, ...params));
      answers.push(...(await Promise.all(asked)));
    }
    return answers;
  }

  async ask(method: string, params: readonly unknown[]): Promise<[embedded: Answer, bitcoind: Answer]> {
    return Promise.all([answerOf(this.embedded, method, params), answerOf(this.bitcoind, method, params)]);
  }

  /** Whether two answers differ without a documented reason. */
  note(difference: Difference): boolean {
    this.compared++;
    const { embedded, bitcoind, method } = difference;
    if (equal(embedded, bitcoind)) return false;
    const name = isKnown(method, embedded, bitcoind);
    if (name === undefined) {
      this.differences.push(difference);
      return true;
    }
    this.known.set(name, (this.known.get(name) ?? 0) + 1);
    return false;
  }

  /** Moves the time of both. */
  async advance(seconds: number): Promise<void> {
    this.clock.advance(seconds * 1_000);
    await this.bitcoind.call('setmocktime', [this.nowS]);
  }

  /** Has one side mine blocks from its mempool, and the other take them; time goes on by ten minutes for each. */
  async mine(maker: 'embedded' | 'bitcoind', address: string, count = 1): Promise<string[]> {
    const hashes: string[] = [];
    for (let i = 0; i < count; i++) {
      await this.advance(BLOCK_INTERVAL_S);
      const [from, to] = maker === 'embedded' ? [this.embedded, this.bitcoind] : [this.bitcoind, this.embedded];
      const [hash] = (await from.call('generatetoaddress', [1, address])) as [string];
      const block = await from.call('getblock', [hash, 0]);
      const refusal = await answerOf(to, 'submitblock', [block]);
      const [embedded, bitcoind] = maker === 'embedded' ? [{ result: null }, refusal] : [refusal, { result: null }];
      this.note({ label: `a block of ${maker}`, method: 'submitblock', params: [block], embedded, bitcoind });
      hashes.push(hash);
    }
    return hashes;
  }

  /** Compares tip and mempool, each entry of the mempool by itself. */
  async compareState(label: string): Promise<void> {
    await this.same(label, 'getbestblockhash');
    const [own, other] = (await this.ask('getrawmempool', [true])).map((answer) =>
      'result' in answer ? (answer.result as Record<string, unknown>) : {},
    );
    for (const txid of new Set([...Object.keys(own!), ...Object.keys(other!)])) {
      const [embedded, bitcoind] = [own!, other!].map((entries) => ({ result: unordered(entries[txid]) }));
      this.note({ label, method: 'getmempoolentry', params: [txid], embedded: embedded!, bitcoind: bitcoind! });
    }
  }

  /** Fails with what differed: each kind of difference once, with how often it came. */
  expectSame(seed: string): void {
    const kinds = new Map<string, { count: number; first: Difference }>();
    for (const difference of this.differences) {
      const kind = kindOf(difference);
      const known = kinds.get(kind);
      kinds.set(kind, { count: (known?.count ?? 0) + 1, first: known?.first ?? difference });
    }
    const texts = [...kinds.entries()].map(
      ([kind, { count, first }]) =>
        `${count} x ${kind}\n  e.g. ${first.label}\n  embedded ${show(first.embedded)}\n` +
        `  bitcoind ${show(first.bitcoind)}\n  params ${show(first.params)}`,
    );
    if (texts.length > 0) throw new Error(`RUNNEL_DIFFERENTIAL_SEED=${seed}\n${texts.join('\n\n')}`);
  }
}

async function answerOf(rpc: ChainRpc, method: string, params: readonly unknown[]): Promise<Answer> {
  try {
    return { result: normalised(method, await rpc.call(method, params)) };
  } catch (error) {
    if (!(error instanceof ChainRpcError)) throw error;
    return { error: { code: error.rpcCode, message: error.message } };
  }
}

/** Answers as far as they are promised: the mempool comes in no order, and each miner writes coinbases of its own. */
function normalised(method: string, result: unknown): unknown {
  if (method === 'getrawmempool' && Array.isArray(result)) return result.toSorted();
  if (method === 'generateblock') return 'a block';
  return withoutExtraFields(method, result);
}

/** A mempool entry with its relatives in order. */
function unordered(entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null) return null;
  const sorted = Object.entries(entry).map(([name, value]) => [name, Array.isArray(value) ? value.toSorted() : value]);
  return Object.fromEntries(sorted);
}

function equal(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** What is said of a call without what is of this one call: hashes, amounts and numbers. */
function kindOf({ method, embedded, bitcoind }: Difference): string {
  const short = (answer: Answer) =>
    show(answer).replace(/[0-9a-f]{16,}/g, '#').replace(/\d+(\.\d+)?(e-?\d+)?/g, 'n').slice(0, 300);
  return `${method}: ${short(embedded)} <> ${short(bitcoind)}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 3_000 ? `${text.slice(0, 3_000)}…` : text;
}
