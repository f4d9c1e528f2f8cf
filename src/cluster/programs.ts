import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { RunnelError } from '../../protocols/errors.ts';

const programs = {
  runneld: 'src/cli/runneld.js',
  runnel: 'src/cli/runnel.js',
  chain: 'src/chain/embedded/main.js',
  guard: 'src/cluster/guard.js',
} as const;
export type Program = keyof typeof programs;

/** The path of a compiled program, also for callers that run uncompiled. Throws where nothing has been compiled. */
export function programPath(program: Program): string {
  return compiled(programs[program]);
}

/** What `node --import` takes to have a process end with the one that started it. */
export function endWithParentUrl(): string {
  return pathToFileURL(compiled('src/cluster/end-with-parent.js')).href;
}

function compiled(path: string): string {
  const above = fileURLToPath(new URL('../../', import.meta.url));
  const found = [join(above, path), join(above, 'dist', path)].find((candidate) => existsSync(candidate));
  if (found === undefined) {
    throw new RunnelError('not_compiled', `${join('dist', path)} does not exist: compile first, with npm run build`, {
      path,
    });
  }
  return found;
}
