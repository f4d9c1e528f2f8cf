import { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays';
import { claimSighash, claimWitness } from '../../machines/onchain/claim-transaction.ts';
import type { LiveChannel } from '../../src/channels/live-channel.ts';
import type { ForeignInput } from '../../src/sweep/sweep-wallet.ts';
import { displayTxid } from '../../src/sweep/sweep.ts';
import { hexOf } from '../../src/channels/channel-store.ts';
import type { AlarmCode } from '../../src/node/alarms.ts';
import { addressToScript, bitcoinNetwork } from '../../src/wallet/address.ts';
import { unsignedTransaction } from '../../src/wallet/transaction-builder.ts';
import { endOf, noteTransactions } from './crash-flow.ts';
import { heldPair, type HeldPair } from './crash-flows.ts';
import { channelOf, isClosed, quiet } from './endings.ts';
import { walletSat } from './endings-books.ts';
import { journalFaults } from './mesh-invariants.ts';
import { COIN_SAT, COINS_PER_NODE, type Mesh } from './mesh.ts';
import type { MeshNode } from './mesh-node.ts';

/* What it takes to make the chain a hard place: miners who want more, mempools that are full, rivals, reorgs; and what must hold in the end all the same. */

const ANCHOR_SAT = 330n;
const MAX_BLOCKS = 260;
const LAST_BLOCKS = 8;

/** Two nodes with a channel in bad times. */
export interface Trial extends HeldPair {
  /** Every transaction that was given to the chain, by its id. */
  readonly offered: ReadonlyMap<string, Transaction>;
  /** Every alarm that was raised, with the height, as `code height`. */
  readonly alarms: readonly { readonly node: string; readonly code: AlarmCode; readonly height: number }[];
}

/** Plays a trial; where it fails, the end of the story is told with it. */
export async function trial(seed: string, play: (trial: Trial) => Promise<void>, toSelfDelay?: number): Promise<void> {
  const pair = await heldPair(seed, toSelfDelay);
  await attempt(pair.mesh, () => play(trialOf(pair)));
}

export function trialOf(pair: HeldPair): Trial {
  const { mesh } = pair;
  const alarms: { node: string; code: AlarmCode; height: number }[] = [];
  for (const { name, node } of mesh.nodes) {
    const raise = node.alarms.raise.bind(node.alarms);
    node.alarms.raise = (code, key, details) => {
      const isNew = node.alarms.list().every((alarm) => alarm.code !== code || alarm.key !== key);
      if (isNew) alarms.push({ node: name, code, height: mesh.chain.height });
      raise(code, key, details);
    };
  }
  return { ...pair, offered: noteTransactions(mesh), alarms };
}

export async function attempt(mesh: Mesh, play: () => Promise<void>): Promise<void> {
  try {
    await play();
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.stack : String(error)}\n${endOf(mesh)}`, { cause: error });
  }
}

/** A block by a miner who wants that much; every one by default takes all. */
export async function mineAbove(mesh: Mesh, feeratePerKw = 0): Promise<void> {
  mesh.trace(() => `a block of what pays ${feeratePerKw} sat/kw`);
  mesh.chain.mineAbove(feeratePerKw);
  await mesh.everybodySees();
  await quiet(mesh);
}

/** A block of exactly these. */
export async function mineOnly(mesh: Mesh, transactions: readonly Transaction[] = []): Promise<void> {
  mesh.trace(() => `a block of ${transactions.length} transactions`);
  mesh.chain.mineOnly(transactions);
  await mesh.everybodySees();
  await quiet(mesh);
}

/** Blocks until something holds. */
export async function mineUntil(mesh: Mesh, what: string, holds: () => boolean, block: () => Promise<void> = () => mineAbove(mesh)): Promise<void> {
  for (let blocks = 0; !holds(); blocks++) {
    if (blocks === MAX_BLOCKS) throw new Error(`it did not happen within ${MAX_BLOCKS} blocks that ${what}`);
    await block();
  }
}

/** Until both ends are closed and nothing is left to do. */
export async function toTheEnd({ mesh, opener, accepter }: HeldPair): Promise<void> {
  await mineUntil(mesh, 'both ends are closed', () => isClosed(opener, accepter) && isClosed(accepter, opener));
  for (let blocks = 0; blocks < LAST_BLOCKS; blocks++) await mineAbove(mesh);
}

/** What may not be at the end, whatever went before. `expected`: problems that belong to the trial. */
export function faultsAtTheEnd({ mesh }: Pick<Trial, 'mesh'>, expected: RegExp = /sends error/): string[] {
  const left = mesh.nodes.flatMap(({ name, node, database }) => {
    const { payments, invoices, circuits } = node.payments.liveActors;
    return [
      ...node.alarms.list().map(({ code, message }) => `${name} still has an alarm: ${code} ${message}`),
      ...(payments + invoices + circuits > 0 ? [`${name} has payments, invoices or circuits under way`] : []),
      ...(node.wallet.unconfirmedTransactions().length > 0 ? [`${name}'s wallet waits for a transaction`] : []),
      ...(database.all('SELECT txid FROM sweeps').length > 0 ? [`${name} still has sweeps`] : []),
    ];
  });
  return [...left, ...journalFaults(mesh), ...conservationFaults(mesh), ...mesh.problems.filter((problem) => !expected.test(problem))];
}

