import type { Depths, OutputHtlc, OutputKind, OutputRow } from '../../../machines/onchain/output.ts';
import type { Outpoint } from '../../../machines/onchain/claim.ts';
import type { Output } from '../../api/contract.ts';
import { perVbyte } from '../../api/feerate.ts';
import { hexOf } from '../../channels/channel-store.ts';
import { displayTxid, outpointKey } from '../../sweep/sweep.ts';
import type { SweepStatus } from '../../sweep/sweeper.ts';

export type PendingChannel = Output<'pending'>['channels'][number];
export type PendingOutput = PendingChannel['outputs'][number];
export type PendingTransaction = NonNullable<PendingOutput['transaction']>;

/** From where a channel's outputs are looked at. */
export interface Outlook {
  readonly height: number;
  readonly depths: Depths;
  /** Our transaction that is to spend an output and waits for a block. */
  readonly sweepOf: (outpoint: Outpoint) => SweepStatus | undefined;
  /** Whether the output is left where it is for now, since taking it costs more than it is worth. */
  readonly isPostponed: (outpoint: Outpoint) => boolean;
  /** Blocks that a cheating peer must wait before it can take its own balance. */
  readonly cheatersDelay: number;
}

/** A row among all rows of its channel. */
interface Scene extends Outlook {
  readonly row: OutputRow;
  /** The output of the HTLC transaction that spends it, if there is one. */
  readonly child: OutputRow | undefined;
}

/** What an output waits for, in figures and in words. */
interface Wait {
  readonly waitsFor: PendingOutput['waitsFor'];
  readonly untilHeight?: number;
  readonly text: string;
}

/** The outputs of an ended channel as the API shows them, in the order of the rows. */
export function outputViews(rows: readonly OutputRow[], outlook: Outlook): PendingOutput[] {
  return rows.map((row) => outputView(row, rows, outlook));
}

/** One output: what it is, what it is worth to us, what becomes of it and when. `rows` are all of its channel. */
export function outputView(row: OutputRow, rows: readonly OutputRow[], outlook: Outlook): PendingOutput {
  const scene = { ...outlook, row, child: row.outpoint && rows.find(({ parent }) => isSame(parent, row.outpoint)) };
  const { waitsFor, untilHeight, text } = waitOf(scene);
  const transaction = transactionOf(scene);
  const deadline = deadlineOf(scene);
  const { htlc, outpoint, spend } = row;
  return {
    kind: row.kind,
    chart: chartOf[row.kind],
    state: row.state,
    ...(outpoint && { outpoint: outpointKey(outpoint) }),
    amountSat: row.amountSat,
    ...(htlc && {
      htlc: {
        htlcId: htlc.id,
        direction: htlc.direction,
        amountMsat: htlc.amountMsat,
        paymentHash: hexOf(htlc.paymentHash),
        cltvExpiry: htlc.cltvExpiry,
        preimageKnown: row.paymentPreimage !== undefined,
      },
    }),
    holder: holderOf(scene),
    account: accountOf(scene),
    waitsFor,
    ...(untilHeight !== undefined && { untilHeight, blocksLeft: blocksUntil(untilHeight, outlook.height) }),
    ...(deadline !== undefined && { deadline }),
    ...(transaction && { transaction }),
    ...(spend && { spendingTxid: displayTxid(spend.txid) }),
    what: whatOf(row),
    text,
  };
}

/** The statechart of each kind of output, by its name; as `outputCharts` has them. */
export const chartOf: Readonly<Record<OutputKind, PendingOutput['chart']>> = {
  to_local: 'balance-output',
  second_stage: 'balance-output',
  to_remote: 'balance-output',
  anchor: 'anchor-output',
  htlc: 'htlc-output',
  no_output: 'no-output',
  revoked_to_local: 'revoked-output',
  revoked_htlc: 'revoked-output',
  revoked_second_stage: 'revoked-output',
};

/** What an output is, in words. */
export function whatOf({ kind, htlc }: OutputRow): string {
  const name = htlc === undefined ? 'an HTLC' : nameOf(htlc);
  switch (kind) {
    case 'to_local':
    case 'to_remote':
      return 'our balance';
    case 'second_stage':
      return `${name}, fetched from our commitment`;
    case 'anchor':
      return 'our anchor';
    case 'htlc':
      return name;
    case 'no_output':
      return `${name}, without an output`;
    case 'revoked_to_local':
      return "the cheater's balance";
    case 'revoked_htlc':
      return `${name}, in the cheater's commitment`;
    case 'revoked_second_stage':
      return `${name}, as the cheater's transaction left it`;
  }
}

