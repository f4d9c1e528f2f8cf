/** What the cluster's control server is asked and answers, beside the APIs of its nodes. */
import { z } from 'zod';
import type { eventSchema } from '../../api/events.ts';
import { blockHeight, count, integer, nodeId } from '../../api/fields.ts';
import { chainKinds } from '../chain-process.ts';
import { MAX_PER_SECOND } from '../traffic.ts';

const nodeName = z.string().regex(/^[a-z][a-z0-9]{0,31}$/, { error: "expected a node's name, such as alice" });

/** Payments in a second, made for show; 0 for none. */
const perSecond = z.number().min(0).max(MAX_PER_SECOND);

export const meshSchema = z.object({
  /** While the cluster makes the payments that it checks to the msat, nobody else may change anything. */
  phase: z.enum(['preparing', 'ready']),
  nodes: z.array(
    z.object({ name: nodeName, nodeId, state: z.enum(['up', 'starting', 'down']), apiPort: integer(1, 65_535) }),
  ),
  links: z.array(z.object({ a: nodeName, b: nodeName, isCut: z.boolean() })),
  blockHeight,
  chain: z.enum(chainKinds),
  /** How often a block is mined by itself; 0 for never. */
  blockIntervalSeconds: count,
  traffic: z.object({ perSecond, succeeded: count, failed: count }),
});
export type Mesh = z.output<typeof meshSchema>;

/** What the stream tells: an event of a node's as its own API tells it, or the mesh whenever it has changed. */
export type ControlMessage = { readonly node: string; readonly event: z.input<typeof eventSchema> } | { readonly mesh: Mesh };

export const nodeInput = z.strictObject({ name: nodeName });
export const linkInput = z.strictObject({ a: nodeName, b: nodeName }).refine(({ a, b }) => a !== b, {
  error: 'expected two nodes, got the same twice',
  path: ['b'],
});
export const mineInput = z.strictObject({ blocks: integer(1, 200) });
export const trafficInput = z.strictObject({ perSecond });
