import { newChannelData } from '../../machines/channel/channel.ts';
import { channelIdOfFunding } from '../../machines/channel/channel-id.ts';
import type { ChannelData } from '../../machines/channel/data.ts';
import type { ChannelPolicy } from '../../machines/channel/policy.ts';
import { recoveredChannelData, staticChannelOf } from '../../machines/channel/recovering.ts';
import { encodeJson } from '../../protocols/json.ts';
import { AuditError } from './errors.ts';
import type { AuditHeader } from './header.ts';

/** A channel that is created has no past: nothing is set but what its terms say. Throws `AuditError`. */
export function expectFresh(data: ChannelData, policy: ChannelPolicy): void {
  const known = data.isRecovered ? staticChannelOf(data) : undefined;
  const fresh =
    known === undefined
      ? newChannelData({ ...termsOf(data), publicKeys: data.local, shutdownScript: data.localShutdownScript, policy })
      : recoveredChannelData(known, { localNodeId: data.localNodeId, chainHash: data.chainHash, policy });
  // What a backup kept of our own terms is what holds, whatever the policy is by now.
  const expected: Readonly<Record<string, unknown>> = { ...fresh, ...(known && { local: data.local }) };
  const got = data as unknown as Readonly<Record<string, unknown>>;
  for (const key of new Set([...Object.keys(expected), ...Object.keys(got)])) {
    // An earlier version did not write all of them.
    if (got[key] === undefined || same(expected[key], got[key])) continue;
    throw new AuditError('audit_parameters', `a channel that is created cannot have ${key} ${encodeJson(got[key])}`);
  }
}

const termsOf = (data: ChannelData) => ({
  channelIndex: data.channelIndex,
  isOpener: data.isOpener,
  openedAtHeight: data.openedAtHeight,
  localNodeId: data.localNodeId,
  remoteNodeId: data.remoteNodeId,
  chainHash: data.chainHash,
  temporaryChannelId: data.temporaryChannelId,
  fundingSatoshis: data.fundingSatoshis,
  announce: data.announce,
  feeratePerKw: data.feeratePerKw,
  openingFeeratePerKw: data.openingFeeratePerKw,
});

const staticKeys = [
  'chainHash', 'channelId', 'funding', 'fundingSatoshis', 'shortChannelId', 'announce', 'isOpener', 'localNodeId', 'remoteNodeId', 'local', 'remote',
] as const;

/** The header names the very channel that the journal tells of, by all that never changes. Throws `AuditError`. */
export function expectSameChannel(header: AuditHeader, data: ChannelData): void {
  const { channelId, funding, withheld } = header;
  for (const key of staticKeys) {
    // A reorg may have moved it after what is told here.
    if (same(header[key], data[key]) || (key === 'shortChannelId' && withheld !== undefined)) continue;
    throw new AuditError('audit_parameters', `the header has ${key} ${shown(header[key])}, and the journal ${shown(data[key])}`);
  }
  if (!same(channelIdOfFunding(funding.txid, funding.outputIndex), channelId)) {
    throw new AuditError('audit_parameters', 'the channel id is not that of the funding outpoint');
  }
}

const same = (a: unknown, b: unknown): boolean => shown(a) === shown(b);
const shown = (value: unknown): string => (value === undefined ? 'none' : encodeJson(value));
