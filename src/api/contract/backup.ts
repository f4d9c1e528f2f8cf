/** The backup of the channels: to be kept elsewhere, and looked into. A node brings one back as it starts. */
import { z } from 'zod';
import { blockHeight, channelId, count, nodeId, outpoint, sat, shortChannelId } from '../fields.ts';
import { method } from '../method.ts';
import { ALICE, BOB, CHANNEL, OUTPOINT, SCID } from './examples.ts';

/** As much as a request may hold: far more channels than a node has. */
const MAX_BACKUP_BYTES = 32 * 1024 * 1024;
const EXAMPLE = 'runnel-channel-backup v1 regtest 5f0e2d91c3ab7764 AAECAwQFBgcICQoLDA0ODw==';

const backup = z.string().max(MAX_BACKUP_BYTES).meta({ description: 'A channel backup as text, as it stands in channel.backup' });

const backupChannel = z
  .object({
    channelId,
    shortChannelId: shortChannelId.optional().meta({ description: 'Absent if it was not confirmed' }),
    nodeId,
    addresses: z.array(z.string()).meta({ description: 'Multiaddrs where the peer may be found' }),
    fundingOutpoint: outpoint,
    capacitySat: sat,
    opener: z.enum(['local', 'remote']),
    openedAtHeight: blockHeight,
    known: z.boolean().meta({ description: 'This node knows the channel: it would not be restored here' }),
  })
  .meta({ id: 'BackupChannel' });

export const backupMethods = {
  exportbackup: method({
    summary: 'Give out the backup of the channels, to be kept somewhere else',
    description:
      'Printed, or written to the file that --out names. It is what stands in channel.backup in the data folder: ' +
      'encrypted, and of use to nobody without the seed. It changes when a channel is opened, confirmed or over, which ' +
      'the event `backup` tells. With it and the seed, an empty node asks the peers to close, and gets back what is ours ' +
      'in the channels: see `runneld --restore-backup`.',
    http: { method: 'GET', path: '/v1/backup' },
    input: z.strictObject({}),
    output: z.object({ backup, numChannels: count }),
    cli: {
      verb: 'backup export',
      args: [],
      writesFile: 'backup',
      example: 'runnel backup export',
    },
    example: { input: {}, output: { backup: EXAMPLE, numChannels: 2 } },
  }),
  verifybackup: method({
    summary: 'Check that a backup can be read, and show what restoring it would bring back',
    description: 'Nothing is changed. It fails for a backup that is damaged, or of another seed, network or version.',
    http: { method: 'POST', path: '/v1/backup/verify', bodyLimitBytes: MAX_BACKUP_BYTES + 65_536 },
    input: z.strictObject({ backup }),
    output: z.object({
      createdAt: z.int().min(0).meta({ description: 'Unix time in seconds' }),
      nodeId,
      network: z.string(),
      scanFromHeight: blockHeight.meta({ description: 'From where on a restore looks through the chain' }),
      numRestorable: count.meta({ description: 'Channels that this node does not know and would restore' }),
      channels: z.array(backupChannel),
    }),
    cli: {
      verb: 'backup verify',
      args: ['backup'],
      readsFile: 'backup',
      example: 'runnel backup verify channel.backup',
    },
    example: {
      input: { backup: EXAMPLE },
      output: {
        createdAt: 1_795_000_000,
        nodeId: ALICE,
        network: 'regtest',
        scanFromHeight: 100,
        numRestorable: 0,
        channels: [
          {
            channelId: CHANNEL,
            shortChannelId: SCID,
            nodeId: BOB,
            addresses: ['/ip4/127.0.0.1/tcp/9736'],
            fundingOutpoint: OUTPOINT,
            capacitySat: '100000',
            opener: 'local',
            openedAtHeight: 102,
            known: true,
          },
        ],
      },
    },
  }),
};
