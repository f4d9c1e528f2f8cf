import { Transaction } from 'bitcoinjs-lib';
import { equals } from 'uint8arrays';
import type { ChannelSnapshot } from '../../machines/channel/channel.ts';
import { sha256 } from '../../protocols/crypto/hash.ts';
import { hexOf, rowText } from '../../src/channels/channel-store.ts';
import { compareAudits } from '../../src/audit/compare.ts';
import { replayChannel } from '../../src/channels/replay.ts';
import type { PaymentRecord } from '../../src/payments/records.ts';
import { auditLines, verifyTexts } from './audit-files.ts';
import { COIN_SAT, COINS_PER_NODE, isVoid, type Mesh } from './mesh.ts';
import type { MeshNode } from './mesh-node.ts';

/** More than any simulation makes. */
const ALL = { limit: 100_000 };

/** A funded channel with both of its ends. */
export interface MeshChannel {
  readonly opener: ChannelEnd;
  readonly accepter: ChannelEnd;
}

interface ChannelEnd {
  readonly node: MeshNode;
  readonly index: number;
  readonly snapshot: ChannelSnapshot;
}

/** The payments that a mesh has come to know, by their ends. */
export interface MeshPayment {
  readonly payer: MeshNode;
  readonly payment: PaymentRecord;
}

/** What a mesh that has come to rest says about itself; each line is something that must not be. */
export function faultsOf(mesh: Mesh): string[] {
  if (!mesh.isAtRest) return [`the mesh did not come to rest: ${unrest(mesh).join('; ')}`];
  const { channels, faults } = pairUp(mesh);
  return [
    ...mesh.problems,
    ...faults,
    ...channels.flatMap(channelFaults),
    ...paymentFaults(mesh),
    ...mesh.nodes.flatMap((node) => balanceFaults(mesh, node, channels)),
    ...conservationFaults(mesh, channels),
  ];
}

/**
 * The journals of all channels, as an auditor would get them: each holds by itself, as a whole and from its last checkpoint, and tells of the row on disk;
 * both ends of a channel agree on every commitment.
 */
export function journalFaults(mesh: Mesh, isChosen: () => boolean = () => true): string[] {
  const byChannel = new Map<string, ChannelEnd[]>();
  for (const end of mesh.nodes.flatMap(endsOf)) {
    const { channelId, temporaryChannelId } = end.snapshot.data;
    const id = hexOf(channelId ?? temporaryChannelId);
    byChannel.set(id, [...(byChannel.get(id) ?? []), end]);
  }
  return [...byChannel.values()].filter(isChosen).flatMap((ends) => {
    const [first, second, ...more] = ends;
    const isPair = first !== undefined && second !== undefined && more.length === 0 && ends.every(({ snapshot }) => !snapshot.data.isRecovered);
    return [...ends.flatMap(checkpointFaults), ...(isPair ? pairFaults(first, second) : ends.flatMap(wholeFaults))];
  });
}

const nameOf = ({ node, index }: ChannelEnd): string => `the journal of ${node.name}'s channel ${index}`;

/** The lines of its audit file from an entry on. */
function linesOf({ node, index, snapshot }: ChannelEnd, from: number): string[] {
  return auditLines(node.node.channelStore.journal(index, from, ALL.limit), snapshot.data, node.node.options.signer);
}

/** The journal gives the row and the HTLCs on disk. */
function rowFaults(end: ChannelEnd, from: number): string[] {
  const { node, index, snapshot } = end;
  const replayed = replayChannel(node.node.channelStore.journal(index, from, ALL.limit));
  if (!replayed.ok) return [`${nameOf(end)} breaks at entry ${replayed.sequence}, from ${from} on: ${replayed.reason}`];
  const isSame = rowText(replayed.snapshot) === rowText(snapshot) && replayed.snapshot.htlcs.length === snapshot.htlcs.length;
  return isSame ? [] : [`${nameOf(end)} tells of another state than the one on disk`];
}

/** From the last checkpoint on, which is a small part of it: as the node goes on from there, and as an auditor sees it whom the rest is not given. */
function checkpointFaults(end: ChannelEnd): string[] {
  const { channelStore } = end.node.node;
  const from = channelStore.lastCheckpoint(end.index, channelStore.journalHead(end.index)?.length ?? 0) ?? 0;
  const { failure } = from > 0 && end.snapshot.data.funding !== undefined ? verifyTexts(linesOf(end, from)) : {};
  return [...rowFaults(end, from), ...(failure ? [`${nameOf(end)} does not verify from its checkpoint ${from} on, at entry ${failure.sequence}: ${failure.reason}`] : [])];
}

