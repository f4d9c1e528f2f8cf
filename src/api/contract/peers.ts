/** Peers: who is connected, and to whom to connect. */
import { z } from 'zod';
import { count, hex, nodeId, peerAddress, unixSeconds } from '../fields.ts';
import { method } from '../method.ts';
import { BOB } from './examples.ts';

const peer = z
  .object({
    nodeId,
    alias: z.string().optional(),
    address: z.string().optional().meta({ description: 'host:port (Lightning) or multiaddr (the mesh) of the present or the last connection' }),
    connected: z.boolean(),
    inbound: z.boolean().optional().meta({ description: 'Whether the peer dialled us' }),
    connectedAt: unixSeconds.optional(),
    features: hex.optional().meta({ description: "The peer's feature bits as it sent them in init" }),
    numChannels: count,
    heldApart: z
      .boolean()
      .optional()
      .meta({ description: 'No connection is made or taken until `connect`, after `disconnect --stay`' }),
  })
  .meta({ id: 'Peer' });

export const peersMethods = {
  connect: method({
    summary: 'Connect to a node, at its address or where the mesh or gossip find it',
    description:
      'Returns once both sides have exchanged init. The node reconnects by itself to peers that it has channels with.',
    http: { method: 'POST', path: '/v1/peers' },
    input: z.strictObject({ nodeId, address: peerAddress.optional() }),
    output: peer,
    cli: { args: ['nodeId', 'address'], example: `runnel connect ${BOB}@127.0.0.1:9735` },
    example: {
      input: { nodeId: BOB, address: '/ip4/127.0.0.1/tcp/9736' },
      output: {
        nodeId: BOB,
        alias: 'bob',
        address: '/ip4/127.0.0.1/tcp/9736',
        connected: true,
        inbound: false,
        numChannels: 0,
      },
    },
  }),
  disconnect: method({
    summary: 'Disconnect from a peer',
    description:
      'A peer with channels is refused unless --force or --stay is given, since its channels are of no use meanwhile. The ' +
      'node connects again by itself to a peer with channels; with --stay it does not, and takes no connection from the ' +
      'peer either, until `connect` or the next start.',
    http: { method: 'DELETE', path: '/v1/peers/{nodeId}' },
    input: z.strictObject({
      nodeId,
      force: z.boolean().optional().meta({ description: 'Also with channels open' }),
      stay: z.boolean().optional().meta({ description: 'Stay apart until `connect`, or the next start; also with channels open' }),
    }),
    output: z.object({}),
    cli: { args: ['nodeId'], example: `runnel disconnect ${BOB}` },
    example: { input: { nodeId: BOB, force: true }, output: {} },
  }),
  peers: method({
    summary: 'List the peers, connected or with channels',
    http: { method: 'GET', path: '/v1/peers' },
    input: z.strictObject({}),
    output: z.object({ peers: z.array(peer) }),
    cli: { args: [], example: 'runnel peers' },
    example: {
      input: {},
      output: {
        peers: [
          {
            nodeId: BOB,
            alias: 'bob',
            address: '/ip4/127.0.0.1/tcp/9736',
            connected: true,
            inbound: false,
            connectedAt: 1_795_000_000,
            features: '80000000002002',
            numChannels: 1,
          },
        ],
      },
    },
  }),
};