/** All that was put in is in the wallets, in open channels, with the miners, or in anchors that nobody took. */
function conservationFaults(mesh: Mesh): string[] {
  const putInSat = COIN_SAT * BigInt(COINS_PER_NODE * mesh.nodes.length);
  const openSat = sum(mesh.nodes.flatMap(({ node }) => [...node.channels.all()].map(({ data }) => (data.isOpener ? data.fundingSatoshis : 0n))));
  const foundSat = sum(mesh.nodes.map(walletSat)) + openSat + mesh.chain.feesSat + anchorsLeftSat(mesh);
  return foundSat === putInSat ? [] : [`${putInSat} sat were put in, and ${foundSat} are there`];
}

function anchorsLeftSat(mesh: Mesh): bigint {
  const { transactions } = mesh.chain;
  const anchors = transactions.flatMap(({ transaction }) =>
    transaction.outs.flatMap(({ value }, index) => (value === ANCHOR_SAT ? [{ txid: transaction.getHash(), index }] : [])),
  );
  const left = anchors.filter(({ txid, index }) => spenderOf(mesh, txid, index) === undefined);
  return ANCHOR_SAT * BigInt(left.length);
}

/** The transaction in a block that spends an output, and where. */
export const spenderOf = (mesh: Mesh, txid: Uint8Array, outputIndex: number): { readonly transaction: Transaction; readonly height: number } | undefined =>
  mesh.chain.transactions.find(({ transaction: { ins } }) => ins.some(({ hash, index }) => index === outputIndex && equals(hash, txid)));

/** What a node paid, in all transactions of its own that blocks hold from a height on. */
export const paidSat = (mesh: Mesh, node: MeshNode, fromHeight: number): bigint =>
  sum(
    mesh.chain.transactions
      .filter(({ transaction, height }) => height >= fromHeight && node.broadcasts.has(transaction.getId()))
      .map(({ transaction }) => mesh.chain.feeSat(transaction)),
  );

/** The status of the payments that a node makes, by their amounts. */
export const statuses = ({ node }: MeshNode): string[] =>
  node.payments.listPayments().payments.map(({ amountMsat, status }) => `${amountMsat} ${status}`).sort();

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);

/** All coins of a node's are gone, in part for a fee that empties its reserve, to somebody else. */
export async function drain(mesh: Mesh, node: MeshNode, to: MeshNode): Promise<void> {
  const { wallet, funding } = node.node;
  const script = addressToScript(to.node.wallet.newAddress().address, bitcoinNetwork('regtest'));
  const inputs = wallet.listUnspent().map(({ txid, outputIndex, amountSat }) => ({ txid, outputIndex, amountSat, sequence: 0xfffffffd, weight: 272 }));
  const amountSat = sum(inputs.map((input) => input.amountSat)) - DRAIN_FEE_SAT;
  const transaction = unsignedTransaction(inputs, [{ script, amountSat }], 0);
  wallet.signInputs(transaction);
  funding.broadcastFunding(transaction.toBuffer());
  await quiet(mesh);
  await mineAbove(mesh);
}

const DRAIN_FEE_SAT = 10_000n;

