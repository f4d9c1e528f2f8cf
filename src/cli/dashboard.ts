/** `runnel dashboard`: the link that opens the node's dashboard in a browser. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Option } from 'commander';
import { exitStatus, NotDoneError, unreachableHint } from './exit.ts';
import { writeNamedFile } from './files.ts';
import type { LocalVerb } from './local-verbs.ts';
import { json } from './text.ts';

/** In the data folder: a page for its owner only, that leads to the link. */
const PAGE_FILE = 'dashboard.html';

export const dashboardVerb: LocalVerb = {
  words: 'dashboard',
  summary: "Print the link to the node's dashboard",
  description:
    'The link holds the token: whoever has it has the node. The page takes the token out of its address at once, and keeps ' +
    'it as long as its tab is open.',
  example: 'runnel dashboard --open',
  args: [],
  options: [new Option('--open', 'Open it in the browser as well')],
  async run({ options, json: asJson, dataDir, surroundings }) {
    const { findApi, createClient } = await import('../api/client.ts');
    const api = findApi(dataDir);
    if (api === undefined) {
      const message = `no node runs in the data folder ${dataDir}`;
      throw new NotDoneError(exitStatus.unreachable, 'unreachable', message, unreachableHint(dataDir));
    }
    await createClient(api).getinfo({});
    const url = `${api.url}/#token=${api.token}`;
    surroundings.out(`${asJson ? json({ url }) : url}\n`);
    if (options.open === true) await openPage(dataDir, url, surroundings.environment);
  },
};

/**
 * Opens a link with a token. What a command line holds, other users of the machine can see: so the browser is given a
 * page in that folder, which leads to the link. Throws `NotDoneError` where there is no browser.
 */
export async function openPage(dataDir: string, url: string, environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  const path = join(dataDir, PAGE_FILE);
  const leads = `<meta http-equiv="refresh" content="0;url=${url}">`;
  writeNamedFile(path, `<!doctype html>\n<meta charset="utf-8">\n<title>Runnel</title>\n${leads}\n`);
  const [command, ...args] = openers[process.platform] ?? ['xdg-open'];
  const page = pathToFileURL(path).href;
  await new Promise<void>((resolve, reject) => {
    const child = spawn(environment.BROWSER ?? command, environment.BROWSER === undefined ? [...args, page] : [page], {
      detached: true,
      stdio: 'ignore',
    });
    child.once('error', ({ message }) => {
      const hint = 'open the link above in a browser of this machine';
      reject(new NotDoneError(exitStatus.failed, 'no_browser', `no browser could be opened: ${message}`, hint));
    });
    child.once('spawn', () => {
      child.unref();
      resolve();
    });
  });
}

const openers: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};
