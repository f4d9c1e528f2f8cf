import { Transaction } from 'bitcoinjs-lib';
import { hexOf } from '../../src/channels/channel-store.ts';
import { isClosed, quiet } from './endings.ts';
import { walletSat } from './endings-books.ts';
import { journalFaults } from './mesh-invariants.ts';
import { Mesh } from './mesh.ts';
import type { MeshNode } from './mesh-node.ts';
import type { Seeded } from './seeded.ts';

/*
 * An ending that is lived through once as it should be, and then again and again with the process of one node ending, or a commit of its failing, at one
 * point or another: whatever the point, all must come to the same end.
 */

/** A mesh at the moment at which an ending begins. */
export interface Scene {
  readonly mesh: Mesh;
  readonly victim: MeshNode;
  /** The two ends of the channel that ends; only the first one is asked whether it is over where the other one is a cheater. */
  readonly ends: readonly [MeshNode, MeshNode];
  readonly isCheat?: boolean;
  /** Done at the start and again before each block, for as long as it takes: what people, and other nodes, want to happen. It may be done twice. */
  readonly push: () => Promise<void>;
}

export interface CrashFlow {
  readonly name: string;
  readonly set: () => Promise<Scene>;
  /** What honest nodes say only in such an ending. */
  readonly expectedProblems: RegExp;
  /**
   * A rival's spend makes a transaction of several claims impossible, and how many the next ones take is kept in memory alone: a restart may make fewer
   * transactions of them, or more, and pay as much less or more.
   */
  readonly mayRegroup?: true;
}

/** What befalls the victim. */
export type Mishap =
  | { readonly kind: 'none' }
  /** The process ends at that effect boundary. */
  | { readonly kind: 'crash'; readonly at: number }
  /** Again and again, after some boundaries more. */
  | { readonly kind: 'crashes'; readonly random: Seeded }
  | { readonly kind: 'failedCommit'; readonly at: number; readonly failure: 'storage_full' | 'storage_constraint' };

/** How an ending ended, in words and numbers that can be compared. */
export interface FlowEnd {
  readonly outcome: Readonly<Record<string, unknown>>;
  readonly victim: string;
  readonly feesSat: bigint;
  /** What may not be, whatever the outcome. */
  readonly faults: readonly string[];
  /** Of the victim's process from where the ending began, if it lived through. */
  readonly boundaries: number;
  readonly commits: number;
  readonly mishaps: number;
}

const MAX_BLOCKS = 200;
/** After the last channel is closed: until the wallet and the sweeper have forgotten what is over. */
const LAST_BLOCKS = 8;
/** For a node that starts to be among its peers again. */
const STARTING_MS = 3_000;
/** After which a process that ends again and again does no more. */
const MOST_CRASHES = 12;
const MOST_BOUNDARIES_A_LIFE = 12;

