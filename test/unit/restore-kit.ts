import { Transaction } from 'bitcoinjs-lib';
import { negotiated } from '../../machines/channel/context.ts';
import { fundingOf } from '../../machines/channel/requests.ts';
import { anchorScript, p2wsh, toRemoteAnchorsScript } from '../../machines/commitment/scripts.ts';
import { hexOf } from '../../src/channels/channel-store.ts';
import type { LiveChannel } from '../../src/channels/live-channel.ts';
import { Mesh } from '../harness/mesh.ts';
import type { MeshNode } from '../harness/mesh-node.ts';

/** BOLT 3, "Fee Calculation": a commitment with anchors and no HTLC, and its anchors, at the feerate of these meshes. */
export const COMMITMENT_COST_SAT = (1_124n * 1_000n) / 1_000n + 2n * 330n;

/** A mesh in which something is lost. */
export class LossyMesh {
  readonly mesh: Mesh;

  constructor(mesh: Mesh) {
    this.mesh = mesh;
  }

  static async create(seed: string, nodes: readonly string[]): Promise<LossyMesh> {
    return new LossyMesh(await Mesh.create({ seed, nodes }));
  }

  named(name: string): MeshNode {
    return this.mesh.named(name);
  }

  /** A channel that was used both ways: no state of it is its first. */
  async openAndPay(a: MeshNode, b: MeshNode): Promise<void> {
    const { mesh } = this;
    await mesh.outcome(mesh.openChannel(a, b, 1_000_000n, { pushMsat: 400_000_000n }));
    await mesh.mine(6);
    await mesh.until('the channels are usable', () => [a, b].every((node) => channelsOf(node).every(({ isUsable }) => isUsable)));
    await mesh.runFor(5_000);
    await this.pay(a, b, 30_000_123n);
    await this.pay(b, a, 7_000_001n);
  }

  async pay(payer: MeshNode, payee: MeshNode, amountMsat: bigint): Promise<void> {
    const { mesh } = this;
    await mesh.outcome(mesh.keysend(payer, payee, amountMsat));
    await mesh.until('the payment is settled', () => [payer, payee].every((node) => channelsOf(node).every(({ htlcs }) => htlcs.size === 0)));
    await mesh.runFor(1_000);
  }

  /** Blocks until something holds, with time for the nodes between them. */
  async mineUntil(what: string, holds: () => boolean, most = 400): Promise<void> {
    for (let mined = 0; !holds(); mined++) {
      if (mined === most) throw new Error(`${most} blocks later it still does not hold that ${what}`);
      await this.mesh.runFor(3_000);
      await this.mesh.mine(1);
    }
  }

  /** The transaction in the chain that spends a channel's funding. */
  spendOf({ data }: LiveChannel): Transaction | undefined {
    const { txid, outputIndex } = fundingOf(negotiated(data));
    return this.#spending(txid, outputIndex)[0];
  }

  /** What outputs with these scripts bring in the end, of all that spend channels' fundings: what was taken, less what taking it cost. */
  gainSat(channels: readonly LiveChannel[], scripts: readonly Uint8Array[]): bigint {
    const { chain } = this.mesh;
    const endings = channels.flatMap((channel) => this.spendOf(channel) ?? []);
    const taken = endings.flatMap((ending) =>
      ending.outs.flatMap(({ script, value }, index) => {
        const spends = scripts.some((each) => hexOf(each) === hexOf(script)) ? this.#spending(ending.getHash(), index) : [];
        return spends.map((transaction) => ({ transaction, value }));
      }),
    );
    // One transaction may take several.
    const costs = new Map(taken.map(({ transaction }) => [transaction.getId(), chain.feeSat(transaction)]));
    return taken.reduce((sum, { value }) => sum + value, 0n) - [...costs.values()].reduce((sum, fee) => sum + fee, 0n);
  }

  /** What nobody may say or log, but that a channel whose state is lost is to be closed, and that it is. */
  problems(): string[] {
    const expected = /lost the state|lost state|reestablish_commitment_number|next_commitment_number|without a mutual close|without its peer/;
    return this.mesh.problems.filter((problem) => !expected.test(problem));
  }

  #spending(txid: Uint8Array, outputIndex: number): Transaction[] {
    const isIt = ({ hash, index }: Transaction['ins'][number]): boolean => index === outputIndex && hexOf(hash) === hexOf(txid);
    return this.mesh.chain.transactions.flatMap(({ transaction }) => (transaction.ins.some(isIt) ? [transaction] : []));
  }
}

export const channelsOf = ({ node }: MeshNode): LiveChannel[] => [...node.channels.all()];
export const statesOf = (node: MeshNode): string[] => channelsOf(node).map(({ lifecycle }) => lifecycle);

export function walletSat({ node }: MeshNode): bigint {
  const { confirmedSat, unconfirmedSat, reservedSat, immatureSat } = node.wallet.balance();
  return confirmedSat + unconfirmedSat + reservedSat + immatureSat;
}

export const toRemoteOf = ({ data }: LiveChannel): Uint8Array => p2wsh(toRemoteAnchorsScript(data.local.paymentBasepoint));
export const anchorOf = ({ data }: LiveChannel): Uint8Array => p2wsh(anchorScript(data.local.fundingPubkey));

/** What a transaction pays to a script. */
export const paidTo = ({ outs }: Transaction, script: Uint8Array): bigint =>
  outs.reduce((sum, output) => (hexOf(output.script) === hexOf(script) ? sum + output.value : sum), 0n);
