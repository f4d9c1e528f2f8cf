import { createServer, type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { createLibp2pNetwork } from '../../src/network/libp2p-network.ts';
import { listenError } from '../../src/network/listen-error.ts';
import { hintOf, kindOf } from '../../src/api/errors.ts';

it('names the port that is taken, in one line', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  const listen = [`/ip4/127.0.0.1/tcp/${port}`];
  const network = createLibp2pNetwork({ privateKey: new Uint8Array(32).fill(1), listen, chainHash: new Uint8Array(32) });
  const starting = network.start({} as never);
  await expect(starting).rejects.toMatchObject({
    code: 'listen_failed',
    message: `could not listen on ${listen[0]}: port ${port} of 127.0.0.1 is in use by another program`,
  });
  await network.stop();
  other.close();
});

it.each([
  ['a:\n  /x: Error: listen EADDRNOTAVAIL: address not available 10.9.9.9:9735\n   at x', 'cannot listen at 10.9.9.9:9735: address not available'],
  ['listen EACCES: permission denied /run/socket', 'permission denied /run/socket'],
  ['something else\nand where', 'something else'],
])('says what the system says: %j', (text, why) => {
  const error = listenError(['/x', '/y'], new Error(text));
  expect(error.message).toBe(`could not listen on /x, /y: ${why}`);
  expect(hintOf(error)).toContain('--listen');
  expect(kindOf(error)).toBe('unavailable');
});
