import { ChainRpcError } from '../../errors.ts';
import type { EmbeddedChain } from '../embedded-chain.ts';
import { callEmbedded } from './call.ts';
import { RpcCode } from './params.ts';

const MAX_BATCH = 1_000;

/** What goes back over HTTP for a request's body. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  /** A `stop` call was among the answers. */
  readonly stop: boolean;
}

interface Request {
  readonly id: unknown;
  readonly hasId: boolean;
  readonly version2: boolean;
  readonly method: string;
  readonly params: unknown;
}

type Reply = Record<string, unknown>;

/**
 * Answers a request's body as bitcoind does: a single call or a batch, in JSON-RPC 1 (an error is also an HTTP error)
 * or 2 (it is not). A version 2 call without an id gets no answer.
 */
export function handleBody(chain: EmbeddedChain, body: string): HttpAnswer {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return failure(new ChainRpcError(RpcCode.parse, 'Parse error'));
  }
  if (Array.isArray(parsed)) return answerBatch(chain, parsed);
  if (typeof parsed !== 'object' || parsed === null) {
    return failure(new ChainRpcError(RpcCode.parse, 'Top-level object parse error'));
  }
  return answerSingle(chain, parsed);
}

function answerSingle(chain: EmbeddedChain, value: object): HttpAnswer {
  const id = 'id' in value ? value.id : undefined;
  let request: Request;
  try {
    request = parseRequest(value);
  } catch (error) {
    return failure(toRpcError(error), id);
  }
  const { method, version2, hasId } = request;
  try {
    const result = callEmbedded(chain, method, request.params);
    const stop = method === 'stop';
    if (version2 && !hasId) return { status: 204, text: '', stop };
    return { status: 200, text: JSON.stringify(success(request, result)), stop };
  } catch (error) {
    const rpcError = toRpcError(error);
    if (!version2) return failure(rpcError, id);
    if (!hasId) return { status: 204, text: '', stop: false };
    return { status: 200, text: JSON.stringify(errorReply(rpcError, id, true)), stop: false };
  }
}

function answerBatch(chain: EmbeddedChain, values: readonly unknown[]): HttpAnswer {
  if (values.length > MAX_BATCH) {
    return failure(new ChainRpcError(RpcCode.invalidRequest, `a batch may have at most ${MAX_BATCH} calls`));
  }
  let stop = false;
  const replies = values.flatMap((value): Reply[] => {
    let request: Request | undefined;
    try {
      request = parseRequest(value);
      const result = callEmbedded(chain, request.method, request.params);
      stop ||= request.method === 'stop';
      return request.version2 && !request.hasId ? [] : [success(request, result)];
    } catch (error) {
      if (request?.version2 === true && !request.hasId) return [];
      return [errorReply(toRpcError(error), request?.id ?? null, request?.version2 ?? false)];
    }
  });
  if (replies.length === 0 && values.length > 0) return { status: 204, text: '', stop };
  return { status: 200, text: JSON.stringify(replies), stop };
}

function parseRequest(value: unknown): Request {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ChainRpcError(RpcCode.invalidRequest, 'Invalid Request object');
  }
  const { id, jsonrpc, method, params } = value as Record<string, unknown>;
  if (jsonrpc !== undefined && jsonrpc !== null && typeof jsonrpc !== 'string') {
    throw new ChainRpcError(RpcCode.invalidRequest, 'jsonrpc field must be a string');
  }
  if (typeof jsonrpc === 'string' && jsonrpc !== '1.0' && jsonrpc !== '2.0') {
    throw new ChainRpcError(RpcCode.invalidRequest, 'JSON-RPC version not supported');
  }
  if (method === undefined || method === null) throw new ChainRpcError(RpcCode.invalidRequest, 'Missing method');
  if (typeof method !== 'string') throw new ChainRpcError(RpcCode.invalidRequest, 'Method must be a string');
  if (params !== undefined && params !== null && typeof params !== 'object') {
    throw new ChainRpcError(RpcCode.invalidRequest, 'Params must be an array or object');
  }
  return { id: id ?? null, hasId: 'id' in value, version2: jsonrpc === '2.0', method, params };
}

function success({ id, version2 }: Request, result: unknown): Reply {
  return version2 ? { jsonrpc: '2.0', result, id } : { result, error: null, id };
}

function errorReply({ rpcCode, message }: ChainRpcError, id: unknown, version2: boolean): Reply {
  const error = { code: rpcCode, message };
  return version2 ? { jsonrpc: '2.0', error, id } : { result: null, error, id };
}

function failure(error: ChainRpcError, id: unknown = null): HttpAnswer {
  const status = error.rpcCode === RpcCode.invalidRequest ? 400 : error.rpcCode === RpcCode.methodNotFound ? 404 : 500;
  return { status, text: JSON.stringify(errorReply(error, id, false)), stop: false };
}

/** Nothing that a caller sends may end the process: what is not foreseen is answered as an internal error. */
function toRpcError(error: unknown): ChainRpcError {
  if (error instanceof ChainRpcError) return error;
  return new ChainRpcError(RpcCode.internal, error instanceof Error ? error.message : 'internal error');
}
