import type { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays';
import { isDust, isPaid, other, standsInIt, takingsOf, type EndingCase, type Taking, type Who } from './endings-table.ts';
import { COIN_SAT, COINS_PER_NODE, type Mesh } from './mesh.ts';
import type { MeshNode } from './mesh-node.ts';

/*
 * The books of an ended channel, kept by the rules of BOLT 3 and by what blocks hold, without asking the node what it thinks.
 */

const ANCHOR_SAT = 330n;
/** BOLT 3, "Fee Calculation", with anchors. */
const COMMITMENT_WEIGHT = 1124n;
const HTLC_WEIGHT = 172n;

/** What a channel's two ends had when it ended. */
export interface Facts {
  readonly end: EndingCase;
  readonly nodes: Readonly<Record<Who, MeshNode>>;
  readonly funding: { readonly txid: Uint8Array; readonly outputIndex: number };
  readonly capacitySat: bigint;
  /** Before there was the HTLC. */
  readonly balanceMsat: Readonly<Record<Who, bigint>>;
  readonly htlcMsat: bigint;
  readonly cltvExpiry: number;
  /** Of the commitment that a block holds. */
  readonly feeratePerKw: number;
  /** What both agreed on for a mutual close. */
  readonly closingFeeSat: bigint;
  /** What each asks of the other's outputs. */
  readonly toSelfDelay: Readonly<Record<Who, number>>;
  /** Transactions that the test gave to the chain in a cheater's name. */
  readonly cheats: ReadonlySet<string>;
}

/** An output that somebody is to have. */
interface Due extends Taking {
  readonly amountSat: bigint;
}

/** A transaction in a block, and where. */
interface Placed {
  readonly transaction: Transaction;
  readonly height: number;
}

/** What is in the blocks and should not be, or the other way round. */
export function chainFaults(mesh: Mesh, facts: Facts): string[] {
  const { end } = facts;
  const closing = closingOf(mesh, facts);
  if (closing === undefined) return ['no block holds a transaction that spends the funding'];
  const dues = duesOf(facts);
  const anchorsSat = end.closing === 'mutual' ? [] : [ANCHOR_SAT, ANCHOR_SAT];
  const expected = [...dues.flatMap(({ output, amountSat }) => (output === 'second stage' ? [] : [amountSat])), ...anchorsSat];
  const found = closing.transaction.outs.map(({ value }) => value);
  if (sorted(expected) !== sorted(found)) return [`the closing transaction pays ${sorted(found)}, expected ${sorted(expected)}`];
  return [...dues.flatMap((due) => dueFaults(mesh, facts, closing, due)), ...feeFaults(mesh, facts)];
}

/** Whose wallet has too little or too much: all that was put in is to be in the wallets, with the miners, or in the anchors. */
export function walletFaults(mesh: Mesh, allFacts: readonly Facts[]): string[] {
  const wallets = mesh.nodes.map((node) => ({ node, actualSat: walletSat(node), expectedSat: expectedSat(mesh, node, allFacts) }));
  const faults = wallets.flatMap(({ node, actualSat, expectedSat: dueSat }) =>
    actualSat === dueSat ? [] : [`${node.name}'s wallet has ${actualSat} sat, expected ${dueSat} (${actualSat - dueSat})`],
  );
  const putInSat = COIN_SAT * BigInt(COINS_PER_NODE * mesh.nodes.length);
  const openSat = sum(mesh.nodes.flatMap(({ node }) => [...node.channels.all()].map(({ data }) => (data.isOpener ? data.fundingSatoshis : 0n))));
  const leftSat = sum(allFacts.map((facts) => BigInt(anchorsLeft(mesh, facts)) * ANCHOR_SAT));
  const foundSat = sum(wallets.map(({ actualSat }) => actualSat)) + openSat + leftSat + mesh.chain.feesSat;
  return foundSat === putInSat ? faults : [...faults, `${putInSat} sat were put in, and ${foundSat} are there`];
}

export function closingOf(mesh: Mesh, { funding }: Facts): Placed | undefined {
  return spenderOf(mesh, funding.txid, funding.outputIndex);
}

export const fundingOf = (mesh: Mesh, { funding }: Facts): Placed | undefined =>
  mesh.chain.transactions.find(({ transaction }) => equals(transaction.getHash(), funding.txid));

/** The transactions that take the outputs, as far as blocks hold them. */
export function sweepsOf(mesh: Mesh, facts: Facts): Placed[] {
  const closing = closingOf(mesh, facts);
  if (closing === undefined) return [];
  return duesOf(facts).flatMap((due) => takerOf(mesh, facts, closing, due) ?? []);
}

/** What each is to have of the channel, by BOLT 3, "Commitment Transaction Outputs" and "Closing Transaction". */
export function duesOf(facts: Facts): Due[] {
  return takingsOf(facts.end).map((taking) => ({ ...taking, amountSat: amountOf(taking, facts) }));
}

function amountOf({ output, of }: Taking, facts: Facts): bigint {
  const { end, capacitySat, htlcMsat, feeratePerKw, closingFeeSat } = facts;
  if (output === 'HTLC' || output === 'second stage') return htlcMsat / 1000n;
  const balanceSat = balanceMsat(facts, of) / 1000n;
  if (of === 'accepter') return balanceSat;
  if (output === 'balance') return balanceSat - closingFeeSat;
  const htlcs = standsInIt(end) && !isDust(end.fate) ? 1n : 0n;
  const feeSat = (BigInt(feeratePerKw) * (COMMITMENT_WEIGHT + HTLC_WEIGHT * htlcs)) / 1000n;
  if (balanceSat > capacitySat) throw new RangeError('nobody has more than there is');
  return balanceSat - feeSat - 2n * ANCHOR_SAT;
}

function balanceMsat({ end, balanceMsat: before, htlcMsat }: Facts, who: Who): bigint {
  const isOut = standsInIt(end) && end.offeredBy === who;
  const isMoved = !standsInIt(end) && isPaid(end);
  const movedMsat = end.offeredBy === who ? -htlcMsat : htlcMsat;
  return before[who] + (isMoved ? movedMsat : isOut ? -htlcMsat : 0n);
}

/** Whether the right one took an output, not before it could be taken, and without much ado. */
function dueFaults(mesh: Mesh, facts: Facts, closing: Placed, due: Due): string[] {
  const { nodes, end, cheats } = facts;
  const name = `${due.output} (${due.amountSat} sat)`;
  if (due.output === 'balance') return [];
  const taker = takerOf(mesh, facts, closing, due);
  if (taker === undefined) return [`nobody took ${name}`];
  const txid = taker.transaction.getId();
  const isRight = cheats.has(txid) ? due.by === end.by : nodes[due.by].broadcasts.has(txid);
  const faults = isRight ? [] : [`${name} was not taken by the ${due.by}`];
  const due0 = earliest(facts, closing, due, makerOf(mesh, facts, closing, due)?.height ?? closing.height);
  if (taker.height < due0) faults.push(`${name} was taken at ${taker.height}, which cannot be before ${due0}`);
  // After a reorg the nodes have to see their way again.
  const patience = end.reorg ? 8 : 2;
  if (taker.height > due0 + patience) faults.push(`${name} was taken at ${taker.height}, though it could be at ${due0}`);
  return faults;
}

function earliest({ end, toSelfDelay, cltvExpiry }: Facts, closing: Placed, { when }: Due, madeAt: number): number {
  if (when === 'after the delay') return madeAt + toSelfDelay[other(end.by)];
  if (when === 'after the expiry') return Math.max(cltvExpiry, closing.height) + 1;
  // The penalty waits for nothing: after a reorg it comes with what it punishes.
  return end.closing === 'revoked' && end.reorg ? madeAt : madeAt + 1;
}

/** The transaction that makes the output. */
function makerOf(mesh: Mesh, facts: Facts, closing: Placed, due: Due): Placed | undefined {
  if (due.output !== 'second stage') return closing;
  const first = duesOf(facts).find(({ output }) => output === 'HTLC');
  return first && takerOf(mesh, facts, closing, first);
}

function takerOf(mesh: Mesh, facts: Facts, closing: Placed, due: Due): Placed | undefined {
  const maker = makerOf(mesh, facts, closing, due);
  if (maker === undefined || due.output === 'balance') return undefined;
  const { transaction } = maker;
  const outputIndex = transaction.outs.findIndex(({ value }) => value === due.amountSat);
  return outputIndex < 0 ? undefined : spenderOf(mesh, transaction.getHash(), outputIndex);
}

/** The sweeps pay what the chain asks for, and not the half of what they bring. */
function feeFaults(mesh: Mesh, facts: Facts): string[] {
  return sweepsOf(mesh, facts).flatMap(({ transaction }) => {
    const txid = transaction.getId();
    const feeSat = mesh.chain.feeSat(transaction);
    const feerate = Number((feeSat * 1000n) / BigInt(transaction.weight()));
    return facts.cheats.has(txid) || (feerate >= 250 && feerate <= 3_000) ? [] : [`${txid} pays ${feeSat} sat, ${feerate} sat/kw`];
  });
}

/** What was in the wallet at the start, what the channels brought, less the fees of the transactions that it paid for itself. */
function expectedSat(mesh: Mesh, node: MeshNode, allFacts: readonly Facts[]): bigint {
  let dueSat = COIN_SAT * BigInt(COINS_PER_NODE);
  const closingIds = new Set(allFacts.map((facts) => closingOf(mesh, facts)?.transaction.getId()));
  for (const { transaction } of mesh.chain.transactions) {
    const txid = transaction.getId();
    if (node.broadcasts.has(txid) && !closingIds.has(txid)) dueSat -= mesh.chain.feeSat(transaction);
  }
  for (const { data } of node.node.channels.all()) if (data.isOpener) dueSat -= data.fundingSatoshis;
  for (const facts of allFacts) {
    if (facts.nodes.opener === node) dueSat -= facts.capacitySat;
    const dues = duesOf(facts);
    const hasSecond = dues.some(({ output }) => output === 'second stage');
    for (const { output, by, amountSat } of dues) {
      if (facts.nodes[by] === node && !(output === 'HTLC' && hasSecond)) dueSat += amountSat;
    }
    dueSat += ANCHOR_SAT * BigInt(anchorsOf(mesh, facts).filter((spender) => spender !== undefined && node.broadcasts.has(spender.transaction.getId())).length);
  }
  return dueSat;
}

const anchorsLeft = (mesh: Mesh, facts: Facts): number => anchorsOf(mesh, facts).filter((spender) => spender === undefined).length;

/** What spends each anchor, if anything does. */
function anchorsOf(mesh: Mesh, facts: Facts): (Placed | undefined)[] {
  const closing = closingOf(mesh, facts);
  if (closing === undefined || facts.end.closing === 'mutual') return [];
  const { transaction } = closing;
  return transaction.outs.flatMap(({ value }, index) =>
    value === ANCHOR_SAT ? [spenderOf(mesh, transaction.getHash(), index)] : [],
  );
}

function spenderOf(mesh: Mesh, txid: Uint8Array, outputIndex: number): Placed | undefined {
  return mesh.chain.transactions.find(({ transaction }) =>
    transaction.ins.some(({ hash, index }) => index === outputIndex && equals(hash, txid)),
  );
}

export function walletSat({ node }: MeshNode): bigint {
  const { confirmedSat, unconfirmedSat, reservedSat, immatureSat } = node.wallet.balance();
  return confirmedSat + unconfirmedSat + reservedSat + immatureSat;
}

const sorted = (amounts: readonly bigint[]): string => [...amounts].sort((a, b) => (a < b ? -1 : 1)).join(', ');
const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);

