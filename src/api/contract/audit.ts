/** What an auditor gets of a channel; the rest is its journal. */
import { z } from 'zod';
import { channelId, channelRef, count, hash32, hex } from '../fields.ts';
import { method } from '../method.ts';
import { CHANNEL, HASH, SCID } from './examples.ts';

export const auditMethods = {
  audit: method({
    summary: 'Write a channel to a file that anyone can verify: its journal, its parameters and public keys',
    description:
      'The file holds no secret with which money could be moved, but every payment that went through the channel. Without --out it is printed. ' +
      '`runnel audit verify` checks it on any machine, and `runnel audit compare` holds it against the peer’s. Entries from which on the journal holds a ' +
      'preimage that the peer does not have yet are withheld; export again once it has it.',
    http: { method: 'GET', path: '/v1/channels/{channel}/audit' },
    input: z.strictObject({ channel: channelRef }),
    output: z.object({
      channelId,
      header: z.string().meta({ description: 'The header of the file, exactly as it is signed' }),
      signatures: z.object({ funding: hex, node: hex }).meta({ description: 'For the header, of the funding key and of the node key' }),
      first: count.meta({ description: 'The first entry of the file' }),
      numEntries: count.meta({ description: 'How many entries of the journal follow the header' }),
      headHash: hash32.meta({ description: 'The hash of the last of them' }),
      numWithheld: count.meta({ description: 'Entries at the end of the journal that are withheld' }),
    }),
    cli: { verb: 'audit export', args: ['channel'], writesFile: 'header', example: `runnel audit export ${SCID} --out channel.audit` },
    example: {
      input: { channel: SCID },
      output: { channelId: CHANNEL, header: '{"format":"runnel-audit"}', signatures: { funding: HASH.repeat(2), node: HASH.repeat(2) }, first: 0, numEntries: 127, headHash: HASH, numWithheld: 0 },
    },
  }),
};
