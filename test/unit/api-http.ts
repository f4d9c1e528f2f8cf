/** An API server before a fake node, one a test, and requests to it as a stranger would make them. */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { contract, type Api } from '../../src/api/contract.ts';
import type { ApiServer } from '../../src/api/server.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { fakeNode, serve, TOKEN, type FakeNode } from './api-fake-node.ts';

export let server: ApiServer | undefined;
export let fake: FakeNode;

export async function start(overrides: Partial<Api> = {}, clock?: Clock): Promise<void> {
  fake = fakeNode(overrides);
  server = await serve(fake, clock);
}

/** To be called after each test. */
export async function stop(): Promise<void> {
  await server?.close();
  server = undefined;
}

export interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- what a stranger would see: JSON of no known shape
  readonly body: any;
  readonly headers: IncomingHttpHeaders;
}

/** JSON as what it holds, anything else as its text. */
function bodyOf(text: string, contentType = ''): unknown {
  if (text === '') return undefined;
  return contentType.startsWith('application/json') ? JSON.parse(text) : text;
}

/** Over node:http and not fetch, which sets Host and Origin as it likes. */
export function ask(
  method: string,
  path: string,
  options: { headers?: Record<string, string | undefined>; body?: string | Uint8Array } = {},
): Promise<Answer> {
  const headers = {
    authorization: `Bearer ${TOKEN}`,
    ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...options.headers,
  };
  const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: server?.port, method, path, headers: given }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          body: bodyOf(text, response.headers['content-type']),
          headers: response.headers,
        });
      });
    });
    request.on('error', reject);
    request.end(options.body);
  });
}

export const post = (path: string, body: unknown): Promise<Answer> => ask('POST', path, { body: JSON.stringify(body) });

/** The example's request, as a client without our library would build it. */
export function exampleRequest(name: keyof typeof contract): Promise<Answer> {
  const { http, example } = contract[name];
  const input = { ...example.input } as Record<string, unknown>;
  const path = http.path.replace(/\{(\w+)\}/g, (_, field: string) => {
    const value = encodeURIComponent(String(input[field]));
    delete input[field];
    return value;
  });
  if (http.method === 'POST') return post(path, input);
  return ask(http.method, `${path}?${new URLSearchParams(input as Record<string, string>)}`);
}
