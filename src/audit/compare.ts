import { equals } from 'uint8arrays';
import { encodeJson } from '../../protocols/json.ts';
import type { SideParameters } from '../../machines/channel/data.ts';
import type { Side } from '../../machines/htlc/htlc-states.ts';
import { displayTxid } from '../sweep/sweep.ts';
import { CommitmentLog, inOrder } from './commitment-log.ts';
import type { Committed } from './committed.ts';
import type { AuditHeader } from './header.ts';
import type { AuditReport } from './report.ts';
import type { VerifyOptions } from './verify.ts';

/** Verifies one of the two files. */
export type Verify = (options: VerifyOptions) => AuditReport;

/** What both sides' exports of one channel say of each other. */
export interface CompareReport {
  readonly agrees: boolean;
  readonly files: readonly [AuditReport, AuditReport];
  /** Of each side's commitments, those that both files have. */
  readonly compared: readonly ComparedRange[];
  readonly divergence?: Divergence;
  /** Why there is nothing to compare. */
  readonly failure?: { readonly code: 'audit_does_not_hold' | 'audit_other_channel' | 'audit_no_overlap'; readonly reason: string };
}

export interface ComparedRange {
  /** Whose commitments, by node id. */
  readonly ownerId: string;
  /** Undefined where the files have none in common. */
  readonly first?: number;
  readonly last?: number;
  /** Those that only one of the two has, at either end. */
  readonly onlyOwner: number;
  readonly onlyPeer: number;
}

/** The first commitment of which the two files have different versions. */
export interface Divergence {
  readonly ownerId: string;
  readonly signerId: string;
  readonly commitmentNumber: number;
  readonly kind: 'content' | 'signatures';
  /** The owner's version first, with the signatures that it holds; then the signer's, with those that it says it gave. */
  readonly versions: readonly [Version, Version];
  readonly explanation: string;
}

export interface Version {
  readonly inFileOf: string;
  readonly sequence: number;
  readonly txid: string;
  readonly toOwnerMsat: string;
  readonly toPeerMsat: string;
  readonly feeratePerKw: number;
  readonly htlcs: readonly { readonly id: string; readonly offeredBy: 'owner' | 'peer'; readonly amountMsat: string; readonly paymentHash: string; readonly cltvExpiry: number }[];
  readonly signature: string;
  readonly htlcSignatures: readonly string[];
}

type Logs = Readonly<Record<Side, CommitmentLog>>;

/** Verifies both files, and holds the commitments of each side as one has them against those that the other has. */
export function compareAudits(verify: readonly [Verify, Verify]): CompareReport {
  const logs = [newLogs(), newLogs()] as const;
  const headers: AuditHeader[] = [];
  const files = [0, 1].map((index) =>
    verify[index as 0 | 1]({ onHeader: (header) => void headers.push(header), onCommitted: (each) => logs[index as 0 | 1][each.owner].add(each) }),
  ) as [AuditReport, AuditReport];
  const failure = failureOf(files, headers);
  if (failure !== undefined) return { agrees: false, files, compared: [], failure };
  const sides = [sideOf(files, logs, 0), sideOf(files, logs, 1)] as const;
  const compared = sides.map(rangeOf);
  const found = firstDifference(sides);
  if (found !== undefined) return { agrees: false, files, compared, divergence: divergenceOf(verify, found) };
  if (compared.every(({ first }) => first === undefined)) {
    return { agrees: false, files, compared, failure: { code: 'audit_no_overlap', reason: 'the files have no commitment in common: one ends before the other begins' } };
  }
  return { agrees: true, files, compared };
}

const newLogs = (): Logs => ({ local: new CommitmentLog(), remote: new CommitmentLog() });

function failureOf([a, b]: CompareReport['files'], [mine, theirs]: readonly AuditHeader[]): CompareReport['failure'] {
  const broken = [a, b].find(({ holds }) => !holds);
  if (broken !== undefined || mine === undefined || theirs === undefined) {
    return { code: 'audit_does_not_hold', reason: `one of the files does not hold by itself: ${broken?.failure?.reason ?? 'it is empty'}` };
  }
  if (!same(mine.channelId, theirs.channelId) || !same(mine.chainHash, theirs.chainHash)) return otherChannel('the files are of two channels');
  if (!same(mine.localNodeId, theirs.remoteNodeId) || !same(mine.remoteNodeId, theirs.localNodeId)) {
    return otherChannel('the files are not of the two ends of the channel: one must be made by either node');
  }
  // Each file is signed with its node's own keys alone: those of the other end it could have made up.
  const isOneChannel =
    same([keysOf(mine.local), keysOf(mine.remote)], [keysOf(theirs.remote), keysOf(theirs.local)]) &&
    same([mine.funding, mine.fundingSatoshis, mine.isOpener], [theirs.funding, theirs.fundingSatoshis, !theirs.isOpener]);
  return isOneChannel ? undefined : otherChannel("the files name other keys or another capacity for the same channel: one of them is made up, and both prove nothing of the other's node. The chain shows whose funding keys are true");
}