function wholeFaults(end: ChannelEnd): string[] {
  if (end.snapshot.data.funding === undefined) return rowFaults(end, 0);
  const { failure } = verifyTexts(linesOf(end, 0));
  return failure === undefined ? [] : [`${nameOf(end)} does not verify at entry ${failure.sequence}: ${failure.reason}`];
}

function pairFaults(...ends: readonly [ChannelEnd, ChannelEnd]): string[] {
  const { agrees, files, divergence, failure } = compareAudits([
    (options) => verifyTexts(linesOf(ends[0], 0), options),
    (options) => verifyTexts(linesOf(ends[1], 0), options),
  ]);
  if (agrees) return [];
  const broken = files.flatMap((file, index) => (file.failure ? [`${nameOf(ends[index as 0 | 1])}, entry ${file.failure.sequence}: ${file.failure.reason}`] : []));
  return [`${nameOf(ends[0])} and the peer's do not agree: ${[...broken, JSON.stringify(divergence ?? failure)].join('; ')}`];
}

/** The hashes at the end of every journal: two runs of one seed have the same. */
export function journalHashes(mesh: Mesh): string[] {
  return mesh.nodes.flatMap((node) =>
    endsOf(node).map(({ index }) => {
      const head = node.node.channelStore.journalHead(index);
      return `${node.name} ${index} ${head?.length} ${head && hexOf(head.hash)}`;
    }),
  );
}

export function paymentsOf(mesh: Mesh): MeshPayment[] {
  return mesh.nodes.flatMap((payer) => payer.node.payments.listPayments(ALL).payments.map((payment) => ({ payer, payment })));
}

function unrest(mesh: Mesh): string[] {
  const waiting = mesh.nodes.flatMap((node): string[] => {
    if (!node.isUp) return [`${node.name} is down`];
    const { payments, channels } = node.node;
    const stuck = [...channels.all()].filter(({ isUsable, htlcs }) => !isUsable || htlcs.size > 0);
    const actors = Object.entries(payments.liveActors).filter(([, count]) => count > 0);
    return [
      ...stuck.map(({ index, value, htlcs }) => `${node.name}'s channel ${index} is ${JSON.stringify(value)} with ${htlcs.size} HTLCs`),
      ...actors.map(([kind, count]) => `${node.name} has ${count} ${kind} under way`),
    ];
  });
  return [...mesh.problems, ...waiting];
}

function endsOf(node: MeshNode): ChannelEnd[] {
  const { channelStore } = node.node;
  return [...channelStore.indexes('live'), ...channelStore.indexes('ended')]
    .sort((a, b) => a - b)
    .flatMap((index) => {
      const snapshot = channelStore.load(index);
      return snapshot === undefined ? [] : [{ node, index, snapshot }];
    });
}

/** Every channel has two ends, unless nothing ever came of it. */
function pairUp(mesh: Mesh): { readonly channels: readonly MeshChannel[]; readonly faults: readonly string[] } {
  const byId = new Map<string, ChannelEnd[]>();
  for (const end of mesh.nodes.flatMap(endsOf)) {
    const id = hexOf(end.snapshot.data.channelId ?? new Uint8Array());
    byId.set(id, [...(byId.get(id) ?? []), end]);
  }
  const channels: MeshChannel[] = [];
  const faults: string[] = [];
  for (const [id, ends] of byId) {
    const opener = ends.find(({ snapshot }) => snapshot.data.isOpener);
    const accepter = ends.find(({ snapshot }) => !snapshot.data.isOpener);
    if (opener && accepter) channels.push({ opener, accepter });
    else if (accepter && isVoid(accepter.snapshot.data, accepter.snapshot.value.lifecycle)) {
      const { txid = new Uint8Array() } = accepter.snapshot.data.funding ?? {};
      if (mesh.chain.has(txid)) faults.push(`channel ${id} was funded, and its opener has forgotten it`);
    }
    else faults.push(`channel ${id} is known to ${ends.map(({ node }) => node.name).join(' and ')} alone`);
  }
  return { channels, faults };
}

