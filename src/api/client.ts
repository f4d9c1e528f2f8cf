/** The typed client of a Runnel node's API: `import { createClient } from 'runnel/client'`. */
import { z } from 'zod';
import { contract, methodNames, type Input, type MethodName, type Output } from './contract.ts';
import { ApiError, ConnectionError, errorOfAnswer, parseJson } from './errors.ts';
import { subscribe, type EventSubscription } from './event-subscription.ts';
import type { EventType } from './events.ts';
import { pathFields, type MethodSpec } from './method.ts';

export { findApi } from './access.ts';
export type { Input, MethodName, Output } from './contract.ts';
export { ApiError, ConnectionError, type ErrorKind } from './errors.ts';
export type { EventSubscription } from './event-subscription.ts';
export type { EventType, NodeEvent } from './events.ts';
export type { ChannelRef, StateValue } from './fields.ts';

export interface ClientOptions {
  /** Such as `http://127.0.0.1:9737`. */
  readonly url: string;
  /** The content of the file `api-token` in the node's data folder. */
  readonly token: string;
}

type Methods = {
  /** Amounts are bigint. Rejects with `ApiError`, which is `ConnectionError` where no node answers. */
  [Name in MethodName]: Record<string, never> extends Input<Name>
    ? (input?: Input<Name>, signal?: AbortSignal) => Promise<Output<Name>>
    : (input: Input<Name>, signal?: AbortSignal) => Promise<Output<Name>>;
};

export interface Client extends Methods {
  /**
   * Resolves once the stream stands: nothing that happens after that is missed. All events where `types` is left out.
   */
  events(types?: readonly EventType[]): Promise<EventSubscription>;
}

/** Makes a client; it connects with each call. */
export function createClient(options: ClientOptions): Client {
  const methods = Object.fromEntries(
    methodNames.map(
      (name) => [name, (input: unknown = {}, signal?: AbortSignal) => call(options, contract[name], input, signal)],
    ),
  );
  return { ...(methods as Methods), events: (types) => subscribe(options.url, options.token, types) };
}

async function call(
  { url, token }: ClientOptions,
  spec: MethodSpec,
  input: unknown,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const { request, body } = encodeRequest(spec, input);
  let response: Response;
  let text: string;
  try {
    response = await fetch(new URL(request, url), {
      method: spec.http.method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body,
      signal,
      redirect: 'error',
    });
    text = await response.text();
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    const refused = (cause as { cause?: { code?: unknown } }).cause?.code === 'ECONNREFUSED';
    const what = refused ? `no node answers at ${url}` : `the connection to ${url} was lost before the node answered`;
    throw new ConnectionError('unreachable', url, what, { cause });
  }
  const json = parseJson(text);
  if (!response.ok) throw errorOfAnswer(url, response.status, json);
  const output = z.safeDecode(spec.output, json);
  if (!output.success) {
    throw new ConnectionError(
      'bad_answer',
      url,
      `what answers at ${url} is no Runnel node of this version: ${z.prettifyError(output.error)}`,
    );
  }
  return output.data;
}

/** Throws `ApiError` for an input that the node would refuse. */
function encodeRequest(spec: MethodSpec, input: unknown): { request: string; body: string | undefined } {
  const encoded = z.safeEncode(spec.input, input as z.output<typeof spec.input>);
  if (!encoded.success) throw new ApiError('invalid', 'invalid_request', z.prettifyError(encoded.error));
  const rest = new Map(Object.entries(encoded.data).filter(([, value]) => value !== undefined));
  let path: string = spec.http.path;
  for (const field of pathFields(spec.http.path)) {
    path = path.replace(`{${field}}`, encodeURIComponent(String(rest.get(field))));
    rest.delete(field);
  }
  if (spec.http.method === 'POST') return { request: path, body: JSON.stringify(Object.fromEntries(rest)) };
  const query = new URLSearchParams([...rest].map(([name, value]): [string, string] => [name, String(value)]));
  return { request: query.size === 0 ? path : `${path}?${query}`, body: undefined };
}
