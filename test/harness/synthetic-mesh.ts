/** A cluster that is not there: its server answers for hundreds of made-up nodes, and tells their HTLCs, to see the dashboard under load. */
import { contract } from '../../src/api/contract.ts';
import { createHttpServer } from '../../src/api/http-server.ts';
import { SocketClients } from '../../src/api/socket-clients.ts';
import type { Mesh } from '../../src/cluster/control/contract.ts';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { addDashboard } from '../../src/dashboard/serve.ts';
import { createLogger } from '../../src/logging.ts';
import { TOKEN } from '../unit/api-fake-node.ts';

export interface SyntheticMesh {
  /** The dashboard's address with the token. */
  readonly link: string;
  /** Tells so many HTLCs on random channels, each on its way out and back. */
  pay(count: number): void;
  close(): Promise<void>;
}

interface Channel {
  readonly channelId: string;
  readonly shortChannelId: string;
  readonly ends: readonly [number, number];
  readonly localMsat: bigint;
}

const CAPACITY_SAT = 1_000_000n;

export async function startSyntheticMesh(numNodes: number, numChannels: number): Promise<SyntheticMesh> {
  const random = new SeededRandom('synthetic mesh');
  const nodes = Array.from({ length: numNodes }, (_, index) => ({
    name: `node${index}`,
    nodeId: `02${index.toString(16).padStart(64, '0')}`,
    state: index % 50 === 49 ? ('down' as const) : ('up' as const),
    apiPort: 1,
  }));
  const channels = Array.from({ length: numChannels }, (_, index): Channel => {
    // Each node has one with an earlier node, so that all hang together; the others are anywhere.
    const a = index < numNodes - 1 ? index + 1 : random.below(numNodes);
    const b = index < numNodes - 1 ? random.below(index + 1) : (a + 1 + random.below(numNodes - 1)) % numNodes;
    const localMsat = BigInt(random.below(1_001)) * CAPACITY_SAT;
    return { channelId: index.toString(16).padStart(64, '0'), shortChannelId: `1x${index}x0`, ends: [a, b], localMsat };
  });
  const mesh: Mesh = {
    phase: 'ready',
    nodes,
    links: [],
    blockHeight: 100,
    chain: 'embedded',
    blockIntervalSeconds: 0,
    traffic: { perSecond: 0, succeeded: 0, failed: 0 },
  };

  const logger = createLogger({ level: 'silent', format: 'json' }, { write: () => {} });
  const server = createHttpServer({ token: TOKEN, routeHint: '', portFlag: '', logger });
  const clients = new SocketClients<'all'>(logger);
  await addDashboard(server.app, { kind: 'cluster', version: 'synthetic' });
  server.app.get('/cluster/mesh', () => mesh);
  server.app.get('/nodes/:name/v1/channels', (request) => {
    const index = nodes.findIndex(({ name }) => name === (request.params as { name: string }).name);
    return { channels: channels.filter(({ ends }) => ends.includes(index)).map((channel) => summaryOf(channel, index)) };
  });
  server.addStream('/cluster/events', {
    accept: (request, socket, head) => clients.accept(request, socket, head, 'all', () => JSON.stringify({ mesh })),
    close: () => clients.close('the test is over'),
  });

  const [example] = contract.channels.example.output.channels;
  const summaryOf = ({ channelId, shortChannelId, ends, localMsat }: Channel, index: number): unknown => {
    const [opener, accepter] = ends;
    const ours = index === opener ? localMsat : CAPACITY_SAT * 1_000n - localMsat;
    const theirs = CAPACITY_SAT * 1_000n - ours;
    return {
      ...example,
      channelId,
      shortChannelId,
      nodeId: nodes[index === opener ? accepter : opener]?.nodeId,
      capacitySat: String(CAPACITY_SAT),
      localMsat: String(ours),
      remoteMsat: String(theirs),
    };
  };
  let lastHtlc = 0;
  const pay = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const { channelId, ends } = channels[random.below(numChannels)]!;
      const htlc = { type: 'htlc', timeMs: 1, channelId, htlcId: String(++lastHtlc), direction: 'offered', paymentHash: channelId, amountMsat: '1000' };
      for (const state of ['SENT_ADD_COMMIT', 'RCVD_REMOVE_HTLC']) {
        clients.send(() => JSON.stringify({ node: nodes[ends[0]]?.name, event: { ...htlc, state } }));
      }
    }
  };
  const port = await server.listen(0);
  return { link: `http://127.0.0.1:${port}/#token=${TOKEN}`, pay, close: () => server.close() };
}
