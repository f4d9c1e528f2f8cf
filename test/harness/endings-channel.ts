import type { LiveChannel } from '../../src/channels/live-channel.ts';
import { channelOf, isClosed, loseFrom, mine, quiet, settled, tell } from './endings.ts';
import { chainFaults, closingOf, fundingOf, sweepsOf, type Facts } from './endings-books.ts';
import type { Htlc } from './endings-htlc.ts';
import { copyCommitment, type CommitmentCopy } from './endings-revoked.ts';
import { isDust, isPaid, other, type EndingCase, type Who } from './endings-table.ts';
import type { Mesh } from './mesh.ts';
import type { MeshNode } from './mesh-node.ts';

const FEERATE_PER_KW = 1_000;
const NEW_FEERATE_PER_KW = 1_500;
/** Not whole satoshis: what is below one goes to the miners. */
const HTLC_MSAT = 50_000_123n;
const DUST_MSAT = 300_456n;
/** What each asks of the other's outputs: not the same, and short, so that few blocks will do; but a cheater leaves more time, which nobody waits for. */
const TO_SELF_DELAY: Readonly<Record<Who, number>> = { opener: 5, accepter: 7 };
const CHEATERS_DELAY: Readonly<Record<Who, number>> = { opener: 72, accepter: 74 };
/** One below what is irrevocable in these tests. */
const LAST_DEPTH = 2;

export const delayOf = ({ closing }: EndingCase, who: Who): number => (closing === 'revoked' ? CHEATERS_DELAY : TO_SELF_DELAY)[who];
export const htlcMsatOf = ({ fate }: EndingCase): bigint => (isDust(fate) ? DUST_MSAT : HTLC_MSAT);

const policyOf = ({ node }: MeshNode) => node.options.channelPolicy;

export interface ChannelEndingOptions {
  readonly mesh: Mesh;
  readonly end: EndingCase;
  readonly nodes: Readonly<Record<Who, MeshNode>>;
  readonly capacitySat: bigint;
  readonly pushedMsat: bigint;
  /** What the channel's HTLC is worth. */
  readonly htlcMsat: bigint;
  readonly htlc: Htlc;
}

/** A channel that is brought to its end just as a case of the table says. */
export class ChannelEnding {
  readonly end: EndingCase;
  readonly nodes: Readonly<Record<Who, MeshNode>>;
  readonly #mesh: Mesh;
  readonly #htlc: Htlc;
  #facts: Facts;
  #copy: CommitmentCopy | undefined;

