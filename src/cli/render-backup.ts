/** Backups for people. */
import type { Output } from '../api/contract.ts';
import { list, table, time } from './text.ts';

export function renderBackup({ createdAt, nodeId, network, scanFromHeight, channels }: Output<'verifybackup'>): string {
  const about = list({ 'node id': nodeId, network, 'made at': time(createdAt), 'scan from block': scanFromHeight });
  const rows = channels.map((channel) => [
    channel.shortChannelId ?? channel.channelId.slice(0, 16),
    channel.nodeId,
    channel.capacitySat,
    channel.known,
    channel.addresses.join(' '),
  ]);
  return `The backup is good.\n\n${about}\n\n${table(['CHANNEL', 'PEER', 'SAT', 'KNOWN HERE', 'ADDRESSES'], rows, 'It has no channels.')}`;
}
