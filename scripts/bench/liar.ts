/**
 * A process that tells lies, so that they take no time from whoever measures: reads what to tell, to whom, how fast and how long
 * as JSON from standard input, prints where it is found, and starts when a line follows; then it prints how much it has told so far.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromString } from 'uint8arrays';
import { GossipPeer, type GossipNode } from './gossip-peer.ts';

export interface LiarTask {
  readonly name: string;
  readonly listen: readonly string[];
  readonly nodes: readonly GossipNode[];
  /** In hex. */
  readonly messages: readonly string[];
  readonly perSecond: number;
  readonly seconds: number;
}

const TICKS_PER_SECOND = 10;
const COMES_BACK_MS = 1_000;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async (): Promise<string> => String((await lines.next()).value);

const { name, listen, nodes, messages, perSecond, seconds } = JSON.parse(await next()) as LiarTask;
const peer = await GossipPeer.join(name, nodes, listen);
process.stdout.write(`${JSON.stringify({ id: peer.network.nodeId, address: peer.network.listenAddresses()[0] ?? '' })}\n`);
await next();
// Whoever is hung up on comes back.
setInterval(() => nodes.forEach(({ id, address }) => void peer.network.connect(id, address).catch(() => {})), COMES_BACK_MS);
const until = performance.now() + seconds * 1000;
let told = 0;
while (performance.now() < until) {
  const due = sleep(1000 / TICKS_PER_SECOND);
  const batch = messages.slice(told, told + perSecond / TICKS_PER_SECOND);
  for (const message of batch) await peer.tell(fromString(message, 'hex'));
  told += batch.length;
  process.stdout.write(`${told}\n`);
  await due;
}
await peer.stop();
process.exit(0);