/** A payment on chain, in the next block that takes it. */
export async function payTo(mesh: Mesh, from: MeshNode, to: MeshNode, amountSat: bigint): Promise<void> {
  const { address } = to.node.wallet.newAddress();
  const sent = from.node.wallet.buildSend({ address, amountSat, feeratePerKw: 8_000, reference: 'a payment' });
  from.node.funding.broadcastFunding(sent.transaction.toBuffer());
  await quiet(mesh);
}

/** The node's chain backend does not answer while something happens. */
export async function awayFor(mesh: Mesh, node: MeshNode, happening: () => Promise<void>): Promise<void> {
  node.isChainAway = true;
  await happening();
  node.isChainAway = false;
  await mesh.everybodySees();
  await quiet(mesh);
}

/** The transaction in a block that spends the channel's funding. */
export function closingOf({ mesh, opener, accepter }: HeldPair): Transaction {
  const { funding } = channelOf(opener, accepter).data;
  const found = funding && spenderOf(mesh, funding.txid, funding.outputIndex);
  if (found === undefined) throw new Error('no block holds a transaction that ends the channel');
  return found.transaction;
}

const CHILD_OUTPUTS = 800;
/** More than relay asks for, and less than any miner does. */
const CHILD_FEERATE_PER_KW = 300;
const COIN_WEIGHT = 272;

/** A child of a transaction that pays its node: large, so that by weight it pays next to nothing. */
export async function bigChild(mesh: Mesh, node: MeshNode, parent: Transaction): Promise<void> {
  const { wallet } = node.node;
  const script = wallet.payoutScript();
  const outputIndex = parent.outs.findIndex((output) => equals(output.script, script));
  await offerBig(mesh, node, { txid: parent.getId(), outputIndex, amountSat: parent.outs[outputIndex]!.value });
}

/** The same of the node's anchor on its own commitment, which waits in the mempool. */
export async function pinByAnchor(mesh: Mesh, node: MeshNode, { bump, index }: LiveChannel): Promise<void> {
  const { anchor } = bump!;
  const { outpoint, amountSat } = anchor!;
  const input = { txid: displayTxid(outpoint.txid), outputIndex: outpoint.outputIndex, amountSat };
  await offerBig(mesh, node, input, (child) => {
    const signature = node.node.options.signer.channel(index).signAnchor(claimSighash(child, 0, anchor!));
    child.setWitness(0, claimWitness(anchor!, signature));
  });
}

async function offerBig(mesh: Mesh, { node }: MeshNode, own: Omit<ForeignInput, 'sequence' | 'weight'>, sign = (_child: Transaction): void => {}): Promise<void> {
  const { wallet } = node;
  const script = wallet.payoutScript();
  const [coin] = wallet.listUnspent().filter(({ confirmations }) => confirmations > 0);
  const inputs = [own, coin!].map((each) => ({ ...each, sequence: 0xfffffffd, weight: COIN_WEIGHT }));
  const totalSat = sum(inputs.map(({ amountSat }) => amountSat));
  const weight = CHILD_OUTPUTS * 124 + 1_000;
  const eachSat = (totalSat - BigInt(Math.ceil((weight * CHILD_FEERATE_PER_KW) / 1_000))) / BigInt(CHILD_OUTPUTS);
  const outputs = Array.from({ length: CHILD_OUTPUTS }, () => ({ script, amountSat: eachSat }));
  const child = unsignedTransaction(inputs, outputs, 0);
  wallet.signInputs(child);
  sign(child);
  await mesh.chain.rpc.call('sendrawtransaction', [child.toHex()]);
}

/** A transaction of the node's that spends a coin which this one of its own spends as well. */
export function spendElsewhere({ node }: MeshNode, raw: Uint8Array): Transaction {
  const { wallet } = node;
  const { hash, index: outputIndex } = Transaction.fromBuffer(raw).ins[0]!;
  const input = { txid: hexOf(Uint8Array.from(hash).reverse()), outputIndex, sequence: 0xfffffffd, amountSat: COIN_SAT, weight: COIN_WEIGHT };
  const transaction = unsignedTransaction([input], [{ script: wallet.payoutScript(), amountSat: COIN_SAT - DRAIN_FEE_SAT }], 0);
  wallet.signInputs(transaction);
  return transaction;
}
