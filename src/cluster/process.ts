/** The processes of a cluster: none outlives it, and one that fails is reported with the end of its log. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { RunnelError } from '../../protocols/errors.ts';
import { endWithParentUrl, programPath, type Program } from './programs.ts';

/** Longer than the daemon itself takes at most to stop. */
const STOP_TIMEOUT_MS = 25_000;
const LOG_TAIL_LINES = 15;

/** A process ended without being asked to, or could not be started. */
export class ProcessFailedError extends RunnelError {
  constructor(name: string, how: string, logPath: string) {
    super('process_failed', `${name} ${how}. The end of its log, ${logPath}:\n${logTail(logPath)}`, {
      name,
      how,
      logPath,
    });
  }
}

export interface ProcessOptions {
  /** For people: `alice`. */
  readonly name: string;
  readonly program: Program;
  readonly args: readonly string[];
  /** Its output is appended here. */
  readonly logPath: string;
}

/** One started process. */
export class ManagedProcess {
  readonly name: string;
  readonly logPath: string;
  /** Resolves with how it ended, such as `ended with exit status 1`. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #isExpectedToEnd = false;
  #how: string | undefined;

  constructor({ name, program, args, logPath }: ProcessOptions) {
    this.name = name;
    this.logPath = logPath;
    mkdirSync(dirname(logPath), { recursive: true, mode: 0o700 });
    const log = openSync(logPath, 'a', 0o600);
    try {
      this.#child = spawn(process.execPath, ['--import', endWithParentUrl(), programPath(program), ...args], {
        // A group of its own: Ctrl-C reaches the cluster alone, which then stops its processes in order.
        detached: true,
        stdio: ['pipe', log, log],
        env: withoutOwnVariables(process.env),
      });
    } finally {
      closeSync(log);
    }
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#how ??= how;
        resolve(this.#how);
      };
      this.#child.once('error', (error) => end(`could not be started: ${error.message}`));
      this.#child.once('exit', (status, signal) =>
        end(signal === null ? `ended with exit status ${status}` : `was ended by ${signal}`),
      );
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Undefined while it runs. */
  get how(): string | undefined {
    return this.#how;
  }

  /** Whether it ended in order, as when its API told it to. */
  get hasStopped(): boolean {
    return this.#child.exitCode === 0;
  }

  get isExpectedToEnd(): boolean {
    return this.#isExpectedToEnd;
  }

  /** Ends it in order, or by force when that takes too long. Idempotent; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#isExpectedToEnd = true;
    if (this.#how !== undefined) return;
    const timer = setTimeout(() => this.#killGroup(), STOP_TIMEOUT_MS);
    this.#child.kill('SIGTERM');
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends it at once, as a crash would. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.killNow();
    await this.ended;
  }

  /** The same without waiting. */
  killNow(): void {
    this.#isExpectedToEnd = true;
    this.#killGroup();
  }

  /** Throws `ProcessFailedError` if it has ended. */
  assertRunning(): void {
    if (this.#how !== undefined) throw this.failure();
  }

  /** With what it guards, which hears nothing of its end otherwise. */
  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#how !== undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      this.#child.kill('SIGKILL');
    }
  }

  failure(): ProcessFailedError {
    return new ProcessFailedError(this.name, this.#how ?? 'does not answer', this.logPath);
  }
}

/** All processes of a cluster. */
export class ProcessGroup {
  readonly #running = new Set<ManagedProcess>();
  readonly #onFailure: (failed: ManagedProcess) => void;
  #isStopping = false;
  readonly #onExit = (): void => {
    for (const child of this.#running) child.killNow();
  };

  /** `onFailure` hears of each process that ends without having been asked to. */
  constructor(onFailure: (failed: ManagedProcess) => void) {
    this.#onFailure = onFailure;
    process.on('exit', this.#onExit);
  }

  /** Whether no process is left. */
  get isEmpty(): boolean {
    return this.#running.size === 0;
  }

  start(options: ProcessOptions): ManagedProcess {
    if (this.#isStopping) throw new RunnelError('stopping', `${options.name} is not started: the cluster is stopping`);
    const child = new ManagedProcess(options);
    this.#running.add(child);
    child.ended.then(
      () => {
        this.#running.delete(child);
        if (!child.isExpectedToEnd) this.#onFailure(child);
      },
      () => {},
    );
    return child;
  }

  /** Stops all, those that were started first last and by themselves: the nodes before their chain. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const [first, ...rest] = this.#running;
    await Promise.all(rest.map((child) => child.stop()));
    await first?.stop();
    process.off('exit', this.#onExit);
  }

  killNow(): void {
    this.#isStopping = true;
    this.#onExit();
  }
}

/** What configures a node of the user's own must not reach the cluster's. */
function withoutOwnVariables(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('RUNNEL_')));
}

function logTail(path: string): string {
  try {
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    return lines
      .slice(-LOG_TAIL_LINES)
      .map((line) => `  ${line}`)
      .join('\n');
  } catch (error) {
    return `  (not readable: ${(error as Error).message})`;
  }
}