/** An HTLC in words, seen from us. */
export const nameOf = ({ id, direction }: Pick<OutputHtlc, 'id' | 'direction'>): string =>
  `HTLC ${id} ${direction === 'offered' ? 'that we offered' : 'offered to us'}`;

/** Blocks from `height` on until that one is reached; none if it is. */
export const blocksUntil = (untilHeight: number, height: number): number => Math.max(0, untilHeight - height);

/** `1 block`, `2 blocks`. */
export const blocks = (count: number): string => `${count} ${count === 1 ? 'block' : 'blocks'}`;

export function transactionView({ txid, feeratePerKw, feeSat, firstHeight }: SweepStatus): PendingTransaction {
  return { txid, feeratePerKw, feeSat, sinceHeight: firstHeight };
}

/** The height at which what stands in a block of that height is so many blocks deep. */
export const heightOfDepth = (blockHeight: number, depth: number): number => blockHeight + depth - 1;

function waitOf(scene: Scene): Wait {
  const { row } = scene;
  switch (row.state) {
    case 'unconfirmed':
      return { waitsFor: 'transaction', text: 'waits until a block holds the transaction that makes it' };
    case 'waiting':
      return waiting(scene);
    case 'claimable':
      return claimable(scene);
    case 'expired':
      return expired(scene);
    case 'claimed':
    case 'claimBuried':
    case 'taken':
    case 'takeBuried':
      return deepening(scene, row.spend?.blockHeight ?? row.blockHeight, outcome(scene));
    case 'buried':
      return deepening(scene, row.blockHeight, outcome(scene));
    case 'resolved':
      return { waitsFor: 'nothing', text: `${outcome(scene)}; final` };
  }
}

function waiting(scene: Scene): Wait {
  const { row, height, depths } = scene;
  switch (row.kind) {
    case 'to_local':
    case 'second_stage':
    case 'to_remote': {
      const untilHeight = heightOfDepth(row.blockHeight, row.csvDelay);
      return { waitsFor: 'delay', untilHeight, text: until(untilHeight, height, 'until its delay ends') };
    }
    case 'htlc':
      return waitingHtlc(scene);
    case 'no_output': {
      const untilHeight = heightOfDepth(row.blockHeight, depths.reasonableDepth);
      const left = until(untilHeight, height, 'until that is acted upon');
      return { waitsFor: 'depth', untilHeight, text: `${outcome(scene)}; ${left}` };
    }
    case 'anchor':
      return deepening(scene, row.blockHeight, outcome(scene));
    case 'revoked_to_local':
    case 'revoked_htlc':
    case 'revoked_second_stage':
      return { waitsFor: 'block', text: 'ours by the penalty; our transaction is being made' };
  }
}

function waitingHtlc({ row, height }: Scene): Wait {
  const { htlc } = row;
  if (htlc === undefined) return { waitsFor: 'nothing', text: 'unknown HTLC' };
  const untilHeight = htlc.cltvExpiry;
  const left = blocks(blocksUntil(untilHeight, height));
  if (htlc.direction === 'offered') {
    const expiry = `HTLC expires at height ${untilHeight}, in ${left}`;
    const text = row.paymentPreimage === undefined ? expiry : `${expiry}; the peer has the preimage and can take it`;
    return { waitsFor: 'expiry', untilHeight, text };
  }
  if (row.paymentPreimage !== undefined) {
    return { waitsFor: 'block', text: 'the preimage is known: our transaction is being made' };
  }
  const since = untilHeight <= height ? `since height ${untilHeight}` : `from height ${untilHeight}, in ${left}`;
  return { waitsFor: 'preimage', untilHeight, text: `preimage unknown: the peer can take it ${since}` };
}

function expired(scene: Scene): Wait {
  const { row, depths, height } = scene;
  const untilHeight = (row.htlc?.cltvExpiry ?? row.blockHeight) + depths.irrevocableDepth;
  const left = until(untilHeight, height, 'until that is final');
  return { waitsFor: 'depth', untilHeight, text: `${outcome(scene)}; ${left}` };
}

