import type { LiveChannel } from '../../src/channels/live-channel.ts';
import { channelOf, Deaf, isClosed, loseFrom, mine, mineUntil, openBetween, quiet, settled, tell } from './endings.ts';
import { chainFaults, closingOf, fundingOf, sweepsOf, walletFaults, type Facts } from './endings-books.ts';
import { isDust, isPaid, nameOf, other, type EndingCase, type Who } from './endings-table.ts';
import { copyCommitment, type CommitmentCopy } from './endings-revoked.ts';
import { journalFaults } from './mesh-invariants.ts';
import { Mesh } from './mesh.ts';
import type { MeshNode } from './mesh-node.ts';

const CAPACITY_SAT = 1_000_000n;
const PUSHED_MSAT = 400_000_000n;
/** Not whole satoshis: what is below one goes to the miners. */
const HTLC_MSAT = 50_000_123n;
const DUST_MSAT = 300_456n;
const FEERATE_PER_KW = 1_000;
const NEW_FEERATE_PER_KW = 1_500;
/** What each asks of the other's outputs: not the same, and short, so that few blocks will do; but a cheater leaves more time, which nobody waits for. */
const TO_SELF_DELAY: Readonly<Record<Who, number>> = { opener: 5, accepter: 7 };
const CHEATERS_DELAY: Readonly<Record<Who, number>> = { opener: 72, accepter: 74 };
const delaysOf = ({ closing }: EndingCase) => (closing === 'revoked' ? CHEATERS_DELAY : TO_SELF_DELAY);
/** One below what is irrevocable in these tests. */
const LAST_DEPTH = 2;

/** Plays one case of the table with two nodes, from the opening to the last confirmation; answers what was not as it should be. */
export async function playPair(end: EndingCase): Promise<string[]> {
  const pair = await Pair.open(end);
  try {
    await pair.play();
    return await pair.faults();
  } catch (error) {
    const story = pair.mesh.story().split('\n').filter((line) => !/ping|pong/.test(line));
    throw new Error(`${nameOf(end)}: ${error instanceof Error ? error.stack : String(error)}\n${story.slice(-80).join('\n')}`, { cause: error });
  }
}

class Pair {
  readonly mesh: Mesh;
  readonly end: EndingCase;
  readonly nodes: Readonly<Record<Who, MeshNode>>;
  readonly #deaf: Readonly<Record<Who, Deaf>>;
  #facts: Facts;
  #paymentHash: Uint8Array | undefined;
  #copy: CommitmentCopy | undefined;

