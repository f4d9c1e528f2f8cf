import { createInterface } from 'node:readline';
import { createLibp2pNetwork } from '../../src/network/libp2p-network.ts';

// A node in a process of its own: takes its key byte and port as arguments, prints its id, address and events as lines
// of JSON, echoes every message, and stops when its input ends.

const [keyByte = '', port = ''] = process.argv.slice(2);
const network = createLibp2pNetwork({
  privateKey: new Uint8Array(32).fill(Number(keyByte)),
  listen: [`/ip4/127.0.0.1/tcp/${port}`],
  chainHash: new Uint8Array(32).fill(6),
});
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

await network.start({
  onPeerConnected: (nodeId) => say({ connected: nodeId }),
  onPeerAddress: () => {},
  onPeerDisconnected: (nodeId, reason) => say({ disconnected: nodeId, reason }),
  onMessage: (nodeId, message) => network.send(nodeId, [message]),
  onGossip: async () => 'accept',
  onGossipDistrusted: (nodeId) => {
    say({ distrusted: nodeId });
    return true;
  },
  onSyncRequest: async function* (_, request) {
    yield request;
  },
});
say({ id: network.nodeId, address: network.listenAddresses()[0] });
for await (const line of createInterface({ input: process.stdin })) {
  const [nodeId = '', address] = line.split(' ');
  await network.connect(nodeId, address);
}
// Nothing may keep the process alive after this: it ends by itself.
await network.stop();
say({ stopped: true });