function claimable(scene: Scene): Wait {
  const sweep = transactionOf(scene);
  const deadline = deadlineOf(scene);
  const inTime = deadline === undefined ? '' : blocks(blocksUntil(deadline, scene.height));
  const left = deadline === undefined ? '' : `; the peer can take it from height ${deadline}, in ${inTime}`;
  const isPostponed = scene.row.outpoint !== undefined && scene.isPostponed(scene.row.outpoint);
  const ours =
    sweep === undefined
      ? isPostponed
        ? 'left for now: taking it costs more than it is worth'
        : 'our transaction is being made'
      : `our transaction ${sweep.txid} at ${perVbyte(sweep.feeratePerKw)} waits for a block`;
  return { waitsFor: 'block', text: `${ours}${left}` };
}

function deepening({ height, depths }: Scene, blockHeight: number, what: string): Wait {
  const untilHeight = heightOfDepth(blockHeight, depths.irrevocableDepth);
  const left = blocksUntil(untilHeight, height);
  const confirmations = `${left} ${left === 1 ? 'confirmation' : 'confirmations'}`;
  return { waitsFor: 'depth', untilHeight, text: `${what}; ${confirmations} left until it is final` };
}

const until = (untilHeight: number, height: number, what: string): string =>
  `${blocks(blocksUntil(untilHeight, height))} ${what}, at height ${untilHeight}`;

/** What has become of an output, in words. */
function outcome(scene: Scene): string {
  const { row, child } = scene;
  if (row.kind === 'no_output') {
    return row.amountSat === 0n ? 'not in the commitment: part of a balance there' : 'too small for an output: left to the miners';
  }
  switch (holderOf(scene)) {
    case 'us':
      return child === undefined ? 'ours' : 'our HTLC transaction has it';
    case 'nobody':
      if (row.kind === 'anchor') return 'not worth its fee: left to whoever wants it';
      return row.kind === 'htlc' ? 'expired without its preimage: left to the peer' : 'unspent';
    case 'peer':
      if (row.kind === 'revoked_htlc' && child !== undefined) {
        return "the cheater's transaction has it, and we take what that made";
      }
      if (row.kind !== 'htlc') return 'the peer took it';
      if (row.htlc?.direction === 'received') return 'the peer took it back after its expiry';
      return row.paymentPreimage === undefined ? 'the peer took it' : 'the peer took it with the preimage';
  }
}

/** Whose transaction in a block spends it. */
const holderOf = ({ row: { spend } }: Scene): PendingOutput['holder'] => spend?.by ?? 'nobody';

/** Where its worth stands: each satoshi of a channel is counted once, at the last output that it came to. */
function accountOf(scene: Scene): PendingOutput['account'] {
  const { row, child } = scene;
  const isOurs = isOursByRight(row);
  if (row.kind === 'no_output') return isOurs && row.amountSat > 0n ? 'lost' : 'none';
  if (child !== undefined) return 'none';
  switch (holderOf(scene)) {
    case 'us':
      return 'recovered';
    case 'peer':
      return isOurs ? 'lost' : 'none';
    case 'nobody':
      return isOurs && row.kind !== 'anchor' ? 'limbo' : 'none';
  }
}

/** Whether it is ours if all goes by the rules: an HTLC is the payer's until its preimage is known. */
function isOursByRight({ kind, htlc, paymentPreimage }: OutputRow): boolean {
  if (kind === 'anchor') return false;
  if (kind !== 'htlc' && kind !== 'no_output') return true;
  return (htlc?.direction === 'offered') === (paymentPreimage === undefined);
}

/** When the peer can take what is ours, as long as neither has. */
function deadlineOf({ row, cheatersDelay }: Scene): number | undefined {
  const { kind, state, htlc, blockHeight, paymentPreimage } = row;
  if (state !== 'waiting' && state !== 'claimable') return undefined;
  if (kind.startsWith('revoked')) return blockHeight + cheatersDelay;
  const isClaim = kind === 'htlc' && htlc?.direction === 'received' && paymentPreimage !== undefined;
  return isClaim ? htlc.cltvExpiry : undefined;
}

function transactionOf({ row, sweepOf }: Scene): PendingTransaction | undefined {
  if (row.spend !== undefined || row.outpoint === undefined) return undefined;
  const sweep = sweepOf(row.outpoint);
  return sweep && transactionView(sweep);
}

const isSame = (a: Outpoint | undefined, b: Outpoint | undefined): boolean =>
  a !== undefined && b !== undefined && outpointKey(a) === outpointKey(b);
