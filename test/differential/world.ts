import { address, networks, type Transaction } from 'bitcoinjs-lib';
import { toString } from 'uint8arrays';
import { outpointKey } from '../../src/chain/embedded/consensus/transaction.ts';
import type { Seeded } from '../harness/seeded.ts';
import { type Claim, TestChannel } from './channel.ts';
import { ChainPair } from './pair.ts';
import {
  type Coin,
  type InputPlan,
  type Output,
  type Plan,
  WalletKey,
  amountIn,
  amountOut,
  coinOf,
  signed,
} from './plan.ts';

/** Feerates of transactions, in satoshi per 1,000 vbytes: at the relay fee and around it, and what is usual. */
const FEERATES = [0n, 500n, 999n, 1_000n, 1_000n, 1_001n, 1_500n, 2_000n, 5_000n, 20_000n];

/** A transaction that both mempools took, as it was made. */
export interface Sent {
  readonly plan: Plan;
  readonly feeSat: bigint;
  readonly vsize: number;
}

/** Coins, channels and their claims on a pair of chains: what transactions are made of. */
export class World {
  readonly pair: ChainPair;
  readonly random: Seeded;
  readonly miner: WalletKey;
  readonly minerAddress: string;
  /** P2WPKH coins of the miner's key: confirmed ones, those of the mempool, and ones that may not be spent. */
  readonly purse: Coin[] = [];
  readonly unconfirmed: Coin[] = [];
  readonly wrong: InputPlan[] = [];
  claims: Claim[] = [];
  readonly sent = new Map<string, Sent>();

  private constructor(pair: ChainPair, random: Seeded) {
    this.pair = pair;
    this.random = random;
    this.miner = new WalletKey(random);
    this.minerAddress = address.fromOutputScript(this.miner.script, networks.regtest);
  }

  /** A world with `coins` confirmed coins of a few hundred thousand satoshi to some BTC. */
  static async start(random: Seeded, coins = 400, options: Parameters<typeof ChainPair.start>[0] = {}): Promise<World> {
    const world = new World(await ChainPair.start(options), random);
    await world.#fill(coins);
    return world;
  }

  /** The outputs of a coinbase, split into many. */
  async #fill(coins: number): Promise<void> {
    const hashes = await this.pair.mine('embedded', this.minerAddress, 103);
    const [first, second, immature] = [0, 1, 60].map((i) => this.#coinbase(hashes[i]!));
    for (const coinbase of [first!, second!]) {
      const share = (coinbase.amountSat - 1_000_000n) / BigInt(coins / 2);
      const outputs = Array.from({ length: coins / 2 }, () => ({ script: this.miner.script, value: share }));
      const split = signed(this.plan('split', [this.miner.input(coinbase)], outputs));
      await this.send(split);
      this.purse.push(...outputs.map((_, i) => coinOf(split, i)));
    }
    await this.mine();
    this.wrong.push(
      this.miner.input(immature!),
      this.miner.input(first!),
      this.miner.input({ ...first!, txid: 'cd'.repeat(32) }),
      this.miner.input({ ...first!, txid: '00'.repeat(32), index: 0xffffffff }),
    );
  }

