import { readFile } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { z } from 'zod';
import type { ChainRpc } from './chain.ts';
import { CallGatherer, type GatheredCall } from './rpc-batch.ts';
import { ChainAnswerError, ChainRpcError, ChainStartingError, ChainUnavailableError } from './errors.ts';

/** How to show who calls: the file that bitcoind writes at each start, or a user and password of its configuration. */
export type RpcCredentials = { readonly cookieFile: string } | { readonly user: string; readonly password: string };

export interface HttpRpcOptions {
  readonly host: string;
  readonly port: number;
  readonly credentials: RpcCredentials;
  /** For the whole of a call; 30 seconds unless told otherwise. */
  readonly timeoutMs?: number;
  /** Calls that are under way at once; 8 unless told otherwise. */
  readonly maxConnections?: number;
}

/** bitcoind works on 16 calls at once and refuses what more than fills its queue; the rest waits here. */
const DEFAULT_MAX_CONNECTIONS = 8;
/** Of a client of gossip's own: what else asks the chain never waits behind its lookups, neither here nor in bitcoind. */
export const GOSSIP_CONNECTIONS = 4;
/** A block with everything about its transactions; more than that no call of this node asks for. */
const MAX_ANSWER_BYTES = 64_000_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const IN_WARMUP = -28;

/** Gossip asks for these by the hundred. */
const GATHERED: ReadonlySet<string> = new Set(['getblockchaininfo', 'getblockhash', 'gettxout']);

const answerSchema = z.object({
  result: z.unknown(),
  error: z.object({ code: z.number().int(), message: z.string() }).nullish(),
});
type Answer = z.infer<typeof answerSchema>;
const batchSchema = z.array(answerSchema.extend({ id: z.int() }));

interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * bitcoind's JSON-RPC over HTTP, with connections kept open. The cookie file is read anew when the server no longer
 * takes what it held, since each start of bitcoind writes another.
 */
export class HttpChainRpc implements ChainRpc {
  readonly #options: HttpRpcOptions;
  readonly #agent: Agent;
  readonly #gatherer = new CallGatherer((calls) => void this.#sendBatch(calls));
  #authorization: string | undefined;
  #nextId = 1;

