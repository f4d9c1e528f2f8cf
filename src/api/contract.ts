/**
 * The API's one table of methods. The server's routes, the OpenAPI description, the typed client, the CLI's verbs and
 * the interface that the node implements are all derived from it.
 */
import type { z } from 'zod';
import { auditMethods } from './contract/audit.ts';
import { backupMethods } from './contract/backup.ts';
import { channelsMethods } from './contract/channels.ts';
import { forwardsMethods } from './contract/forwards.ts';
import { graphMethods } from './contract/graph.ts';
import { momentsMethods } from './contract/moments.ts';
import { nodeMethods } from './contract/node.ts';
import { overviewMethods } from './contract/overview.ts';
import { paymentsMethods } from './contract/payments.ts';
import { peersMethods } from './contract/peers.ts';
import { pendingMethods } from './contract/pending.ts';
import { probesMethods } from './contract/probes.ts';
import { routesMethods } from './contract/routes.ts';
import { walletMethods } from './contract/wallet.ts';

/** In the order in which help shows them. */
export const contract = {
  ...nodeMethods,
  ...overviewMethods,
  ...walletMethods,
  ...peersMethods,
  ...channelsMethods,
  ...momentsMethods,
  ...auditMethods,
  ...pendingMethods,
  ...backupMethods,
  ...paymentsMethods,
  ...probesMethods,
  ...routesMethods,
  ...forwardsMethods,
  ...graphMethods,
};

export type Contract = typeof contract;
export type MethodName = keyof Contract;
export const methodNames = Object.keys(contract) as readonly MethodName[];

/** A method's input and output as the node and the client see them: amounts are bigint. */
export type Input<Name extends MethodName> = z.output<Contract[Name]['input']>;
export type Output<Name extends MethodName> = z.output<Contract[Name]['output']>;

/** All of the API, as the server answers it: one function a method. */
export type Api = {
  [Name in MethodName]: (input: Input<Name>) => Promise<Output<Name>>;
};

/**
 * What the node does for the API. Input is valid by the contract's schema. A function rejects with a `RunnelError`:
 * `ApiError` (src/api/errors.ts) where the answer's HTTP status or hint matters. Anything else that is thrown is a bug
 * and is answered as an internal error.
 *
 * `pay`, `keysend`, `rebalance` and `probe` may resolve as soon as the payment or probe is on disk, in flight: the server
 * holds the request until a `payment` or `probe` event tells its end. The daemon around the node answers `stop` and `debuglevel`, and adds to `getinfo` what
 * only it knows.
 */
export type NodeApi = Omit<Api, 'stop' | 'debuglevel' | 'getinfo'> & {
  getinfo(input: Input<'getinfo'>): Promise<Omit<Output<'getinfo'>, 'version' | 'apiPort'>>;
};