const keysOf = ({ fundingPubkey, revocationBasepoint, paymentBasepoint, delayedPaymentBasepoint, htlcBasepoint }: SideParameters) => [
  fundingPubkey, revocationBasepoint, paymentBasepoint, delayedPaymentBasepoint, htlcBasepoint,
];

const otherChannel = (reason: string): CompareReport['failure'] => ({ code: 'audit_other_channel', reason });
const same = (a: unknown, b: unknown): boolean => encodeJson(a) === encodeJson(b);

/** The commitments of one owner: as its own file has them, and as the other's has. */
interface OwnersSide {
  readonly index: 0 | 1;
  readonly ownerId: string;
  readonly signerId: string;
  readonly owners: CommitmentLog;
  readonly signers: CommitmentLog;
}

function sideOf(files: CompareReport['files'], logs: readonly [Logs, Logs], index: 0 | 1): OwnersSide {
  const other = index === 0 ? 1 : 0;
  const { nodeId = '', peerId = '' } = files[index].channel ?? {};
  return { index, ownerId: nodeId, signerId: peerId, owners: logs[index].local, signers: logs[other].remote };
}

function rangeOf({ ownerId, owners, signers }: OwnersSide): ComparedRange {
  const [a, b] = [owners.range, signers.range];
  if (a === undefined || b === undefined) return { ownerId, onlyOwner: countOf(a), onlyPeer: countOf(b) };
  const [first, last] = [Math.max(a.first, b.first), Math.min(a.last, b.last)];
  const common = Math.max(0, last - first + 1);
  return { ownerId, ...(common > 0 && { first, last }), onlyOwner: countOf(a) - common, onlyPeer: countOf(b) - common };
}

const countOf = (range: CommitmentLog['range']): number => (range === undefined ? 0 : range.last - range.first + 1);

interface Difference {
  readonly side: OwnersSide;
  readonly number: number;
  readonly kind: Divergence['kind'];
}

/** The first that differs: of the two owners' it is the one that the first file has earlier. */
function firstDifference(sides: readonly [OwnersSide, OwnersSide]): Difference | undefined {
  const found = sides.flatMap((side) => differenceIn(side) ?? []);
  const place = ({ side, number }: Difference): number => (side.index === 0 ? side.owners : side.signers).get(number)?.sequence ?? 0;
  return found.sort((a, b) => place(a) - place(b))[0];
}

function differenceIn(side: OwnersSide): Difference | undefined {
  const { first, last } = rangeOf(side);
  if (first === undefined || last === undefined) return undefined;
  for (let number = first; number <= last; number++) {
    const [a, b] = [side.owners.get(number), side.signers.get(number)];
    if (a === undefined || b === undefined || !equals(a.content, b.content)) return { side, number, kind: 'content' };
    if (!equals(a.signatures, b.signatures)) return { side, number, kind: 'signatures' };
  }
  return undefined;
}

/** Goes through both files once more, for the two versions in full. */
function divergenceOf(verify: readonly [Verify, Verify], { side: { index, ownerId, signerId }, number, kind }: Difference): Divergence {
  const find = (file: 0 | 1, owner: Side): Committed => {
    let found: Committed | undefined;
    verify[file]({ onCommitted: (each) => void (each.owner === owner && each.request.commitmentNumber === number && (found = each)) });
    if (found === undefined) throw new RangeError(`commitment ${number} is there no more`);
    return found;
  };
  const [owners, signers] = [find(index, 'local'), find(index === 0 ? 1 : 0, 'remote')];
  const isSameTransaction = equals(owners.built.txid, signers.built.txid);
  return {
    ownerId,
    signerId,
    commitmentNumber: number,
    kind,
    versions: [versionOf(ownerId, owners), versionOf(signerId, signers)],
    explanation: explain(kind, isSameTransaction, ownerId, signerId),
  };
}

function explain(kind: Divergence['kind'], isSameTransaction: boolean, ownerId: string, signerId: string): string {
  if (kind === 'signatures') return `both are the same commitment, but ${signerId} says that it gave other signatures than those which ${ownerId} holds; all of them are valid, so that it signed twice`;
  if (isSameTransaction) return `the transactions are the same, and ${signerId} signed them; what is too small for an output is not the same, and that nobody signs`;
  return `${signerId} signed both: ${ownerId} holds its signature for the one, and its own journal has that for the other. One who signs two states for one number has changed its journal, or gone on from an old one`;
}

function versionOf(inFileOf: string, { sequence, request, built, signature, htlcSignatures }: Committed): Version {
  const { toLocalMsat, toRemoteMsat, feeratePerKw, htlcs } = inOrder(request.spec);
  return {
    inFileOf,
    sequence,
    txid: displayTxid(built.txid),
    toOwnerMsat: toLocalMsat.toString(),
    toPeerMsat: toRemoteMsat.toString(),
    feeratePerKw,
    htlcs: htlcs.map(({ id, direction, amountMsat, paymentHash, cltvExpiry }) => ({
      id: id.toString(),
      offeredBy: direction === 'offered' ? 'owner' : 'peer',
      amountMsat: amountMsat.toString(),
      paymentHash: hex(paymentHash),
      cltvExpiry,
    })),
    signature: hex(signature),
    htlcSignatures: htlcSignatures.map(hex),
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
