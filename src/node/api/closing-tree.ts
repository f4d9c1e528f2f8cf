import { equals } from 'uint8arrays';
import { ANCHOR_SATOSHIS } from '../../../machines/commitment/fees.ts';
import type { Outpoint } from '../../../machines/onchain/claim.ts';
import type { OutputRow } from '../../../machines/onchain/output.ts';
import type { Output } from '../../api/contract.ts';
import { perVbyte } from '../../api/feerate.ts';
import { displayTxid, outpointKey } from '../../sweep/sweep.ts';
import { closingTransaction, rowsOf, type Here, type PendingSubject } from './pending-channel-view.ts';
import type { PendingChannel, PendingOutput } from './pending-view.ts';

export type ClosingNode = NonNullable<Output<'channel'>['closingTree']>;

/** What all nodes of a tree are made with. */
interface Scene {
  readonly subject: PendingSubject;
  readonly here: Here;
  readonly closing: NonNullable<PendingChannel['closing']>;
  /** The outputs that are watched, each with its view. */
  readonly watched: readonly { readonly row: OutputRow; readonly view: PendingOutput }[];
}

/** The funding transaction with all that hangs on it; undefined as long as no transaction is known that ends the channel. */
export function closingTree(subject: PendingSubject, here: Here, { closing, outputs }: PendingChannel): ClosingNode | undefined {
  const { data } = subject.snapshot;
  if (closing === undefined || data.funding === undefined) return undefined;
  const rows = rowsOf(subject, here.height);
  const watched = outputs.flatMap((view, index) => {
    const row = rows[index];
    return row === undefined ? [] : [{ row, view }];
  });
  const scene: Scene = { subject, here, closing, watched };
  const depth = depthOf(data.confirmation?.blockHeight, here.height);
  return {
    kind: 'transaction',
    what: 'funding transaction',
    txid: displayTxid(data.funding.txid),
    amountSat: data.fundingSatoshis,
    confirmations: depth,
    confirmationsNeeded: data.minimumDepth,
    ...(data.confirmation && { blockHeight: data.confirmation.blockHeight }),
    isOurs: data.isOpener,
    text: depth === 0 ? 'in no block' : `paid for by ${data.isOpener ? 'us' : 'the peer'}`,
    children: [closingNode(scene)],
  };
}

/** The transaction that ends the channel. */
function closingNode(scene: Scene): ClosingNode {
  const { subject, closing, watched } = scene;
  const { kind, txid, feeSat, confirmations, confirmationsNeeded, blocksLeft } = closing;
  const { fundingSpend } = subject.snapshot.data;
  const transaction = closingTransaction(subject);
  const outs = transaction?.outs ?? [];
  const places = outs.map((_, outputIndex) => watched.find(({ row }) => txid !== undefined && isAt(row.outpoint, txid, outputIndex)));
  const placed = new Set(places);
  const rest = watched.filter((output) => !placed.has(output) && output.row.parent === undefined);
  return {
    kind: 'transaction',
    what: closing.text,
    ...(txid !== undefined && { txid }),
    ...(transaction && { amountSat: outs.reduce((sum, { value }) => sum + value, 0n) }),
    ...(feeSat !== undefined && { feeSat }),
    confirmations,
    confirmationsNeeded,
    ...(fundingSpend && { blockHeight: fundingSpend.blockHeight }),
    blocksLeft,
    isOurs: kind === 'local' || kind === 'mutual',
    text: progress(confirmations, confirmationsNeeded),
    children: [
      ...outs.map(({ value, script }, outputIndex) => {
        const place = places[outputIndex];
        return place === undefined ? unwatched(scene, txid, outputIndex, value, script) : outputNode(scene, place);
      }),
      ...rest.map((output) => outputNode(scene, output)),
    ],
  };
}

/** An output that this node has no business with, or whose money came straight to the wallet. */
function unwatched({ subject, closing }: Scene, txid: string | undefined, outputIndex: number, amountSat: bigint, script: Uint8Array): ClosingNode {
  const { localShutdownScript } = subject.snapshot.data;
  const { kind, confirmations, confirmationsNeeded } = closing;
  const isOurs = kind === 'mutual' && equals(script, localShutdownScript);
  return {
    kind: 'output',
    what: isOurs ? 'our balance' : strangersOutput(kind, amountSat),
    ...(txid !== undefined && { outpoint: `${txid}:${outputIndex}` }),
    amountSat,
    confirmations,
    confirmationsNeeded,
    isOurs,
    text: isOurs ? (confirmations === 0 ? 'goes to the wallet' : 'in the wallet') : "not ours: this node does not follow it",
    children: [],
  };
}

