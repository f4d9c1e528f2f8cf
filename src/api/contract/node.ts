/** The node itself: what it is, and how to stop it. */
import { z } from 'zod';
import { blockHeight, count, hash32, nodeId, u16 } from '../fields.ts';
import { method } from '../method.ts';
import { ALICE, BLOCK_HASH } from './examples.ts';
import { alarm } from './pending-types.ts';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export const logLevel = z.enum(logLevels);

const nodeInfo = z
  .object({
    nodeId,
    peerId: z.string().meta({ description: 'The same key as a libp2p PeerId' }),
    alias: z.string(),
    color: z.string().regex(/^#[0-9a-f]{6}$/),
    version: z.string(),
    network: z.string().meta({ description: 'regtest, signet, testnet4, test or main' }),
    blockHeight,
    blockHash: hash32,
    syncedToChain: z.boolean().meta({ description: "Whether the node has worked through the chain's tip" }),
    addresses: z.array(z.string()).meta({ description: 'Where others can dial: multiaddrs (the mesh), host:port (Lightning)' }),
    numPeers: count,
    numActiveChannels: count.meta({ description: 'Normal, with the peer online' }),
    numInactiveChannels: count.meta({ description: 'Normal, with the peer offline' }),
    numPendingChannels: count.meta({ description: 'Opening or closing' }),
    numClosingChannels: count.meta({ description: 'Of these, those on their way into the chain: see `pending`' }),
    numGraphNodes: count,
    numGraphChannels: count,
    apiPort: u16,
    alarms: z.array(alarm).meta({ description: 'Where the node cannot go on by itself' }),
  })
  .meta({ id: 'NodeInfo' });

export const nodeMethods = {
  getinfo: method({
    summary: 'Show what this node is: id, addresses, network, block height, counts',
    http: { method: 'GET', path: '/v1/info' },
    input: z.strictObject({}),
    output: nodeInfo,
    cli: { args: [], example: 'runnel getinfo' },
    example: {
      input: {},
      output: {
        nodeId: ALICE,
        peerId: '16Uiu2HAmExamplePeerIdOfTheSameKey',
        alias: 'alice',
        color: '#3399ff',
        version: '0.1.0',
        network: 'regtest',
        blockHeight: 109,
        blockHash: BLOCK_HASH,
        syncedToChain: true,
        addresses: ['/ip4/127.0.0.1/tcp/9736', '127.0.0.1:9735'],
        numPeers: 2,
        numActiveChannels: 2,
        numInactiveChannels: 0,
        numPendingChannels: 0,
        numClosingChannels: 0,
        numGraphNodes: 5,
        numGraphChannels: 5,
        apiPort: 9737,
        alarms: [],
      },
    },
  }),
  debuglevel: method({
    summary: 'Show the log level, or change it until the next start',
    http: { method: 'POST', path: '/v1/debuglevel' },
    input: z.strictObject({ level: logLevel.optional().meta({ description: 'New level' }) }),
    output: z.object({ level: logLevel }),
    cli: { args: ['level'], example: 'runnel debuglevel debug' },
    example: { input: { level: 'debug' }, output: { level: 'debug' } },
  }),
  stop: method({
    summary: 'Stop the daemon, after what it has begun is safe on disk',
    description: 'Channels stay open: a stopped node closes and loses none. The answer comes before the daemon is gone.',
    http: { method: 'POST', path: '/v1/stop' },
    input: z.strictObject({}),
    output: z.object({}),
    cli: { args: [], example: 'runnel stop' },
    example: { input: {}, output: {} },
  }),
};
