/** A node's API: the only node of its own server, or one of a cluster's by its name. */
import { routes } from 'virtual:api-methods';
import { requestOf } from './request-of.ts';
import { send } from './request.ts';
import type { MethodName, NodeClient, Output } from './types.ts';

const paths = routes as Readonly<Record<MethodName, string>>;

export function createNodeClient(name?: string): NodeClient {
  const base = name === undefined ? '' : `/nodes/${encodeURIComponent(name)}`;
  return {
    name,
    async call(methodName, input, signal) {
      const { method, path, body } = requestOf(paths[methodName], input as Readonly<Record<string, unknown>>);
      return (await send(method, `${base}${path}`, body, signal)) as Output<typeof methodName>;
    },
  };
}