/** BOLT 3: an anchor has 330 sat, which is below every dust limit: no balance has so little. */
function strangersOutput(kind: Scene['closing']['kind'], amountSat: bigint): string {
  if (kind === 'ahead' || kind === 'unknown') return 'an output that this node does not know';
  if (kind !== 'mutual' && amountSat === ANCHOR_SATOSHIS) return "the peer's anchor";
  return kind === 'revoked' ? 'an output that this node does not know' : "the peer's balance";
}

function outputNode(scene: Scene, { row, view }: Scene['watched'][number]): ClosingNode {
  const { height, depths } = scene.here;
  const { outpoint, amountSat, account, holder, deadline, blocksLeft, what, text, spendingTxid, transaction } = view;
  const txid = spendingTxid ?? transaction?.txid;
  return {
    kind: 'output',
    what,
    ...(txid !== undefined && { txid }),
    ...(outpoint !== undefined && { outpoint }),
    amountSat,
    confirmations: depthOf(row.spend?.blockHeight, height),
    confirmationsNeeded: depths.irrevocableDepth,
    ...(row.spend && { blockHeight: row.spend.blockHeight }),
    ...(deadline !== undefined && { deadline }),
    ...(blocksLeft !== undefined && { blocksLeft }),
    isOurs: holder === 'us' || account === 'limbo' || account === 'recovered',
    text,
    children: spender(scene, row, view),
  };
}

/** The transaction that spends an output, or is to. */
function spender(scene: Scene, row: OutputRow, { transaction, spendingTxid, kind }: PendingOutput): ClosingNode[] {
  const { here, watched } = scene;
  const { irrevocableDepth } = here.depths;
  if (row.spend === undefined || spendingTxid === undefined) {
    if (transaction === undefined) return [];
    const { txid, feeSat, feeratePerKw } = transaction;
    const what = kind === 'anchor' ? "our transaction that raises the commitment's fee" : 'our transaction that takes it';
    const text = `waits for a block, at ${perVbyte(feeratePerKw)}`;
    return [{ kind: 'transaction', what, txid, feeSat, confirmations: 0, confirmationsNeeded: irrevocableDepth, isOurs: true, text, children: [] }];
  }
  const { by, blockHeight } = row.spend;
  const made = watched.filter((other) => other.row.parent !== undefined && row.outpoint !== undefined && isSame(other.row.parent, row.outpoint));
  const confirmations = depthOf(blockHeight, here.height);
  const feeSat = here.feeOf(spendingTxid);
  return [
    {
      kind: 'transaction',
      what: whatSpends(by, kind, made.length > 0),
      txid: spendingTxid,
      ...(feeSat !== undefined && { feeSat }),
      confirmations,
      confirmationsNeeded: irrevocableDepth,
      blockHeight,
      isOurs: by === 'us',
      text: progress(confirmations, irrevocableDepth),
      children: made.map((output) => outputNode(scene, output)),
    },
  ];
}

function whatSpends(by: 'us' | 'peer', kind: PendingOutput['kind'], hasSecondStage: boolean): string {
  if (by === 'peer') return kind === 'revoked_htlc' && hasSecondStage ? "the cheater's HTLC transaction" : "the peer's transaction";
  if (hasSecondStage) return 'our HTLC transaction';
  if (kind.startsWith('revoked')) return 'our penalty transaction, to the wallet';
  return kind === 'anchor' ? "our transaction that raised the commitment's fee" : 'our transaction, to the wallet';
}

function progress(confirmations: number, needed: number): string {
  if (confirmations === 0) return 'waits for a block';
  return confirmations >= needed ? 'final' : `${confirmations} of ${needed} confirmations`;
}

const depthOf = (blockHeight: number | undefined, height: number): number =>
  blockHeight === undefined ? 0 : Math.max(0, height - blockHeight + 1);

const isAt = (outpoint: Outpoint | undefined, txid: string, outputIndex: number): boolean =>
  outpoint !== undefined && outpoint.outputIndex === outputIndex && displayTxid(outpoint.txid) === txid;

const isSame = (a: Outpoint, b: Outpoint): boolean => outpointKey(a) === outpointKey(b);