  private constructor(mesh: Mesh, end: EndingCase, nodes: Record<Who, MeshNode>) {
    this.mesh = mesh;
    this.end = end;
    this.nodes = nodes;
    this.#deaf = { opener: new Deaf(nodes.opener), accepter: new Deaf(nodes.accepter) };
    this.#facts = {
      end,
      nodes,
      funding: channelOf(nodes.opener, nodes.accepter).data.funding!,
      capacitySat: CAPACITY_SAT,
      balanceMsat: { opener: CAPACITY_SAT * 1000n - PUSHED_MSAT, accepter: PUSHED_MSAT },
      htlcMsat: isDust(end.fate) ? DUST_MSAT : HTLC_MSAT,
      cltvExpiry: 0,
      feeratePerKw: FEERATE_PER_KW,
      closingFeeSat: 0n,
      toSelfDelay: delaysOf(end),
      cheats: new Set(),
    };
  }

  static async open(end: EndingCase): Promise<Pair> {
    const mesh = await Mesh.create({
      seed: nameOf(end),
      nodes: ['opener', 'accepter'],
      policyOf: (name) => ({ toSelfDelay: delaysOf(end)[name as Who] }),
    });
    const nodes = { opener: mesh.named('opener'), accepter: mesh.named('accepter') };
    await openBetween(mesh, nodes.opener, nodes.accepter, CAPACITY_SAT, PUSHED_MSAT);
    return new Pair(mesh, end, nodes);
  }

  async play(): Promise<void> {
    const { end, mesh } = this;
    if (end.fate !== 'none' && end.fate !== 'being added') await this.#stand();
    await this.#prepare();
    this.#noteExpiry();
    if (end.closing !== 'mutual') await this.#toTheChain();
    await mine(mesh);
    this.#expectEnding();
    this.mesh.heal(this.nodes.opener, this.nodes.accepter);
    if (end.fate === 'fulfilled after') await this.#learn();
    if (end.reorg) await this.#orphanAll();
    if (end.fate === 'taken by the cheater') await this.#cheatAgain();
    await this.#bury();
  }

  async faults(): Promise<string[]> {
    const { mesh } = this;
    await this.#reviveCheater();
    return [
      ...chainFaults(mesh, this.#facts),
      ...walletFaults(mesh, [this.#facts]),
      ...this.#actorFaults(),
      ...this.#paymentFaults(),
      ...journalFaults(mesh),
      ...mesh.problems.filter((problem) => !this.#isExpected(problem)),
    ];
  }

  /** The HTLC stands, irrevocably committed on both sides. */
  async #stand(): Promise<void> {
    await this.#pay();
    const payee = this.#payee;
    await this.mesh.until('the HTLC stands', () => this.#deaf[payee].hears === 1);
    await settled(this.mesh, this.nodes.opener, this.nodes.accepter);
  }

  async #pay(): Promise<void> {
    const { htlcMsat } = this.#facts;
    this.#paymentHash = await this.mesh.outcome(this.mesh.pay(this.#node(this.#payer), this.#node(this.#payee), htlcMsat));
  }

  /** Up to where the transaction goes to the chain that is to spend the funding. */
  async #prepare(): Promise<void> {
    const { end, nodes, mesh } = this;
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
    mesh.cut(nodes.opener, nodes.accepter);
    await quiet(mesh);
    if (end.fate === 'fulfilled before' || end.fate === 'dust fulfilled') await this.#answer();
  }

  /** The peer has signed the owner's next commitment, and either that is lost, or the revocation that answers it. */
  async #interrupt(closing: 'current' | 'next'): Promise<void> {
    const { end, mesh } = this;
    const [owner, peer] = [this.#node(end.by), this.#node(other(end.by))];
    const { hasLost } = closing === 'current' ? loseFrom(peer, owner.nodeId, 'commitment_signed') : loseFrom(owner, peer.nodeId, 'revoke_and_ack');
    if (end.fate === 'being added') await this.#pay();
    else if (end.fate === 'being fulfilled') await this.#answer();
    else await this.#changeFeerate();
    await mesh.until('the message is lost', hasLost);
    await quiet(mesh);
    if (closing === 'next' && !end.fate.startsWith('being')) this.#facts = { ...this.#facts, feeratePerKw: NEW_FEERATE_PER_KW };
  }

  /** A commitment of the cheater's is kept, and then revoked. */
  async #moveOn(): Promise<void> {
    const { end, mesh, nodes } = this;
    const [cheater, victim] = [this.#node(end.by), this.#node(other(end.by))];
    this.#noteExpiry();
    this.#copy = copyCommitment(channelOf(cheater, victim), cheater.node.options.signer, (hash) => this.#preimage(hash));
    if (end.fate === 'fulfilled since') await this.#answer();
    if (end.fate === 'failed since') await this.#refuse();
    await this.#changeFeerate();
    await settled(mesh, nodes.opener, nodes.accepter);
    cheater.crash();
    // HTLC-timeout, the cheater's own way, is open from the expiry on.
    const opensAt = end.fate === 'taken by the cheater' ? this.#copy.htlcTransactions[0]!.locktime : 0;
    if (opensAt > mesh.chain.height) await mesh.mine(opensAt - mesh.chain.height);
  }

  async #agree(): Promise<void> {
    const { end, mesh } = this;
    await mesh.outcome(mesh.close(this.#node(end.by), 0));
    await quiet(mesh);
    if (isPaid(end)) await this.#learn();
    else if (end.fate !== 'none') await this.#refuse();
    await mesh.until('the mutual close is broadcast', () => mesh.chain.hasUnconfirmed);
    const closingFeeSat = channelOf(this.nodes.opener, this.nodes.accepter).data.agreedClosing?.feeSatoshis ?? 0n;
    this.#facts = { ...this.#facts, closingFeeSat };
  }

  async #toTheChain(): Promise<void> {
    const { end, mesh } = this;
    if (this.#copy === undefined) await tell(mesh, this.#node(end.by), this.#node(other(end.by)), { type: 'forceClose' });
    else await mesh.chain.rpc.call('sendrawtransaction', [this.#copy.commitment.toHex()]);
    await mesh.until('the commitment is broadcast', () => mesh.chain.hasUnconfirmed);
    await quiet(mesh);
  }

  /** The payee takes the HTLC. */
  async #answer(): Promise<void> {
    await this.mesh.outcome(this.#deaf[this.#payee].listen());
    await quiet(this.mesh);
  }

  async #refuse(): Promise<void> {
    await this.mesh.outcome(this.#node(this.#payee).node.payments.cancelInvoice(this.#paymentHash!));
    await this.#answer();
  }

  /** The payee comes to know the preimage, too late to take the HTLC off chain. */
  async #learn(): Promise<void> {
    const [payer, payee] = [this.#node(this.#payer), this.#node(this.#payee)];
    const [htlc] = [...channelOf(payee, payer).htlcs.rows()];
    const paymentPreimage = this.#preimage(htlc!.details.paymentHash);
    await tell(this.mesh, payee, payer, { type: 'removeHtlc', id: htlc!.details.id, removal: { kind: 'fulfilled', paymentPreimage: paymentPreimage! } });
    await quiet(this.mesh);
  }

  /** The block after the revoked commitment holds the cheater's HTLC transaction. */
  async #cheatAgain(): Promise<void> {
    const { mesh } = this;
    const htlcTransaction = this.#copy!.htlcTransactions[0]!;
    mesh.chain.mineOnly([htlcTransaction]);
    await mesh.everybodySees();
    await quiet(mesh);
    this.#facts = { ...this.#facts, cheats: new Set([htlcTransaction.getId()]) };
  }

  async #changeFeerate(): Promise<void> {
    await tell(this.mesh, this.nodes.opener, this.nodes.accepter, { type: 'setFeerate', feeratePerKw: NEW_FEERATE_PER_KW });
    await quiet(this.mesh);
  }

  /** A reorg takes out the commitment and the funding too; both come back. */
  async #orphanAll(): Promise<void> {
    const { mesh } = this;
    const { chain } = mesh;
    for (const first of [closingOf(mesh, this.#facts)!, fundingOf(mesh, this.#facts)!]) {
      const lost = chain.transactions.filter(({ height }) => height >= first.height).map(({ transaction }) => transaction);
      await this.#reorg(chain.height - first.height + 1);
      // Else the victim's penalty, which waits by now, would come with what it punishes.
      if (this.end.fate === 'taken by the cheater') chain.mineOnly(lost);
      await (chain.hasUnconfirmed && this.end.fate !== 'taken by the cheater' ? mine(mesh) : mesh.everybodySees());
      await quiet(mesh);
    }
    this.#expectEnding();
  }

  /** Blocks until both have nothing left to do; a reorg takes out the first and the last of what took the outputs. */
  async #bury(): Promise<void> {
    const { mesh, nodes, end } = this;
    const reorged = new Set<number>();
    const due = (): number => sweepsOf(mesh, this.#facts).filter(({ height }) => mesh.chain.height - height + 1 >= LAST_DEPTH).length;
    const ends = end.closing === 'revoked' ? [other(end.by)] : (['opener', 'accepter'] as const);
    const isOver = (): boolean => ends.every((who) => isClosed(nodes[who], this.#node(other(who))));
    await mineUntil(mesh, 'both channels are closed', isOver, async () => {
      const swept = due();
      if (!end.reorg || swept === 0 || reorged.has(swept)) return;
      reorged.add(swept);
      await this.#reorg(LAST_DEPTH);
    });
    await quiet(mesh);
  }

  /** What the cheater had to give to a miner by hand is in the new blocks too. */
  async #reorg(depth: number): Promise<void> {
    const { mesh } = this;
    const heightOf = (txid: string): number => mesh.chain.transactions.find(({ transaction }) => transaction.getId() === txid)?.height ?? 0;
    const again = (this.#copy?.htlcTransactions ?? []).filter((each) => heightOf(each.getId()) > mesh.chain.height - depth);
    await mesh.reorg(depth, again);
    await quiet(mesh);
  }

  /** Each side sees the ending for what it is. */
  #expectEnding(): void {
    const { end, nodes } = this;
    const seen = (who: Who): unknown => channelOf(nodes[who], this.#node(other(who))).value.lifecycle;
    const owners = { closing: end.closing === 'mutual' ? 'mutual' : 'local' };
    const peers = {
      mutual: { closing: 'mutual' },
      latest: { closing: { remote: 'current' } },
      current: { closing: { remote: 'current' } },
      next: { closing: { remote: 'next' } },
      revoked: { closing: 'revoked' },
    }[end.closing];
    const expectations: [Who, unknown][] = [...(end.closing === 'revoked' ? [] : [[end.by, owners] as [Who, unknown]]), [other(end.by), peers]];
    for (const [who, expected] of expectations) {
      const actual = JSON.stringify(seen(who));
      if (actual !== JSON.stringify(expected)) throw new Error(`the ${who} takes it for ${actual}, expected ${JSON.stringify(expected)}`);
    }
  }

  #noteExpiry(): void {
    const [htlc] = [...this.#live.htlcs.rows()];
    if (htlc !== undefined) this.#facts = { ...this.#facts, cltvExpiry: htlc.details.cltvExpiry };
  }

  /** The cheater's process is not needed for anything but its wallet. */
  async #reviveCheater(): Promise<void> {
    if (this.end.closing !== 'revoked') return;
    const cheater = this.#node(this.end.by);
    cheater.start();
    await this.mesh.everybodySees();
    await quiet(this.mesh);
  }

  #actorFaults(): string[] {
    return this.mesh.nodes.flatMap(({ name, node }) => {
      if (this.end.closing === 'revoked' && name === this.end.by) return [];
      const { payments, invoices, circuits } = node.payments.liveActors;
      const alive = payments + invoices + circuits === 0 ? [] : [`${name} has actors alive: ${payments} payments, ${invoices} invoices, ${circuits} circuits`];
      const alarms = node.alarms.list().map(({ code }) => code).join(' ');
      // A dust HTLC that was taken has no output to claim: its receiver loses it, and is told.
      const expected = this.end.fate === 'dust fulfilled' && this.end.closing !== 'mutual' && name === this.#payee ? 'money_lost' : '';
      return alarms === expected ? alive : [...alive, `${name} has the alarms '${alarms}', expected '${expected}'`];
    });
  }

  /** The payer hears of its payment what became of the HTLC. */
  #paymentFaults(): string[] {
    const { end } = this;
    if (this.#paymentHash === undefined || (end.closing === 'revoked' && end.by === this.#payer)) return [];
    const { status } = this.#node(this.#payer).node.payments.getPayment(this.#paymentHash);
    const expected = isPaid(end) ? 'succeeded' : 'failed';
    return status === expected ? [] : [`the payment ${status}, expected that it ${expected}`];
  }

  /** An ending without an agreement is told to the peer, and a dust HTLC that was taken is lost. */
  #isExpected(problem: string): boolean {
    const { fate, closing } = this.end;
    return (
      (closing !== 'mutual' && /sends error/.test(problem)) ||
      (closing === 'revoked' && /peer_cheated/.test(problem)) ||
      (fate === 'dust fulfilled' && /money_lost/.test(problem))
    );
  }

  #preimage(paymentHash: Uint8Array): Uint8Array | undefined {
    const [row] = this.#node(this.#payee).database.all<{ preimage: Uint8Array }>('SELECT preimage FROM invoices WHERE payment_hash = ?', paymentHash);
    return row?.preimage;
  }

  get #payer(): Who {
    return this.end.offeredBy ?? 'opener';
  }

  get #payee(): Who {
    return other(this.#payer);
  }

  /** A channel's end whose node is up. */
  get #live(): LiveChannel {
    const who = this.end.closing === 'revoked' ? other(this.end.by) : this.end.by;
    return channelOf(this.nodes[who], this.nodes[other(who)]);
  }

  #node(who: Who): MeshNode {
    return this.nodes[who];
  }
}