  constructor({ mesh, end, nodes, capacitySat, pushedMsat, htlcMsat, htlc }: ChannelEndingOptions) {
    this.end = end;
    this.nodes = nodes;
    this.#mesh = mesh;
    this.#htlc = htlc;
    this.#facts = {
      end,
      nodes,
      funding: channelOf(nodes.opener, nodes.accepter).data.funding!,
      capacitySat,
      balanceMsat: { opener: capacitySat * 1000n - pushedMsat, accepter: pushedMsat },
      htlcMsat,
      cltvExpiry: 0,
      feeratePerKw: FEERATE_PER_KW,
      closingFeeSat: 0n,
      toSelfDelay: { opener: policyOf(nodes.opener).toSelfDelay, accepter: policyOf(nodes.accepter).toSelfDelay },
      cheats: new Set(),
    };
  }

  get facts(): Facts {
    return this.#facts;
  }

  get peer(): Who {
    return other(this.end.by);
  }

  /** Up to where the transaction goes to the chain that is to spend the funding. */
  async prepare(): Promise<void> {
    const { end, nodes } = this;
    switch (end.closing) {
      case 'mutual':
        return this.#agree();
      case 'revoked':
        return this.#moveOn();
      case 'current':
      case 'next':
        await this.#interrupt(end.closing);
        break;
      case 'latest':
    }
    this.#mesh.cut(nodes.opener, nodes.accepter);
    await quiet(this.#mesh);
    if (end.fate === 'fulfilled before' || end.fate === 'dust fulfilled') await this.#htlc.answer();
    this.#noteExpiry();
  }

  async toTheChain(): Promise<void> {
    const { end, nodes } = this;
    if (end.closing === 'mutual') return;
    if (this.#copy === undefined) await tell(this.#mesh, nodes[end.by], nodes[this.peer], { type: 'forceClose' });
    else await this.#mesh.chain.rpc.call('sendrawtransaction', [this.#copy.commitment.toHex()]);
    await this.#mesh.until('the commitment is broadcast', () => this.#mesh.chain.hasUnconfirmed);
    await quiet(this.#mesh);
  }

  /** A block holds it: each side sees the ending for what it is. Throws otherwise. */
  expectSeen(): void {
    const { end, nodes } = this;
    const byOwner = { closing: end.closing === 'mutual' ? 'mutual' : 'local' };
    const byPeer = {
      mutual: { closing: 'mutual' },
      latest: { closing: { remote: 'current' } },
      current: { closing: { remote: 'current' } },
      next: { closing: { remote: 'next' } },
      revoked: { closing: 'revoked' },
    }[end.closing];
    for (const [who, expected] of [[end.by, byOwner], [this.peer, byPeer]] as const) {
      if (!nodes[who].isUp) continue;
      const seen = JSON.stringify(channelOf(nodes[who], nodes[other(who)]).value.lifecycle);
      if (seen !== JSON.stringify(expected)) throw new Error(`the ${who} takes it for ${seen}, expected ${JSON.stringify(expected)}`);
    }
  }

  /** The block after the revoked commitment holds the cheater's HTLC transaction. */
  async cheatAgain(): Promise<void> {
    const [htlcTransaction] = this.#copy?.htlcTransactions ?? [];
    if (htlcTransaction === undefined) throw new Error('the cheater has no HTLC transaction');
    this.#mesh.chain.mineOnly([htlcTransaction]);
    await this.#mesh.everybodySees();
    await quiet(this.#mesh);
    this.#facts = { ...this.#facts, cheats: new Set([htlcTransaction.getId()]) };
  }

  /** Reorgs take out the commitment, and then the funding with it; both come back. */
  async orphan(): Promise<void> {
    const { chain } = this.#mesh;
    const closing = closingOf(this.#mesh, this.#facts)!;
    for (const find of [closingOf, fundingOf]) {
      const from = find(this.#mesh, this.#facts)!.height;
      const lost = chain.transactions.filter(({ height }) => height >= from).map(({ transaction }) => transaction);
      await this.reorg(chain.height - from + 1);
      // A commitment of the other side that pays more may have taken its place by now, and a penalty may wait that would come with what it punishes.
      const waiting = (await chain.rpc.call('getrawmempool')) as readonly string[];
      const isBack = waiting.includes(closing.transaction.getId()) && this.end.fate !== 'taken by the cheater';
      if (isBack) await mine(this.#mesh);
      else chain.mineOnly(lost);
      await this.#mesh.everybodySees();
      await quiet(this.#mesh);
    }
    this.expectSeen();
  }

  /** As `Mesh.reorg`; what the cheater had to give to a miner by hand is in the new blocks too. */
  async reorg(depth: number): Promise<void> {
    const { chain } = this.#mesh;
    const heightOf = (txid: string): number => chain.transactions.find(({ transaction }) => transaction.getId() === txid)?.height ?? 0;
    const again = (this.#copy?.htlcTransactions ?? []).filter((each) => heightOf(each.getId()) > chain.height - depth);
    await this.#mesh.reorg(depth, again);
    await quiet(this.#mesh);
  }

  /** To be called after each block: reorgs take out each transaction that takes an output, when one more block would make it irrevocable. */
  unburier(): () => Promise<void> {
    const reorged = new Set<number>();
    return async () => {
      const { chain } = this.#mesh;
      const deep = sweepsOf(this.#mesh, this.#facts).filter(({ height }) => chain.height - height + 1 >= LAST_DEPTH).length;
      if (deep === 0 || reorged.has(deep)) return;
      reorged.add(deep);
      await this.reorg(LAST_DEPTH);
    };
  }

  /** A cheater's node is down. */
  get isOver(): boolean {
    const { nodes } = this;
    return (['opener', 'accepter'] as const).every((who) => !nodes[who].isUp || isClosed(nodes[who], nodes[other(who)]));
  }

  faults(): string[] {
    return chainFaults(this.#mesh, this.#facts);
  }

  /** The peer has signed the owner's next commitment, and either that is lost, or the revocation that answers it. */
  async #interrupt(closing: 'current' | 'next'): Promise<void> {
    const { end, nodes } = this;
    const [owner, peer] = [nodes[end.by], nodes[this.peer]];
    const { hasLost } = closing === 'current' ? loseFrom(peer, owner.nodeId, 'commitment_signed') : loseFrom(owner, peer.nodeId, 'revoke_and_ack');
    if (end.fate === 'being added') await this.#htlc.offer();
    else if (end.fate === 'being fulfilled') await this.#htlc.answer();
    else await this.#changeFeerate();
    await this.#mesh.until('the message is lost', hasLost);
    await quiet(this.#mesh);
    if (closing === 'next' && !end.fate.startsWith('being')) this.#facts = { ...this.#facts, feeratePerKw: NEW_FEERATE_PER_KW };
  }

  /** A commitment of the cheater's is kept, and then revoked. */
  async #moveOn(): Promise<void> {
    const { end, nodes } = this;
    const [cheater, victim] = [nodes[end.by], nodes[this.peer]];
    this.#noteExpiry();
    const copy = copyCommitment(channelOf(cheater, victim), cheater.node.options.signer, (hash) => this.#htlc.preimage(hash));
    this.#copy = copy;
    if (end.fate === 'fulfilled since') await this.#htlc.answer();
    if (end.fate === 'failed since') await this.#htlc.refuse();
    await this.#changeFeerate();
    await settled(this.#mesh, nodes.opener, nodes.accepter);
    cheater.crash();
    // HTLC-timeout, the cheater's own way, is open from the expiry on.
    const opensAt = end.fate === 'taken by the cheater' ? copy.htlcTransactions[0]!.locktime : 0;
    if (opensAt > this.#mesh.chain.height) await this.#mesh.mine(opensAt - this.#mesh.chain.height);
  }

  async #agree(): Promise<void> {
    const { end, nodes } = this;
    const closer = nodes[end.by];
    await this.#mesh.outcome(this.#mesh.close(closer, channelOf(closer, nodes[this.peer]).index));
    await quiet(this.#mesh);
    if (isPaid(end)) await this.#htlc.learn();
    else if (end.fate !== 'none') await this.#htlc.refuse();
    await this.#mesh.until('the mutual close is broadcast', () => this.#mesh.chain.hasUnconfirmed);
    const closingFeeSat = channelOf(nodes.opener, nodes.accepter).data.agreedClosing?.feeSatoshis ?? 0n;
    this.#facts = { ...this.#facts, closingFeeSat };
  }

  async #changeFeerate(): Promise<void> {
    const { opener, accepter } = this.nodes;
    await tell(this.#mesh, opener, accepter, { type: 'setFeerate', feeratePerKw: NEW_FEERATE_PER_KW });
    await quiet(this.#mesh);
  }

  #noteExpiry(): void {
    const [htlc] = [...this.#live.htlcs.rows()];
    if (htlc !== undefined) this.#facts = { ...this.#facts, cltvExpiry: htlc.details.cltvExpiry };
  }

  get #live(): LiveChannel {
    return channelOf(this.nodes[this.end.by], this.nodes[this.peer]);
  }
}