export async function live(flow: CrashFlow, mishap: Mishap): Promise<FlowEnd> {
  const scene = await flow.set();
  const { mesh, victim } = scene;
  try {
    const offered = noteTransactions(mesh);
    const before = victim.progress;
    befall(victim, mishap);
    await play(scene, mishap);
    const after = victim.progress;
    return {
      outcome: outcomeOf(scene),
      victim: victim.name,
      feesSat: mesh.chain.feesSat,
      faults: [
        ...mesh.problems.filter((problem) => !flow.expectedProblems.test(problem)),
        ...journalFaults(mesh),
        ...twiceMade(mesh, offered),
      ],
      boundaries: after.boundaries - before.boundaries,
      commits: after.commits - before.commits,
      mishaps: victim.mishaps.crashes + victim.mishaps.failedCommits,
    };
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.stack : String(error)}\n${endOf(mesh)}`, { cause: error });
  }
}

/** The last of what happened, for whoever must find out why. */
export const endOf = (mesh: Mesh): string =>
  mesh.story().split('\n').filter((line) => !/ping|pong/.test(line)).slice(-80).join('\n');

function befall(victim: MeshNode, mishap: Mishap): void {
  if (mishap.kind === 'crash') victim.crashAfter(mishap.at);
  if (mishap.kind === 'crashes') victim.crashAfter(mishap.random.between(1, MOST_BOUNDARIES_A_LIFE));
  if (mishap.kind === 'failedCommit') victim.failCommit(mishap.at, mishap.failure);
}

async function play(scene: Scene, mishap: Mishap): Promise<void> {
  const { mesh, victim } = scene;
  for (let blocks = 0; !isOver(scene); blocks++) {
    if (blocks === MAX_BLOCKS) throw new Error(`it is not over after ${MAX_BLOCKS} blocks`);
    await scene.push();
    await quiet(mesh);
    await revive(scene, mishap);
    await mesh.mine(1);
    await quiet(mesh);
    await revive(scene, mishap);
  }
  for (let blocks = 0; blocks < LAST_BLOCKS; blocks++) {
    await mesh.mine(1);
    await quiet(mesh);
    await revive(scene, mishap);
  }
  victim.spare();
  // A cheater that is down has a journal too.
  for (const node of mesh.nodes) node.start();
  await mesh.everybodySees();
  await quiet(mesh);
}

async function revive({ mesh, victim }: Scene, mishap: Mishap): Promise<void> {
  while (!victim.isUp) {
    victim.start();
    if (mishap.kind === 'crashes' && victim.mishaps.crashes < MOST_CRASHES && victim.isUp) befall(victim, mishap);
    await mesh.runFor(STARTING_MS);
  }
}

function isOver({ mesh, ends: [a, b], isCheat }: Scene): boolean {
  const isDone = (node: MeshNode): boolean => {
    if (!node.isUp) return false;
    const { payments, invoices, circuits } = node.node.payments.liveActors;
    return payments + invoices + circuits === 0 && [...node.node.channels.all()].every(({ htlcs }) => htlcs.size === 0);
  };
  const honest = isCheat ? [a] : mesh.nodes;
  return a.isUp && isClosed(a, b) && (isCheat === true || (b.isUp && isClosed(b, a))) && honest.every(isDone);
}

function outcomeOf({ mesh, ends: [a], isCheat }: Scene): Record<string, unknown> {
  const honest = isCheat ? [a] : mesh.nodes;
  const outcome: Record<string, unknown> = { 'fees (sat)': mesh.chain.feesSat, 'a transaction waits': mesh.chain.hasUnconfirmed };
  for (const meshNode of honest) {
    const { name, node, database } = meshNode;
    const { payments, channelStore } = node;
    outcome[`${name}'s wallet (sat)`] = walletSat(meshNode);
    outcome[`${name}'s unconfirmed`] = node.wallet.unconfirmedTransactions().length;
    outcome[`${name}'s reservations`] = node.wallet.reservations();
    outcome[`${name}'s sweeps`] = database.all('SELECT txid FROM sweeps');
    outcome[`${name}'s alarms`] = node.alarms.list().map(({ code }) => code);
    outcome[`${name}'s payments`] = payments.listPayments().payments.map(({ status, amountMsat, feeMsat }) => `${status} ${amountMsat} ${feeMsat}`);
    outcome[`${name}'s invoices`] = payments.listInvoices().invoices.map(({ status, receivedMsat }) => `${status} ${receivedMsat}`);
    outcome[`${name}'s forwards`] = payments.listForwards().forwards.map(({ status, feeMsat }) => `${status} ${feeMsat}`);
    outcome[`${name}'s channels`] = (['live', 'ended'] as const).flatMap((which) =>
      channelStore.indexes(which).map((index) => {
        const { value, data } = channelStore.load(index)!;
        return `${JSON.stringify(value.lifecycle)} ${data.toLocalMsat} ${data.failure?.code}`;
      }),
    );
  }
  return outcome;
}

/** Every transaction that is given to the chain from now on, by its id. */
export function noteTransactions(mesh: Mesh): Map<string, Transaction> {
  const noted = new Map<string, Transaction>();
  const { rpc } = mesh.chain;
  const call = rpc.call.bind(rpc);
  rpc.call = (method, parameters) => {
    if (method === 'sendrawtransaction' || method === 'submitpackage') {
      for (const hex of [parameters].flat(2)) {
        if (typeof hex !== 'string') continue;
        const transaction = Transaction.fromHex(hex);
        noted.set(transaction.getId(), transaction);
      }
    }
    return call(method, parameters);
  };
  return noted;
}

/** Outputs for which a node has given more than one transaction to the chain, none of which somebody else's has made impossible. */
function twiceMade(mesh: Mesh, offered: ReadonlyMap<string, Transaction>): string[] {
  const blocks = mesh.chain.transactions.map(({ transaction }) => transaction);
  return mesh.nodes.flatMap(({ name, broadcasts }) => {
    const theirs = new Set(blocks.filter((each) => !broadcasts.has(each.getId())).flatMap(outpointsOf));
    const spenders = new Map<string, string>();
    return [...offered].flatMap(([txid, transaction]) => {
      const outpoints = outpointsOf(transaction);
      if (!broadcasts.has(txid) || outpoints.some((outpoint) => theirs.has(outpoint))) return [];
      return outpoints.flatMap((outpoint) => {
        const known = spenders.get(outpoint);
        spenders.set(outpoint, txid);
        return known === undefined ? [] : [`${name} made both ${known} and ${txid} of ${outpoint}`];
      });
    });
  });
}

const outpointsOf = ({ ins }: Transaction): string[] => ins.map(({ hash, index }) => `${hexOf(hash)}:${index}`);