/** Both ends agree on what each has, or on how the channel ended. */
function channelFaults({ opener, accepter }: MeshChannel): string[] {
  const [a, b] = [opener.snapshot, accepter.snapshot];
  const name = `the channel of ${opener.node.name} (${opener.index}) with ${accepter.node.name} (${accepter.index})`;
  const expect = (holds: boolean, what: string): string[] => (holds ? [] : [`${name}: ${what}`]);
  const states = [a, b].map(({ value }) => JSON.stringify(value.lifecycle));
  const faults = [
    ...expect(states[0] === states[1] && (states[0] === '"normal"' || states[0] === '"closed"'), `it is ${states.join(' and ')}`),
    ...expect(a.data.failure === undefined && b.data.failure === undefined, 'it failed'),
    ...expect(a.htlcs.length + b.htlcs.length === 0, 'HTLCs are pending'),
    ...expect(a.data.feeUpdates.length + b.data.feeUpdates.length === 0, 'a feerate is pending'),
    ...expect(a.data.feeratePerKw === b.data.feeratePerKw, 'the ends have different feerates'),
    ...expect(
      a.data.toLocalMsat === b.data.toRemoteMsat && a.data.toRemoteMsat === b.data.toLocalMsat,
      `the ends see different balances: ${a.data.toLocalMsat}/${a.data.toRemoteMsat} and ${b.data.toRemoteMsat}/${b.data.toLocalMsat}`,
    ),
    ...expect(a.data.toLocalMsat + a.data.toRemoteMsat === a.data.fundingSatoshis * 1_000n, 'the balances are not the capacity'),
    ...expect(a.data.toLocalMsat >= 0n && a.data.toRemoteMsat >= 0n, 'a balance is negative'),
    ...expect(
      a.data.localCommitmentNumber === b.data.remoteCommitmentNumber && a.data.remoteCommitmentNumber === b.data.localCommitmentNumber,
      'the ends count different commitments',
    ),
  ];
  const spends = [a, b].map(({ data }) => data.fundingSpend && hexOf(data.fundingSpend.transaction));
  return [...faults, ...expect(spends[0] === spends[1], 'the ends saw different closing transactions')];
}

/** Payer and payee tell the same of each payment, and nothing is left of it. */
function paymentFaults(mesh: Mesh): string[] {
  const faults: string[] = [];
  const paid = new Map<string, string>();
  for (const { payer, payment } of paymentsOf(mesh)) {
    const hash = hexOf(payment.paymentHash);
    const payee = mesh.nodes.find(({ nodeId }) => nodeId === payment.payee);
    const invoice = payee?.node.payments.listInvoices(ALL).invoices.find(({ paymentHash }) => equals(paymentHash, payment.paymentHash));
    const name = `${payer.name}'s payment ${hash.slice(0, 8)} to ${payee?.name}`;
    const isPaid = invoice?.status === 'paid';
    if (payment.status === 'inFlight') faults.push(`${name} has not ended`);
    if ((payment.status === 'succeeded') !== isPaid) faults.push(`${name} ${payment.status}, and its invoice is ${invoice?.status}`);
    if (payment.status !== 'succeeded') continue;
    if (paid.has(hash)) faults.push(`${name} was paid by ${paid.get(hash)} too`);
    paid.set(hash, payer.name);
    if (payment.preimage === undefined || !equals(sha256(payment.preimage), payment.paymentHash)) faults.push(`${name} has a wrong preimage`);
    if (invoice?.receivedMsat !== payment.amountMsat) faults.push(`${name}: ${payment.amountMsat} msat sent, ${invoice?.receivedMsat} received`);
    const forwarded = mesh.nodes.flatMap(({ node }) => node.payments.listForwards({ ...ALL, status: 'settled' }).forwards);
    const ours = forwarded.filter(({ paymentHash }) => equals(paymentHash, payment.paymentHash));
    const earnedMsat = sum(ours.map(({ feeMsat }) => feeMsat));
    if (earnedMsat !== payment.feeMsat) faults.push(`${name} cost ${payment.feeMsat} msat in fees, and forwarders earned ${earnedMsat}`);
    const parts = payment.attempts.filter(({ status }) => status === 'succeeded');
    const forwards = parts.reduce((count, { route }) => count + route.hops.length - 1, 0);
    if (forwards !== ours.length) faults.push(`${name} was to be forwarded ${forwards} times, and was ${ours.length} times`);
    const arrived = sum(parts.map(({ route }) => route.amountMsat));
    if (arrived !== payment.amountMsat) faults.push(`${name}: ${parts.length} parts came to ${arrived} msat of ${payment.amountMsat}`);
  }
  for (const { name, node } of mesh.nodes) {
    for (const { paymentHash, status } of node.payments.listProbes(ALL).probes) {
      if (status === 'inFlight') faults.push(`${name}'s probe ${hexOf(paymentHash)} has not ended`);
    }
    for (const { paymentHash, status } of node.payments.listInvoices(ALL).invoices) {
      if (status === 'paid' && !paid.has(hexOf(paymentHash))) faults.push(`${name} was paid for ${hexOf(paymentHash)}, and nobody knows of it`);
      if (status === 'accepted') faults.push(`${name} still holds a payment for ${hexOf(paymentHash)}`);
    }
    for (const { paymentHash, status } of node.payments.listForwards(ALL).forwards) {
      if (status === 'inFlight') faults.push(`${name} still forwards ${hexOf(paymentHash)}`);
      if (status === 'settled' && !paid.has(hexOf(paymentHash))) faults.push(`${name} forwarded ${hexOf(paymentHash)}, which nobody paid`);
    }
  }
  return faults;
}

