/** Channels between Runnel and LDK with HTLCs pending both ways, and what comes of them when they end. */
import { inspect } from 'node:util';
import type { Transaction } from 'bitcoinjs-lib';
import { expect } from 'vitest';
import type { Output } from '../../src/api/client.ts';
import type { NodeProcess } from '../../src/cluster/node-process.ts';
import { waitUntil } from '../../src/cluster/wait.ts';
import { Books, type Due, type Gains, type Side } from './interop-books.ts';
import { chainKind } from './cluster.ts';
import { Interop } from './interop.ts';
import type { LdkNode } from './ldk/node.ts';
import type { LdkPaymentResult } from './ldk/payments.ts';

const WAIT_MS = 60_000;
/** Runnel asks for more than LDK would give for a little one. */
const MAX_FEE_MSAT = 100_000n;
const BLOCKS_AT_ONCE = 10;
/** Of a wait for expiries, which LDK's shadow offsets put off, the delays after them, and the depth that ends it all. */
const MAX_BLOCKS = 1_500;
/** The HTLC chart's states of an HTLC that both commitments hold. */
const REST = new Set(['SENT_ADD_ACK_REVOCATION', 'RCVD_ADD_ACK_REVOCATION']);

/** An HTLC of the channel that ends; no two of one channel have the same amount. */
export interface Pending {
  readonly from: Side;
  readonly amountMsat: bigint;
  /** Whether its payee shows the preimage once the channel is about to end. */
  readonly isClaimed: boolean;
}

/** That waits at its payee. */
export interface Underway extends Pending {
  readonly hash: string;
  /** What LDK's has come to. Runnel tells of its own when it is asked. */
  readonly ended: () => LdkPaymentResult | undefined;
}

export type Channel = Output<'channel'>;
type Outcome = 'paid' | 'failed';

/** A channel that is about to end. */
export interface Started {
  readonly channel: Channel;
  readonly underway: readonly Underway[];
  readonly walletsBefore: Gains;
}

/** Runnel between an LDK node whose channel ends and another that holds what this one pays. */
export class EndingsWorld {
  readonly interop: Interop;
  readonly runnel: NodeProcess;
  readonly ldk: LdkNode;
  readonly holder: LdkNode;
  readonly #books: Books;

  private constructor(interop: Interop) {
    this.interop = interop;
    this.runnel = interop.cluster.nodes[0]!;
    [this.ldk, this.holder] = [interop.ldks[0]!, interop.ldks[1]!];
    this.#books = new Books(interop.cluster.chain.rpc, this.ldk.wallet.script);
  }

  static async start(): Promise<EndingsWorld> {
    const interop = await Interop.start({ runnels: 1, ldks: 2 });
    const world = new EndingsWorld(interop);
    try {
      for (const node of interop.ldks) node.holdPayments();
      await interop.openFromRunnel(world.runnel, world.holder);
      return world;
    } catch (error) {
      await interop.stop();
      throw error;
    }
  }