  #coinbase(hash: string): Coin {
    return coinOf(this.pair.chain.state.find(hash)!.block.transactions[0]!.transaction, 0);
  }

  plan(label: string, inputs: readonly InputPlan[], outputs: readonly Output[], lockTime = 0): Plan {
    return { label, version: 2, lockTime, inputs, outputs };
  }

  /** A confirmed coin, large enough for any funding, that nothing in the mempool spends and nobody was given yet. */
  takeCoin(): Coin {
    const { mempool } = this.pair.chain;
    const free = this.purse.filter((coin) => coin.amountSat > 2_500_000n && mempool.spender(keyOf(coin)) === undefined);
    if (free.length === 0) throw new Error('the world has run out of coins');
    const coin = this.random.pick(free);
    this.purse.splice(this.purse.indexOf(coin), 1);
    return coin;
  }

  /** Mines with one side's miner or the other's; what was unconfirmed may be taken for confirmed. */
  async mine(count = 1): Promise<void> {
    await this.pair.mine(this.random.pick(['embedded', 'bitcoind']), this.minerAddress, count);
    this.keepWhatIsThere();
  }

  /** What was confirmed may be spent like any coin; what was spent or replaced is forgotten. */
  keepWhatIsThere(): void {
    const { state, mempool } = this.pair.chain;
    const coins = [...this.purse, ...this.unconfirmed];
    const isThere = (coin: Coin) => state.coins.has(keyOf(coin));
    this.purse.splice(0, Infinity, ...coins.filter(isThere));
    this.unconfirmed.splice(0, Infinity, ...coins.filter((coin) => !isThere(coin) && mempool.get(coin.txid)));
    for (const txid of this.sent.keys()) if (mempool.get(txid) === undefined) this.sent.delete(txid);
  }

  async send(transaction: Transaction, label = 'send'): Promise<boolean> {
    return 'result' in (await this.pair.same(label, 'sendrawtransaction', transaction.toHex(), 0, '21000000'));
  }

  /** Sends a plan, and remembers it if it was taken. */
  async sendPlan(plan: Plan): Promise<boolean> {
    const transaction = signed(plan);
    if (!(await this.send(transaction, plan.label))) return false;
    const feeSat = amountIn(plan.inputs) - amountOut(plan.outputs);
    this.sent.set(transaction.getId(), { plan, feeSat, vsize: transaction.virtualSize() });
    this.claims.push(...secondsOf(plan, transaction));
    for (const [i, { script }] of plan.outputs.entries()) {
      if (toString(script, 'base16') === toString(this.miner.script, 'base16')) {
        this.unconfirmed.push(coinOf(transaction, i));
      }
    }
    return true;
  }

  /** Opens channels: their fundings are sent, and mined. */
  async openChannels(count: number): Promise<{ channel: TestChannel; funding: Coin; plan: Plan }[]> {
    const opened: { channel: TestChannel; funding: Coin; plan: Plan }[] = [];
    for (let i = 0; i < count; i++) {
      const channel = new TestChannel(this.random);
      const plan = this.paying('funding', [], [this.takeCoin()], [channel.fundingOutput], 2_000n);
      await this.sendPlan(plan);
      opened.push({ channel, funding: coinOf(signed(plan), 0), plan });
    }
    await this.mine();
    return opened;
  }

  /**
   * A transaction of claims and wallet coins, whose outputs are those of HTLC transactions at their inputs' index, then
   * `outputs`, then what is left to the miner.
   */
  paying(
    label: string,
    claims: readonly Claim[],
    coins: readonly Coin[],
    outputs: readonly Output[] = [],
    feerate = this.random.pick(FEERATES),
  ): Plan {
    const ordered = [...claims].sort((a, b) => Number(b.paired !== undefined) - Number(a.paired !== undefined));
    const inputs = [...ordered.map(({ input }) => input), ...coins.map((coin) => this.miner.input(coin))];
    const paired = ordered.flatMap(({ paired }) => (paired === undefined ? [] : [paired]));
    const lockTime = Math.max(0, ...claims.map((claim) => claim.lockTime));
    const draft = this.plan(label, inputs, [...paired, ...outputs, { script: this.miner.script, value: 0n }], lockTime);
    const feeSat = (feerate * BigInt(signed(draft).virtualSize()) + 999n) / 1_000n;
    const rest = amountIn(inputs) - amountOut(draft.outputs) - feeSat;
    const paid = [...paired, ...outputs, { script: this.miner.script, value: rest < 0n ? 0n : rest }];
    return { ...draft, outputs: paid, seconds: ordered.map(({ second }) => second) };
  }

  /** A transaction of one to three claims, with wallet coins where they cannot pay for themselves, and often anyway. */
  claiming(): Plan {
    const { random } = this;
    const claims = random.shuffled(this.claims).slice(0, random.pick([1, 1, 1, 2, 3]));
    const needsCoins = claims.every(({ input, paired }) => paired !== undefined || input.coin.amountSat < 1_000n);
    const coins = needsCoins || random.chance(30) ? [random.pick(this.purse)] : [];
    return this.paying(claims.map(({ label }) => label).join(' + ') || 'wallet', claims, coins);
  }

  /** One of the mempool replaced in so many of 100 cases, and otherwise claims. */
  claimingOrReplacing(percent: number): Plan {
    return (this.random.chance(percent) ? this.replacement() : undefined) ?? this.claiming();
  }

  /** A transaction that spends what one in the mempool spends, with a fee close to what it takes to replace it. */
  replacement(): Plan | undefined {
    const { random } = this;
    if (this.sent.size === 0) return undefined;
    const { plan, feeSat, vsize } = random.pick([...this.sent.values()]);
    const inputs = [random.pick(plan.inputs)];
    if (random.chance(50)) inputs.push(this.miner.input(random.pick(this.purse)));
    if (random.chance(15) && this.unconfirmed.length > 0) inputs.push(this.miner.input(random.pick(this.unconfirmed)));
    const outputs = [{ script: this.miner.script, value: 0n }];
    const draft = this.plan(`replacement of ${plan.label}`, inputs, outputs, plan.lockTime);
    const own = BigInt(signed(draft).virtualSize());
    const needed = feeSat + own + random.pick([-BigInt(vsize), -2n, -1n, 0n, 1n, own, 5_000n, 100_000n]);
    const rest = amountIn(inputs) - needed;
    return { ...draft, outputs: [{ script: this.miner.script, value: rest < 0n ? 0n : rest }] };
  }
}

/** What may take the outputs of the HTLC transactions in a plan. */
export function secondsOf(plan: Plan, transaction: Transaction): Claim[] {
  return (plan.seconds ?? []).flatMap((second, i) => second?.(coinOf(transaction, i)) ?? []);
}

function keyOf({ txid, index }: Coin): string {
  return outpointKey(txid, index);
}
