/** Requests to the server that this page came from. */
import { ApiFailure } from './failure.ts';
import type { HttpMethod } from './request-of.ts';
import { signOut, token } from './session.ts';

/** Rejects with `ApiFailure`, or with the reason of `signal` once that is aborted. */
export async function send(method: HttpMethod, path: string, body?: unknown, signal?: AbortSignal): Promise<unknown> {
  const used = token.value;
  let response: Response;
  let json: unknown;
  try {
    response = await fetch(path, {
      method,
      headers: {
        ...(used !== undefined && { authorization: `Bearer ${used}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
      cache: 'no-store',
      redirect: 'error',
    });
    json = await response.json();
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiFailure('unreachable', 'the node does not answer', 'see that it runs; the page goes on by itself once it does');
  }
  if (response.ok) return json;
  const { code, message, hint } = json as { code?: unknown; message?: unknown; hint?: unknown };
  // Only a token that is still the tab's own: the answer may be to one that was replaced meanwhile.
  if (response.status === 401 && used === token.value) {
    signOut(used === undefined ? undefined : 'The server does not know this token: a restarted cluster has a new one.');
  }
  throw new ApiFailure(
    typeof code === 'string' ? code : 'bad_answer',
    typeof message === 'string' ? message : `the server answered with status ${response.status}`,
    typeof hint === 'string' ? hint : undefined,
  );
}