  /** A new channel with these HTLCs. */
  async begin(opener: Side, htlcs: readonly Pending[]): Promise<Started> {
    const { ldk, runnel, interop } = this;
    const { channelId } = await (opener === 'ldk' ? interop.openFromLdk(ldk, runnel) : interop.openFromRunnel(runnel, ldk));
    const underway = await Promise.all(htlcs.map((htlc) => this.#send(htlc)));
    return { channel: await this.#atRest(channelId, htlcs.length), underway, walletsBefore: await this.#wallets() };
  }

  /**
   * Mines until it is over, and has both sides' payments and wallets be as they should: of the transaction that spends the
   * funding both have what is due, and `owner` the anchors that are taken.
   */
  async finish({ channel, underway, walletsBefore }: Started, closing: Transaction, dues: readonly Due[], owner: Side): Promise<void> {
    expect(await this.#outcomes(underway)).toEqual(underway.map(({ isClaimed }) => (isClaimed ? 'paid' : 'failed')));
    await this.#over(channel.channelId);
    await this.#books.read();
    const { runnel, ldk } = await this.#wallets();
    expect({ runnel: runnel - walletsBefore.runnel, ldk: ldk - walletsBefore.ldk }).toEqual(this.#books.gains(closing, dues, owner));
    await this.#agreed(underway);
    expect(await this.runnel.client.pending()).toMatchObject({ channels: [], deadlines: [], alarms: [], totals: { limboSat: 0n } });
  }

  /** What Runnel has forwarded and what the holder has got are what LDK has paid; nothing of it pends. */
  async #agreed(underway: readonly Underway[]): Promise<void> {
    const { forwards, lostMsat } = await this.runnel.client.forwards({});
    expect(lostMsat).toBe(0n);
    for (const { from, hash, amountMsat, isClaimed, ended } of underway) {
      const received = this.payee(from).payments.received.filter((each) => each.hash === hash);
      expect(received).toEqual(isClaimed ? [{ hash, amountMsat }] : []);
      if (from === 'runnel') continue;
      const forward = forwards.find(({ paymentHash }) => paymentHash === hash);
      const result = ended();
      const feeMsat = result?.status === 'paid' ? result.feeMsat : 0n;
      expect(forward).toMatchObject({ status: isClaimed ? 'settled' : 'failed', feeMsat, outgoing: { amountMsat } });
      if (isClaimed) expect(forward!.incoming.amountMsat - amountMsat).toBe(feeMsat);
    }
    expect(this.holder.channels().map(({ pendingHtlcs }) => pendingHtlcs)).toEqual([{ inbound: 0, outbound: 0 }]);
  }

  /** Who is to take what the other pays: Runnel takes its own at once, so LDK's goes through it. */
  payee(from: Side): LdkNode {
    return from === 'runnel' ? this.ldk : this.holder;
  }

  /** Sends a payment, and resolves when it waits at its payee. */
  async #send(htlc: Pending): Promise<Underway> {
    const { from, amountMsat } = htlc;
    const payee = this.payee(from);
    const known = new Set(payee.claimable.map(({ hash }) => hash));
    const invoice = await payee.invoice({ amountMsat });
    let ended: LdkPaymentResult | undefined;
    if (from === 'runnel') await this.runnel.client.pay({ invoice, timeoutSeconds: 1 });
    else void this.ldk.pay(invoice, { retries: 0, maxFeeMsat: MAX_FEE_MSAT }).then((result) => (ended = result));
    const find = (): string | undefined => payee.claimable.find((each) => each.amountMsat === amountMsat && !known.has(each.hash))?.hash;
    await waitUntil('the payment waits', WAIT_MS, () => (find() === undefined ? `it does not, and ${inspect(ended)}` : undefined));
    return { ...htlc, hash: find()!, ended: () => ended };
  }

  /** The channel once nothing but these HTLCs is under way. */
  async #atRest(channelId: string, htlcs: number): Promise<Channel> {
    await waitUntil('the channel is at rest', WAIT_MS, async () => {
      const channel = await this.runnel.client.channel({ channel: channelId });
      const states = channel.htlcs.map(({ state }) => state);
      return states.length === htlcs && states.every((state) => REST.has(state)) ? undefined : states.join(', ');
    });
    return this.runnel.client.channel({ channel: channelId });
  }

  /** What Runnel is to think right from now on, in sat per kw. False on a real bitcoind, where it is not to be told. */
  async setRunnelFeerate(satPerKw: number): Promise<boolean> {
    if (chainKind !== 'embedded') return false;
    await this.interop.cluster.chain.rpc.call('setmockfees', [0.00001, (satPerKw * 4) / 100_000_000]);
    await this.interop.mine(1);
    return true;
  }

  /** The transaction in a block that spends it. */
  async spenderOf(outpoint: string): Promise<Transaction> {
    await this.#books.read();
    const [txid = '', index] = outpoint.split(':');
    const spender = this.#books.spenderOf(txid, Number(index));
    if (spender === undefined) throw new Error(`no block holds a transaction that spends ${outpoint}`);
    return spender;
  }

  /** Mines until each payment has come to its end at its payer. */
  async #outcomes(underway: readonly Underway[]): Promise<Outcome[]> {
    const outcomes = (): Promise<(Outcome | undefined)[]> => Promise.all(underway.map((each) => this.#outcome(each)));
    await this.#mineUntil('all payments have ended', async () => {
      const known = await outcomes();
      return known.includes(undefined) ? known.map((outcome) => outcome ?? 'in flight').join(', ') : undefined;
    });
    return (await outcomes()) as Outcome[];
  }

  async #outcome({ from, hash, ended }: Underway): Promise<Outcome | undefined> {
    if (from === 'ldk') return ended()?.status;
    const { status } = await this.runnel.client.payment({ paymentHash: hash });
    return status === 'inFlight' ? undefined : status === 'succeeded' ? 'paid' : 'failed';
  }

  /** Mines until neither has anything to do or to fear of the channel any more. */
  #over(channelId: string): Promise<void> {
    return this.#mineUntil('the channel is over', async () => {
      const { state } = await this.runnel.client.channel({ channel: channelId });
      const claimable = this.ldk.claimableSat();
      const waiting = await this.interop.cluster.chain.mempool();
      return state === 'closed' && claimable.length === 0 && waiting.length === 0
        ? undefined
        : `Runnel's is ${state}, LDK is still to have ${claimable.join(', ')} sat, ${waiting.length} transactions wait`;
    });
  }

  async #mineUntil(what: string, missing: () => Promise<string | undefined>): Promise<void> {
    let mined = 0;
    await waitUntil(what, WAIT_MS, async () => {
      const lacking = await missing();
      if (lacking === undefined) return undefined;
      if (mined >= MAX_BLOCKS) throw new Error(`after ${mined} blocks not yet ${what}: ${lacking}`);
      await this.interop.cluster.chain.mine(BLOCKS_AT_ONCE);
      await this.interop.synced();
      mined += BLOCKS_AT_ONCE;
      return lacking;
    });
  }

  async #wallets(): Promise<Gains> {
    const { confirmedSat, unconfirmedSat, immatureSat, reservedSat } = (await this.runnel.client.balance()).onchain;
    return { runnel: confirmedSat + unconfirmedSat + immatureSat + reservedSat, ldk: this.ldk.onchainSat() };
  }
}
