/** Audits for people. */
import type { Output } from '../api/contract.ts';
import type { CompareReport, ComparedRange, Divergence, Version } from '../audit/compare.ts';
import type { AuditReport } from '../audit/report.ts';
import { harmless, list, section, table, time } from './text.ts';
import { formatMsat } from '../amounts.ts';

export function renderExport({ channelId, first, numEntries, headHash, numWithheld }: Output<'audit'>): string {
  const facts = list({ channel: channelId, entries: `${first} to ${first + numEntries - 1}`, 'last hash': headHash });
  if (numWithheld === 0) return facts;
  return `${facts}\n\n${numWithheld} later entries are withheld: they hold a preimage that the peer does not have yet. Export again once it has it.`;
}

export function renderReport(report: AuditReport): string {
  const { holds, failure, notChecked } = report;
  const parts = [
    holds ? 'Everything in the file holds.' : 'The file does not hold.',
    ...(failure ? [section('WHAT DOES NOT HOLD', failureText(failure))] : []),
    ...channelText(report),
    section(holds ? 'WHAT HOLDS' : 'WHAT HELD BEFORE', checkedText(report)),
    ...(notChecked.length > 0 ? [section('WHAT THIS DOES NOT SHOW', notChecked.map((each) => `- ${each}`).join('\n'))] : []),
  ];
  return parts.join('\n\n');
}

function failureText({ sequence, line, code, reason }: NonNullable<AuditReport['failure']>): string {
  return list({ ...(sequence !== undefined && { entry: sequence }), line, code, reason });
}

function channelText({ channel, state, entries }: AuditReport): string[] {
  if (channel === undefined) return [];
  const facts = list({
    channel: channel.channelId,
    'short channel id': channel.shortChannelId,
    funding: channel.fundingOutpoint,
    'funding script': channel.fundingScript,
    network: channel.network,
    'capacity (sat)': channel.capacitySat,
    'node (made the file)': channel.nodeId,
    'its funding key': channel.nodeFundingKey,
    peer: channel.peerId,
    "the peer's funding key": channel.peerFundingKey,
    'opened by': channel.opener === 'local' ? 'the node' : 'the peer',
    'made at': `${time(channel.madeAtMs / 1_000) ?? '-'}, by Runnel ${channel.software}`,
    ...(entries && { entries: `${entries.first} to ${entries.last}, from ${stamp(entries.firstTimeMs)} to ${stamp(entries.lastTimeMs)}` }),
    ...(state && {
      'state at the end': state.lifecycle,
      "node's balance (sat)": formatMsat(BigInt(state.localMsat)),
      "peer's balance (sat)": formatMsat(BigInt(state.remoteMsat)),
      'in HTLCs (sat)': formatMsat(BigInt(state.inHtlcsMsat)),
      'pending HTLCs': state.pendingHtlcs,
    }),
  });
  return [section('CHANNEL', facts)];
}

function checkedText({ checked }: AuditReport): string {
  return list({
    'entries, in an unbroken chain': checked.entries,
    'turns, each with the row that follows': checked.turns,
    checkpoints: checked.checkpoints,
    "commitments of the node's that the peer signed": checked.commitmentsSignedByPeer,
    "commitments of the peer's that the node signed": checked.commitmentsSignedByUs,
    'HTLC signatures of the peer': checked.htlcSignaturesByPeer,
    'HTLC signatures of the node': checked.htlcSignaturesByUs,
    'revocation secrets of the peer': checked.revocationSecretsOfPeers,
    'revocation secrets of the node': checked.revocationSecretsOfOurs,
    'closing signatures of the peer': checked.closingSignaturesByPeer,
    'closing signatures of the node': checked.closingSignaturesByUs,
    'gossip signatures': checked.gossipSignatures,
    ...(checked.refusedMessages > 0 && { 'messages of the peer that the node refused': checked.refusedMessages }),
    'HTLCs that the node offered': checked.htlcsOffered,
    'HTLCs that the peer offered': checked.htlcsReceived,
  });
}

const stamp = (ms: number): string => time(ms / 1_000) ?? '-';

export function renderCompare({ agrees, files, compared, divergence, failure }: CompareReport, names: readonly [string, string]): string {
  const headline = agrees ? 'Both files hold, and agree on every commitment that both have.' : 'The files do not agree.';
  const rows = files.map(({ channel, entries, holds }, index) => [names[index], channel?.nodeId, entries && `${entries.first} to ${entries.last}`, holds ? 'holds' : 'does not hold']);
  return [
    headline,
    ...(failure ? [section('WHY', harmless(failure.reason))] : []),
    ...(divergence ? [section('FIRST DIFFERENCE', divergenceText(divergence))] : []),
    section('FILES', table(['FILE', 'NODE', 'ENTRIES', 'BY ITSELF'], rows, '')),
    ...files.flatMap((file, index) => (file.failure ? [section(`WHAT DOES NOT HOLD IN ${names[index]}`, failureText(file.failure))] : [])),
    ...(compared.length > 0 ? [section('COMMITMENTS', table(['OF', 'COMPARED', 'ONLY ITS OWNER HAS', 'ONLY THE PEER HAS'], compared.map(rangeRow), ''))] : []),
  ].join('\n\n');
}

const rangeRow = ({ ownerId, first, last, onlyOwner, onlyPeer }: ComparedRange) => [
  ownerId, first === undefined ? 'none' : `${first} to ${last}`, onlyOwner, onlyPeer,
];

function divergenceText({ ownerId, commitmentNumber, explanation, versions }: Divergence): string {
  const title = `Commitment ${commitmentNumber} of ${ownerId}: ${explanation}.`;
  return [title, ...versions.map((version) => section(`In the file of ${version.inFileOf}`, versionText(version)))].join('\n\n');
}

function versionText(version: Version): string {
  const facts = list({
    entry: version.sequence,
    txid: version.txid,
    "its owner's balance (sat)": formatMsat(BigInt(version.toOwnerMsat)),
    "the other's balance (sat)": formatMsat(BigInt(version.toPeerMsat)),
    'feerate (sat per kw)': version.feeratePerKw,
    signature: version.signature,
    'HTLC signatures': version.htlcSignatures.length,
  });
  const htlcs = version.htlcs.map(({ id, offeredBy, amountMsat, cltvExpiry, paymentHash }) => [id, offeredBy, formatMsat(BigInt(amountMsat)), cltvExpiry, paymentHash]);
  return `${facts}\n${table(['HTLC', 'OFFERED BY', 'SAT', 'EXPIRY', 'PAYMENT HASH'], htlcs, 'no HTLCs')}`;
}
