import { hintOf } from '../api/errors.ts';
import { RunnelError } from '../../protocols/errors.ts';

/**
 * What ended the daemon, for a person: what is wrong and what to do; for what is a mistake in the program, where it
 * happened too.
 */
export function fatalLine(error: unknown): string {
  if (error instanceof RunnelError) {
    const hint = hintOf(error);
    return `runneld: ${error.message.split('\n').join('\n         ')}${hint === undefined ? '' : `; ${hint}`}`;
  }
  const system = error as NodeJS.ErrnoException | undefined;
  if (!(system instanceof Error)) return `runneld: ended by a mistake in the program: ${String(error)}`;
  if (typeof system.code === 'string' && system.syscall !== undefined) return `runneld: ${system.message}`;
  return `runneld: ended by a mistake in the program: ${system.stack ?? system.message}`;
}
