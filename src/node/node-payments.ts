import { PaymentHub } from '../payments/hub.ts';
import { currencyOf, lossMessage, paymentsEvent } from './api/payments-api.ts';
import { channelDirectory } from './channel-directory.ts';
import type { Node } from './node.ts';

/** The payments of a node that is being made: of what is made after them they ask later. */
export function createPayments(node: Node): PaymentHub {
  const { database, clock, randomBytes, signer, chainName, channelPolicy, events, logger } = node.options;
  return new PaymentHub({
    database,
    clock,
    randomBytes,
    signer: signer.node,
    currency: currencyOf(chainName),
    router: node.router,
    directory: channelDirectory({
      self: node.nodeId,
      channels: node.channels,
      policies: node.policies,
      updates: node.updates,
      channelPolicy,
      gossip: () => node.gossip.store,
      blockHeight: () => node.height,
    }),
    inTurn: (work) => node.dispatcher.inTurn(work),
    publish: (notice) => {
      if (notice.type === 'loss') node.alarms.raise('money_lost', notice.key, { message: lossMessage(notice) });
      if (notice.type === 'lossAverted') node.alarms.clear('money_lost', notice.key);
      const event = paymentsEvent(notice, clock.now());
      if (event !== undefined) events.publish(event);
    },
    onUnexpected: (unexpected) => logger.warn({ ...unexpected }, 'an actor got an event that it has no answer for'),
  });
}