  constructor(options: HttpRpcOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS });
  }

  /** The result of a call. Rejects with `ChainRpcError`, `ChainUnavailableError` or `ChainAnswerError`. */
  call(method: string, params: readonly unknown[] = []): Promise<unknown> {
    return GATHERED.has(method) ? this.#gatherer.call(method, params) : this.#callAlone(method, params);
  }

  /** Closes the connections that are kept open. */
  close(): void {
    this.#agent.destroy();
  }

  async #callAlone(method: string, params: readonly unknown[]): Promise<unknown> {
    const json = await this.#ask(method, { jsonrpc: '1.0', id: this.#nextId++, method, params });
    const answer = answerSchema.safeParse(json);
    if (!answer.success) throw this.#noAnswer(method, answer.error);
    return this.#resultOf(method, answer.data);
  }

  async #sendBatch(calls: readonly GatheredCall[]): Promise<void> {
    const [first] = calls;
    if (first === undefined) return;
    if (calls.length === 1) return void this.#callAlone(first.method, first.params).then(first.resolve, first.reject);
    const method = `${calls.length} calls, the first of them ${first.method},`;
    const byId = new Map(calls.map((call) => [this.#nextId++, call]));
    try {
      const requests = [...byId].map(([id, call]) => ({ jsonrpc: '1.0', id, method: call.method, params: call.params }));
      const found = batchSchema.safeParse(await this.#ask(method, requests));
      if (!found.success) throw this.#noAnswer(method, found.error);
      const answers = new Map(found.data.map((answer) => [answer.id, answer]));
      for (const [id, call] of byId) this.#settle(call, answers.get(id));
    } catch (error) {
      for (const call of calls) call.reject(error);
    }
  }

  #settle(call: GatheredCall, answer: Answer | undefined): void {
    try {
      if (answer === undefined) throw this.#noAnswer(call.method, undefined);
      call.resolve(this.#resultOf(call.method, answer));
    } catch (error) {
      call.reject(error);
    }
  }

  /** Sends a request, and reads the JSON that answers it. */
  async #ask(method: string, request: object): Promise<unknown> {
    const body = JSON.stringify(request);
    const hadAuthorization = this.#authorization !== undefined;
    let answer = await this.#post(method, body, this.#authorization ?? (await this.#readAuthorization()));
    if (answer.status === 401 && hadAuthorization) {
      answer = await this.#post(method, body, await this.#readAuthorization());
    }
    if (answer.status === 401) throw this.#refused();
    return this.#jsonOf(method, answer);
  }

  #jsonOf(method: string, { status, body }: HttpAnswer): unknown {
    if (status === 503) {
      throw new ChainUnavailableError(`${this.#where} is overloaded (${body.trim() || 'work queue depth exceeded'})`);
    }
    if (status === 403) {
      throw new ChainUnavailableError(`${this.#where} does not allow this caller: look at rpcallowip and rpcwhitelist`);
    }
    try {
      return JSON.parse(body);
    } catch (cause) {
      const message = `${this.#where} answered ${method} with HTTP ${status} and no JSON: is it a bitcoind?`;
      throw new ChainAnswerError(message, { method, status }, { cause });
    }
  }

  #noAnswer(method: string, cause: unknown): ChainAnswerError {
    const message = `${this.#where} answered ${method} with something that is no JSON-RPC answer: is it a bitcoind?`;
    return new ChainAnswerError(message, { method }, { cause });
  }

  #resultOf(method: string, { error, result }: Answer): unknown {
    if (error === undefined || error === null) return result;
    if (error.code === IN_WARMUP) {
      throw new ChainStartingError(`${this.#where} is still starting: ${error.message}`, { method });
    }
    throw new ChainRpcError(error.code, error.message);
  }

  async #post(method: string, body: string, authorization: string): Promise<HttpAnswer> {
    // A kept connection may have been closed by the other side just now; what makes blocks must not be done twice for
    // that.
    const attempts = method.startsWith('generate') ? 1 : 2;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#postOnce(body, authorization);
      } catch (error) {
        if (attempt < attempts && error instanceof StaleConnectionError) continue;
        if (error instanceof ChainAnswerError) throw error;
        const cause = error instanceof StaleConnectionError ? error.cause : error;
        const reason = cause instanceof Error ? cause.message : String(cause);
        const message = `${this.#where} cannot be reached (${reason}): is it running, and are the host and port right?`;
        throw new ChainUnavailableError(message, { method }, { cause });
      }
    }
  }

  #postOnce(body: string, authorization: string): Promise<HttpAnswer> {
    const { host, port, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    return new Promise((resolve, reject) => {
      const call = request({
        host,
        port,
        method: 'POST',
        path: '/',
        agent: this.#agent,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          Authorization: authorization,
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(body),
        },
      });
      call.once('response', (response) => readAnswer(response).then(resolve, reject));
      call.once('error', (error: NodeJS.ErrnoException) => {
        const stale = call.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        const timedOut = error.name === 'TimeoutError' || error.name === 'AbortError';
        const reported = timedOut ? new Error(`no answer within ${timeoutMs} ms`) : error;
        reject(stale ? new StaleConnectionError(error) : reported);
      });
      call.end(body);
    });
  }

  async #readAuthorization(): Promise<string> {
    const { credentials } = this.#options;
    const userAndPassword =
      'cookieFile' in credentials
        ? await readCookie(credentials.cookieFile)
        : `${credentials.user}:${credentials.password}`;
    this.#authorization = `Basic ${Buffer.from(userAndPassword).toString('base64')}`;
    return this.#authorization;
  }

  #refused(): ChainUnavailableError {
    const { credentials } = this.#options;
    const advice =
      'cookieFile' in credentials
        ? `is ${credentials.cookieFile} the cookie file of this very bitcoind?`
        : 'are the user and password those of rpcuser and rpcpassword (or rpcauth)?';
    return new ChainUnavailableError(`${this.#where} does not accept the credentials: ${advice}`);
  }

  get #where(): string {
    return `the chain backend at ${this.#options.host}:${this.#options.port}`;
  }
}

/** A connection that was kept open turned out to be closed. */
class StaleConnectionError extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

async function readCookie(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const advice = 'is the backend running, and is this its data folder?';
    const message = `the chain backend's cookie file cannot be read (${reason}): ${advice}`;
    throw new ChainUnavailableError(message, { path }, { cause });
  }
}

async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response) {
    if (!(part instanceof Buffer)) throw new TypeError('a response arrives in buffers');
    size += part.length;
    if (size > MAX_ANSWER_BYTES) {
      response.destroy();
      throw new ChainAnswerError(`the chain backend's answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    }
    parts.push(part);
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') };
}
