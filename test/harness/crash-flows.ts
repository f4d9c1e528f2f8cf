import { equals } from 'uint8arrays';
import type { LiveChannel } from '../../src/channels/live-channel.ts';
import { hexOf } from '../../src/channels/channel-store.ts';
import type { PaymentsEvent } from '../../src/runtime/turn.ts';
import { channelOf, openBetween, quiet, settled, tell } from './endings.ts';
import { copyCommitment } from './endings-revoked.ts';
import type { CrashFlow, Scene } from './crash-flow.ts';
import { Mesh } from './mesh.ts';
import type { MeshNode } from './mesh-node.ts';

const CAPACITY_SAT = 1_000_000n;
const PUSHED_MSAT = 400_000_000n;
/** Amounts that tell one HTLC from another. */
const FIRST_MSAT = 50_000_123n;
const SECOND_MSAT = 60_000_456n;
const THIRD_MSAT = 70_000_789n;
/** What each asks of the other's outputs, so that few blocks will do. */
const DELAY = 5;
/** What a cheater has to wait. */
const CHEATERS_DELAY = 72;
/** Until a channel is known everywhere. */
const ANNOUNCED_BLOCKS = 6;
const GOSSIP_MS = 10_000;
const CLOSING_FEERATE_PER_KW = 1_500;

const SAYS_ERROR = /sends error/;
const CHEATED = /sends error|peer_cheated/;
const CUT_OFF = /chain_away/;

/** Payments to this node stand until it is told to answer. */
export class Holder {
  readonly node: MeshNode;
  readonly #held = new Map<string, PaymentsEvent>();
  #answers = new Set<string>();

