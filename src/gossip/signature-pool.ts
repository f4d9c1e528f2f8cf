import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { SignatureClaim } from '../../protocols/gossip/gossip-message.ts';
import { GossipStoppedError, SignatureThreadError } from './errors.ts';
import { packClaims } from './signature-batch.ts';
import { inlineSignatures, type SignatureChecker } from './signature-checker.ts';

export interface SignaturePoolOptions {
  /** A thread broke down; what it had is checked all the same. */
  readonly onProblem: (error: SignatureThreadError) => void;
  /** One less than the machine has cores, and at most four, unless told otherwise. */
  readonly maxThreads?: number;
}

/** Claims in one batch: some milliseconds of work, so that what comes behind it does not wait long. */
const BATCH_CLAIMS = 128;
/** One that is worked on, and one that is there when it is done. */
const BATCHES_PER_THREAD = 2;
const MAX_THREADS = 4;

interface Question {
  readonly claims: readonly SignatureClaim[];
  resolve(areValid: boolean): void;
  reject(error: Error): void;
}

interface Thread {
  readonly worker: Worker;
  /** Batches that it has and has not answered, oldest first. */
  readonly batches: (readonly Question[])[];
}

/**
 * Checks signatures in threads of their own, many at a time, so that a flood of gossip takes no time from channels and
 * payments. What is asked within a turn goes out together; while all threads are busy, questions gather into fuller
 * batches. A thread starts when the first question comes, and another when the others have more than they can do. How
 * many questions wait is bounded by whoever asks.
 */
export class SignaturePool implements SignatureChecker {
  readonly #options: SignaturePoolOptions;
  readonly #maxThreads: number;
  readonly #threads = new Set<Thread>();
  #waiting: Question[] = [];
  #turn: NodeJS.Immediate | undefined;
  #isStopped = false;

  constructor(options: SignaturePoolOptions) {
    this.#options = options;
    this.#maxThreads = options.maxThreads ?? Math.max(1, Math.min(MAX_THREADS, availableParallelism() - 1));
  }

  areValid(claims: readonly SignatureClaim[]): Promise<boolean> {
    if (this.#isStopped) return Promise.reject(new GossipStoppedError());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ claims, resolve, reject });
      this.#turn ??= setImmediate(() => {
        this.#turn = undefined;
        this.#handOut();
      });
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearImmediate(this.#turn);
    const open = [...this.#waiting, ...[...this.#threads].flatMap(({ batches }) => batches.flat())];
    this.#waiting = [];
    for (const { worker } of this.#threads) void worker.terminate();
    this.#threads.clear();
    for (const question of open) question.reject(new GossipStoppedError());
  }

  #handOut(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#leastBusy();
      if (thread === undefined) return;
      const batch = this.#takeBatch();
      thread.batches.push(batch);
      const packed = packClaims(batch.flatMap(({ claims }) => claims));
      thread.worker.postMessage(packed, [packed.buffer]);
    }
  }

  /** The thread that has room and least to do; undefined if all have enough. */
  #leastBusy(): Thread | undefined {
    const [least] = [...this.#threads].sort((a, b) => a.batches.length - b.batches.length);
    if (least?.batches.length === 0) return least;
    if (this.#threads.size < this.#maxThreads) return this.#start();
    return least !== undefined && least.batches.length < BATCHES_PER_THREAD ? least : undefined;
  }

  #takeBatch(): Question[] {
    let claims = 0;
    let end = 0;
    while (end < this.#waiting.length && claims < BATCH_CLAIMS) claims += this.#waiting[end++]?.claims.length ?? 0;
    const batch = this.#waiting.slice(0, end);
    this.#waiting = this.#waiting.slice(end);
    return batch;
  }

  #start(): Thread {
    const worker = new Worker(new URL('./signature-worker.js', import.meta.url));
    // A thread that has nothing to do does not keep the process alive.
    worker.unref();
    const thread: Thread = { worker, batches: [] };
    worker.on('message', (verdicts: Uint8Array) => this.#answer(thread, verdicts));
    worker.on('error', (error) => this.#lost(thread, error));
    worker.on('exit', (code) => this.#lost(thread, new Error(`it ended with status ${code}`)));
    this.#threads.add(thread);
    return thread;
  }

  #answer(thread: Thread, verdicts: Uint8Array): void {
    let at = 0;
    for (const { claims, resolve } of thread.batches.shift() ?? []) {
      const end = at + claims.length;
      resolve(verdicts.subarray(at, end).every((verdict) => verdict === 1));
      at = end;
    }
    this.#handOut();
  }

  /** Its questions are answered here, and the next ones start another thread. */
  #lost(thread: Thread, cause: Error): void {
    if (!this.#threads.delete(thread)) return;
    this.#options.onProblem(new SignatureThreadError(cause));
    for (const { claims, resolve, reject } of thread.batches.flat()) {
      inlineSignatures.areValid(claims).then(resolve, reject);
    }
    this.#handOut();
  }
}
