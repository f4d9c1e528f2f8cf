import { sha256 } from '../../protocols/crypto/hash.ts';
import { defaultPolicy } from '../../machines/channel/policy.ts';
import { newChannelData } from '../../machines/channel/channel.ts';
import { staticChannelOf } from '../../machines/channel/recovering.ts';
import type { BackupOwner } from '../../src/backup/backup-codec.ts';
import type { BackupChannel, BackupContent } from '../../src/backup/backup-content.ts';
import type { BackupFile } from '../../src/backup/backup-file.ts';
import { REGTEST_CHAIN_HASH, signerOf } from '../harness/channel-pair.ts';

export const ownerOf = (name: string, network = 'regtest'): BackupOwner => ({
  network,
  nodeId: signerOf(name).node.nodeId,
  cipher: signerOf(name).backup,
});

export const nonce = new Uint8Array(24).fill(7);

/** A channel of `name` with bob, as a backup has it. */
export function backupChannel(name: string, channelIndex: number, changes: Partial<BackupChannel> = {}): BackupChannel {
  const data = newChannelData({
    channelIndex,
    isOpener: channelIndex % 2 === 0,
    openedAtHeight: 100 + channelIndex,
    localNodeId: signerOf(name).node.nodeId,
    remoteNodeId: signerOf('bob').node.nodeId,
    chainHash: REGTEST_CHAIN_HASH,
    temporaryChannelId: new Uint8Array(32),
    fundingSatoshis: 1_000_000n,
    announce: true,
    feeratePerKw: 1_000,
    openingFeeratePerKw: 1_000,
    publicKeys: signerOf(name).channel(channelIndex).publicKeys,
    shutdownScript: Uint8Array.from([0, 20, ...new Uint8Array(20).fill(channelIndex)]),
    policy: defaultPolicy,
  });
  const remote = { ...data.local, ...signerOf('bob').channel(channelIndex).publicKeys };
  const txid = sha256(new TextEncoder().encode(`funding ${channelIndex}`));
  const known = staticChannelOf({ ...data, remote, funding: { txid, outputIndex: 1 }, shortChannelId: 109_951_162_843_136n });
  if (known === undefined) throw new Error('a channel without a funding');
  return { ...known, addresses: ['/ip4/127.0.0.1/tcp/9735'], ...changes };
}

export const contentOf = (name: string, channels: readonly BackupChannel[]): BackupContent => ({
  createdAtMs: 1_700_000_000_000,
  nodeId: signerOf(name).node.nodeId,
  scanFromHeight: 100,
  nextChannelIndex: 10,
  channels,
});

/** A backup file in memory, which notes how often it was written. */
export class FakeBackupFile implements BackupFile {
  text: string | undefined;
  aside: string[] = [];
  writes = 0;
  /** Writing fails with it while it is set. */
  failure: Error | undefined;

  read(): string | undefined {
    return this.text;
  }

  write(text: string): void {
    if (this.failure !== undefined) throw this.failure;
    this.writes += 1;
    this.text = text;
  }

  setAside(): string {
    this.aside.push(this.text ?? '');
    this.text = undefined;
    return `aside ${this.aside.length}`;
  }
}
