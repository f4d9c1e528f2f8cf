/** A node's API: the only node of its own server, or one of a cluster's by its name. */
import { routes } from 'virtual:api-methods';
import { send, type HttpMethod } from './request.ts';
import type { Input, MethodName, Output } from './types.ts';

const paths = routes as Readonly<Record<MethodName, string>>;

export interface NodeClient {
  /** Its name in a cluster. */
  readonly name: string | undefined;
  call<Name extends MethodName>(name: Name, input: Input<Name>, signal?: AbortSignal): Promise<Output<Name>>;
}

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

/** The input as path, query and body, as the contract's route has it. */
export function requestOf(
  route: string,
  input: Readonly<Record<string, unknown>>,
): { readonly method: HttpMethod; readonly path: string; readonly body?: unknown } {
  const [method, template = ''] = route.split(' ') as [HttpMethod, string?];
  const rest = new Map(Object.entries(input).filter(([, value]) => value !== undefined));
  const path = template.replace(/\{(\w+)\}/g, (_, field: string) => {
    const value = encodeURIComponent(String(rest.get(field)));
    rest.delete(field);
    return value;
  });
  if (method === 'POST') return { method, path, body: Object.fromEntries(rest) };
  const query = new URLSearchParams([...rest].map(([key, value]) => [key, String(value)])).toString();
  return { method, path: query === '' ? path : `${path}?${query}` };
}