/** A node has exactly what it had, and what its payments, its forwarding and its channels' transactions made of it. */
function balanceFaults(mesh: Mesh, node: MeshNode, channels: readonly MeshChannel[]): string[] {
  const { payments } = node.node;
  let expectedMsat = COIN_SAT * BigInt(COINS_PER_NODE) * 1_000n;
  for (const { status, receivedMsat } of payments.listInvoices(ALL).invoices) if (status === 'paid') expectedMsat += receivedMsat ?? 0n;
  for (const { status, amountMsat, feeMsat } of payments.listPayments(ALL).payments) {
    if (status === 'succeeded') expectedMsat -= amountMsat + feeMsat;
  }
  for (const { feeMsat } of payments.listForwards(ALL).forwards) expectedMsat += feeMsat;
  let actualMsat = walletSat(node) * 1_000n;
  for (const channel of channels) {
    const { opener, accepter } = channel;
    const own = [opener, accepter].find((end) => end.node === node);
    if (own === undefined) continue;
    const { data, value } = own.snapshot;
    const pushedMsat = pushMsatOf(opener);
    expectedMsat += own === opener ? -pushedMsat - mesh.chain.feeSat(openingOf(opener)) * 1_000n : pushedMsat;
    if (value.lifecycle === 'closed') expectedMsat -= closingCostMsat(channel, own);
    else actualMsat += data.toLocalMsat;
  }
  return actualMsat === expectedMsat ? [] : [`${node.name} has ${actualMsat} msat, expected ${expectedMsat} (${actualMsat - expectedMsat})`];
}

/** What the mutual close took from one end (BOLT 3, "Closing Transaction"): of the opener the fee, of both what is below a satoshi or dust. */
function closingCostMsat({ opener, accepter }: MeshChannel, { snapshot: { data } }: ChannelEnd): bigint {
  // Who hears of it from the chain alone never agreed.
  const agreed = opener.snapshot.data.agreedClosing ?? accepter.snapshot.data.agreedClosing;
  const feeSat = data.isOpener ? (agreed?.feeSatoshis ?? 0n) : 0n;
  const dueSat = data.toLocalMsat / 1_000n - feeSat;
  const isDust = dueSat < data.local.dustLimitSatoshis;
  return data.toLocalMsat - (isDust ? 0n : dueSat * 1_000n);
}

/** Nothing is made and nothing is lost but what the miners got. */
function conservationFaults(mesh: Mesh, channels: readonly MeshChannel[]): string[] {
  const putInSat = COIN_SAT * BigInt(COINS_PER_NODE * mesh.nodes.length);
  const open = channels.filter(({ opener }) => opener.snapshot.value.lifecycle !== 'closed');
  const inChannelsSat = sum(open.map(({ opener }) => opener.snapshot.data.fundingSatoshis));
  const foundSat = sum(mesh.nodes.map(walletSat)) + inChannelsSat + mesh.chain.feesSat;
  return foundSat === putInSat ? [] : [`${putInSat} sat were put in, and ${foundSat} are there`];
}

function walletSat({ node }: MeshNode): bigint {
  const { confirmedSat, unconfirmedSat, reservedSat, immatureSat } = node.wallet.balance();
  return confirmedSat + unconfirmedSat + reservedSat + immatureSat;
}

function openingOf({ snapshot }: ChannelEnd): Transaction {
  return Transaction.fromBuffer(snapshot.data.fundingTransaction ?? new Uint8Array());
}

/** As the journal tells it: the channel's first event says what was pushed. */
function pushMsatOf({ node, index }: ChannelEnd): bigint {
  for (const { entry } of node.node.channelStore.journal(index, 0, 2)) if (entry.event.type === 'open') return entry.event.pushMsat;
  throw new Error(`the journal of ${node.name}'s channel ${index} does not tell how it was opened`);
}

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);
