/** The network as gossip tells it. */
import { z } from 'zod';
import { hex, nodeId, sat, shortChannelId, unixSeconds } from '../fields.ts';
import { method } from '../method.ts';
import { policy } from './channel-types.ts';
import { ALICE, BOB, SCID } from './examples.ts';

const announcedPolicy = policy.extend({ updatedAt: unixSeconds }).meta({ id: 'AnnouncedPolicy' });

const graphNode = z
  .object({
    nodeId,
    alias: z.string().optional(),
    color: z.string().optional(),
    addresses: z.array(z.string()),
    features: hex.optional(),
    updatedAt: unixSeconds.optional().meta({ description: 'Absent for a node known by its channels only' }),
  })
  .meta({ id: 'GraphNode' });

const graphChannel = z
  .object({
    shortChannelId,
    node1: nodeId,
    node2: nodeId,
    capacitySat: sat.optional(),
    policy1: announcedPolicy.optional().meta({ description: "node1's policy" }),
    policy2: announcedPolicy.optional().meta({ description: "node2's policy" }),
  })
  .meta({ id: 'GraphChannel' });

const examplePolicy = {
  feeBaseMsat: '1000',
  feeProportionalMillionths: 100,
  cltvExpiryDelta: 40,
  htlcMinimumMsat: '1',
  htlcMaximumMsat: '100000000',
  disabled: false,
  updatedAt: 1_795_000_000,
};

export const graphMethods = {
  graph: method({
    summary: 'Show the nodes and channels of the network, all or those around one node',
    http: { method: 'GET', path: '/v1/graph' },
    input: z.strictObject({
      nodeId: nodeId.optional().meta({ description: 'Only this node, its channels and who is at their other ends' }),
    }),
    output: z.object({ nodes: z.array(graphNode), channels: z.array(graphChannel) }),
    cli: { args: ['nodeId'], example: 'runnel graph' },
    example: {
      input: {},
      output: {
        nodes: [
          {
            nodeId: ALICE,
            alias: 'alice',
            color: '#3399ff',
            addresses: ['/ip4/127.0.0.1/tcp/9735'],
            updatedAt: 1_795_000_000,
          },
          { nodeId: BOB, addresses: [] },
        ],
        channels: [{ shortChannelId: SCID, node1: ALICE, node2: BOB, capacitySat: '100000', policy1: examplePolicy }],
      },
    },
  }),
};
