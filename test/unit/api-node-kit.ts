/** As much of a node as the API's methods of channels ask for, around the parts of a bench. */
import { expect } from 'vitest';
import { z } from 'zod';
import { contract, type Output } from '../../src/api/contract.ts';
import { hexOf } from '../../src/channels/channel-store.ts';
import { Alarms } from '../../src/node/alarms.ts';
import { channelsApi } from '../../src/node/api/channels-api.ts';
import { pendingApi } from '../../src/node/api/pending-api.ts';
import type { Node } from '../../src/node/node.ts';
import { defaultPolicy } from '../../machines/channel/policy.ts';
import { signerOf } from '../harness/channel-pair.ts';
import { type Bench, benchWith, Remote } from './node-bench.ts';
import { silentLog } from './node-kit.ts';

export function nodeOf(bench: Bench): Node & { readonly alarms: Alarms } {
  const node = {
    nodeId: bench.nodeId,
    options: {
      chain: { feeratePerKw: async () => 1_000 },
      chainName: 'regtest',
      channelPolicy: defaultPolicy,
      clock: bench.clock,
      signer: signerOf('bob'),
    },
    channels: bench.channels,
    channelStore: bench.store,
    dispatcher: { inTurn: async (work: Parameters<Bench['run']>[0]) => bench.run(work) },
    wallet: bench.wallet,
    gossip: { store: { nodeAnnouncement: () => undefined } },
    graph: { policy: () => undefined },
    policies: { of: () => ({ feeBaseMsat: 0, feeProportionalMillionths: 0, cltvExpiryDelta: 40 }) },
    sweeper: { status: () => undefined, isPostponed: () => false },
    alarms: new Alarms({ logger: silentLog }),
    get height() {
      return bench.blockHeight;
    },
  };
  return node as unknown as Node & { readonly alarms: Alarms };
}

export interface World {
  readonly bench: Bench;
  readonly alice: Remote;
  readonly node: Node & { readonly alarms: Alarms };
  readonly channel: string;
  readonly close: (input?: { readonly force?: boolean; readonly address?: string }) => Promise<Output<'close'>>;
}

/** A channel that alice opened with the bench: 1,000,000 sat, 300,000 of them the bench's; brought where `reach` says. */
export function world(reach: (alice: Remote) => void = (alice) => alice.reachNormal({ pushMsat: 300_000_000n })): World {
  const bench = benchWith('alice');
  const alice = new Remote(bench);
  reach(alice);
  const node = nodeOf(bench);
  const { data } = bench.channelOf('alice');
  const channel = hexOf(data.channelId ?? data.temporaryChannelId);
  const api = channelsApi(node);
  // As the server answers: valid by the contract.
  const close: World['close'] = async (input = {}) => {
    const output = await api.close({ channel, ...input });
    return z.decode(contract.close.output, z.encode(contract.close.output, output));
  };
  return { bench, alice, node, channel, close };
}

export interface Shown {
  readonly pending: Output<'pending'>;
  readonly detail: Output<'channel'>;
  readonly summary: Output<'channels'>['channels'][number] | undefined;
}

export async function shown({ node, channel }: World): Promise<Shown> {
  const pending = await pendingApi(node).pending({});
  const detail = await channelsApi(node).channel({ channel });
  const { channels } = await channelsApi(node).channels({ closed: true });
  for (const [name, output] of [['pending', pending], ['channel', detail], ['channels', { channels }]] as const) {
    const schema = contract[name].output as z.ZodType;
    expect(z.decode(schema, z.encode(schema, output))).toEqual(output);
  }
  return { pending, detail, summary: channels.find(({ channelId }) => channelId === channel) };
}
