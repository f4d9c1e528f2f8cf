import { formatScid } from '../../../protocols/gossip/short-channel-id.ts';
import type { NodeApi, Output } from '../../api/contract.ts';
import { ApiError } from '../../api/errors.ts';
import type { NoRoute } from '../../routing/no-route.ts';
import type { Route } from '../../routing/route.ts';
import type { FindRouteRequest } from '../../payments/payment-request.ts';
import { DEFAULT_WEIGHTS, type Weights } from '../../routing/weights.ts';
import type { Node } from '../node.ts';
import { defined, paymentView, routeView } from './payment-views.ts';
import { findChannel, nodeName } from './shown-channel.ts';

type Methods = Pick<NodeApi, 'route' | 'rebalance'>;
type Shown = Output<'route'>['routes'][number];

/** Ways that are looked for, and circles, through the API. */
export function routesApi(node: Node): Methods {
  const { payments, router } = node;
  return {
    route: async ({ count = 1, maxParts = 1, why, attemptCostMsat, attemptCostPpm, timeValuePpb, ...question }) => {
      const standard = node.options.weights ?? DEFAULT_WEIGHTS;
      const weights: Weights = {
        attemptCostMsat: attemptCostMsat === undefined ? standard.attemptCostMsat : Number(attemptCostMsat),
        attemptCostPpm: attemptCostPpm ?? standard.attemptCostPpm,
        timeValuePpb: timeValuePpb ?? standard.timeValuePpb,
      };
      const request = payments.routeQuestion({ ...(defined(question) as FindRouteRequest), weights });
      const routes = maxParts > 1 ? partsOf(router.findSplit(request, maxParts)) : bestOf(router.findRoutes(request, count));
      return {
        weights: { ...weights, attemptCostMsat: BigInt(weights.attemptCostMsat) },
        parts: maxParts > 1,
        routes: routes.map((route) => weighed(node, route, weights, why === true)),
      };
    },
    rebalance: async ({ from, to, ...request }) => {
      const scidOf = (ref: string | undefined): bigint | undefined => {
        if (ref === undefined) return undefined;
        const { shortChannelId } = findChannel(node, ref).snapshot.data;
        if (shortChannelId === undefined) throw new ApiError('refused', 'channel_not_usable', 'expected a channel that is open, got one that is not yet');
        return shortChannelId;
      };
      const circle = { from: scidOf(from), to: scidOf(to) };
      const payment = await payments.rebalance({ ...defined(request), ...defined(circle) }, { self: node.nodeId, channels: node.ownChannels.forRouting() });
      return paymentView(payment, (nodeId) => nodeName(node, nodeId));
    },
  };
}

function partsOf(result: ReturnType<Node['router']['findSplit']>): readonly Route[] {
  return result.found ? result.parts.map(({ route }) => route) : refuse(result);
}

function bestOf(result: ReturnType<Node['router']['findRoutes']>): readonly Route[] {
  return 'found' in result ? refuse(result) : result.map(({ route }) => route);
}

function refuse({ message, reason, examined, ruledOut, sendable, least }: NoRoute): never {
  throw new ApiError('refused', 'no_route', message, { details: { reason, examined, ruledOut, ...defined({ sendable, least }) } });
}

function weighed(node: Node, route: Route, weights: Weights, withReasons: boolean): Shown {
  const { hops, chancePpm, costMsat } = node.router.explain(route, weights);
  return {
    ...routeView(route),
    costMsat,
    chancePpm,
    ...(withReasons && {
      reasons: hops.map(({ shortChannelId, isLearned, ...reason }) => ({ ...reason, shortChannelId: formatScid(shortChannelId), learned: isLearned })),
    }),
  };
}