  constructor(node: MeshNode) {
    this.node = node;
    const { payments } = node.node;
    const handle = payments.handle.bind(payments);
    payments.handle = (event, turn) => {
      const hash = event.type === 'htlcNotice' && event.notice.type === 'htlcReceived' ? hexOf(event.notice.htlc.paymentHash) : undefined;
      if (hash === undefined || this.#answers.has(hash)) handle(event, turn);
      else this.#held.set(hash, event);
    };
  }

  holds(paymentHash: Uint8Array): boolean {
    return this.#held.has(hexOf(paymentHash));
  }

  /** It takes the HTLC now, as if it had come this moment. */
  async answer(mesh: Mesh, paymentHash: Uint8Array): Promise<void> {
    const hash = hexOf(paymentHash);
    const event = this.#held.get(hash);
    if (event === undefined) throw new Error('no such HTLC is held');
    this.#answers.add(hash);
    await mesh.outcome(this.node.node.dispatcher.inTurn((turn) => turn.dispatch({ to: 'payments', event })));
    await quiet(mesh);
  }

  preimage(paymentHash: Uint8Array): Uint8Array | undefined {
    const rows = this.node.database.all<{ preimage: Uint8Array }>('SELECT preimage FROM invoices WHERE payment_hash = ?', paymentHash);
    return rows[0]?.preimage;
  }
}

/** Two nodes with one channel, whose HTLCs stand. */
export interface HeldPair {
  readonly mesh: Mesh;
  readonly opener: MeshNode;
  readonly accepter: MeshNode;
  readonly openerHolds: Holder;
  readonly accepterHolds: Holder;
}

export async function heldPair(seed: string, toSelfDelay = DELAY): Promise<HeldPair> {
  const mesh = await Mesh.create({ seed, nodes: ['opener', 'accepter'], policyOf: () => ({ toSelfDelay }) });
  const [opener, accepter] = [mesh.named('opener'), mesh.named('accepter')];
  await openBetween(mesh, opener, accepter, CAPACITY_SAT, PUSHED_MSAT);
  return { mesh, opener, accepter, openerHolds: new Holder(opener), accepterHolds: new Holder(accepter) };
}

/** Pays, and waits until the HTLC stands. */
export async function hold({ mesh, opener, accepter }: HeldPair, payer: MeshNode, holder: Holder, amountMsat: bigint): Promise<Uint8Array> {
  const paymentHash = await mesh.outcome(mesh.pay(payer, holder.node, amountMsat));
  await mesh.until('the HTLC stands', () => holder.holds(paymentHash));
  await settled(mesh, opener, accepter);
  return paymentHash;
}

/** Whoever holds an HTLC comes to know its preimage, however late. */
export async function learn({ mesh, opener, accepter }: HeldPair, holder: Holder, paymentHash: Uint8Array): Promise<void> {
  const { node: payee } = holder;
  const payer = payee === opener ? accepter : opener;
  const row = [...channelOf(payee, payer).htlcs.rows()].find(({ details }) => equals(details.paymentHash, paymentHash));
  const paymentPreimage = holder.preimage(paymentHash);
  if (row === undefined || paymentPreimage === undefined) throw new Error('there is no such HTLC');
  await tell(mesh, payee, payer, { type: 'removeHtlc', id: row.details.id, removal: { kind: 'fulfilled', paymentPreimage } });
  await quiet(mesh);
}

const lifecycleOf = (node: MeshNode, peer: MeshNode): unknown => {
  const [channel] = node.isUp ? node.node.channels.ofPeer(peer.nodeId) : [];
  return channel?.value.lifecycle;
};

/** Asks for it once more where it was lost. */
function submit(node: MeshNode, peer: MeshNode, event: Parameters<LiveChannel['send']>[0]): void {
  if (lifecycleOf(node, peer) !== 'normal') return;
  const channelIndex = channelOf(node, peer).index;
  node.act(({ dispatcher }) => dispatcher.submit({ to: 'channel', channelIndex, event }));
}

/** The victim alone gives it to the chain: of its peer's nothing arrives there before a block holds it. */
function mutual(victimName: 'opener' | 'accepter'): CrashFlow {
  return {
    name: `a mutual close that the opener asks for, at the ${victimName}`,
    expectedProblems: CUT_OFF,
    set: async () => {
      const { mesh, opener, accepter } = await heldPair('a mutual close');
      const [victim, peer] = victimName === 'opener' ? [opener, accepter] : [accepter, opener];
      const push = async (): Promise<void> => {
        const [channel] = victim.isUp ? victim.node.channels.ofPeer(peer.nodeId) : [];
        peer.isChainAway = channel !== undefined && channel.data.fundingSpend === undefined;
        submit(opener, accepter, { type: 'close', scriptpubkey: undefined, feeratePerKw: CLOSING_FEERATE_PER_KW });
      };
      return { mesh, victim, ends: [opener, accepter], push };
    },
  };
}

/** One HTLC that times out and one that is paid of those that the opener offered, and one that it was offered and takes. */
function forced(closerName: 'opener' | 'accepter', victimName: 'opener' | 'accepter'): CrashFlow {
  return {
    name: `the ${closerName}'s commitment with HTLCs of each kind, at the ${victimName}`,
    expectedProblems: SAYS_ERROR,
    set: async () => {
      const pair = await heldPair(`the ${closerName}'s commitment`);
      const { mesh, opener, accepter, openerHolds, accepterHolds } = pair;
      await hold(pair, opener, accepterHolds, FIRST_MSAT);
      const paid = await hold(pair, opener, accepterHolds, SECOND_MSAT);
      const taken = await hold(pair, accepter, openerHolds, THIRD_MSAT);
      mesh.cut(opener, accepter);
      await quiet(mesh);
      await accepterHolds.answer(mesh, paid);
      await openerHolds.answer(mesh, taken);
      const [closer, other] = closerName === 'opener' ? [opener, accepter] : [accepter, opener];
      return {
        mesh,
        victim: mesh.named(victimName),
        ends: [opener, accepter],
        push: async () => submit(closer, other, { type: 'forceClose' }),
      };
    },
  };
}

/** A revoked commitment with HTLCs of both directions; the cheater gets its HTLC-success transaction into the next block. */
const penalty: CrashFlow = {
  name: 'a revoked commitment with HTLCs, one of them taken by the cheater first',
  expectedProblems: CHEATED,
  mayRegroup: true,
  set: async () => {
    const pair = await heldPair('a revoked commitment', CHEATERS_DELAY);
    const { mesh, opener: cheater, accepter: victim, openerHolds: cheaterHolds, accepterHolds: victimHolds } = pair;
    const stolen = await hold(pair, victim, cheaterHolds, FIRST_MSAT);
    await hold(pair, victim, cheaterHolds, SECOND_MSAT);
    const taken = await hold(pair, cheater, victimHolds, THIRD_MSAT);
    const preimage = cheaterHolds.preimage(stolen);
    const copy = copyCommitment(channelOf(cheater, victim), cheater.node.options.signer, (hash) => cheaterHolds.preimage(hash));
    const second = copy.htlcTransactions.find(({ ins }) => preimage && ins[0]?.witness.some((item) => hexOf(item) === hexOf(preimage)));
    if (second === undefined) throw new Error('the cheater has no HTLC-success transaction');
    await tell(mesh, cheater, victim, { type: 'setFeerate', feeratePerKw: 1_500 });
    await settled(mesh, cheater, victim);
    cheater.crash();
    await quiet(mesh);
    await victimHolds.answer(mesh, taken);
    return { mesh, victim, ends: [victim, cheater], isCheat: true, push: cheating(mesh, copy.commitment, second) };
  },
};

/** First the commitment, and in the block after it what spends it. */
function cheating(mesh: Mesh, commitment: Parameters<typeof mesh.chain.mineOnly>[0][number], second: typeof commitment): () => Promise<void> {
  let steps = 0;
  return async () => {
    steps += 1;
    if (steps === 1) await mesh.chain.rpc.call('sendrawtransaction', [commitment.toHex()]);
    if (steps !== 2) return;
    mesh.chain.mineOnly([second]);
    await mesh.everybodySees();
  };
}

interface Line extends Scene {
  readonly payee: Holder;
  readonly paymentHash: Uint8Array;
}

/** A forwarder whose downstream peer, out of reach, holds the HTLC. */
async function line(seed: string): Promise<Line> {
  const mesh = await Mesh.create({ seed, nodes: ['payer', 'forwarder', 'payee'], policyOf: () => ({ toSelfDelay: DELAY }) });
  const [payer, forwarder, end] = [mesh.named('payer'), mesh.named('forwarder'), mesh.named('payee')];
  await mesh.outcome(mesh.openChannel(payer, forwarder, CAPACITY_SAT));
  await mesh.outcome(mesh.openChannel(forwarder, end, CAPACITY_SAT));
  await mesh.until('the fundings are broadcast', () => mesh.chain.hasUnconfirmed);
  await mesh.mine(ANNOUNCED_BLOCKS);
  await mesh.runFor(GOSSIP_MS);
  const payee = new Holder(end);
  const paymentHash = await mesh.outcome(mesh.pay(payer, end, FIRST_MSAT));
  await mesh.until('the HTLC stands', () => payee.holds(paymentHash));
  await settled(mesh, forwarder, end);
  mesh.cut(forwarder, end);
  await quiet(mesh);
  return { mesh, victim: forwarder, ends: [forwarder, end], push: async () => {}, payee, paymentHash };
}

export const expiryOf = (node: MeshNode, peer: MeshNode): number => {
  const [htlc] = [...channelOf(node, peer).htlcs.rows()];
  if (htlc === undefined) throw new Error('there is no HTLC');
  return htlc.details.cltvExpiry;
};

const learning: CrashFlow = {
  name: 'a forwarder whose downstream channel closes by its deadline, and which learns the preimage from the chain',
  expectedProblems: SAYS_ERROR,
  set: async () => {
    const scene = await line('learning from the chain');
    const { mesh, payee, paymentHash, ends: [forwarder, end] } = scene;
    await payee.answer(mesh, paymentHash);
    while (lifecycleOf(end, forwarder) === 'normal') {
      await mesh.mine(1);
      await quiet(mesh);
    }
    return scene;
  },
};

const timingOut: CrashFlow = {
  name: 'a forwarder whose downstream HTLC times out',
  expectedProblems: SAYS_ERROR,
  set: async () => {
    const scene = await line('timing out');
    const { mesh, ends: [forwarder, end] } = scene;
    await mesh.mine(expiryOf(forwarder, end) + 1 - mesh.chain.height);
    await quiet(mesh);
    return scene;
  },
};

export const crashFlows: readonly CrashFlow[] = [
  mutual('opener'),
  mutual('accepter'),
  forced('opener', 'opener'),
  forced('accepter', 'opener'),
  penalty,
  learning,
  timingOut,
];
